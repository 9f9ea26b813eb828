# SPDX-License-Identifier: Apache-2.0
"""Endless training pictures for the detector: scenes cut and tilted, plates of every type pasted, things that are none.

A sample is a SIZE x SIZE BGR picture, up to MOST quads (TL TR BR BL, pixels) and their kinds.
"""
import csv
import glob
import hashlib
import os
import sys

import cv2
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "plates"))
from render import render  # noqa: E402
from texts import DOUBLE, random_plate  # noqa: E402

from degrade import bend, bow  # noqa: E402
from detector_parts import FONTS, PARTS  # noqa: E402

SIZE, MOST = 320, 16
NONE, SINGLE, TWO, IGNORE = 0, 1, 2, 3
PLATES_AFTER_ALL = {"S01_Q36855_1", "S10_AT8866_4", "S13_K51A33_0", "S13_MRR040_1", "S13_MXQ090_1"}  # of noplate_patches
SMALLEST = 13.0  # px wide: smaller ones count neither way
TYPES = ["blue", "green", "green_large", "yellow", "yellow2", "white", "white2", "black"]
SHARE = [0.26, 0.2, 0.07, 0.13, 0.13, 0.08, 0.05, 0.08]
STEEP_SHARE = [0.16, 0.14, 0.08, 0.11, 0.19, 0.1, 0.14, 0.08]  # for the second look: more double lines


def held_out(plate):
    """12 of 100 plates, by their text."""
    return int(hashlib.sha1(plate.encode()).hexdigest(), 16) % 100 < 12


def rows(folder):
    with open(os.path.join(folder, "labels.csv"), encoding="utf-8") as f:
        return list(csv.DictReader(f))


def corners(r):
    return np.float32([[float(r[f"c{i}x"]), float(r[f"c{i}y"])] for i in range(4)])


