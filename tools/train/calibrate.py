#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Fits reader.json's calibration on what bayplate-eval --json --reads printed for plates that training never saw, and
draws the reliability diagram. Called by tools/train/calibrate.

Every printed figure is cross-fitted: a plate is judged by a fit that was made without it and without any other plate
whose text falls into the same fifth. The slopes are never fitted on the sets named in --measured; how far the whole is
moved down for safety (caution()) is chosen on all.
"""
import argparse
import csv
import datetime
import hashlib
import json
import math
import os
import sys

import numpy as np

LEAST = 1e-4  # as in vision/calibration.c
EDGES = [0, .1, .3, .5, .7, .8, .9, .95, .99, 1.0001]
FOLDS = 5


def known_wrong(here):
    with open(os.path.join(here, "wrong_labels.csv"), encoding="utf-8") as f:
        return {(r["set"], r["path"]) for r in csv.DictReader(f)}


class Reads:
    """All reads of some sets: raw confidence, the next best text's, right or not, fold, set; and plates counted."""

    def __init__(self):
        self.rows, self.plates, self.wrong_labels = [], {}, 0

    def add(self, document, skip):
        for s in document["sets"]:
            self.plates.setdefault(s["name"], 0)
            for p in s["list"]:
                if (s["name"], "/".join(p["file"].split("/")[-2:])) in skip:
                    self.wrong_labels += 1
                    continue
                self.plates[s["name"]] += sum(1 for t in p["truths"] if t["plate"] and not t["ignored"])
                for r in p["reads"]:
                    t = p["truths"][r["truth"]] if r["truth"] >= 0 else None
                    if t and (t["ignored"] or not t["plate"]):
                        continue
                    text = t["plate"] if t else r["plate"]
                    fold = int(hashlib.sha1(("fold" + text).encode()).hexdigest()[:8], 16) % FOLDS
                    self.rows.append((r["raw"], r["raw_second"], bool(t) and t["plate"] == r["plate"], fold, s["name"]))


def features(raw, second):
    p = np.clip(np.asarray(raw, float), LEAST, 1 - LEAST)
    q = np.clip(np.asarray(second, float), LEAST, 1 - LEAST)
    return np.stack([np.ones_like(p), np.log(p / (1 - p)), np.log(p / q)], 1)


def fit(x, right, weight, keep=(0, 1, 2)):
    """Logistic regression by Newton's method, a weak pull of the slopes to 0.5; slopes below 0 are taken out."""
    keep = list(keep)
    w = np.array([1.0, 0.5, 0.5])
    pull = np.array([0.01, 0.5, 0.5])
    w[[i for i in range(3) if i not in keep]] = 0
    for _ in range(100):
        p = 1 / (1 + np.exp(-x @ w))
        g = x.T @ (weight * (p - right)) + pull * (w - [1.0, 0.5, 0.5])
        h = (x * (weight * p * (1 - p))[:, None]).T @ x + np.diag(pull)
        step = np.linalg.solve(h[np.ix_(keep, keep)], g[keep])
        w[keep] -= step
        if np.abs(step).max() < 1e-9:
            break
    for i in (1, 2):
        if i in keep and w[i] < 0:
            return fit(x, right, weight, [k for k in keep if k != i])
    return w


def caution(odds, right, groups, wanted):
    """How far the log odds go down so that in each group the reads that stay at 0.9 and above are right often enough.

    A fit alone makes a read at 0.9 right nine times in ten; who sees 0.9 acts on it, so that errs to the safe side."""
    limit = math.log(9)
    down = 0.0
    for g in groups:
        z, r = odds[g], right[g]
        for at in sorted(set([limit + down] + [v + 1e-6 for v in z[r == 0] if v >= limit + down])):
            sure = z >= at
            if not sure.any() or r[sure].mean() >= wanted:
                down = max(down, at - limit)
                break
    return down


