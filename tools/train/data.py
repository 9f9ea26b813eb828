# SPDX-License-Identifier: Apache-2.0
"""Pictures for the reader: generated plates, the real training part, the held-out parts; split by plate text.

easypr_scenes is never trained on, nor is any other picture of a plate that stands in it.
"""
import csv
import hashlib
import os
import sys

import cv2
import numpy as np
from PIL import Image, ImageDraw

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "plates"))
sys.path.insert(0, HERE)
import degrade  # noqa: E402
from render import HANZI, LATIN, first_font, render  # noqa: E402
from texts import DOUBLE, PROVINCES, SYMBOLS, TYPES, random_plate  # noqa: E402

INDEX = {c: i + 1 for i, c in enumerate(SYMBOLS)}  # 0 is CTC's blank
MAX = 8
SETS = ["easypr_toll_crops", "lprnet_crops", "ccpd_blue_train", "ccpd_blue_uncleacc"]
SHARE = {"blue": .16, "green": .13, "green_large": .08, "yellow": .11, "yellow2": .15, "white": .14, "white2": .14,
         "black": .09}
NOTHING = 0.05  # share of crops without a plate, whose text is empty
SCALES = (0.3, 0.42, 0.6, 0.85, 1.0)  # pixels a millimetre of the artwork: no finer than the picture needs
READABLE = 0.65  # degrade.legibility() from which on a person reads every character, judged by eye on sorted sheets
LEAST = ((0.05, -1.0), (0.15, 0.3), (1.0, 0.5))  # (up to this share, least legible): what training looks at
TRIES = 4


def held_out(plate):
    """Validation is decided by the text alone, so that one car is never on both sides."""
    return int(hashlib.sha1(plate.encode()).hexdigest()[:8], 16) % 100 < 15


def sites(shared):
    """Corrections brought from terminals: each one's folder `corrections` as plates/site_NAME."""
    return sorted(n for n in os.listdir(os.path.join(shared, "plates")) if n.startswith("site_"))


def rows(shared, name):
    folder = os.path.join(shared, "plates", name)
    with open(os.path.join(folder, "labels.csv"), encoding="utf-8") as f:
        for r in csv.DictReader(f):
            yield os.path.join(folder, r["path"]), r


def quad_of(r, image, name=""):
    h, w = image.shape[:2]
    if name == "easypr_scenes":  # these boxes are (centre, centre + size), sides swapped where turned by 90 degrees
        x, y, u, v = (float(r[k]) for k in ("x0", "y0", "x1", "y1"))
        u, v = max(u - x, v - y) / 2, min(u - x, v - y) / 2
        return np.array([[x - u, y - v], [x + u, y - v], [x + u, y + v], [x - u, y + v]])
    if r.get("c0x"):
        return np.array([[float(r[f"c{i}x"]), float(r[f"c{i}y"])] for i in range(4)])
    b = [float(r[k]) for k in ("x0", "y0", "x1", "y1")] if r.get("x0") else [0, 0, w, h]
    x0, y0, x1, y1 = b[0] - .5, b[1] - .5, b[2] - .5, b[3] - .5
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def real(shared):
    """(train, validation, scenes): lists of (set, picture BGR, quad, text, type)."""
    scenes = [(p, r) for p, r in rows(shared, "easypr_scenes")]
    test_texts = {r["plate"] for _, r in scenes}
    train, val, test = [], [], []
    for name in SETS + sites(shared):
        for p, r in rows(shared, name):
            if r["plate"] in test_texts or (name.startswith("site_") and not r.get("x0")):
                continue  # a site's crop without a box shows a car, not a plate
            if any(c not in INDEX for c in r["plate"]):
                print(f"left out, unknown symbol: {p}")
                continue
            im = cv2.imread(p)
            q = quad_of(r, im)
            if im.shape[0] > 300:  # keep the plate and its surroundings only
                lo = np.maximum(q.min(0) - 120, 0).astype(int)
                hi = (q.max(0) + 120).astype(int)
                im, q = im[lo[1]:hi[1], lo[0]:hi[0]].copy(), q - lo
            (val if held_out(r["plate"]) else train).append((name, im, q, r["plate"], r["type"] or "blue"))
    for p, r in scenes:
        im = cv2.imread(p)
        test.append(("easypr_scenes", im, quad_of(r, im, "easypr_scenes"), r["plate"], r["type"] or "blue"))
    return train, val, test