def exact_corners():
    """Path -> corners, of the plates whose artwork could be laid on the picture: see align.py."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "ccpd_corners.csv"), encoding="utf-8") as f:
        return {r["path"]: corners(r) for r in csv.DictReader(f)}


def levels(im):
    out = [im]
    while min(out[-1].shape[:2]) > 80:
        h, w = out[-1].shape[:2]
        out.append(cv2.resize(out[-1], (w // 2, h // 2), interpolation=cv2.INTER_AREA))
    return out


def project(h, p):
    return cv2.perspectiveTransform(np.float32(p)[None], h)[0]


def tilt(rng, strength, steep=False):
    """A rotation in space of a plane at distance 3 seen by a camera, as a homography of the unit square about 0.
    steep: a quarter more are rolled by up to 45 degrees."""
    yaw, pitch = np.radians(rng.normal(0, 20, 2) * strength * [1, 0.7])
    roll = np.radians(rng.normal(0, 7) * strength)
    if rng.random() < 0.12:  # a camera held askew, a car that turns in
        roll = np.radians(rng.uniform(-42, 42))
    if steep and rng.random() < 0.25:
        roll = np.radians(rng.uniform(-45, 45))
    if rng.random() < 0.12:
        yaw = np.radians(rng.uniform(25, 52) * rng.choice([-1, 1]))
    yaw, pitch = np.clip([yaw, pitch], -0.92, 0.87)
    c, s = np.cos, np.sin
    r = (np.array([[c(roll), -s(roll), 0], [s(roll), c(roll), 0], [0, 0, 1]])
         @ np.array([[1, 0, 0], [0, c(pitch), -s(pitch)], [0, s(pitch), c(pitch)]])
         @ np.array([[c(yaw), 0, s(yaw)], [0, 1, 0], [-s(yaw), 0, c(yaw)]]))
    d = rng.uniform(2.0, 5.0)
    return np.array([[r[0, 0], r[0, 1], 0], [r[1, 0], r[1, 1], 0], [r[2, 0] / d, r[2, 1] / d, 1.0]])


class Source:
    def __init__(self, shared, seed, held=False, steep=False):
        self.rng, self.steep = np.random.default_rng(seed), steep
        plates = os.path.join(shared, "plates")
        self.glyphs = os.path.join(plates, "glyphs")
        self.scenes = []  # (levels, corners, whether these are exact)
        folder, exact = os.path.join(plates, "ccpd_blue_train"), exact_corners()
        for r in rows(folder):
            if held_out(r["plate"]) == held:
                q = exact.get("ccpd_blue_train/" + r["path"])
                self.scenes.append((levels(cv2.imread(os.path.join(folder, r["path"]))), corners(r) if q is None else q, q is not None))
        self.patches = [cv2.imread(p) for p in sorted(glob.glob(os.path.join(plates, "noplate_patches", "**", "*.jpg"), recursive=True))
                        if os.path.basename(p)[:-4] not in PLATES_AFTER_ALL]
        scene_texts = {r["plate"] for r in rows(os.path.join(plates, "easypr_scenes"))}
        folder = os.path.join(plates, "easypr_toll_crops")
        self.crops = [cv2.imread(os.path.join(folder, r["path"])) for r in rows(folder)
                      if held_out(r["plate"]) == held and r["plate"] not in scene_texts]
        self.video = []  # (levels, boxes of foreign plates): see detector_video.csv
        marks = os.path.join(os.path.dirname(os.path.abspath(__file__)), "detector_video.csv")
        clip = glob.glob(os.path.join(plates, "gate_video", "*.mp4"))
        if clip and os.path.exists(marks):
            boxes = {}
            for r in csv.DictReader(open(marks, encoding="utf-8")):
                boxes.setdefault(int(r["frame"]), []).append([float(r[k]) for k in ("x0", "y0", "x1", "y1")])
            cap, n = cv2.VideoCapture(clip[0]), 0
            while True:
                ok, im = cap.read()
                if not ok:
                    break
                if n in boxes:
                    self.video.append((levels(im), boxes[n]))
                n += 1
        self.art = []
        for _ in range(150):
            self.art.append(self.new_art())

    def new_art(self):
        t = TYPES[self.rng.choice(len(TYPES), p=STEEP_SHARE if self.steep else SHARE)]
        im = render(random_plate(self.rng, t), t, self.glyphs if self.rng.random() < 0.8 else None, self.rng)
        return np.ascontiguousarray(im[:, :, ::-1]), TWO if t in DOUBLE else SINGLE, (im.shape[1] / im.shape[0])

    def texture(self):
        rng = self.rng
        if rng.random() < 0.1 and self.crops:
            c = self.crops[rng.integers(len(self.crops))]
            return c, SINGLE, 440 / 140
        if rng.random() < 0.3:
            self.art[rng.integers(len(self.art))] = self.new_art()
        return self.art[rng.integers(len(self.art))]

    def paste(self, im, quad, tex, surround, plain=False):
        """tex over the quad, lit like its surroundings, soft edged; the quad's pixels in im change."""
        rng = self.rng
        x0, y0 = np.floor(quad.min(0)).astype(int) - 3
        x1, y1 = np.ceil(quad.max(0)).astype(int) + 4
        x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, im.shape[1]), min(y1, im.shape[0])
        if x1 - x0 < 3 or y1 - y0 < 3:
            return
        w = max(6, int(np.linalg.norm(quad[1] - quad[0])))
        h = max(3, int(np.linalg.norm(quad[3] - quad[0])))
        t = cv2.resize(tex, (min(w, 440), min(h, 220)), interpolation=cv2.INTER_AREA if w < tex.shape[1] else cv2.INTER_LINEAR)
        t = t.astype(np.float32)
        th, tw = t.shape[:2]
        if not plain:
            if rng.random() < 0.35:  # dirt, wear
                n = cv2.resize(rng.random((3, 8)).astype(np.float32), (tw, th), interpolation=cv2.INTER_CUBIC)[..., None]
                t += (rng.uniform(60, 150) - t) * np.clip(n - 0.4, 0, 0.7) * rng.random()
            if rng.random() < 0.35:  # a shadow's edge or a gradient
                a, b = rng.normal(0, 1, 2)
                g = a * np.linspace(-1, 1, tw)[None, :] + b * np.linspace(-1, 1, th)[:, None] + rng.normal(0, 0.6)
                g = 1 / (1 + np.exp(-g * rng.choice([2, 15])))
                t *= (rng.uniform(0.3, 0.8) + g * 0.6).astype(np.float32)[..., None]
        gain = np.clip((surround + 40) / 150.0, 0.35, 1.25) * rng.uniform(0.7, 1.35)
        t = np.clip((t - 128) * rng.uniform(0.5, 1.1) + 128 + rng.normal(0, 12), 0, 255) * gain + rng.normal(0, 10, 3)
        t = np.clip(t, 0, 255)
        hom = cv2.getPerspectiveTransform(np.float32([[-.5, -.5], [tw - .5, -.5], [tw - .5, th - .5], [-.5, th - .5]]),
                                          np.float32(quad - [x0, y0]))
        size = (int(x1 - x0), int(y1 - y0))
        warped = cv2.warpPerspective(t, hom, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mask = np.zeros(size[::-1], np.uint8)
        cv2.fillConvexPoly(mask, np.int32(np.round((quad - [x0, y0]) * 16)), 255, cv2.LINE_AA, 4)
        mask = mask.astype(np.float32)[..., None] / 255
        if rng.random() < 0.5 and not plain:
            s = rng.uniform(0.3, 0.9)
            warped = cv2.GaussianBlur(warped, (0, 0), s)
            mask = cv2.GaussianBlur(mask, (0, 0), s)[..., None]
        part = im[y0:y1, x0:x1].astype(np.float32)
        im[y0:y1, x0:x1] = np.clip(part + (warped - part) * mask, 0, 255).astype(np.uint8)

    def body(self, im, quad, tex):
        """What carries the plate, painted much like the plate: blue on a blue car, yellow on a yellow lorry."""
        rng = self.rng
        h, w = im.shape[:2]
        size, c = np.linalg.norm(quad[1] - quad[0]), quad.mean(0)
        colour = np.clip(np.median(tex.reshape(-1, 3), 0) * rng.uniform(0.7, 1.25) + rng.normal(0, 14, 3), 0, 255)
        xx, yy = np.arange(w, dtype=np.float32)[None] - c[0], np.arange(h, dtype=np.float32)[:, None] - c[1]
        far = np.maximum(np.abs(xx) / (size * rng.uniform(0.6, 2.5)), np.abs(yy) / (size * rng.uniform(0.25, 1.2)))
        share = (rng.uniform(0.6, 0.97) / (1 + np.exp(np.clip((far - 1) * rng.uniform(4, 30), -30, 30)))).astype(np.float32)[..., None]
        light = im.astype(np.float32).mean(2, keepdims=True) * np.float32(rng.uniform(0.2, 0.7) / 128) + np.float32(rng.uniform(0.4, 0.8))
        im[:] = np.clip(im + (light * colour.astype(np.float32) - im) * share, 0, 255).astype(np.uint8)

    def view(self, w, h, plate_w, free):
        """A w x h view of a scene -> picture, [(quad, kind)]. free: away from its plate."""
        rng = self.rng
        scene, q, exact = self.scenes[rng.integers(len(self.scenes))]
        qw = np.linalg.norm(q[1] - q[0] + q[2] - q[3]) / 2
        ih, iw = scene[0].shape[:2]
        z = plate_w / qw
        if free:
            z = max(rng.uniform(0.15, 1.2), w / iw * 0.9)
            top = q[:, 1].min() > ih - q[:, 1].max()
            c = np.array([rng.uniform(0.2, 0.8) * iw, (q[:, 1].min() if top else ih + q[:, 1].max()) / 2])
            place = np.array([w / 2, h / 2])
        else:
            c = q.mean(0)
            mx, my = min(0.45 * w, plate_w * 0.5), min(0.45 * h, plate_w * 0.2)
            lo, hi = np.array([mx, my]), np.array([w - mx, h - my])
            place = rng.uniform(lo, np.maximum(hi, lo + 1))
            if rng.random() < 0.06:
                place = rng.uniform([0, 0], [w, h])
        t = tilt(rng, rng.choice([0.2, 0.6, 1.0], p=[0.4, 0.4, 0.2]), self.steep)
        n = qw * 2
        m = (np.array([[1, 0, place[0]], [0, 1, place[1]], [0, 0, 1]]) @ np.diag([z * n, z * n, 1]) @ t
             @ np.diag([1 / n, 1 / n, 1]) @ np.array([[1, 0, -c[0]], [0, 1, -c[1]], [0, 0, 1]]))
        if m[2] @ [0, 0, 1] <= 0.05 or min(m[2] @ [x, y, 1] for x in (0, iw) for y in (0, ih)) <= 0.15:
            t = np.eye(3)
            m = np.array([[z, 0, place[0] - z * c[0]], [0, z, place[1] - z * c[1]], [0, 0, 1]])
        lv = int(np.clip(np.floor(np.log2(1 / z) + 0.3), 0, len(scene) - 1)) if z < 1 else 0
        f = scene[0].shape[1] / scene[lv].shape[1]
        g = scene[0].shape[0] / scene[lv].shape[0]
        sm = m @ np.array([[f, 0, (f - 1) / 2], [0, g, (g - 1) / 2], [0, 0, 1]])
        more = []
        if not free and z * min(iw, ih) < 1.2 * max(w, h):  # the scene does not fill the view: another one behind it
            im, more = self.foreign(w, h) if self.video and rng.random() < 0.5 else self.view(w, h, plate_w, True)
            more = [(k[0], IGNORE) for k in more]
            im = np.ascontiguousarray(im)
            cv2.warpPerspective(scene[lv], sm, (w, h), im, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)
        else:
            im = cv2.warpPerspective(scene[lv], sm, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        quad = project(m, q)
        kind = SINGLE
        if not free and (not exact or rng.random() < 0.55):  # inexact corners are no target: another plate over that one
            tex, kind, aspect = self.texture()
            up = (440 / 140) / aspect * rng.uniform(0.97, 1.06)
            base = np.float32([[0, 0], [1, 0], [1, 1], [0, 1]])
            hom = cv2.getPerspectiveTransform(base, quad)
            e = rng.uniform(0.0, 0.03)
            tall = np.float32([[-e, .5 - up / 2], [1 + e, .5 - up / 2], [1 + e, .5 + up / 2], [-e, .5 + up / 2]])
            quad = project(hom, tall)
            ys = np.clip(quad[:, 1].astype(int), 0, h - 1)
            xs = np.clip(quad[:, 0].astype(int), 0, w - 1)
            if rng.random() < 0.15:
                self.body(im, quad, tex)
            self.paste(im, quad, tex, float(im[ys.min():ys.max() + 1, xs.min():xs.max() + 1].mean()))
        bowed = bow(rng) if not free else 0
        return (bend(im, quad, bowed) if bowed else im), [(quad, kind)] + more

    def foreign(self, w, h):
        """A view of the gate film; the plates on it are neither wanted nor wrong."""
        rng = self.rng
        lv, boxes = self.video[rng.integers(len(self.video))]
        z = np.exp(rng.uniform(np.log(0.25), np.log(1.3)))
        z = max(z, w / 1280, h / 720)
        x, y = rng.uniform(0, 1280 - w / z + 0.01), rng.uniform(0, 720 - h / z + 0.01)
        k = int(np.clip(np.floor(np.log2(1 / z) + 0.3), 0, len(lv) - 1)) if z < 1 else 0
        f = 1280 / lv[k].shape[1]
        m = np.float32([[z * f, 0, -x * z], [0, z * f, -y * z]])
        im = cv2.warpAffine(lv[k], m, (w, h), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        out = []
        for b in boxes:
            q = (np.float32([[b[0], b[1]], [b[2], b[1]], [b[2], b[3]], [b[0], b[3]]]) - [x, y]) * z
            out.append((np.float32(q), IGNORE))
        return im, out

    def loose(self, im, found, plate_w):
        """A plate pasted anywhere."""
        rng = self.rng
        h, w = im.shape[:2]
        tex, kind, aspect = self.texture()
        t = tilt(rng, rng.uniform(0.3, 1.3), self.steep)
        hh = 0.5 / aspect
        q = project(t, np.float32([[-.5, -hh], [.5, -hh], [.5, hh], [-.5, hh]]))
        q *= plate_w / max(np.ptp(q[:, 0]), 1e-3)
        half = np.ptp(q, 0) / 2
        if (half * 2 + 6 > [w, h]).any():
            return
        q += rng.uniform(half + 2, [w, h] - half - 2) - (q.min(0) + q.max(0)) / 2
        if any(boxes_meet(q, k[0]) for k in found):
            return
        x0, y0 = q.min(0).astype(int)
        x1, y1 = q.max(0).astype(int) + 1
        if rng.random() < 0.5:  # a darker or brighter holder around it
            c = q.mean(0)
            grow = (q - c) * rng.uniform(1.05, 1.25, (1, 2)) + c
            cv2.fillConvexPoly(im, np.int32(grow), tuple(int(v) for v in rng.integers(0, 256) * np.ones(3)), cv2.LINE_AA)
        elif rng.random() < 0.15 and not found:  # not over the plates that are there
            self.body(im, q, tex)
        self.paste(im, np.float32(q), tex, float(im[y0:y1, x0:x1].mean()))
        found.append((np.float32(q), kind))

    def decoys(self, im, found):
        """Things that are no plates: hard patches, dates, phone numbers, empty signs."""
        rng = self.rng
        h, w = im.shape[:2]
        for _ in range(rng.poisson(0.8)):
            p = self.patches[rng.integers(len(self.patches))]
            pw = np.exp(rng.uniform(np.log(30), np.log(220)))
            q = project(tilt(rng, 0.5), np.float32([[-.5, -.13], [.5, -.13], [.5, .13], [-.5, .13]])) * pw
            q += rng.uniform([0, 0], [w, h])
            if not any(boxes_meet(q, k[0]) for k in found):
                self.paste(im, np.float32(q), p, 110.0, plain=True)
        for _ in range(rng.poisson(0.6)):
            n = int(rng.integers(3, 20))
            text = "".join(rng.choice(list("0123456789" * 3 + "ABCDEFGHKLMNPRSTUX-:/. ")) for _ in range(n))
            if rng.random() < 0.4:
                text = f"20{rng.integers(10, 30)}-{rng.integers(1, 13):02}-{rng.integers(1, 32):02} " \
                       f"{rng.integers(24):02}:{rng.integers(60):02}:{rng.integers(60):02}"
            font, scale = int(rng.choice(FONTS)), rng.uniform(0.3, 1.3)
            thick = int(rng.integers(1, 3))
            (tw, th), base = cv2.getTextSize(text, font, scale, thick)
            x, y = int(rng.uniform(-tw / 3, max(1, w - tw))), int(rng.uniform(th, h))
            q = np.float32([[x, y - th], [x + tw, y - th], [x + tw, y + base], [x, y + base]])
            if any(boxes_meet(q, k[0]) for k in found):
                continue
            colour = [(255, 255, 255), (0, 0, 0), (0, 255, 255), (20, 200, 255), (255, 90, 30), (0, 0, 220)][rng.integers(6)]
            if rng.random() < 0.2:
                pad, back = int(rng.integers(1, 8)), int(rng.choice([0, 255]))
                cv2.rectangle(im, (x - pad, y - th - pad), (x + tw + pad, y + base + pad), (back, back, back), -1)
                colour = (255 - back,) * 3
            elif rng.random() < 0.4:
                cv2.putText(im, text, (x, y), font, scale, (0, 0, 0), thick + 2, cv2.LINE_AA)
            cv2.putText(im, text, (x, y), font, scale, colour, thick, cv2.LINE_AA)
        if rng.random() < 0.25:  # an empty sign, a lamp, a blue panel
            pw = np.exp(rng.uniform(np.log(15), np.log(200)))
            a = rng.uniform(0.15, 0.5)
            q = project(tilt(rng, 0.8), np.float32([[-.5, -a / 2], [.5, -a / 2], [.5, a / 2], [-.5, a / 2]])) * pw
            q += rng.uniform([0, 0], [w, h])
            if not any(boxes_meet(q, k[0]) for k in found):
                tex = np.full((30, 90, 3), 0, np.uint8) + rng.integers(0, 256, 3).astype(np.uint8)
                if rng.random() < 0.5:
                    cv2.rectangle(tex, (3, 3), (86, 26), tuple(int(v) for v in rng.integers(0, 256, 3)), int(rng.integers(1, 5)))
                for _ in range(rng.integers(0, 4)):
                    cv2.circle(tex, (int(rng.integers(90)), int(rng.integers(30))), int(rng.integers(2, 14)),
                               tuple(int(v) for v in rng.integers(0, 256, 3)), int(rng.choice([-1, 1, 3])))
                self.paste(im, np.float32(q), tex, 110.0)

    def car_parts(self, im, found):
        """What a car carries beside its plate and what roads are full of: grilles, lamps, windows, rings, lettering, tiles."""
        rng = self.rng
        h, w = im.shape[:2]
        for _ in range(rng.poisson(3)):
            tex = PARTS[rng.integers(len(PARTS))](rng)
            pw = np.exp(rng.uniform(np.log(16), np.log(0.7 * w)))
            a = rng.uniform(0.2, 0.55)
            q = project(tilt(rng, 0.7), np.float32([[-.5, -a / 2], [.5, -a / 2], [.5, a / 2], [-.5, a / 2]])) * pw
            q += rng.uniform([0, 0], [w, h])
            if not any(boxes_meet(q, k[0]) for k in found):
                x0, y0 = np.clip(q.min(0).astype(int), 0, [w - 1, h - 1])
                x1, y1 = np.clip(q.max(0).astype(int) + 1, 1, [w, h])
                self.paste(im, np.float32(q), tex, float(im[y0:y1, x0:x1].mean()) if x1 > x0 and y1 > y0 else 110.0,
                           plain=rng.random() < 0.5)

    def weather(self, im):
        """Light, lens, sensor and coder of many cameras."""
        rng = self.rng
        x = im.astype(np.float32)
        r = rng.random()
        if r < 0.16:  # infrared or black-and-white: blue may go dark or bright
            wt = rng.dirichlet([1.5, 1.5, 1.5])
            x[:] = (x @ wt.astype(np.float32))[..., None]
        elif r < 0.6:
            x = x.mean(2, keepdims=True) + (x - x.mean(2, keepdims=True)) * rng.uniform(0.25, 1.3)
            cast = 0.25 if rng.random() < 0.2 else 0.08
            x *= rng.uniform(1 - cast, 1 + cast, 3).astype(np.float32)
        x = 255 * np.power(np.clip(x / 255, 0, 1), np.exp(rng.normal(0, 0.35)))
        if rng.random() < 0.3:  # night
            x = x * rng.uniform(0.22, 0.65) + rng.uniform(0, 25)
        elif rng.random() < 0.3:  # haze, glare
            x = x * rng.uniform(0.5, 0.9) + rng.uniform(20, 110)
        if rng.random() < 0.2:  # headlights
            h, w = x.shape[:2]
            yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
            for _ in range(rng.integers(1, 4)):
                s = rng.uniform(6, 45)
                g = np.exp(-((xx - rng.uniform(0, w)) ** 2 + (yy - rng.uniform(0, h)) ** 2) / (2 * s * s))
                x += g[..., None] * rng.uniform(120, 400) * rng.uniform(0.8, 1, 3).astype(np.float32)
        x = np.clip(x, 0, 255)
        r = rng.random()
        if r < 0.3:
            x = cv2.GaussianBlur(x, (0, 0), rng.uniform(0.4, 1.6))
        elif r < 0.42:
            n = int(rng.integers(3, 8))
            k = np.zeros((n, n), np.float32)
            a = rng.uniform(0, np.pi)
            d = np.array([np.cos(a), np.sin(a)]) * n
            cv2.line(k, tuple(int(v) for v in n / 2 - d / 2), tuple(int(v) for v in n / 2 + d / 2), 1.0)
            k[n // 2, n // 2] = 1
            x = cv2.filter2D(x, -1, k / k.sum())
        elif r < 0.5:
            s = rng.uniform(0.45, 0.85)
            x = cv2.resize(cv2.resize(x, None, fx=s, fy=s, interpolation=cv2.INTER_AREA), (im.shape[1], im.shape[0]))
        elif r < 0.6:
            x = x + (x - cv2.GaussianBlur(x, (0, 0), 1.2)) * rng.uniform(0.4, 1.5)
        if rng.random() < 0.5:
            n = rng.normal(0, 1, x.shape[:2] + (1 if rng.random() < 0.5 else 3,)).astype(np.float32)
            x = x + n * rng.uniform(1, 14)
        x = np.clip(x, 0, 255).astype(np.uint8)
        if rng.random() < 0.55:
            x = cv2.imdecode(cv2.imencode(".jpg", x, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(22, 96))])[1], 1)
        return x

    def sample(self):
        rng = self.rng
        im = np.zeros((SIZE, SIZE, 3), np.uint8)
        found = []
        grid = rng.choice([1, 2, 3, 4], p=[0.6, 0.26, 0.09, 0.05])
        cuts = [np.r_[0, np.sort(np.arange(1, grid) * SIZE // grid + rng.integers(-20, 21, grid - 1)), SIZE] for _ in range(2)]
        for j in range(grid):
            for i in range(grid):
                x0, x1, y0, y1 = cuts[0][i], cuts[0][i + 1], cuts[1][j], cuts[1][j + 1]
                w, h = int(x1 - x0), int(y1 - y0)
                pw = np.exp(rng.uniform(np.log(14), np.log(max(20, 0.85 * w))))
                r = rng.random()
                if r < 0.62:
                    tile, q = self.view(w, h, max(pw, 14 if grid > 1 else 24), False)
                elif r < 0.8 and self.video:
                    tile, q = self.foreign(w, h)
                else:
                    tile, q = self.view(w, h, pw, True)
                if r >= 0.62:
                    for _ in range(rng.integers(0, 4 if grid == 1 else 2)):
                        self.loose(tile, q, np.exp(rng.uniform(np.log(14), np.log(max(20, 0.85 * w)))))
                im[y0:y1, x0:x1] = tile
                for c, k in q:
                    v = clip_share(c, w, h)
                    if k == IGNORE:
                        c = np.clip(c, 0, [w, h]).astype(np.float32)
                    if v > 0.02:
                        wide = np.linalg.norm(c[1] - c[0] + c[2] - c[3]) / 2
                        found.append((c + [x0, y0], k if v > 0.93 and wide >= SMALLEST else IGNORE))
        self.car_parts(im, found)
        self.decoys(im, found)
        im = self.weather(im)
        quads, kinds = np.zeros((MOST, 4, 2), np.float32), np.zeros(MOST, np.uint8)
        for n, (c, k) in enumerate(found[:MOST]):
            quads[n], kinds[n] = c, k
        return im, quads, kinds


def boxes_meet(a, b):
    return bool((a.min(0) - 2 < b.max(0)).all() and (b.min(0) - 2 < a.max(0)).all())


def clip_share(q, w, h):
    """How much of the quad's area lies in the w x h picture."""
    q = np.float32(q)
    area = abs(cv2.contourArea(q))
    if area < 1:
        return 0.0
    frame = np.float32([[0, 0], [w, 0], [w, h], [0, h]])
    return cv2.intersectConvexConvex(q, frame)[0] / area


if __name__ == "__main__":  # a sheet of samples to look at
    s = Source(sys.argv[1], 1)
    import time
    t0, tiles = time.time(), []
    for _ in range(24):
        im, qs, ks = s.sample()
        for q, k in zip(qs, ks):
            if k:
                cv2.polylines(im, [np.int32(q)], True, [(0, 255, 0), (0, 255, 255), (128, 128, 128)][k - 1], 1)
                cv2.circle(im, tuple(int(v) for v in q[0]), 2, (0, 0, 255), -1)
        tiles.append(im)
    print(f"{(time.time() - t0) / 24 * 1000:.1f} ms a sample, {len(s.scenes)} scenes, {len(s.video)} film frames")
    cv2.imwrite(sys.argv[2], np.vstack([np.hstack(tiles[i:i + 6]) for i in range(0, 24, 6)]))
