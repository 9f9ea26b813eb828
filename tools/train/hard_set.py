#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a folder of generated crops on hard settings that a person can still read, with the labels.csv that
bayplate-eval takes: every type, every province equally often, texts that training never draws."""
import argparse
import csv
import os
import sys

import cv2
import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import data  # noqa: E402
from texts import PROVINCES, TYPES  # noqa: E402


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                 epilog="example: hard_set.py --shared ../shared --out /tmp/hard\n"
                                        "         build/release/tools/bayplate-eval /tmp/hard")
    ap.add_argument("--shared", required=True, help="folder that holds plates/")
    ap.add_argument("--out", required=True, help="folder to write; made when it is not there")
    ap.add_argument("--per", type=int, default=4, help="plates of each type and province")
    ap.add_argument("--seed", type=int, default=78)
    ap.add_argument("--provinces", default="".join(PROVINCES), help="only these, as \"青赣\"; default: all")
    a = ap.parse_args()
    cv2.setNumThreads(1)
    os.makedirs(os.path.join(a.out, "img"), exist_ok=True)
    bg = data.patches(a.shared)
    glyphs = os.path.join(a.shared, "plates", "glyphs")
    rng = np.random.default_rng(a.seed)
    with open(os.path.join(a.out, "labels.csv"), "w", encoding="utf-8", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(["path", "plate", "type", "x0", "y0", "x1", "y1"] + [f"c{i}{c}" for i in range(4) for c in "xy"])
        for t in TYPES:
            for p in [p for p in PROVINCES if p in a.provinces]:
                for k in range(a.per):
                    im, text = data.hard(rng, glyphs, bg, t, p)
                    name = f"img/{t}_{PROVINCES.index(p):02d}_{k}.png"
                    if not cv2.imwrite(os.path.join(a.out, name), im):
                        print(f"cannot write {name} in {a.out}", file=sys.stderr)
                        return 1
                    w.writerow([name, text, t] + [""] * 12)
            print(t, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
