#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes shards of training crops, one file each, until there are enough; a file that exists is kept (resume)."""
import argparse
import os
import sys

import cv2
import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import data  # noqa: E402


def main():
    ap = argparse.ArgumentParser(description=__doc__, epilog="example: make_shards.py --shared ../shared --work /tmp/reader")
    ap.add_argument("--shared", required=True, help="folder that holds plates/")
    ap.add_argument("--work", required=True, help="folder for the shards")
    ap.add_argument("--shards", type=int, default=32)
    ap.add_argument("--first", type=int, default=0, help="number of the first shard")
    ap.add_argument("--step", type=int, default=1, help="write each step-th shard: two of these programs share the work")
    ap.add_argument("--size", type=int, default=2500)
    ap.add_argument("--real", type=float, default=0.22, help="share of real pictures")
    a = ap.parse_args()
    cv2.setNumThreads(1)
    os.makedirs(a.work, exist_ok=True)
    glyphs = os.path.join(a.shared, "plates", "glyphs")
    bg = data.patches(a.shared)
    train, _, _ = data.real(a.shared)
    weights = data.real_weights(train)
    for i in range(a.first, a.shards, a.step):
        out = os.path.join(a.work, f"shard{i:03d}.npz")
        if os.path.exists(out):
            continue
        x, y, k = data.shard(1000 + i, a.size, glyphs, bg, train, weights, a.real)
        np.savez(out + ".tmp.npz", x=x, y=y, k=k)
        os.replace(out + ".tmp.npz", out)
        print(f"shard {i + 1}/{a.shards}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
