#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bayplate-read on every kind of picture file: the same plate is read from each, and what is none does no harm.

usage: test_read_files.py BAYPLATE_READ BAYPLATE_EVAL SOURCE_DIR
"""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

PLATE = "粤A12345"


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png16(array):
    """A 16 bit colour PNG, which PIL does not write."""
    h, w = array.shape[:2]
    rows = b"".join(b"\0" + (r.astype(">u2") * 257).tobytes() for r in array)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 16, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def run(program, *arguments, status=0):
    p = subprocess.run([program, *arguments], capture_output=True)
    assert p.returncode == status, (p.returncode, arguments[-1], p.stdout[-500:], p.stderr[-500:])
    return [json.loads(line) for line in p.stdout.decode().splitlines()]


def kinds(folder, image, np, Image):
    """Files that hold the same scene; returns their paths."""
    made = []

    def path(name):
        made.append(os.path.join(folder, name))
        return made[-1]

    turned = {1: None, 2: Image.FLIP_LEFT_RIGHT, 3: Image.ROTATE_180, 4: Image.FLIP_TOP_BOTTOM, 5: Image.TRANSPOSE,
              6: Image.ROTATE_90, 7: Image.TRANSVERSE, 8: Image.ROTATE_270}
    for how, method in turned.items():  # stored so that the tag turns it upright again
        exif = Image.Exif()
        exif[0x112] = how
        (image.transpose(method) if method is not None else image).save(path(f"exif{how}.jpg"), quality=95, exif=exif)
    image.save(path("progressive.jpg"), quality=92, progressive=True)
    image.convert("L").save(path("grey.jpg"), quality=95)
    image.convert("CMYK").save(path("cmyk.jpg"), quality=95)
    image.convert("L").save(path("grey.png"))
    Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257).save(path("grey16.png"))
    image.quantize(256).save(path("palette.png"))
    alpha = image.convert("RGBA")
    alpha.putalpha(255)
    alpha.save(path("alpha.png"))
    image.save(path("plain.bmp"))
    image.quantize(256).save(path("palette.bmp"))
    with open(path("colour16.png"), "wb") as f:
        f.write(png16(np.asarray(image)))
    return made


def odd_shapes(folder, Image):
    made = []
    for name, size in (("one.png", (1, 1)), ("wide.png", (30000, 30)), ("high.png", (30, 30000)), ("flat.jpg", (2000, 1))):
        made.append(os.path.join(folder, name))
        Image.new("RGB", size, (90, 90, 90)).save(made[-1])
    return made


def main():
    program, _, source = sys.argv[1:4]
    try:
        import numpy as np
        from PIL import Image
    except ImportError as e:
        print(f"skipped: {e}")
        return 77
    sys.path[:0] = [os.path.join(source, "tools", "plates"), os.path.join(source, "tests", "vision")]
    from render import render
    from test_read_rendered import scene
    image = scene(np, Image, render(PLATE, "blue"))
    folder = tempfile.mkdtemp()
    try:
        files = kinds(folder, image, np, Image)
        lines = run(program, *files)
        assert [o["file"] for o in lines] == files
        for o in lines:
            assert o["plates"] and o["plates"][0]["plate"] == PLATE, o
            for got, want in zip(o["plates"][0]["corners"], [(240, 215), (399, 215), (399, 265), (240, 265)]):
                assert abs(got[0] - want[0]) < 16 and abs(got[1] - want[1]) < 12, o
            assert set(o["ms"]) == {"decode", "detect", "read"}, o
        print(f"{len(files)} kinds of files read alike")

        again = run(program, "--threads", "2", *files[:3])
        for a, b in zip(lines, again):
            assert a["plates"] == b["plates"], (a, b)

        for o in run(program, *odd_shapes(folder, Image)) + run(program, "--crop", *odd_shapes(folder, Image)):
            assert o["plates"] == [], o

        # 24 million pixels, the plate a small part of them.
        big = Image.new("RGB", (6000, 4000), (110, 112, 108))
        big.paste(image.resize((1280, 720), Image.BICUBIC), (3000, 2600))
        big.save(os.path.join(folder, "big.jpg"), quality=90)
        o = run(program, os.path.join(folder, "big.jpg"))[0]
        assert [p["plate"] for p in o["plates"]] == [PLATE], o

        # Half a file: the plate lies below the cut, or above it.
        whole = open(files[0], "rb").read()
        upside = os.path.join(folder, "upside.jpg")
        high = Image.new("RGB", (640, 720), (60, 60, 60))
        high.paste(image, (0, 0))
        high.paste(Image.effect_noise((640, 340), 60).convert("RGB"), (0, 380))
        high.save(upside, quality=90)
        half = os.path.join(folder, "half.jpg")
        data = open(upside, "rb").read()
        open(half, "wb").write(data[:len(data) * 3 // 5])
        open(os.path.join(folder, "start.jpg"), "wb").write(whole[:len(whole) // 20])
        o = run(program, half, os.path.join(folder, "start.jpg"), status=1)
        assert "ends early" in o[0]["error"] and o[0]["plates"][0]["plate"] == PLATE, o
        assert "damaged JPEG" in o[1]["error"], o

        # A folder with everything in it; nothing of it stops the rest.
        mixed = os.path.join(folder, "mixed")
        os.makedirs(os.path.join(mixed, "in", "deeper"))
        shutil.copy(files[0], os.path.join(mixed, "b.jpg"))
        shutil.copy(files[8], os.path.join(mixed, "in", "deeper", "a.JPEG"))
        shutil.copy(files[9], os.fsencode(mixed) + b"/bad\xff\xe4\xba\xacname.jpg")
        open(os.path.join(mixed, "empty.png"), "w").close()
        open(os.path.join(mixed, "notes.txt"), "w").write("no picture")
        open(os.path.join(mixed, "webp.jpg"), "wb").write(b"RIFF\0\0\0\0WEBPVP8 ")
        os.mkfifo(os.path.join(mixed, "pipe.png"))
        os.symlink("..", os.path.join(mixed, "in", "up"))
        os.symlink("gone", os.path.join(mixed, "z.jpg"))
        o = run(program, mixed, status=1)
        names = [os.path.basename(x["file"]) for x in o]
        assert names == ["b.jpg", "bad\ufffd京name.jpg", "empty.png", "a.JPEG", "pipe.png", "webp.jpg", "z.jpg"], names
        for x, says in zip(o, (None, None, "empty", None, "no file", "WebP", "No such file")):
            assert ("error" in x) == (says is not None) and (says or "") in x.get("error", ""), x
            assert says or x["plates"][0]["plate"] == PLATE, x
        if os.geteuid():
            os.chmod(os.path.join(mixed, "in"), 0)
            o = run(program, mixed, status=1)
            os.chmod(os.path.join(mixed, "in"), 0o755)
            assert any("denied" in x.get("error", "") for x in o), o

        # Very many files: one line each, in order.
        many = os.path.join(folder, "many")
        os.mkdir(many)
        for i in range(3000):
            open(os.path.join(many, f"{i:05d}.png"), "w").close()
        o = run(program, many, status=1)
        assert [os.path.basename(x["file"]) for x in o] == [f"{i:05d}.png" for i in range(3000)]

        # Pictures of the same name in two folders are both drawn.
        drawn = os.path.join(folder, "drawn")
        run(program, "--draw", drawn, files[0], os.path.join(mixed, "b.jpg"), os.path.join(mixed, "in", "deeper", "..", "..", "b.jpg"))
        assert sorted(os.listdir(drawn)) == ["b.jpg.2.png", "b.jpg.png", "exif1.jpg.png"], os.listdir(drawn)
        seen = np.asarray(Image.open(os.path.join(drawn, "b.jpg.png")).convert("RGB")).astype(int)
        assert seen.shape == (360, 640, 3)
        green = (seen[..., 1] > 180) & (seen[..., 0] < 120) & (seen[..., 2] < 120)
        assert green[200:280, 225:415].sum() > 400 and green[150:212, 225:500].sum() > 100, "outline or text missing"
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
