#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""From the checkpoint to the committed files of the second reader: plate.traineddata, plate.json, plate.md.

Calibration and the opinion table come from what bayplate's own programs say (opinion-eval) about plates whose texts
neither reader was trained on: the real validation part and generated ones. easypr_scenes is measured and used for
nothing else."""
import argparse
import csv
import datetime
import json
import math
import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import torch

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "plates"))
import data  # noqa: E402
import degrade  # noqa: E402
import tess_export  # noqa: E402
from degrade import UPPER, UPPER_INSET, UPPER_WIDTH  # noqa: E402
from tess_net import HEIGHT, SPEC, SPECIAL, WIDTH  # noqa: E402
from tess_train import lines  # noqa: E402
from texts import DOUBLE, PROVINCES, SYMBOLS, TYPES  # noqa: E402

KNOTS = [0.0, 0.1, 0.3, 0.5, 0.7, 0.85, 0.93, 0.97, 0.99, 1.0]
VERDICTS = ("same", "other", "silent")  # as opinion_name() says them; "none": the second reader was not asked
PRIOR = 8  # as many made-up plates stand behind each knot, so that few real ones do not make it certain


def fnv1a(path):
    h = 14695981039346656037
    with open(path, "rb") as f:
        for b in f.read():
            h = ((h ^ b) * 1099511628211) % (1 << 64)
    return f"{h:016x}"


def pictures(shared, work, per):
    """Validation pictures as folders with a labels.csv, written once. Name -> folder."""
    out = {}
    for name in data.SETS + ["easypr_scenes"]:
        folder = os.path.join(work, "real", name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        scenes = {r["plate"] for _, r in data.rows(shared, "easypr_scenes")}
        with open(os.path.join(folder, "labels.csv"), "w", encoding="utf-8", newline="") as f:
            w = None
            for path, r in data.rows(shared, name):
                w = w or csv.DictWriter(f, r.keys())
                if f.tell() == 0:
                    w.writeheader()
                if name == "easypr_scenes" or (data.held_out(r["plate"]) and r["plate"] not in scenes):
                    os.makedirs(os.path.dirname(os.path.join(folder, r["path"])), exist_ok=True)
                    if not os.path.lexists(os.path.join(folder, r["path"])):
                        os.symlink(os.path.abspath(path), os.path.join(folder, r["path"]))
                    w.writerow(r)
        out[name] = folder
    folder = os.path.join(work, f"generated{per}")
    out["generated"] = folder
    if os.path.exists(os.path.join(folder, "labels.csv")):
        return out
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(4242)
    glyphs, bg = os.path.join(shared, "plates", "glyphs"), data.patches(shared)
    rows = []
    for t in TYPES:
        for i in range(per * len(PROVINCES)):
            crop, text, _ = data.generated(rng, glyphs, bg, t, PROVINCES[i % len(PROVINCES)], fresh=True)
            name = f"{t}_{i:05d}.png"
            cv2.imwrite(os.path.join(folder, name), crop)
            rows.append([name, text, t])
    with open(os.path.join(folder, "labels.csv"), "w", encoding="utf-8", newline="") as f:
        w = csv.writer(f)
        w.writerow("path,plate,type,x0,y0,x1,y1,c0x,c0y,c1x,c1y,c2x,c2y,c3x,c3y".split(","))
        w.writerows(r + [""] * 12 for r in rows)
    return out


def frames(shared, work, per, frames_a_car=4):
    """Simulated visits: a folder a car. Generated cars come nearer under one light and exposure; cars of the real
    validation part are looked at again and again. Name -> folder, written once."""
    out = {k: os.path.join(work, f"visits-{k}{per}") for k in ("real", "generated")}
    rng = np.random.default_rng(777)
    for kind, folder in out.items():
        if os.path.exists(os.path.join(folder, "labels.csv")):
            continue
        rows, car = [], 0

        def add(images, text, t):
            nonlocal car
            os.makedirs(os.path.join(folder, f"{car:05d}"), exist_ok=True)
            for i, im in enumerate(images):
                cv2.imwrite(os.path.join(folder, f"{car:05d}", f"{i}.png"), im)
                rows.append([f"{car:05d}/{i}.png", text, t])
            car += 1

        if kind == "real":
            for _, im, q, text, t in data.real(shared)[1]:
                add([degrade.again(im, q, False, rng) for _ in range(frames_a_car)], text, t)
        else:
            bg, glyphs = data.patches(shared), os.path.join(shared, "plates", "glyphs")
            age, light, tone = degrade.age, degrade.light, degrade.tone
            for t in TYPES:
                for i in range(per * len(PROVINCES)):
                    text, art, parts, width = data.drawn(rng, glyphs, t, PROVINCES[i % len(PROVINCES)], True)
                    worn = np.clip(light(age(art.astype(np.float32), rng), rng), 0, 255).astype(np.uint8)
                    seed = int(rng.integers(1 << 31))
                    degrade.age = degrade.light = lambda a, _: a
                    degrade.tone = lambda a, _, seed=seed: tone(a, np.random.default_rng(seed))
                    images = []
                    for k in range(frames_a_car):
                        x, _ = degrade.photograph(worn, t in DOUBLE, rng, bg, None, None, width * (0.75 + 0.17 * k))
                        images.append(x)
                    degrade.age, degrade.light, degrade.tone = age, light, tone
                    add(images, text, t)
        with open(os.path.join(folder, "labels.csv"), "w", encoding="utf-8", newline="") as f:
            w = csv.writer(f)
            w.writerow(["path", "plate", "type"])
            w.writerows(rows)
    return out


def ask(tools, models, folders, name, *options):
    """What both readers say: name -> list of dicts."""
    out = {}
    for key, folder in folders.items():
        r = subprocess.run([os.path.join(tools, "opinion-eval"), *options, "--models", models, folder], capture_output=True, text=True)
        if r.returncode not in (0, 1):
            raise RuntimeError(r.stderr)
        out[key] = [json.loads(line) for line in r.stdout.splitlines()]
        with open(name + "-" + key + ".jsonl", "w", encoding="utf-8") as f:
            f.write(r.stdout)
    return out


def logit(p):
    p = min(max(p, 1e-6), 1 - 1e-6)
    return math.log(p / (1 - p))


def platt(x, ok, weight):
    """scale, offset of the logistic that fits best (Platt 1999), drawn a little to 1 and 0; Newton's steps, kept short."""
    x, ok, weight = np.clip(np.array(x), -7, 7), np.array(ok, float), np.array(weight)
    v = np.array([1.0, 0.0])
    for _ in range(200):
        p = 1 / (1 + np.exp(-np.clip(v[0] * x + v[1], -30, 30)))
        g = np.array([(weight * (p - ok) * x).sum(), (weight * (p - ok)).sum()]) + v - [1, 0]
        h = weight * p * (1 - p)
        m = np.array([[(h * x * x).sum() + 1, (h * x).sum()], [(h * x).sum(), h.sum() + 1]])
        v = v - np.clip(np.linalg.solve(m, g), -0.5, 0.5)
    return float(v[0]), float(v[1])


