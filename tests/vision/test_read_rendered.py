#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bayplate-read on drawn scenes: every type of plate is found, outlined and read; a scene without one is silent.

usage: test_read_rendered.py PROGRAM SOURCE_DIR
"""
import json
import os
import subprocess
import sys
import tempfile

PLATES = [("粤A12345", "blue"), ("苏BD12345", "green"), ("沪B8K639", "yellow"), ("京A88731", "blue")]


def scene(np, image, plate):
    """A grey wall with a dark car rear and the plate on it, 3 to 4 pixels a centimetre."""
    a = np.full((360, 640, 3), 120, np.uint8)
    a[60:300, 120:520] = 50
    a[90:170, 170:470] = 90
    if plate is not None:
        h, w = plate.shape[0] * 160 // plate.shape[1], 160
        a[215:215 + h, 240:240 + w] = np.asarray(image.fromarray(plate).resize((w, h), image.BOX))
    return image.fromarray(a)


def turned(Image, plate, degrees):
    """A plate cut out by an upright box in which it stands turned."""
    im = Image.fromarray(plate).resize((220, 70), Image.BOX).convert("RGBA").rotate(degrees, Image.BICUBIC, expand=True)
    out = Image.new("RGBA", (im.width + 8, im.height + 8), (70, 70, 75, 255))
    out.alpha_composite(im, (4, 4))
    return out.convert("RGB")


def check_turned(program, folder, Image, render):
    for degrees in (15, -15):
        file = os.path.join(folder, f"turned{degrees}.png")
        turned(Image, render("苏E6792K", "blue"), degrees).save(file)
        out = subprocess.run([program, "--crop", file], check=True, capture_output=True, text=True).stdout
        print(out.strip())
        plates = json.loads(out)["plates"]
        assert plates and plates[0]["plate"] == "苏E6792K" and plates[0]["confidence"] >= 0.9, (degrees, plates)
        (x0, y0), (x1, y1) = plates[0]["corners"][:2]  # its own upper edge, not the picture's
        assert (y0 - y1) * degrees > 0 and 0.15 < abs(y1 - y0) / (x1 - x0) < 0.4, plates


def check_bars(program, folder, np, Image, ImageFilter):
    """Rows of strokes, dark on light as on a fence and light on dark as on a grille, are no plate of ones."""
    files = []
    for step in (14, 20):
        for ground, stroke in ((40, 200), (200, 40), (90, 230)):
            a = np.full((60, 170, 3), ground, np.uint8)
            for x in range(8, 160, step):
                a[6:54, x:x + 4] = stroke
            files.append(os.path.join(folder, f"bars{step}_{ground}.png"))
            Image.fromarray(a).filter(ImageFilter.GaussianBlur(1.2)).save(files[-1])
    out = subprocess.run([program, "--crop", *files], check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        print(line)
        assert json.loads(line)["plates"] == [], line


def main():
    program, source = sys.argv[1:3]
    try:
        import numpy as np
        from PIL import Image, ImageFilter
    except ImportError as e:
        print(f"skipped: {e}")
        return 77
    sys.path.insert(0, os.path.join(source, "tools", "plates"))
    from render import render
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for i, (text, kind) in enumerate(PLATES + [(None, None)]):
            files.append(os.path.join(folder, f"{i}.png"))
            scene(np, Image, render(text, kind) if text else None).save(files[-1])
        out = subprocess.run([program, "--draw", os.path.join(folder, "drawn"), *files], check=True,
                             capture_output=True, text=True).stdout.splitlines()
        assert len(out) == len(files), out
        for line, (text, kind) in zip(out, PLATES + [(None, None)]):
            print(line)
            plates = json.loads(line)["plates"]
            if not text:
                assert plates == [], plates
                continue
            assert plates and plates[0]["plate"] == text and plates[0]["type"] == kind, (text, kind, plates)
            for got, want in zip(plates[0]["corners"], [(240, 215), (399, 215), (399, 265), (240, 265)]):
                assert abs(got[0] - want[0]) < 16 and abs(got[1] - want[1]) < 12, (got, want)
        drawn = Image.open(os.path.join(folder, "drawn", "0.png.png"))
        assert drawn.size == (640, 360)
        grey = os.path.join(folder, "grey.png")
        Image.open(files[0]).convert("L").save(grey)
        read = json.loads(subprocess.run([program, grey], check=True, capture_output=True, text=True).stdout)["plates"]
        assert read and read[0]["plate"] == PLATES[0][0] and read[0]["type"] == "blue", read  # not the rare black one
        check_turned(program, folder, Image, render)
        check_bars(program, folder, np, Image, ImageFilter)
    return 0


if __name__ == "__main__":
    sys.exit(main())
