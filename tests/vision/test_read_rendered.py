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


def main():
    program, source = sys.argv[1:3]
    try:
        import numpy as np
        from PIL import Image
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
    return 0


if __name__ == "__main__":
    sys.exit(main())