def verdict(row):
    second = row["second"]["text"]
    return "silent" if not second else "same" if second == row["first"]["text"] else "other"


def opinion_table(rows):
    """Share of right texts round each knot and verdict, drawn to the logistic that fits them all, then made to rise."""
    out = {"at": KNOTS}
    for v in ("none",) + VERDICTS:
        mine = [(r["first"]["confidence"], r["first"]["text"] == r["truth"], w) for r, w in rows
                if r["first"]["text"] and v in ("none", verdict(r))]
        c = np.array([m[0] for m in mine] or [0.5])
        ok = np.array([m[1] for m in mine] or [0.5], float)
        w = np.array([m[2] for m in mine] or [1.0])
        a, b = platt([logit(x) for x in c], ok, w)
        line = []
        for i, k in enumerate(KNOTS):
            lo = KNOTS[i - 1] if i else k
            hi = KNOTS[i + 1] if i + 1 < len(KNOTS) else k
            near = np.where(c <= k, (c - lo) / max(k - lo, 1e-9), (hi - c) / max(hi - k, 1e-9)).clip(0, 1) if hi > lo else c * 0
            near = near * w
            fit = 1 / (1 + math.exp(-min(max(a * logit(min(max(k, 0.001), 0.999)) + b, -30), 30)))
            line.append((near @ ok + PRIOR * fit) / (near.sum() + PRIOR))
        out[v] = [round(float(x), 4) for x in np.maximum.accumulate(line)]
    return out


def then(table, v, c):
    return float(np.interp(c, table["at"], table[v]))


def figures(rows):
    n = len(rows)
    f = [r["first"]["text"] == r["truth"] for r in rows]
    s = [r["second"]["text"] == r["truth"] for r in rows]
    return n, np.mean(f) * 100, np.mean(s) * 100, np.mean([a or b for a, b in zip(f, s)]) * 100


