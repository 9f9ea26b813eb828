#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The plate texts of labelled folders that training never sees, one a line; for bayplate-eval --only.

usage: held_out.py FOLDER... > texts
"""
import csv
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import data  # noqa: E402

WHOLE = ("easypr_scenes",)  # never trained on at all


def texts(folder):
    whole = os.path.basename(os.path.abspath(folder)) in WHOLE
    with open(os.path.join(folder, "labels.csv"), encoding="utf-8-sig") as f:
        return [r["plate"] for r in csv.DictReader(f) if r["plate"] and (whole or data.held_out(r["plate"]))]


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return 0 if len(sys.argv) > 1 else 2
    for text in sorted({t for folder in sys.argv[1:] for t in texts(folder)}):
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
