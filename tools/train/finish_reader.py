#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""From the reader's checkpoint to the committed files: fold, calibrate on validation, measure, export, compare with
OpenCV's dnn, write reader.onnx, reader.json, reader.md. easypr_scenes is measured and never used for anything else."""
import argparse
import datetime
import hashlib
import json
import os
import pickle
import sys
import time

import cv2
import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import data  # noqa: E402
from degrade import UPPER, UPPER_INSET, UPPER_WIDTH  # noqa: E402
from model import Reader, folded, multiply_adds  # noqa: E402
from reader import to_input  # noqa: E402
from texts import PROVINCES, SYMBOLS, TYPES  # noqa: E402


def greedy(logits):
    out = []
    for row in logits.argmax(2).tolist():
        out.append("".join(SYMBOLS[s - 1] for i, s in enumerate(row) if s and (i == 0 or row[i - 1] != s)))
    return out


def likelihood(logits, texts, t):
    """Log probability of each text: CTC's sum over all paths."""
    lp = (logits / t).permute(1, 0, 2).log_softmax(2)
    y = torch.tensor([[data.INDEX[c] for c in s] + [0] * (16 - len(s)) for s in texts])
    n = torch.tensor([len(s) for s in texts])
    return -F.ctc_loss(lp, y, torch.full((len(texts),), lp.shape[0], dtype=torch.int64), n, reduction="none")


def run(net, x):
    text, kind = [], []
    with torch.no_grad():
        for i in range(0, len(x), 64):
            a, b = net(to_input(x[i:i + 64]))
            text.append(a)
            kind.append(b)
    return torch.cat(text), torch.cat(kind)


def temperature(parts):
    """The one number that makes the probability of the truth largest, over parts [(logits, texts, weight)]."""
    best = None
    for t in np.exp(np.linspace(np.log(0.5), np.log(4), 60)):
        s = sum(w * -float(likelihood(l, y, float(t)).clamp(min=-25).mean()) for l, y, w in parts)
        if best is None or s < best[0]:
            best = (s, float(t))
    return round(best[1], 3)


def measure(logits, kinds, texts, types, t):
    read = greedy(logits)
    ok = np.array([a == b for a, b in zip(read, texts)])
    rest = np.array([a[1:] == b[1:] for a, b in zip(read, texts)])
    conf = likelihood(logits, [r[:8] for r in read], t).exp().numpy()
    kind_ok = np.array([TYPES[k] == b for k, b in zip(kinds.argmax(1).tolist(), types)])
    sure = conf >= 0.9
    return {"n": len(ok), "exact": ok.mean() * 100, "rest": rest.mean() * 100, "type": kind_ok.mean() * 100,
            "sure": sure.mean() * 100, "sure_right": ok[sure].mean() * 100 if sure.any() else float("nan"),
            "read": read, "ok": ok, "conf": conf}


def province_table(path, made, real):
    """Writes the table of provinces between its two marks in a Markdown file."""
    begin, end = "<!-- provinces: written by tools/train/finish_reader.py -->\n", "<!-- end of provinces -->\n"
    with open(path, encoding="utf-8") as f:
        s = f.read()
    if begin not in s or end not in s:
        raise ValueError(f"{path} has no place for the table of provinces: a line {begin.strip()} and a line {end.strip()}")
    rows = ["| province | generated | province found % | whole text % | at or above 0.9 % | of these wrong | real | read |",
            "|---|---|---|---|---|---|---|---|"]
    for p in PROVINCES:
        v, r = np.array(made[p], float), real.get(p, [])
        rows.append(f"| {p} | {len(v)} | {v[:, 0].mean() * 100:.1f} | {v[:, 1].mean() * 100:.1f} | {v[:, 2].mean() * 100:.1f} | "
                    f"{int((1 - v[:, 3]).sum())} | {len(r)} | {int(sum(r))} |")
    head, tail = s[:s.index(begin) + len(begin)], s[s.index(end):]
    with open(path, "w", encoding="utf-8") as f:
        f.write(head + "\n" + "\n".join(rows) + "\n\n" + tail)


def validation(shared, work, bg, per):
    """data.validation(), kept in the work folder under a name that says by which generator it was made."""
    h = hashlib.sha1(str(per).encode())
    here = os.path.dirname(os.path.abspath(__file__))
    for n in ("degrade.py", "data.py", "../plates/render.py", "../plates/texts.py"):
        with open(os.path.join(here, n), "rb") as f:
            h.update(f.read())
    path = os.path.join(work, f"validation-{h.hexdigest()[:12]}.pkl")
    if not os.path.exists(path):
        sets = data.validation(shared, os.path.join(shared, "plates", "glyphs"), bg, per)
        with open(path + ".tmp", "wb") as f:
            pickle.dump(sets, f)
        os.replace(path + ".tmp", path)
    with open(path, "rb") as f:
        return pickle.load(f)