def cover(conf, ok, right=0.995):
    """Largest share of plates that can be taken at a threshold above which `right` of them are right."""
    order = np.argsort(-np.array(conf))
    good = np.cumsum(np.array(ok)[order]) / np.arange(1, len(ok) + 1)
    fit = np.nonzero(good >= right)[0]
    return (fit[-1] + 1) / len(ok) * 100 if len(fit) else 0.0


def main():
    ap = argparse.ArgumentParser(description=__doc__, epilog="example: tess_finish.py --shared ../shared --work /tmp/reader --tools build/release/tools")
    ap.add_argument("--shared", required=True)
    ap.add_argument("--work", required=True)
    ap.add_argument("--tools", required=True, help="folder of the built opinion-eval")
    ap.add_argument("--models", default=os.path.join(HERE, "..", "..", "vision", "models"), help="read and written")
    ap.add_argument("--version", default="1")
    ap.add_argument("--per", type=int, default=8, help="generated plates a type and province")
    ap.add_argument("--cars", type=int, default=3, help="simulated visits a type and province")
    ap.add_argument("--table-only", action="store_true", help="the network stays; calibration and table are measured again")
    a = ap.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    trained, card = os.path.join(a.models, "plate.traineddata"), os.path.join(a.models, "plate.json")
    net, state = tess_export.load(os.path.join(a.work, "tess.pt"))
    if not a.table_only:
        tess_export.export(net, os.path.join(a.work, "template"), trained)
    model = {"format": 1, "name": "plate", "version": a.version, "width": WIDTH, "height": HEIGHT, "upper": UPPER,
             "upper_width": UPPER_WIDTH, "upper_inset": UPPER_INSET, "scale": 1.0, "offset": 0.0, "traineddata_fnv1a64": fnv1a(trained),
             "opinion": {"at": [0, 1], **{v: [0, 1] for v in ("none",) + VERDICTS}}, "date": datetime.date.today().isoformat(),
             "steps": state["steps"], "lines_seen": state["seen"]}

    def write():
        with open(card, "w", encoding="utf-8") as f:
            json.dump(model, f, ensure_ascii=False, indent=1)
            f.write("\n")

    write()  # with no calibration: what the readers say is measured first
    folders = pictures(a.shared, a.work, a.per)
    reads = ask(a.tools, a.models, folders, os.path.join(a.work, "reads"))
    real = [r for k in data.SETS for r in reads[k]]
    gen = reads["generated"]
    w = len(real) / max(1, len(gen))  # both parts weigh the same
    rows = [(r, 1.0) for r in real] + [(r, w) for r in gen]
    spoken = [(r, k) for r, k in rows if r["second"]["text"]]
    model["scale"], model["offset"] = (round(v, 4) for v in platt([logit(r["second"]["confidence"]) for r, _ in spoken],
                                                                   [r["second"]["text"] == r["truth"] for r, _ in spoken],
                                                                   [k for _, k in spoken]))
    cars = ask(a.tools, a.models, frames(a.shared, a.work, a.cars), os.path.join(a.work, "visits"), "--visits")
    w = len(cars["real"]) / max(1, len(cars["generated"]))
    model["opinion"] = opinion_table([(r, 1.0) for r in cars["real"]] + [(r, w) for r in cars["generated"]])
    write()
    report(a, model, reads, cars, real, gen, net)
    return 0


def parity(net, folder, gen, n=400):
    """Share of plates that torch and Tesseract's integer form read alike, of those that Tesseract reads in one look."""
    rows = [r for r in gen if r["second"]["text"]][:n]
    x = lines([cv2.imread(os.path.join(folder, r["path"])) for r in rows])
    with torch.no_grad():
        best = net(torch.from_numpy(x).float().div(128)[:, None]).argmax(2).tolist()
    texts = ["".join(SYMBOLS[s - SPECIAL] for i, s in enumerate(b) if s >= SPECIAL and (i == 0 or b[i - 1] != s)) for b in best]
    return float(np.mean([t == r["second"]["text"] for t, r in zip(texts, rows)])) * 100


