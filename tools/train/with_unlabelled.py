#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a labels.csv that holds a set's labels and the real plates that it leaves without one (unlabelled.csv), as
plates of unknown text: bayplate-eval then counts a read there neither as right nor as false."""
import argparse
import csv
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
CORNERS = [f"c{i}{c}" for i in range(4) for c in "xy"]
COLUMNS = ["path", "plate", "type", "x0", "y0", "x1", "y1"] + CORNERS


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                 epilog="example: with_unlabelled.py --shared ../shared --out /tmp/easypr_scenes\n"
                                        "         build/release/tools/bayplate-eval /tmp/easypr_scenes")
    ap.add_argument("--shared", required=True, help="folder that holds plates/")
    ap.add_argument("--set", default="easypr_scenes", help="folder under plates/ (default: %(default)s)")
    ap.add_argument("--out", required=True, help="folder to write; made when it is not there")
    a = ap.parse_args()
    folder = os.path.abspath(os.path.join(a.shared, "plates", a.set))
    here = os.path.dirname(os.path.abspath(__file__))
    try:
        with open(os.path.join(folder, "labels.csv"), encoding="utf-8") as f:
            rows = list(csv.DictReader(f))
    except OSError as e:
        print(f"with_unlabelled: {e.filename}: {e.strerror}", file=sys.stderr)
        return 2
    with open(os.path.join(here, "unlabelled.csv"), encoding="utf-8") as f:
        more = [{k: r[k] for k in ["path"] + CORNERS} for r in csv.DictReader(f) if r["set"] == a.set]
    os.makedirs(a.out, exist_ok=True)
    with open(os.path.join(a.out, "labels.csv"), "w", encoding="utf-8", newline="") as f:
        w = csv.DictWriter(f, COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
        w.writeheader()
        for r in rows + more:
            w.writerow({**r, "path": os.path.join(folder, r["path"])})
    print(f"{len(rows)} labels and {len(more)} plates without one in {a.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