def main():
    ap = argparse.ArgumentParser(description=__doc__, epilog="example: finish_reader.py --shared ../shared --work /tmp/reader")
    ap.add_argument("--shared", required=True)
    ap.add_argument("--work", required=True)
    ap.add_argument("--out", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "vision", "models"))
    ap.add_argument("--version", default="3")
    ap.add_argument("--per", type=int, default=8, help="generated validation plates of each type and province")
    ap.add_argument("--provinces", help="a Markdown file whose table of provinces is to be written anew")
    ap.add_argument("--sheet", help="write a picture of the real failures here (it shows plates: do not commit)")
    a = ap.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    os.makedirs(a.out, exist_ok=True)
    s = torch.load(os.path.join(a.work, "reader.pt"))
    net = Reader(len(SYMBOLS), len(TYPES))
    net.load_state_dict(s["mean"])
    net = folded(net)

    onnx = os.path.join(a.out, "reader.onnx")
    torch.onnx.export(net, torch.zeros(1, 3, 32, 128), onnx, input_names=["image"], output_names=["text", "type"],
                      opset_version=11)
    dnn = cv2.dnn.readNetFromONNX(onnx)
    worst, times = 0.0, []
    for i in range(60):
        x = np.random.default_rng(i).random((1, 3, 32, 128), dtype=np.float32)
        start = time.perf_counter()
        dnn.setInput(x, "image")
        got = dnn.forward(["text", "type"])
        times.append(time.perf_counter() - start)
        with torch.no_grad():
            want = net(torch.from_numpy(x))
        worst = max(worst, *(float(np.abs(g - w.numpy()).max()) for g, w in zip(got, want)))
    ms = float(np.percentile(times, 10)) * 1e3  # the machine is shared: its undisturbed calls
    print(f"OpenCV {cv2.__version__} against torch: largest difference {worst:.2e}; {ms:.2f} ms a call on one thread")
    if worst > 1e-3:
        print("OpenCV computes something else than torch: not usable")
        return 1

    bg = data.patches(a.shared)
    sets = validation(a.shared, a.work, bg, a.per)
    got = {n: run(net, x) for n, (x, _, _) in sets.items()}
    made = [n for n in sets if n.startswith("hard") or n.startswith("unreadable")]
    # the real parts together weigh as much as the generated ones together
    real = {n: len(v[1]) for n, v in sets.items() if n not in made and n != "easypr_scenes"}
    fit = [(got[n][0], sets[n][1], real[n] / sum(real.values()) if n in real else 1 / len(made))
           for n in sets if n != "easypr_scenes"]
    t = temperature(fit)
    table, provinces, seen_real, wrong = [], {}, {}, []
    for n, (x, texts, types) in sets.items():
        m = measure(*got[n], texts, types, t)
        table.append(f"| {n} | {m['n']} | {m['exact']:.1f} | {m['rest']:.1f} | {m['type']:.1f} | {m['sure']:.1f} | {m['sure_right']:.2f} |")
        for txt, read, sure, ok in zip(texts, m["read"], m["conf"] >= 0.9, m["ok"]):
            p = next((c for c in txt if c in PROVINCES), None)
            if p and n.startswith("hard"):
                provinces.setdefault(p, []).append((p in read, ok, sure, ok or not sure))
            elif p and n not in made:
                seen_real.setdefault(p, []).append(ok)
        if n not in made:
            wrong += [(x[i], texts[i], m["read"][i], m["conf"][i], n) for i in range(m["n"]) if not m["ok"][i]]
    none, _ = run(net, np.stack([cv2.resize(p, (128, 32), interpolation=cv2.INTER_AREA) for p in bg]))
    empty = greedy(none)
    sure_none = likelihood(none, [r[:8] for r in empty], t).exp().numpy()
    claimed = sum(len(r) >= 7 and c >= 0.9 for r, c in zip(empty, sure_none))
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    with open(os.path.join(a.out, "reader.json"), "w", encoding="utf-8") as f:
        json.dump({"format": 1, "name": "reader", "version": a.version, "symbols": SYMBOLS, "types": TYPES, "width": 128,
                   "height": 32, "temperature": t, "upper": UPPER, "upper_width": UPPER_WIDTH, "upper_inset": UPPER_INSET, "blank": 0, "date": today,
                   "steps": s["steps"], "pictures_seen": s["seen"]}, f, ensure_ascii=False, indent=1)
        f.write("\n")
    train, val, scenes = data.real(a.shared)
    head = "| set | plates | exact % | without province % | type % | at or above 0.9 % | of these right % |\n|---|---|---|---|---|---|---|\n"
    order = sorted(((p, [v[0] for v in vs]) for p, vs in provinces.items()), key=lambda p: np.mean(p[1]))
    if a.provinces:
        province_table(a.provinces, provinces, seen_real)
    with open(os.path.join(a.out, "reader.md"), "w", encoding="utf-8") as f:
        f.write(CARD.format(today=today, version=a.version, params=sum(p.numel() for p in net.parameters()),
                            macs=multiply_adds(net) / 1e6, ms=ms, worst=worst, steps=s["steps"], seen=s["seen"],
                            minutes=s["spent"] / 60, shards=len(s["passes"]), train=len(train), val=len(val),
                            scenes=len(scenes), t=t, table=head + "\n".join(table), patches=len(bg),
                            claimed=claimed, per=len(order[0][1]),
                            provinces=" ".join(f"{p} {np.mean(v) * 100:.1f}" for p, v in order)))
    print(head + "\n".join(table))
    print(f"temperature {t}; {claimed} of {len(bg)} plate-free patches read as a plate at 0.9 or more")
    print("provinces, worst first: " + " ".join(f"{p} {np.mean(v) * 100:.1f}" for p, v in order[:8]))
    for _, truth, read, c, n in wrong:
        print(f"{n}: {truth} read {read} at {c:.3f}")
    if a.sheet and wrong:
        tiles = [cv2.resize(w[0], (256, 64)) for w in wrong]
        tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 5)
        cv2.imwrite(a.sheet, np.vstack([np.hstack(tiles[i:i + 5]) for i in range(0, len(tiles), 5)]))
    return 0


