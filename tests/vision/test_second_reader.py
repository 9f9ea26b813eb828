#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Drawn plates of every type, seen plainly: the second reader must read most of them, and its confidence must tell.

usage: test_second_reader.py OPINION_EVAL SOURCE_DIR
"""
import csv
import json
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    from PIL import Image, ImageFilter
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)


def main():
    program, top = sys.argv[1:3]
    sys.path.insert(0, os.path.join(top, "tools", "plates"))
    from render import render
    from texts import TYPES, random_plate
    rng = np.random.default_rng(3)
    glyphs = os.path.join(top, "..", "shared", "plates", "glyphs")
    glyphs = glyphs if os.path.isdir(glyphs) else None
    with tempfile.TemporaryDirectory() as d:
        rows = []
        for t in TYPES:
            for i in range(8):
                text = random_plate(rng, t)
                im = Image.fromarray(render(text, t, glyphs, rng)).filter(ImageFilter.GaussianBlur(2))
                im = im.resize((im.width // 3, im.height // 3), Image.BOX)
                im.save(os.path.join(d, f"{t}{i}.png"))
                rows.append([f"{t}{i}.png", text, t])
        with open(os.path.join(d, "labels.csv"), "w", encoding="utf-8", newline="") as f:
            w = csv.writer(f)
            w.writerow(["path", "plate", "type"])
            w.writerows(rows)
        out = subprocess.run([program, d], capture_output=True, text=True, check=True).stdout
    reads = [json.loads(line) for line in out.splitlines()]
    assert len(reads) == len(rows), f"{len(reads)} lines for {len(rows)} plates"
    right = {t: 0 for t in TYPES}
    sure = wrong = 0
    confidence = {True: [], False: []}
    for r in reads:
        ok = r["second"]["text"] == r["truth"]
        right[r["type"]] += ok
        confidence[ok].append(r["second"]["confidence"])
        if r["second"]["confidence"] >= 0.9:
            sure, wrong = sure + 1, wrong + (not ok)
        texts = [r["second"]["text"]] + [a[0] for a in r["second"]["alternatives"]]
        assert len(set(texts)) == len(texts), f"{texts}: told twice"
    print(right, f"sure {sure}, wrong {wrong}")
    need = 0.9 if glyphs else 0.5
    assert sum(right.values()) >= need * len(rows), "too few are right"
    assert min(right.values()) >= (4 if glyphs else 0), "one type is not read"
    tells = np.mean(confidence[True]) - np.mean(confidence[False] or [0])
    print(f"right reads are surer by {tells:.2f}")
    assert tells >= 0.15, "its confidence does not tell right reads from wrong ones"
    # Installed fonts are not what plates are made of, and it is too sure of them: of 116 sure reads 13 were wrong.
    assert wrong <= (0.05 if glyphs else 0.1) * max(sure, 20), "sure and wrong too often"


main()
