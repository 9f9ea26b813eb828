# SPDX-License-Identifier: Apache-2.0
"""What a car carries beside its plate and what roads are full of, drawn: 240x80 BGR pictures that are no plates."""
import os
import sys
from functools import lru_cache

import cv2
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "plates"))
from render import HANZI, first_font  # noqa: E402

FONTS = [cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX]


def grey(rng, lo=0, hi=256, tint=25):
    return tuple(int(v) for v in np.clip(rng.integers(lo, hi) + rng.normal(0, tint, 3), 0, 255))


def canvas(rng, lo=0, hi=256, tint=25):
    im = np.empty((80, 240, 3), np.uint8)
    im[:] = grey(rng, lo, hi, tint)
    g = rng.normal(0, 25, (2, 2)).astype(np.float32)
    return np.clip(im + cv2.resize(g, (240, 80))[..., None], 0, 255).astype(np.uint8)


def grille(rng):
    """Bars, slats or a mesh, often with a frame and a badge."""
    im, bar, step = canvas(rng, 0, 90), grey(rng, 60, 250), int(rng.integers(6, 26))
    thick, kind = int(rng.integers(1, max(2, step // 2))), rng.integers(3)
    if kind != 1:
        for y in range(int(rng.integers(step)), 80, step):
            cv2.line(im, (0, y), (240, y), bar, thick)
    if kind != 0:
        lean = int(rng.choice([0, 0, 20, -20]))
        for x in range(int(rng.integers(step)) - 20, 260, step):
            cv2.line(im, (x, 0), (x + lean, 80), bar, thick)
    if rng.random() < 0.6:
        cv2.rectangle(im, (1, 1), (238, 78), grey(rng, 60, 250), int(rng.integers(2, 7)))
    if rng.random() < 0.5:
        cv2.circle(im, (120, 40), int(rng.integers(8, 34)), grey(rng, 100, 256), int(rng.integers(2, 6)))
    return im


def lamp(rng):
    """A head, tail or roof lamp, lit or not, in its housing."""
    im = canvas(rng, 20, 220)
    glow = [(255, 255, 255), (230, 245, 255), (40, 40, 230), (30, 120, 250), (60, 60, 130)][rng.integers(5)]
    for _ in range(rng.integers(1, 4)):
        c = (int(rng.integers(20, 220)), int(rng.integers(20, 60)))
        cv2.ellipse(im, c, (int(rng.integers(12, 100)), int(rng.integers(8, 34))), float(rng.uniform(-15, 15)), 0, 360,
                    tuple(int(v * rng.uniform(0.5, 1)) for v in glow), -1, cv2.LINE_AA)
    if rng.random() < 0.5:
        cv2.rectangle(im, (2, 2), (237, 77), grey(rng), int(rng.integers(1, 8)))
    return cv2.GaussianBlur(im, (0, 0), rng.uniform(0.5, 8)) if rng.random() < 0.6 else im


def rings(rng):
    """Rings in a row, letters of a badge."""
    im, ink = canvas(rng), grey(rng, 120, 256)
    if rng.random() < 0.5:
        for k in range(4):
            cv2.circle(im, (54 + 44 * k, 40), 28, ink, int(rng.integers(3, 8)), cv2.LINE_AA)
        return im
    text = "".join(rng.choice(list("ABCDEGHILMNOPRSTUVWXY0123456789"), int(rng.integers(2, 8))))
    cv2.putText(im, text, (8, 58), int(rng.choice(FONTS)), 1.6 * 4.5 / max(4, len(text)), ink, int(rng.integers(2, 6)), cv2.LINE_AA)
    return im


def window(rng):
    """A pane with a frame, something dark or bright behind it; a bumper or a panel with an edge."""
    im = canvas(rng)
    for _ in range(rng.integers(1, 6)):
        a, b = rng.integers([0, 0], [240, 80], (2, 2))
        cv2.rectangle(im, tuple(int(v) for v in a), tuple(int(v) for v in b), grey(rng), -1)
    im = cv2.GaussianBlur(im, (0, 0), rng.uniform(1, 9))
    cv2.rectangle(im, (3, 3), (236, 76), grey(rng), int(rng.integers(2, 12)))
    return im


def lettering(rng):
    """Shop signs, a haulier's name and telephone number, slogans: any length, any colour, one to three lines."""
    from PIL import Image, ImageDraw
    im = canvas(rng, tint=60)
    pic = Image.fromarray(im)
    draw, lines, ink = ImageDraw.Draw(pic), int(rng.choice([1, 1, 2, 3])), grey(rng, 0, 256, 70)
    for k in range(lines):
        n = int(rng.integers(2, 14))
        if rng.random() < 0.6:
            text = "".join(chr(int(rng.choice(WORDS))) for _ in range(n))
        else:
            text = f"1{rng.integers(3, 10)}{rng.integers(10 ** 8, 10 ** 9)}" if rng.random() < 0.5 else f"0{rng.integers(10, 999)}-{rng.integers(10 ** 6, 10 ** 8)}"
        size = int(min(76 / lines, 225 / max(1, n if ord(text[0]) > 255 else len(text) * 0.55)))
        draw.text((rng.integers(2, 20), 2 + k * 78 // lines), text, font=sign_font(max(8, size)), fill=ink)
    return np.array(pic)


def tiles(rng):
    """Paving, bricks, a zebra crossing, a kerb's stripes, leaves."""
    im, ink, step = canvas(rng, 60, 220), grey(rng, 0, 256), int(rng.integers(8, 60))
    if rng.random() < 0.4:
        for x in range(-80, 240, 2 * step):
            cv2.fillConvexPoly(im, np.int32([[x, 0], [x + step, 0], [x + step + 40, 80], [x + 40, 80]]), ink)
        return im
    if rng.random() < 0.5:
        n = rng.integers(0, 256, (int(rng.integers(6, 40)), int(rng.integers(12, 120)), 3)).astype(np.uint8)
        return cv2.addWeighted(im, 0.5, cv2.resize(n, (240, 80), interpolation=cv2.INTER_CUBIC), 0.5, 0)
    for y in range(0, 80, step):
        cv2.line(im, (0, y), (240, y), ink, 2)
        for x in range(step if y // step % 2 else 0, 240, step * 2):
            cv2.line(im, (x, y), (x, y + step), ink, 2)
    return im


PARTS = [grille, grille, lamp, lamp, rings, window, window, lettering, lettering, lettering, tiles]
WORDS = [ord(c) for c in "物流运输有限公司出租汽车宾馆饭店加油站停车场收费禁止鸣笛小心慢行中国建设银行专用客运货运北京上海广州深圳电话"]


@lru_cache(maxsize=64)
def sign_font(size):
    return first_font(HANZI, size)
