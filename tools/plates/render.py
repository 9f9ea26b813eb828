#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Flat artwork of Chinese plates (GA 36-2018), numpy and PIL only.

render(text, ptype, glyphs=None, rng=None) -> RGB uint8, 440x140, 480x140 (green, 应急) or 440x220 (double line).
glyphs: a folder of character pictures (font_model/140_A.jpg ...), or None for the installed fonts.
Run as a program it draws one plate, or a sheet of random ones.
"""
import argparse
import os
import sys
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from texts import DIGITS, DOUBLE, LETTERS, TYPES, random_plate  # noqa: E402

LATIN = ["/usr/share/fonts/truetype/dejavu/DejaVuSansCondensed-Bold.ttf",
         "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf"]
HANZI = ["/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"]
INK = {"blue": (255, 255, 255), "black": (255, 255, 255), "green": (10, 10, 10), "green_large": (10, 10, 10),
       "yellow": (12, 12, 12), "yellow2": (12, 12, 12), "white": (15, 15, 15), "white2": (15, 15, 15)}
PAPER = {"blue": (12, 52, 168), "black": (18, 18, 20), "green": (98, 190, 110), "green_large": (98, 190, 110),
         "yellow": (248, 186, 10), "yellow2": (248, 186, 10), "white": (248, 248, 248), "white2": (248, 248, 248)}
RED = (205, 25, 30)


def font_dir(glyphs):
    """The folder that holds 140_A.jpg and so on, whichever level of the glyph folder is named."""
    for d in (glyphs, os.path.join(glyphs, "font_model"), os.path.join(glyphs, "plates/glyphs/font_model"),
              os.path.join(glyphs, "glyphs/font_model")):
        if os.path.exists(os.path.join(d, "140_A.jpg")):
            return d
    raise FileNotFoundError(f"no glyph pictures (140_A.jpg ...) in {glyphs} or its font_model folder")


def first_font(names, size):
    for n in names:
        if os.path.exists(n):
            return ImageFont.truetype(n, size)
    raise FileNotFoundError("no font found, install fonts-dejavu-core and fonts-wqy-zenhei; looked for " + ", ".join(names))


@lru_cache(maxsize=20000)
def glyph(ch, kind, w, h, folder, face):
    """Coverage 0..1 of one character stretched to w x h. kind: 140, 220_up, 220_down, green."""
    if folder:
        names = {"140": ["140_"], "green": ["green_", "140_"], "220_up": ["220_up_", "220_"],
                 "220_down": ["220_down_", "220_", "140_"]}[kind]
        for n in names:
            p = os.path.join(folder, n + ch + ".jpg")
            if os.path.exists(p):
                im = Image.open(p).convert("L").resize((w, h), Image.LANCZOS)
                return 1.0 - np.asarray(im, np.float32) / 255.0
    latin = ch in DIGITS + LETTERS
    names = LATIN if latin else HANZI
    f = first_font(names[face:] + names[:face], 160)
    im = Image.new("L", (320, 320), 0)
    ImageDraw.Draw(im).text((60, 60), ch, font=f, fill=255, stroke_width=0 if latin else 3, stroke_fill=255)
    im = im.crop(im.getbbox())
    if ch in "1J":  # narrow ones must not be stretched to the breadth of a W
        narrow = w * (5 if ch == "1" else 7) // 10
        wide = Image.new("L", (w, h), 0)
        wide.paste(im.resize((narrow, h), Image.LANCZOS), ((w - narrow) // 2, 0))
        im = wide
    return np.asarray(im.resize((w, h), Image.LANCZOS), np.float32) / 255.0


def paint(canvas, mask, x, y, colour):
    h, w = mask.shape
    x, y = int(round(x)), int(round(y))
    x0, y0 = max(0, x), max(0, y)
    x1, y1 = min(canvas.shape[1], x + w), min(canvas.shape[0], y + h)
    if x0 >= x1 or y0 >= y1:
        return
    m = mask[y0 - y:y1 - y, x0 - x:x1 - x, None]
    part = canvas[y0:y1, x0:x1]
    part += (np.asarray(colour, np.float32) - part) * m


def shape(w, h, draw):
    """Antialiased mask of what draw(ImageDraw, scale) paints, at 4 times the size."""
    im = Image.new("L", (w * 4, h * 4), 0)
    draw(ImageDraw.Draw(im), 4)
    return np.asarray(im.resize((w, h), Image.BOX), np.float32) / 255.0


@lru_cache(maxsize=256)
def frame_mask(w, h, inset, width, radius):
    def f(d, s):
        d.rounded_rectangle([inset * s, inset * s, (w - inset) * s - 1, (h - inset) * s - 1], radius * s, outline=255,
                            width=width * s)
    return shape(w, h, f)


@lru_cache(maxsize=64)
def blob(w, h):
    return shape(w, h, lambda d, s: d.rounded_rectangle([0, 0, w * s - 1, h * s - 1], min(w, h) * s // 2, fill=255))


def cells(text, ptype):
    """[(char, kind, x, y, w, h, red)], dot centre or None, (width, height) of the plate."""
    if ptype in DOUBLE:
        cut = 3 if text.startswith("WJ") else 2
        up, low = text[:cut], text[cut:]
        out = []
        if cut == 2:
            for i, ch in enumerate(up):
                out.append((ch, "220_up", 110 + 140 * i, 15, 80, 60, ptype == "white2"))
        else:
            for i, ch in enumerate(up):
                out.append((ch, "220_up", 80 + 100 * i, 15, 80, 60, i < 2))
        for i, ch in enumerate(low):
            out.append((ch, "220_down", 27 + 80 * i, 90, 65, 110, False))
        return out, (220, 45) if cut == 2 else None, (440, 220)
    if ptype in ("green", "green_large"):
        xs = [15, 69] + [161 + 52 * i for i in range(6)]
        return [(c, "green", x, 25, 45 if i == 0 else 43, 90, False)
                for i, (c, x) in enumerate(zip(text, xs))], None, (480, 140)
    if text.endswith("应急"):
        xs = [15, 88] + [140 + 52 * i for i in range(6)]
        return [(c, "140", x, 25, 45, 90, c in "应急") for c, x in zip(text, xs)], (74, 70), (480, 140)
    if text.startswith("WJ"):
        small = text[2] not in DIGITS
        out = [("W", "140", 14, 25, 40, 90, True), ("J", "140", 60, 25, 40, 90, True)]
        out += [(text[2], "140", 108, 45, 36, 60, True)] if small else []
        if not small:
            return out + [(c, "140", 142 + 56 * i, 25, 45, 90, False) for i, c in enumerate(text[2:])], (122, 70), (440, 140)
        return out + [(c, "140", 165 + 52 * i, 25, 45, 90, False) for i, c in enumerate(text[3:])], (154, 70), (440, 140)
    if text[0] == "使" or text[-1] == "使":
        xs, dot = [15.5 + 57 * i + (22 if i > 3 else 0) for i in range(7)], (15.5 + 57 * 4 + 5, 70)
        if text[-1] == "使":
            xs, dot = [15.5 + 57 * i + (22 if i > 2 else 0) for i in range(7)], (15.5 + 57 * 3 + 5, 70)
    elif text[-1] == "警":
        xs, dot = [15.5] + [94.5 + 57 * i for i in range(6)], (77.5, 70)
    else:
        xs, dot = [15.5, 72.5] + [151.5 + 57 * i for i in range(5)], (134.5, 70)
    red = lambda i, c: c == "警" or (ptype == "white" and i < 2 and text[0] in LETTERS) or (c in "使领" and ptype == "black")
    return [(c, "140", x, 25, 45, 90, red(i, c)) for i, (c, x) in enumerate(zip(text, xs))], dot, (440, 140)


def background(ptype, w, h, rng, jitter):
    base = np.asarray(PAPER[ptype], np.float32)
    if jitter:
        base = np.clip(base * rng.uniform(0.85, 1.12) + rng.normal(0, 9, 3), 0, 255)
        if ptype == "blue" and rng.random() < 0.4:  # old enamel and cameras without infrared filter lean to violet or cyan
            base = np.clip(base + np.array([rng.uniform(0, 50), rng.uniform(0, 50), rng.uniform(-30, 40)]), 0, 255)
    img = np.empty((h, w, 3), np.float32)
    img[:] = base
    if ptype == "green":
        t = np.linspace(0, 1, h, dtype=np.float32)[:, None, None] ** (rng.uniform(0.8, 1.3) if jitter else 1.0)
        img[:] = np.array([238, 246, 240], np.float32) * (1 - t) + base * t
    if ptype == "green_large":
        img[:, :int(w * 0.28)] = np.clip(np.array([244, 190, 50], np.float32) + (rng.normal(0, 8, 3) if jitter else 0), 0, 255)
    return img


def bolts(img, ptype, rng, jitter, scale=1.0):
    h, w = (v / scale for v in img.shape[:2])
    if ptype in DOUBLE:
        spots = [(85, 17), (w - 85, 17)]
    else:
        spots = [(w * 0.27, 17), (w * 0.73, 17), (w * 0.27, h - 17), (w * 0.73, h - 17)]
        if jitter and rng.random() < 0.5:
            spots = spots[:2]
    px = lambda v: max(1, int(round(v * scale)))
    m = blob(px(20), px(9))
    for x, y in spots:
        kind = rng.random() if jitter else 0.0
        if kind > 0.85:
            continue
        dx, dy = (rng.normal(0, 2, 2) if jitter else (0, 0))
        c = (225, 225, 225) if not jitter else tuple([float(rng.uniform(20, 250))] * 3)
        paint(img, m if kind < 0.5 else blob(px(14), px(14)), (x - 10 + dx) * scale, (y - 5 + dy) * scale, c)


def coverage(text, ptype, folder, face, scale, rng):
    """What is painted in the plate's own ink, what in red (0..1 each), the dot's centre or None, each character's box
    (x0, y0, x1, y1), and how much of its paint is left: all in pixels of a plate drawn at `scale` pixels a millimetre."""
    jitter = rng is not None
    chars, dot, (w, h) = cells(text, ptype)
    size = (int(round(h * scale)), int(round(w * scale)))
    ink, red = np.zeros(size, np.float32), np.zeros(size, np.float32)
    sx, sy = (rng.normal(0, 1.2, 2) if jitter else (0, 0))
    worn = rng.random() < 0.15 if jitter else False
    plain_red = jitter and rng.random() < 0.15  # repainted by hand, or a kind on which it is not red
    tight = rng.normal(0, 0.012) if jitter and rng.random() < 0.3 else 0.0  # pressed closer or wider than the standard
    boxes, left = [], []
    for n, (ch, kind, x, y, cw, ch_h, is_red) in enumerate(chars):
        x = x + (x + cw / 2 - w / 2) * tight
        gw, gh = max(2, int(round(cw * scale))), max(2, int(round(ch_h * scale)))
        m = glyph(ch, kind, gw, gh, folder, face)
        left.append(np.float32(rng.uniform(0.55, 1.0)) if worn else None)
        at = int(round((x + sx) * scale)), int(round((y + sy) * scale))
        to = red if is_red and not plain_red else ink
        x0, y0, x1, y1 = max(0, at[0]), max(0, at[1]), min(size[1], at[0] + gw), min(size[0], at[1] + gh)
        part = to[y0:y1, x0:x1]
        np.maximum(part, m[y0 - at[1]:y1 - at[1], x0 - at[0]:x1 - at[0]], out=part)
        boxes.append((x0, y0, x1, y1))
    return ink, red, dot, boxes, left


def weigh(m, rng, scale):
    """Strokes a little bolder or lighter than drawn: other makers, other years, thick paint."""
    k = rng.normal(0, 1.6) * scale  # pixels a stroke grows by on both sides together
    s = max(0.6, abs(k))
    b = Image.fromarray((m * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(s))
    b = np.asarray(b, np.float32) / 255
    return np.clip((b - 0.5 + 0.28 * k / s) * min(3.0, 2.0 * s) + 0.5, 0, 1)


def render(text, ptype, glyphs=None, rng=None, scale=1.0, parts=None):
    """Artwork of one plate. rng: numpy Generator for small differences between plates, or None for the plain plate.

    scale: pixels a millimetre. parts: a dict that receives `cover`, where ink is, 0..1, and `boxes`, each character's
    place in it."""
    if ptype not in TYPES:
        raise ValueError(f"no plate type {ptype!r}; known: {', '.join(TYPES)}")
    jitter = rng is not None
    folder = font_dir(glyphs) if glyphs else ""
    face = int(rng.integers(2)) if jitter else 0
    ink_at, red_at, dot, boxes, left = coverage(text, ptype, folder, face, scale, rng)
    h, w = ink_at.shape
    img = background(ptype, w, h, rng, jitter)
    ink = np.asarray(INK[ptype], np.float32)
    red = np.asarray(RED, np.float32)
    if jitter:
        ink = np.clip(ink + rng.normal(0, 10, 3) - (rng.uniform(0, 40) if ink[0] > 128 else rng.uniform(-40, 0)), 0, 255)
        red = np.clip(red + rng.normal(0, 20, 3), 0, 255)
    px = lambda v: max(1, int(round(v * scale)))
    if not jitter or rng.random() < 0.9:
        inset = 3 if not jitter else int(rng.integers(0, 6))
        width = 3 if not jitter else int(rng.integers(2, 5))
        paint(img, frame_mask(w, h, int(round(inset * scale)), px(width), px(9)), 0, 0, ink)
    bolts(img, ptype, rng, jitter, scale)
    if dot and (not jitter or rng.random() < 0.93):
        paint(img, blob(px(11), px(11)), (dot[0] - 5) * scale, (dot[1] - 5) * scale, ink)
    elif ptype in ("green", "green_large"):
        paint(img, blob(px(26), px(26)), 123 * scale, 57 * scale, (90, 150, 190))
        paint(img, blob(px(12), px(12)), 132 * scale, 64 * scale, (240, 240, 240))
    if jitter and rng.random() < 0.6:
        ink_at = weigh(ink_at, rng, scale)
        red_at = weigh(red_at, rng, scale) if red_at.any() else red_at
    for (x0, y0, x1, y1), share in zip(boxes, left):  # only now: to weigh(), paint that is half gone is none at all
        if share is not None:
            ink_at[y0:y1, x0:x1] *= share
            red_at[y0:y1, x0:x1] *= share
    if parts is not None:
        parts["cover"], parts["boxes"] = np.maximum(ink_at, red_at), boxes
    if jitter and rng.random() < 0.4:  # pressed out of the sheet: one flank of each stroke is lit, the other is not
        e = px(2)
        both = np.maximum(ink_at, red_at)
        img += ((np.roll(both, e, (0, 1)) - both) * np.float32(rng.uniform(-45, 45)))[..., None]
    img += (ink - img) * ink_at[..., None]
    if red_at.any():
        img += (red - img) * red_at[..., None]
    return np.clip(img + 0.5, 0, 255).astype(np.uint8)


def sheet(rng, glyphs, columns=4, rows=16):
    """A contact sheet of random plates, one type after another."""
    page = Image.new("RGB", (columns * 250, rows * 80 + 4), (120, 120, 120))
    for i in range(columns * rows):
        t = TYPES[i // 2 % len(TYPES)]
        a = Image.fromarray(render(random_plate(rng, t), t, glyphs, rng if i % 2 else None))
        a.thumbnail((240, 76))
        page.paste(a, (i % columns * 250 + 4, i // columns * 80 + 4))
    return page


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                 epilog="example: render.py --text 粤A12345 --type blue plate.png\n"
                                        "         render.py --glyphs ../shared/plates/glyphs sheet.png")
    ap.add_argument("out", help="picture to write")
    ap.add_argument("--text", help="one plate; without it a sheet of random ones")
    ap.add_argument("--type", default="blue", choices=TYPES)
    ap.add_argument("--glyphs", help="folder of character pictures; without it the installed fonts")
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    rng = np.random.default_rng(a.seed)
    im = Image.fromarray(render(a.text, a.type, a.glyphs)) if a.text else sheet(rng, a.glyphs)
    im.save(a.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