CARD = """# Model card: reader, version {version}

A CTC network that reads one rectified plate: 3x32x128 BGR in 0..1 to 32 columns of symbol logits and the plate's type.
{params} parameters, {macs:.0f} million multiply-adds, {ms:.1f} ms a call (10th percentile) in OpenCV 4.6 dnn on one thread of the machine
that trained it (largest difference to torch {worst:.0e}). Normalisation is folded: a crop reads alone as in a batch.
Written by `tools/train/finish_reader.py` on {today}; repeat with `tools/train/train reader --shared DIR`.

## Data and split

- Generated plates (`tools/plates`, `tools/train/degrade.py`), all types, all 31 provinces, those that are confused a little more
  often: about three quarters of what it saw. 94 % drawn from the glyph pictures, 6 % from installed fonts.
- Real: easypr_toll_crops, lprnet_crops, ccpd_blue_*: {train} plates for training, {val} for validation, split by a hash of
  the plate's text (15 % held out), so no car is on both sides. Rare provinces are drawn more often than their count.
- easypr_scenes ({scenes} plates): held out whole, and no picture of a plate that stands there was trained on. Cut by its
  boxes, upright, without corners. Those boxes are stored as centre and centre + size (see `tools/train/data.py`).
- 5 % without a plate, with an empty text: patches, lettering, plates more than half cut off. All {patches} patches are in
  training, so the count below is no held-out figure.
- {shards} shards of 2500 crops, {seen} pictures seen in {steps} steps over all versions; the last cycle took {minutes:.0f} minutes on
  one shared thread. AdamW in bfloat16, one cycle a version, averaged weights.
- Version 3 goes on from version 2 (`reader.py --more`) with four new residual units, on the same shards, in which WJ plates in one
  line are drawn twice as often and WJ in two lines, other double lines and weak provinces a little more often (`shares`).
  Version 2 had started as version 1 with two new units, and its generator was widened while it ran: shards 0-16 before WJ plates
  were drawn more often, 17-23 without the posts and tight boxes, the last ones with confused provinces drawn more often.

## Figures (best path, no grammar, no beam search, one look, not calibrated)

{table}

"hard": generated plates that a person can still read, as docs/reading.md defines it, {per} or more a province over all types;
"unreadable ones too": what the generator gives, whether a person could read it or not. Their texts are never drawn in training.
Temperature {t}, fitted on all but easypr_scenes; confidence is the CTC probability of the text after division by it.
{claimed} of {patches} plate-free patches read as a text of 7 or more characters at 0.9 or more. What the whole chain does with
it, calibrated: `docs/reliability.png`, `bayplate-eval`.

Province character found, hard plates of all types, per cent, worst first: {provinces}

## Limits

Green, double-line, white and black plates were trained on generated pictures alone. Real training pictures are blue and
single-line yellow, most of them 皖 and 苏. Double-line plates need good corners: the cut between the lines is at a fixed
height. Plates under about 60 px wide, strong motion blur and IR-dark colours are read with low confidence or not at all.
Type from infrared (grey) pictures follows the text's shape, not colour.
"""

if __name__ == "__main__":
    sys.exit(main())
