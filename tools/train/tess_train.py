#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the second reader's network on the shards that make_shards.py writes: one thread, resumable, wall time set."""
import argparse
import glob
import math
import os
import sys
import time

import cv2
import numpy as np
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "plates"))
import data  # noqa: E402
import degrade  # noqa: E402
from render import render  # noqa: E402
from tess_net import BLANK, HEIGHT, SPECIAL, STEPS, WIDTH, Plate, contrast  # noqa: E402
from texts import DOUBLE, SYMBOLS, TYPES, random_plate  # noqa: E402


def lines(crops):
    """BGR crops (n,h,w,3) of any size to what Tesseract's network sees of them: int8 (n,32,128)."""
    out = []
    for c in crops:
        g = cv2.cvtColor(np.ascontiguousarray(c), cv2.COLOR_BGR2GRAY)
        if g.shape != (HEIGHT, WIDTH):
            g = cv2.resize(g, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        out.append(g)
    return contrast(np.stack(out))


def shard(path):
    """int8 lines and texts (1-based symbols, 0 filled) of one shard; the lines are kept beside it, they take a while."""
    kept = path + ".lines.npy"
    d = np.load(path)
    if not os.path.exists(kept):
        with open(kept + ".tmp", "wb") as f:
            np.save(f, lines(d["x"]))
        os.replace(kept + ".tmp", kept)
    return np.load(kept), d["y"].astype(np.int64)


def clean(shared, n, rng):
    """Lines in plain sight. Without them first, CTC needs very long to find out that symbols follow each other."""
    glyphs = os.path.join(shared, "plates", "glyphs")
    x, y = np.zeros((n, HEIGHT, WIDTH, 3), np.uint8), np.zeros((n, data.MAX), np.int64)
    for i in range(n):
        t = TYPES[int(rng.integers(len(TYPES)))]
        text = random_plate(rng, t, letters=5)
        while data.held_out(text):
            text = random_plate(rng, t, letters=5)
        art = render(text, t, glyphs, rng)[..., ::-1]
        h, w = art.shape[:2]
        quad = np.array([[0, 0], [w, 0], [w, h], [0, h]]) - .5 + rng.normal(0, 0.02 * h, (4, 2))
        art = cv2.GaussianBlur(art, (0, 0), rng.uniform(0.5, 6))
        x[i] = degrade.rectify(np.ascontiguousarray(art), quad, t in DOUBLE)
        y[i] = data.encode(text)
    return lines(x), y


def vary(x):
    """Cheap differences, so that a line seen twice is not the same twice."""
    n = x.shape[0]
    x = x * (1 + 0.4 * (torch.rand(n, 1, 1, 1) - .5)) + 0.3 * (torch.rand(n, 1, 1, 1) - .5)
    x = torch.roll(x, (int(torch.randint(-1, 2, ())), int(torch.randint(-2, 3, ()))), (2, 3))
    return (x + torch.randn_like(x) * 0.06 * torch.rand(n, 1, 1, 1)).clamp(-1, 1)


def rate(progress, peak):
    """One cycle: up in the first 6 %, then a cosine down to nothing."""
    if progress < 0.06:
        return peak * (0.1 + 0.9 * progress / 0.06)
    return peak * max(0.002, 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - 0.06) / 0.94))))


def loss_of(logits, y):
    texts = torch.from_numpy(y)
    return F.ctc_loss(logits.permute(1, 0, 2).log_softmax(2), torch.where(texts > 0, texts + SPECIAL - 1, texts),
                      torch.full((len(y),), STEPS, dtype=torch.int64), (texts > 0).sum(1), blank=BLANK, zero_infinity=True)


def save(path, state):
    torch.save(state, path + ".tmp")
    os.replace(path + ".tmp", path)


def main():
    ap = argparse.ArgumentParser(description=__doc__, epilog="example: tess_train.py --shared ../shared --work /tmp/reader --minutes 60")
    ap.add_argument("--shared", required=True, help="folder that holds plates/")
    ap.add_argument("--work", required=True, help="folder with the shards; the checkpoint goes there too")
    ap.add_argument("--minutes", type=float, default=60, help="training time in all, resumed parts counted in")
    ap.add_argument("--plain", type=int, default=800, help="steps on lines in plain sight before the shards")
    ap.add_argument("--batch", type=int, default=32)
    ap.add_argument("--rate", type=float, default=3e-3)
    ap.add_argument("--seed", type=int, default=11)
    a = ap.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    net = Plate(len(SYMBOLS))
    opt = torch.optim.AdamW(net.parameters(), lr=a.rate, weight_decay=0.001)
    mean = {k: v.clone() for k, v in net.state_dict().items()}  # average of the weights over the last few hundred steps
    spent, steps, seen, passes = 0.0, 0, 0, {}
    path = os.path.join(a.work, "tess.pt")
    if os.path.exists(path):
        s = torch.load(path)
        net.load_state_dict(s["net"])
        opt.load_state_dict(s["opt"])
        mean, spent, steps, seen, passes = s["mean"], s["spent"], s["steps"], s["seen"], s["passes"]
        print(f"resumed at step {steps}, {spent / 60:.1f} min spent", flush=True)
    print(f"{sum(p.numel() for p in net.parameters())} parameters", flush=True)
    start = last_save = last_print = time.monotonic()
    losses, budget, used = [], a.minutes * 60, spent
    net.train()
    plain = clean(a.shared, 4000, rng) if steps < a.plain else None
    while used < budget:
        files = [f for f in sorted(glob.glob(os.path.join(a.work, "shard*.npz"))) if not f.endswith(".tmp.npz")]
        if not files and steps >= a.plain:
            print("tess_train: no shards in " + a.work + ": run make_shards.py first", file=sys.stderr)
            return 2
        if steps < a.plain:
            x, y = plain
        else:
            f = min(files, key=lambda f: (passes.get(f, 0), rng.random()))  # the least used shard
            x, y = shard(f)
            passes[f] = passes.get(f, 0) + 1
        order = rng.permutation(len(x))
        for i in range(0, len(x) - a.batch + 1, a.batch):
            at = order[i:i + a.batch]
            used = spent + time.monotonic() - start
            if used >= budget:
                break
            for g in opt.param_groups:
                g["lr"] = rate(used / budget, a.rate)
            loss = loss_of(net(vary(torch.from_numpy(x[at]).float().div(128)[:, None])), y[at])
            opt.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            opt.step()
            steps, seen = steps + 1, seen + a.batch
            keep = min(0.998, steps / (steps + 50.0))
            for n, v in net.state_dict().items():
                mean[n].mul_(keep).add_(v, alpha=1 - keep)
            losses.append(float(loss))
            if time.monotonic() - last_print > 20:
                print(f"{used / 60:5.1f} min  step {steps}  seen {seen}  shards {len(files)}  ctc {np.mean(losses):.4f}", flush=True)
                losses, last_print = [], time.monotonic()
            if time.monotonic() - last_save > 90:
                save(path, {"net": net.state_dict(), "opt": opt.state_dict(), "mean": mean, "spent": used, "steps": steps,
                            "seen": seen, "passes": passes})
                last_save = time.monotonic()
    save(path, {"net": net.state_dict(), "opt": opt.state_dict(), "mean": mean, "spent": used, "steps": steps, "seen": seen,
                "passes": passes})
    print(f"done: {steps} steps, {seen} lines, {used / 60:.1f} min", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