def wilson(k, n, z=1.96):
    """95 % interval of a share (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    p = k / n
    c, d = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (c - d) / (1 + z * z / n), (c + d) / (1 + z * z / n)


def bins(conf, right):
    out = []
    for lo, hi in zip(EDGES, EDGES[1:]):
        at = (conf >= lo) & (conf < hi)
        out.append((int(at.sum()), int(right[at].sum()), float(conf[at].mean()) if at.any() else (lo + hi) / 2))
    return out


def summary(name, conf, right, plates):
    sure = conf >= 0.9
    k = int(right[sure].sum())
    lo, hi = wilson(k, int(sure.sum()))
    return {"set": name, "plates": plates, "reads": len(conf), "right": int(right.sum()), "sure": int(sure.sum()),
            "sure_right": k, "precision": k / max(1, int(sure.sum())), "precision_low": lo, "precision_high": hi,
            "coverage": k / max(1, plates),
            "coverage_of_readable": k / max(1, int(right.sum())),  # readable: plates whose read is right
            "error": float(np.abs(np.array([b[2] * b[0] - b[1] for b in bins(conf, right)])).sum() / max(1, len(conf)))}


BEGIN, END = "<!-- confidence: written by tools/train/calibrate -->", "<!-- end of confidence -->"


def table(path, figures, model, wrong):
    """Writes the figures into the documentation, between its marks."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if BEGIN not in text or END not in text:
        print(f"calibrate: {path}: its marks are gone; no table was written there", file=sys.stderr)
        return
    c = model["calibration"]
    lines = [BEGIN, "", f"Reader {model['version']} of {model.get('date', '?')}, measured {c['date']}; {wrong} plates whose labels are wrong "
             "left out; the slopes were fitted on all of these but `easypr_scenes`.", "",
             "| set | plates | exact | own confidence 0.9 and more: right / reads | calibrated: right / reads | share of plates | of those read right |",
             "| --- | --- | --- | --- | --- | --- | --- |"]
    for f in figures:
        own, cal = f["own"], f["calibrated"]
        lines.append(f"| {cal['set']} | {cal['plates']} | {100 * cal['right'] / max(1, cal['plates']):.1f} % | {own['sure_right']} / {own['sure']} "
                     f"| {cal['sure_right']} / {cal['sure']} ({100 * cal['precision']:.2f} %) | {100 * cal['coverage']:.1f} % "
                     f"| {100 * cal['coverage_of_readable']:.1f} % |")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text[:text.index(BEGIN)] + "\n".join(lines) + "\n\n" + text[text.index(END):])


