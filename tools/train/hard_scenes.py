#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a folder of whole scenes with drawn plates pasted over the real ones and beside them, with the labels.csv that
bayplate-eval takes: every type, all provinces, oblique, by day, night and infrared, one to three plates a picture, from
a few dozen pixels wide to half the picture. Scenes are ccpd_blue_train's held-out part; texts are never drawn in
training."""
import argparse
import csv
import os
import sys

import cv2
import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import data  # noqa: E402
import degrade  # noqa: E402
import detector_data  # noqa: E402
from render import render  # noqa: E402
from texts import DOUBLE, PROVINCES, TYPES, random_plate  # noqa: E402

SIZES = [(640, 480), (1280, 720), (1280, 720), (1920, 1080), (720, 1160)]


def erase(im, quad):
    """The scene without its plate: painted over from around it."""
    mask = np.zeros(im.shape[:2], np.uint8)
    c = quad.mean(0)
    cv2.fillConvexPoly(mask, np.int32((quad - c) * 1.15 + c), 255)
    return cv2.inpaint(im, mask, 5, cv2.INPAINT_TELEA)


class Scenes(detector_data.Source):
    """Source whose plates are known by their text; types and provinces come in turn."""

    def __init__(self, shared, seed):
        self.drawn, self.turn = [], 0
        super().__init__(shared, seed, held=True)
        self.drawn, self.video = [], []  # the film's own plates have no labels
        self.whole = self.scenes
        self.erased = [(detector_data.levels(erase(s[0][0], s[1])), *s[1:]) for s in self.scenes]

    def view(self, w, h, plate_w, free):  # what lies behind has no plate of its own
        self.scenes = self.erased if free else self.whole
        return super().view(w, h, plate_w, free)

    def new_art(self):  # the parent keeps a stock of these; ours are made one by one
        return None

    def texture(self):
        kind, province = TYPES[self.turn % len(TYPES)], PROVINCES[self.turn // len(TYPES) % len(PROVINCES)]
        self.turn += 1
        text = random_plate(self.rng, kind, province)
        while not data.held_out(text):
            text = random_plate(self.rng, kind, province)
        parts = {}
        im = render(text, kind, self.glyphs if self.rng.random() < 0.9 else None, self.rng, parts=parts)
        self.drawn.append((text, kind, parts))
        return (np.ascontiguousarray(im[:, :, ::-1]), detector_data.TWO if kind in DOUBLE else detector_data.SINGLE,
                im.shape[1] / im.shape[0])

    def scene(self, least, readable=-1.0):
        """A picture and [(quad, text, type)], its own plate among them; taken again while a plate in it is less legible."""
        while True:
            turn = self.turn
            im, plates = self.one(least)
            if all(degrade.legibility(im, q, d["cover"], d["boxes"], kind in DOUBLE) >= readable for q, _, kind, d in plates):
                return im, [p[:3] for p in plates]
            self.turn = turn

    def one(self, least):
        w, h = SIZES[int(self.rng.integers(len(SIZES)))]
        while True:
            self.drawn, turn = [], self.turn
            wide = np.exp(self.rng.uniform(np.log(least), np.log(0.5 * w)))
            im, found = self.view(w, h, wide, False)
            if len(self.drawn) != 1 or detector_data.clip_share(found[0][0], w, h) < 0.98:
                self.turn = turn
                continue
            im, found = np.ascontiguousarray(im), found[:1]
            for _ in range(int(self.rng.choice([0, 1, 2], p=[0.6, 0.25, 0.15]))):
                before = len(found)
                turn = self.turn
                self.loose(im, found, np.exp(self.rng.uniform(np.log(least), np.log(0.25 * w))))
                if len(found) == before:
                    del self.drawn[before:]
                    self.turn = turn
            return self.weather(im), [(q, *d) for (q, _), d in zip(found, self.drawn)]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                 epilog="example: hard_scenes.py --shared ../shared --out /tmp/hard_scenes\n"
                                        "         build/release/tools/bayplate-eval --sheet /tmp/wrong.png /tmp/hard_scenes")
    ap.add_argument("--shared", required=True, help="folder that holds plates/")
    ap.add_argument("--out", required=True, help="folder to write; made when it is not there")
    ap.add_argument("--scenes", type=int, default=150)
    ap.add_argument("--least", type=float, default=60, help="narrowest plate in pixels")
    ap.add_argument("--readable", action="store_true", help="only plates that a person can still read (docs/reading.md)")
    ap.add_argument("--seed", type=int, default=5)
    a = ap.parse_args()
    cv2.setNumThreads(1)
    os.makedirs(os.path.join(a.out, "img"), exist_ok=True)
    source = Scenes(a.shared, a.seed)
    with open(os.path.join(a.out, "labels.csv"), "w", encoding="utf-8", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(["path", "plate", "type", "x0", "y0", "x1", "y1"] + [f"c{i}{c}" for i in range(4) for c in "xy"])
        for i in range(a.scenes):
            im, plates = source.scene(a.least, data.READABLE if a.readable else -1.0)
            name = f"img/{i:04d}.jpg"
            if not cv2.imwrite(os.path.join(a.out, name), im, [cv2.IMWRITE_JPEG_QUALITY, 92]):
                print(f"cannot write {name} in {a.out}", file=sys.stderr)
                return 1
            for q, text, kind in plates:
                lo, hi = q.min(0), q.max(0)
                w.writerow([name, text, kind] + [f"{v:.1f}" for v in (*lo, *hi)] + [f"{v:.1f}" for v in q.reshape(-1)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
