#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes generated scenes of every plate type over pictures that the detector's training has not seen, with the labels.csv that
bayplate-eval takes: tilted to 52 degrees, day, night, infrared, haze, headlights, plates from 60 px to half the picture.

  detector_scenes.py --shared ../shared --out /tmp/scenes && build/release/tools/bayplate-eval /tmp/scenes
"""
import argparse
import csv
import os
import sys

import cv2
import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import detector_data as data  # noqa: E402
from texts import random_plate  # noqa: E402

WIDE, HIGH = 960, 720


class Typed(data.Source):
    """Its scenes always show a drawn plate of the type wanted; the text is kept."""
    kind = "blue"

    def texture(self):
        self.text = random_plate(self.rng, self.kind)
        im = data.render(self.text, self.kind, self.glyphs if self.rng.random() < 0.8 else None, self.rng)
        return np.ascontiguousarray(im[:, :, ::-1]), data.TWO if self.kind in data.DOUBLE else data.SINGLE, im.shape[1] / im.shape[0]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--shared", default="../shared")
    p.add_argument("--out", required=True)
    p.add_argument("--per", type=int, default=40, help="pictures of each type")
    a = p.parse_args()
    cv2.setNumThreads(1)
    os.makedirs(os.path.join(a.out, "img"), exist_ok=True)
    s = Typed(a.shared, 4711, held=True)
    s.scenes = [(lv, q, False) for lv, q, _ in s.scenes]
    with open(os.path.join(a.out, "labels.csv"), "w", encoding="utf-8", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(["path", "plate", "type", "x0", "y0", "x1", "y1"] + [f"c{i}{c}" for i in range(4) for c in "xy"])
        for t in data.TYPES:
            s.kind, n = t, 0
            while n < a.per:
                im, found = s.view(WIDE, HIGH, np.exp(s.rng.uniform(np.log(60), np.log(WIDE / 2))), False)
                q = found[0][0]
                if (q < 0).any() or (q > [WIDE, HIGH]).any():
                    continue
                s.car_parts(im, found)
                s.decoys(im, found)
                name = f"img/{t}_{n:03}.jpg"
                if not cv2.imwrite(os.path.join(a.out, name), s.weather(im)):
                    print(f"detector_scenes: cannot write {name} in {a.out}", file=sys.stderr)
                    return 1
                w.writerow([name, s.text, t] + [""] * 4 + [f"{v:.1f}" for v in q.reshape(-1)])
                n += 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