def draw(path, panels, note):
    from PIL import Image, ImageDraw, ImageFont

    def font(size):
        for p in ("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",):
            if os.path.exists(p):
                return ImageFont.truetype(p, size)
        return ImageFont.load_default()

    side, gap = 420, 90
    image = Image.new("RGB", (gap + len(panels) * (side + gap), side + 270), "white")
    d = ImageDraw.Draw(image)
    small, big = font(13), font(17)
    for k, (title, before, after, count) in enumerate(panels):
        x0, y0 = gap + k * (side + gap), 60

        def at(c, r):
            return x0 + c * side, y0 + (1 - r) * side

        d.text((x0, 20), title, "black", big)
        d.rectangle([x0, y0, x0 + side, y0 + side], outline="black")
        for t in range(0, 11, 2):
            d.line([at(t / 10, 0), at(t / 10, 1)], "#e0e0e0")
            d.line([at(0, t / 10), at(1, t / 10)], "#e0e0e0")
            d.text((at(t / 10, 0)[0] - 10, y0 + side + 5), f"{t / 10:.1f}", "black", small)
            d.text((x0 - 30, at(0, t / 10)[1] - 8), f"{t / 10:.1f}", "black", small)
        d.line([at(0, 0), at(1, 1)], "#888888", 2)
        d.text((x0 + side / 2 - 50, y0 + side + 24), "confidence", "black", small)
        d.text((x0 - 75, y0 - 18), "share right", "black", small)
        for points, colour in ((before, "#c08040"), (after, "#1060c0")):
            line = []
            for n, right, conf in points:
                if n == 0:
                    continue
                lo, hi = wilson(right, n)
                d.line([at(conf, lo), at(conf, hi)], colour, 2)
                x, y = at(conf, right / n)
                d.ellipse([x - 4, y - 4, x + 4, y + 4], fill=colour)
                line.append((x, y))
            if len(line) > 1:
                d.line(line, colour, 1)
        d.text((x0, y0 + side + 48), "blue: calibrated, cross-fitted; ochre: the network's own", "black", small)
        d.text((x0, y0 + side + 66), "bars: 95 % interval of the share", "black", small)
        d.text((x0, y0 + side + 88), "calibrated:  reads / right", "black", small)
        for i, (n, right, _) in enumerate(after):
            hi = min(1.0, EDGES[i + 1])
            d.text((x0 + (i % 3) * 150, y0 + side + 106 + (i // 3) * 18), f"{EDGES[i]:.2f}-{hi:.2f}:  {n} / {right}", "black",
                   small)
        d.text((x0, y0 + side + 166), count, "black", small)
    d.text((gap, side + 245), note, "black", small)
    image.save(path)


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    top = os.path.join(here, "..", "..")
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                 epilog="example: calibrate.py --real real.json --generated hard.json")
    ap.add_argument("--real", required=True, help="bayplate-eval --json --reads of real held-out plates")
    ap.add_argument("--generated", required=True, help="the same of generated plates")
    ap.add_argument("--measured", default="easypr_scenes", help="sets that are measured and never fitted on, by commas")
    ap.add_argument("--wanted", type=float, default=0.997, help="share of reads at 0.9 and above that must be right")
    ap.add_argument("--reader", default=os.path.join(top, "vision", "models", "reader.json"))
    ap.add_argument("--picture", default=os.path.join(top, "docs", "reliability.png"))
    ap.add_argument("--figures", default=os.path.join(top, "docs", "reliability.json"))
    ap.add_argument("--docs", default=os.path.join(top, "docs", "reading.md"))
    ap.add_argument("--dry-run", action="store_true", help="print the figures, write nothing")
    a = ap.parse_args()
    skip = known_wrong(here)
    parts = {}
    for kind, path in (("real", a.real), ("generated", a.generated)):
        parts[kind] = Reads()
        with open(path, encoding="utf-8") as f:
            parts[kind].add(json.load(f), skip)
        if len(parts[kind].rows) < 100:
            print(f"calibrate: {path}: only {len(parts[kind].rows)} reads, 100 are the least to fit on", file=sys.stderr)
            return 1
    measured = set(a.measured.split(","))
    rows = parts["real"].rows + parts["generated"].rows
    x = features([r[0] for r in rows], [r[1] for r in rows])
    raw = np.array([r[0] for r in rows])
    right = np.array([r[2] for r in rows], float)
    fold = np.array([r[3] for r in rows])
    name = np.array([r[4] for r in rows])
    is_real = np.arange(len(rows)) < len(parts["real"].rows)
    use = ~np.isin(name, list(measured))
    # Real plates decide; generated ones, of which there are more errors to learn from, weigh half as much together.
    weight = np.where(is_real, 1.0, 0.5 * (use & is_real).sum() / max(1, (~is_real).sum()))
    final = fit(x[use], right[use], weight[use])
    odds = np.zeros(len(rows))
    for f in range(FOLDS):
        w = fit(x[use & (fold != f)], right[use & (fold != f)], weight[use & (fold != f)])
        odds[fold == f] = x[fold == f] @ w
    down = caution(odds, right, [is_real, ~is_real], a.wanted)
    final[0] -= down
    conf = 1 / (1 + np.exp(down - odds))
    # No read is called surer than was counted: of n reads in the last bin all but k were right (Laplace's rule).
    top = conf >= EDGES[-2]
    most = math.floor(1e4 * (right[top].sum() + 1) / (top.sum() + 2)) / 1e4
    conf = np.minimum(conf, max(most, 0.9))
    figures = []
    print(f"{'set':22} {'plates':>6} {'right':>6} | own: {'cover%':>6} {'prec%':>6} | calibrated: {'cover%':>6} {'prec%':>6}"
          f" {'(95 %)':>14} {'of readable%':>12} {'error':>6}")
    plates = {**parts["real"].plates, **parts["generated"].plates}
    for n in list(plates) + ["all real", "all generated"]:
        at = name == n if n in plates else is_real if n == "all real" else ~is_real
        count = plates[n] if n in plates else sum(parts[n[4:]].plates.values())
        before, after = (summary(n, c[at], right[at], count) for c in (raw, conf))
        figures.append({"own": before, "calibrated": after})
        print(f"{n:22} {count:6} {after['right']:6} |      {100 * before['coverage']:6.1f} {100 * before['precision']:6.2f} |"
              f"             {100 * after['coverage']:6.1f} {100 * after['precision']:6.2f}"
              f" {100 * after['precision_low']:6.2f}-{100 * after['precision_high']:.2f}"
              f" {100 * after['coverage_of_readable']:12.1f} {after['error']:6.3f}")
    print(f"{parts['real'].wrong_labels} plates whose labels are known to be wrong were left out (wrong_labels.csv)")
    print(f"moved down by {down:.3f} log odds, so that at least {a.wanted} of the reads at 0.9 and above are right")
    print(f"none is called surer than {max(most, 0.9)}")
    print(f"offset {final[0]:.4f}, own {final[1]:.4f}, lead {final[2]:.4f}")
    if a.dry_run:
        return 0
    with open(a.reader, encoding="utf-8") as f:
        model = json.load(f)
    model["calibration"] = {
        "offset": round(float(final[0]), 4), "own": round(float(final[1]), 4), "lead": round(float(final[2]), 4),
        "most": max(most, 0.9), "moved_down": round(down, 4),
        "fitted_on": {"real": int((use & is_real).sum()), "generated": int((~is_real).sum()),
                      "right": int(right[use].sum())},
        "date": datetime.date.today().isoformat()}
    with open(a.reader + ".tmp", "w", encoding="utf-8") as f:
        json.dump(model, f, ensure_ascii=False, indent=1)
        f.write("\n")
    os.replace(a.reader + ".tmp", a.reader)
    panels = []
    for title, at, kind in (("real plates, held out", is_real, "real"), ("generated plates, hard settings", ~is_real, "generated")):
        s = summary(title, conf[at], right[at], sum(parts[kind].plates.values()))
        panels.append((title, bins(raw[at], right[at]), bins(conf[at], right[at]),
                       f"{s['plates']} plates; at 0.9 and above {s['sure']} reads, {s['sure_right']} right"))
    table(a.docs, figures, model, parts["real"].wrong_labels)
    draw(a.picture, panels, f"reader {model['name']} {model['version']}, {model.get('date', '')}")
    with open(a.figures, "w", encoding="utf-8") as f:
        json.dump({"reader": model["version"], "calibration": model["calibration"], "sets": figures}, f, indent=1)
        f.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
