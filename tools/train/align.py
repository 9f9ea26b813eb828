#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Truer corners for labelled real plates: the labels' own are off by 2 to 5 % of the plate's width, their left edge most.

The plate's text is known, so its artwork is drawn (GA 36-2018 fixes every character's place) and the picture is laid on it
(cv2.findTransformECC, a homography). Writes path,correlation,c0x,...,c3y for those that fit: tools/train/ccpd_corners.csv.

  align.py --shared ../shared [--draw sheet.png]
"""
import argparse
import csv
import os
import sys

import cv2
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "plates"))
from render import render  # noqa: E402

W, H, RIM, SCALE = 440, 140, 40, 0.5  # artwork, the rim seen around it, and the scale that is worked at
FIT, FAR = 0.65, 0.09  # smallest correlation; farthest that a corner may move, of the width
TALLER = (0.86, 1.2)  # the height may change by so much


def grey(im):
    im = cv2.GaussianBlur(im.astype(np.float32).mean(2), (0, 0), 1.5)
    return (im - im.mean()) / (im.std() + 1e-3)


def align(im, quad, text, glyphs):
    """-> corners, correlation; None where the artwork does not fit."""
    art = render(text, "blue", glyphs, np.random.default_rng(1))[:, :, ::-1]
    size = (int((W + 2 * RIM) * SCALE), int((H + 2 * RIM) * SCALE))
    want = np.float32([[0, 0], [W, 0], [W, H], [0, H]]) * SCALE - 0.5
    to_art = cv2.getPerspectiveTransform(want, np.float32([[RIM, RIM], [RIM + W, RIM], [RIM + W, RIM + H], [RIM, RIM + H]]) * SCALE - 0.5)
    shown = cv2.warpPerspective(cv2.resize(art, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_AREA), to_art, size)
    mask = cv2.warpPerspective(np.full((int(H * SCALE), int(W * SCALE)), 255, np.uint8), to_art, size)
    frame = np.float32([[RIM, RIM], [RIM + W, RIM], [RIM + W, RIM + H], [RIM, RIM + H]]) * SCALE - 0.5
    real = cv2.warpPerspective(im, cv2.getPerspectiveTransform(np.float32(quad), frame), size, flags=cv2.INTER_AREA)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-4)
    best, back = None, cv2.getPerspectiveTransform(frame, np.float32(quad))
    tall = np.linalg.norm(quad[3] - quad[0]) + np.linalg.norm(quad[2] - quad[1])
    for start in (1.0, 1.12, 0.92):  # heights
        mid = size[1] / 2
        m = np.float32([[1, 0, 0], [0, start, mid * (1 - start)], [0, 0, 1]])
        try:
            m[:2] = cv2.findTransformECC(grey(shown), grey(real), m[:2].copy(), cv2.MOTION_AFFINE, stop, mask, 5)[1]
            fit, m = cv2.findTransformECC(grey(shown), grey(real), m, cv2.MOTION_HOMOGRAPHY, stop, mask, 3)
        except cv2.error:  # did not converge
            continue
        q = cv2.perspectiveTransform(frame[None], back @ m)[0]  # artwork's frame -> rectified -> picture
        far = np.linalg.norm(q - quad, axis=1).max() / np.linalg.norm(quad[1] - quad[0])
        grown = (np.linalg.norm(q[3] - q[0]) + np.linalg.norm(q[2] - q[1])) / tall
        if fit >= FIT and far <= FAR and TALLER[0] < grown < TALLER[1] and (best is None or fit > best[1]):
            best = q, fit
        if best and best[1] > 0.85:
            break
    return best


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--shared", default="../shared")
    p.add_argument("--out", default=os.path.join(HERE, "ccpd_corners.csv"))
    p.add_argument("--draw")
    a = p.parse_args()
    plates, rows, tiles, n = os.path.join(a.shared, "plates"), [], [], 0
    for name in ("ccpd_blue_train", "ccpd_blue_uncleacc"):
        with open(os.path.join(plates, name, "labels.csv"), encoding="utf-8") as f:
            for r in csv.DictReader(f):
                n += 1
                im = cv2.imread(os.path.join(plates, name, r["path"]))
                q = np.float32([[float(r[f"c{i}x"]), float(r[f"c{i}y"])] for i in range(4)])
                got = align(im, q, r["plate"], os.path.join(plates, "glyphs"))
                if got is None:
                    continue
                rows.append([f"{name}/{r['path']}", f"{got[1]:.3f}"] + [f"{v:.2f}" for v in got[0].reshape(-1)])
                if a.draw and len(tiles) < 60:
                    to = np.float32([[20, 20], [240, 20], [240, 90], [20, 90]]) - 0.5
                    t = cv2.warpPerspective(im, cv2.getPerspectiveTransform(np.float32(got[0]), to), (260, 110))
                    tiles.append(cv2.rectangle(t, (20, 20), (239, 89), (0, 255, 0), 1))
    with open(a.out, "w", encoding="utf-8", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(["path", "fit"] + [f"c{i}{k}" for i in range(4) for k in "xy"])
        w.writerows(rows)
    print(f"{len(rows)} of {n} plates laid on their artwork: {a.out}")
    if a.draw:
        cv2.imwrite(a.draw, np.vstack([np.hstack(tiles[i:i + 6]) for i in range(0, 60, 6)]))


if __name__ == "__main__":
    main()
