#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tools/lettering_data.c: small one-bit pictures of the characters that the tools write onto pictures.

usage: make_lettering.py [FONT] > ../lettering_data.c
Default font: WenQuanYi Micro Hei (Debian's fonts-wqy-microhei, Apache-2.0).
"""
import sys

from PIL import Image, ImageDraw, ImageFont
from texts import PROVINCES, SPECIAL

HIGH = 20


def bits(font, char, wide):
    image = Image.new("L", (wide, HIGH), 0)
    ImageDraw.Draw(image).text((wide / 2, 16), char, 255, font, anchor="ms")
    rows = []
    for y in range(HIGH):
        v = 0
        for x in range(wide):
            v = v << 1 | (image.getpixel((x, y)) > 110)
        rows.append(f"0x{v:05X}")
    return ", ".join(rows)


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"
    font = ImageFont.truetype(path, 18)
    print("// SPDX-License-Identifier: Apache-2.0")
    print("// Written by tools/plates/make_lettering.py from WenQuanYi Micro Hei (Apache-2.0).")
    print("// clang-format off")
    print('#include "tools/lettering_data.h"\n')
    print("const struct lettering_glyph lettering_glyph[LETTERING_GLYPHS] = {")
    for c in [chr(i) for i in range(32, 127)] + list("·" + PROVINCES + SPECIAL):
        wide = 12 if ord(c) < 128 else 20
        print(f"    {{0x{ord(c):04X}, {wide}, {{{bits(font, c, wide)}}}}},")
    print("};")


if __name__ == "__main__":
    main()