def report(a, model, reads, cars, real, gen, net):
    sets = [("easypr_toll_crops", reads["easypr_toll_crops"]), ("lprnet_crops", reads["lprnet_crops"]),
            ("ccpd", reads["ccpd_blue_train"] + reads["ccpd_blue_uncleacc"]), ("easypr_scenes", reads["easypr_scenes"])]
    sets += [("generated " + t, [r for r in gen if r["type"] == t]) for t in TYPES]
    table = []
    for name, rows in sets:
        n, f, s, e = figures(rows)
        ok = [r["first"]["text"] == r["truth"] for r in rows]
        part = {v: [o for r, o in zip(rows, ok) if r["first"]["text"] and verdict(r) == v] for v in VERDICTS}
        cell = {v: f"{sum(part[v])}/{len(part[v])}" for v in VERDICTS}
        table.append(f"| {name} | {n} | {f:.1f} | {s:.1f} | {e:.1f} | {cell['same']} | {cell['other']} | {cell['silent']} |")
    visits = []
    for name, rows in cars.items():
        rows = [r for r in rows if r["first"]["text"]] + [r for r in rows if not r["first"]["text"]]
        ok = [r["first"]["text"] == r["truth"] for r in rows]
        said = {"fusion": [r["first"]["confidence"] for r in rows],
                "calibrated": [then(model["opinion"], "none", r["first"]["confidence"]) if r["first"]["text"] else 0.0 for r in rows],
                "with opinion": [then(model["opinion"], verdict(r), r["first"]["confidence"]) if r["first"]["text"] else 0.0
                                 for r in rows]}
        for how, conf in said.items():
            sure = [o for o, c in zip(ok, conf) if c >= 0.9]
            brier = np.mean([(c - o) ** 2 for c, o in zip(conf, ok)])
            visits.append(f"| {name} | {how} | {len(rows)} | {np.mean(ok) * 100:.1f} | {len(sure) / len(rows) * 100:.1f} | "
                          f"{sum(sure)}/{len(sure)} | {cover(conf, ok):.1f} | {brier:.4f} |")
    ms = np.median([r["ms"][1] for r in gen])
    alike = parity(net, os.path.join(a.work, f"generated{a.per}"), gen)
    n_par = sum(p.numel() for p in net.parameters())
    with open(os.path.join(a.models, "plate.md"), "w", encoding="utf-8") as f:
        f.write(TEXT.format(version=model["version"], spec=SPEC.format(n=len(SYMBOLS) + 3), par=n_par, alike=alike, date=model["date"], ms=ms,
                            steps=model["steps"], seen=model["lines_seen"], real=len(real), gen=len(gen), scale=model["scale"],
                            offset=model["offset"], size=os.path.getsize(os.path.join(a.models, "plate.traineddata")),
                            table="\n".join(table), visits="\n".join(visits),
                            cars=sum(len(c) for c in cars.values())))
    print("\n".join(table + visits))


TEXT = """# Model card: plate, version {version}

The second reader: a recurrent network for Tesseract 5, `{spec}`, {par} parameters, {size} bytes as integers.
One grey line of 32x128 pixels in, light or dark letters as they are; about {ms:.1f} ms a plate on one shared thread (median,
one or two looks). Trained in torch (`tools/train/tess_net.py` says what must agree with Tesseract), written into Tesseract's
format by its own tools; torch's best path and what Tesseract tells (two looks, grammar) are the same for {alike:.1f} % of 400
generated plates. Written by `tools/train/tess_finish.py` on {date}; repeat with `tools/train/train tesseract --shared DIR`.

## Data and split

The shards and the split of the first reader (`reader.md`), made grey: generated plates of all types and provinces, the real
training part, no picture of a plate that stands in easypr_scenes. {steps} steps, {seen} lines seen; the first steps on
generated plates in plain sight. Without these it had learned nothing after 900 steps, with them it read them after 700.

## Figures

Single reads. First and second: text exact, per cent. Either: at least one of them is right. Same, other, silent: how many of
the first reader's texts are right where the second reads the same, another plate, or none.

| set | plates | first | second | either | same | other | silent |
|---|---|---|---|---|---|---|---|
{table}

Its own calibration (logistic, scale {scale}, offset {offset}) was fitted on the {real} real validation plates and {gen} generated
ones, both weighed alike; the rows above but easypr_scenes are thus the ones it was fitted on. easypr_scenes was used for nothing.

Visits of four frames, simulated (`tess_finish.py`: frames()), {cars} cars of validation texts. Fusion: what `vision/fuse.c` says;
calibrated: after the opinion table's row without an opinion; with opinion: after the row of what the second reader says about
the best frame. Covered: the largest share of cars that can be taken so that 99.5 % of them are right. Brier: mean squared error
of the confidence, less is better. The table was fitted on these same cars (both kinds weighed alike).

| cars | confidence | number | right % | at or above 0.9 % | of these right | covered % | Brier |
|---|---|---|---|---|---|---|---|
{visits}

## Limits

It sees no colour and is less exact than the first reader: it is an opinion, not a reading. Its confidence is that of the text
alone. Double-line plates are cut at a fixed height, as for the first reader.
"""


if __name__ == "__main__":
    sys.exit(main())