def patches(shared):
    d = os.path.join(shared, "plates", "noplate_patches")
    names = sorted(n for n in os.listdir(d) if n.lower().endswith((".jpg", ".png", ".bmp")))
    return [cv2.imread(os.path.join(d, n)) for n in names]


def encode(text):
    out = np.zeros(MAX, np.uint8)
    out[:len(text)] = [INDEX[c] for c in text]
    return out


CONFUSED = "赣贵青晋浙琼渝鲁"  # provinces that version 3 read wrong most often; more than a little more often, and others are read as these


def drawn(rng, glyphs, ptype, province, fresh):
    """A text of this type, its artwork no finer than the picture needs, its parts, and the width to see it at."""
    if not province and rng.random() < 0.12:
        province = CONFUSED[int(rng.integers(len(CONFUSED)))]
    while True:
        # more letters than are issued, so that each is seen as often as a figure; the grammar would refuse to read them
        wild = not fresh and rng.random() < 0.5 and ptype in ("blue", "yellow", "yellow2")
        text = random_plate(rng, ptype, province, letters=5 if wild else 2)
        if held_out(text) == fresh:
            break
    width = degrade.seen_width(ptype in DOUBLE, rng)
    scale = next(s for s in SCALES if s >= 1.4 * width / 440 or s == SCALES[-1])
    parts = {}
    return text, render(text, ptype, glyphs if rng.random() < 0.94 else None, rng, scale, parts), parts, width


def hard(rng, glyphs, bg, ptype, province):
    """A readable generated picture of a text that training never draws, cut out at its own size: (BGR, text)."""
    while True:
        text, art, parts, width = drawn(rng, glyphs, ptype, province, True)
        for _ in range(TRIES):
            s, q, seen = degrade.shoot(art, ptype in DOUBLE, rng, bg, parts["cover"], parts["boxes"], width)
            if seen < READABLE:
                continue
            side = np.linalg.norm(np.roll(q, -1, 0) - q, axis=1)
            w, h = int(round((side[0] + side[2]) / 2)), int(round((side[1] + side[3]) / 2))
            to = np.array([[-.5, -.5], [w - .5, -.5], [w - .5, h - .5], [-.5, h - .5]], np.float32)
            m = cv2.getPerspectiveTransform(np.asarray(q, np.float32), to)
            return cv2.warpPerspective(s, m, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), text


def generated(rng, glyphs, bg, ptype=None, province=None, fresh=False, least=READABLE):
    """One generated crop (128x32), its text and type. fresh: a text that training never draws (its hash falls into the held-out
    part). least: looks less legible than this are taken again, up to TRIES times."""
    t = ptype or TYPES[int(rng.choice(len(TYPES), p=[SHARE[k] for k in TYPES]))]
    while True:
        text, art, parts, width = drawn(rng, glyphs, t, province, fresh)
        for _ in range(TRIES):
            x, seen = degrade.photograph(art, t in DOUBLE, rng, bg, parts["cover"], parts["boxes"], width)
            if seen >= least:
                return x, text, t


def lettering(rng, size):
    """What is lettered but no plate: clocks of recorders, telephone numbers, names; drawn on a plain ground."""
    w, h = size
    r = rng.random()
    n = lambda k: "".join(str(d) for d in rng.integers(0, 10, k))
    if r < 0.35:
        text = f"20{n(2)}-{n(2)}-{n(2)} {n(2)}:{n(2)}:{n(2)}"[: int(rng.integers(8, 20))]
    elif r < 0.6:
        text = "1" + n(10)
    else:
        text = "".join(WORDS[int(i)] for i in rng.integers(0, len(WORDS), int(rng.integers(2, 9))))
    im = Image.new("RGB", (w, h), tuple(rng.integers(0, 256, 3).tolist()))
    f = first_font((HANZI if r >= 0.6 else LATIN)[:1], int(h * rng.uniform(0.4, 0.9)))
    ImageDraw.Draw(im).text((rng.uniform(-0.1, 0.2) * w, rng.uniform(-0.1, 0.3) * h), text, font=f,
                            fill=tuple(rng.integers(0, 256, 3).tolist()))
    return np.ascontiguousarray(np.asarray(im)[..., ::-1])


