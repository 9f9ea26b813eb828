#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How far the first reader's alternatives can be believed, symbol by symbol: writes vision/confusable_data.h.

Where an alternative differs from the text in one symbol, its confidence says how often it should be the truth. Counted over
validation reads (opinion-eval's lines), pair by pair: times it was the truth over times it should have been. Reads made with
an empty table only: run with --reset, build, measure, run again."""
import argparse
import datetime
import json
import os
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "plates"))
from texts import SYMBOLS  # noqa: E402

PRIOR = 4.0  # as many right and expected ones are made up, so that a rare pair is drawn to 1
LEAST = 0.3  # a factor this near to 1 (logarithm) says nothing
BOUND = 3.0


def pairs(row):
    """(read symbol, other symbol, confidence, is the truth, place in the list) of alternatives that differ in one place."""
    text = row["first"]["text"]
    for k, (other, c) in enumerate(row["first"]["alternatives"]):
        at = [i for i, (a, b) in enumerate(zip(text, other)) if a != b]
        if len(other) == len(text) and len(at) == 1:
            yield text[at[0]], other[at[0]], c, other == row["truth"], k


def table(rows):
    seen, said = {}, {}
    for r in rows:
        for a, b, c, true, _ in pairs(r):
            seen[a, b] = seen.get((a, b), 0) + true
            said[a, b] = said.get((a, b), 0) + c
    all_seen, all_said = sum(seen.values()), sum(said.values())
    level = (all_seen + PRIOR) / (all_said + PRIOR)  # what is wrong with all alternatives alike is calibration's to mend
    out = {}
    for p in said:
        f = (seen[p] + PRIOR) / (said[p] * level + PRIOR)
        if abs(np.log(f)) >= LEAST:
            out[p] = (min(max(f, 1 / BOUND), BOUND), seen[p], said[p])
    return out


def first_choice(rows, factors):
    """Of wrong reads whose alternatives hold the truth: how many, and how often it stands first."""
    n = top = 0
    for r in rows:
        texts = [t for t, _ in r["first"]["alternatives"]]
        if not r["first"]["text"] or r["first"]["text"] == r["truth"] or r["truth"] not in texts:
            continue
        weight = [c for _, c in r["first"]["alternatives"]]
        for a, b, c, _, k in pairs(r):
            weight[k] = c * factors.get((a, b), (1.0,))[0]
        n += 1
        top += texts[int(np.argmax(weight))] == r["truth"]
    return n, top


def main():
    ap = argparse.ArgumentParser(description=__doc__, epilog="example: confusion.py reads-*.jsonl")
    ap.add_argument("reads", nargs="*", help="lines of opinion-eval; leave easypr_scenes out")
    ap.add_argument("--reset", action="store_true", help="write an empty table")
    ap.add_argument("--out", default=os.path.join(HERE, "..", "..", "vision", "confusable_data.h"))
    a = ap.parse_args()
    rows = []
    for path in a.reads:
        with open(path, encoding="utf-8") as f:
            rows += [json.loads(line) for line in f]
    rows = [r for r in rows if r["first"]["text"]]
    if not rows and not a.reset:
        print("confusion: no reads given", file=sys.stderr)
        return 2
    found = {} if a.reset else table(rows)
    halves = [[r for i, r in enumerate(rows) if i % 2 == h] for h in (0, 1)]
    before = [first_choice(h, {}) for h in halves]
    after = [first_choice(halves[h], table(halves[1 - h])) for h in (0, 1)]
    note = (f"{len(rows)} validation reads, {sum(r['first']['text'] != r['truth'] for r in rows)} of them wrong; "
            f"truth among the alternatives of {sum(b[0] for b in before)}, first of them {sum(b[1] for b in before)}, "
            f"with a table of the other half of the reads {sum(x[1] for x in after)}")
    print(note)
    index = {c: i for i, c in enumerate(SYMBOLS)}
    with open(a.out, "w", encoding="utf-8") as f:
        f.write("// SPDX-License-Identifier: Apache-2.0\n// clang-format off\n"
                f"// Written by tools/train/confusion.py on {datetime.date.today().isoformat()}; not by hand.\n"
                f"// From {note}.\n"
                "// {read, other, factor in per cent} by the grammar's index of the symbols; the comment names them, how often\n"
                "// the other one was the truth, and how often it should have been.\n")
        f.write("static const struct confusable data[] = {\n")
        for (x, y), (factor, n, m) in sorted(found.items(), key=lambda p: -p[1][0]):
            f.write(f"    {{{index[x]}, {index[y]}, {round(factor * 100)}}}, // {x} {y}: {n} of {m:.1f}\n")
        f.write("    {0, 0, 100}, // itself: the list is never empty\n};\n")
    for (x, y), (factor, n, m) in sorted(found.items(), key=lambda p: -p[1][0])[:12]:
        print(f"{x} may be {y}: x{factor:.2f} ({n} of {m:.1f})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