WORDS = "出口入停车场收费站高速公路限速安全运输有限公司物流货汽销售服务电话请勿靠近OPELABSGTRSEDHINOVW欢迎光临小心"


def nothing(rng, glyphs, bg):
    """A crop whose text is empty: plate-free patches, lettering, a plate of which more than half is cut off."""
    r = rng.random()
    if r < 0.7:
        p = bg[int(rng.integers(len(bg)))] if r < 0.45 else lettering(rng, (140, 40))
        h, w = p.shape[:2]
        return degrade.again(p, [[0, 0], [w, 0], [w, h], [0, h]], rng.random() < 0.3, rng)
    t = TYPES[int(rng.integers(len(TYPES)))]
    x = degrade.photograph(render(random_plate(rng, t), t, glyphs, rng, 0.5), t in DOUBLE, rng, bg)[0]
    cut = int(rng.uniform(0.62, 0.85) * 128)
    out = cv2.resize(backdrop_strip(rng, bg), (128, 32))
    if rng.random() < 0.5:
        out[:, :128 - cut] = x[:, cut:]
    else:
        out[:, cut:] = x[:, :128 - cut]
    return out


def backdrop_strip(rng, bg):
    if rng.random() < 0.5:
        return bg[int(rng.integers(len(bg)))]
    return np.full((32, 128, 3), rng.integers(0, 256, 3), np.uint8)


def real_weights(train):
    """Rare provinces are looked at more often: weight 1/sqrt(count), 皖 stays below a third."""
    n = {}
    for s in train:
        n[s[3][0]] = n.get(s[3][0], 0) + 1
    w = np.array([n[s[3][0]] ** -0.6 for s in train])
    return w / w.sum()


def shard(seed, n, glyphs, bg, train, weights, real_share):
    """n samples: pictures (n,32,128,3) uint8, texts (n,8), types (n), 255 for no plate."""
    rng = np.random.default_rng(seed)
    x = np.zeros((n, 32, 128, 3), np.uint8)
    y = np.zeros((n, MAX), np.uint8)
    k = np.zeros(n, np.uint8)
    for i in range(n):
        r = rng.random()
        if r < NOTHING:
            x[i] = nothing(rng, glyphs, bg)
            k[i] = 255
            continue
        if r < NOTHING + real_share:
            _, im, q, text, t = train[int(rng.choice(len(train), p=weights))]
            x[i] = degrade.again(im, q, False, rng)
        else:
            u = rng.random()
            x[i], text, t = generated(rng, glyphs, bg, least=next(v for p, v in LEAST if u < p))
        y[i], k[i] = encode(text), TYPES.index(t)
    return x, y, k


def validation(shared, glyphs, bg, per=8):
    """Name -> (x, texts, types): real validation parts, the scenes, generated ones of texts that training never draws:
    readable ones for each type (31 provinces x per), and all types mixed with whatever the generator gives."""
    _, val, test = real(shared)
    out = {}
    for name, im, q, text, t in val + test:
        key = "ccpd" if name.startswith("ccpd") else name
        out.setdefault(key, ([], [], []))
        for to, v in zip(out[key], (degrade.rectify(im, q, t in DOUBLE), text, t)):
            to.append(v)
    rng = np.random.default_rng(77)
    jobs = [("hard " + t, t, READABLE, per) for t in TYPES] + [("unreadable ones too", None, -1.0, 4 * per)]
    for name, t, least, n in jobs:
        got = ([], [], [])
        for _ in range(n):
            for p in PROVINCES:
                for to, v in zip(got, generated(rng, glyphs, bg, t, p, fresh=True, least=least)):
                    to.append(v)
        out[name] = got
    return {k: (np.stack(v[0]), v[1], v[2]) for k, v in out.items()}
