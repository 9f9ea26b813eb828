#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the CTC reader on the shards that make_shards.py writes, one thread, resumable."""
import argparse
import glob
import math
import os
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "plates"))
import warm  # noqa: E402
from model import Reader  # noqa: E402
from texts import DOUBLE, PROVINCES, SYMBOLS, TYPES  # noqa: E402


NEWER = 1.02  # a shard is this much less likely than the next newer one: shards are written while training runs


def to_input(x):
    """uint8 NHWC BGR -> float NCHW 0..1."""
    return torch.from_numpy(np.ascontiguousarray(x)).permute(0, 3, 1, 2).float() / 255


def vary(x):
    """Cheap differences so that a shard seen twice is not the same twice."""
    n = x.shape[0]
    if torch.rand(()) < 0.7:  # other corner errors: shift, scale, slant
        r = (torch.rand(n, 2, 3) - .5) * torch.tensor([[0.07, 0.05, 0.05], [0.08, 0.14, 0.1]])
        x = F.grid_sample(x, F.affine_grid(r + torch.eye(2, 3), x.shape, align_corners=False), padding_mode="border",
                          align_corners=False)
    x = x * (1 + 0.25 * (torch.rand(n, 3, 1, 1) - .5)) + 0.1 * (torch.rand(n, 1, 1, 1) - .5)
    x = (x - .5) * (1 + 0.5 * (torch.rand(n, 1, 1, 1) - .5)) + .5
    grey = (torch.rand(n, 1, 1, 1) < 0.08).float()
    x = x * (1 - grey) + x.mean(1, keepdim=True) * grey
    if torch.rand(()) < 0.25:  # softer
        w = torch.rand(n, 1, 1, 1)
        x = x * (1 - w) + F.avg_pool2d(x, 3, 1, 1, count_include_pad=False) * w
    return (x + torch.randn_like(x) * 0.02 * torch.rand(n, 1, 1, 1)).clamp(0, 1)


def rate(progress, peak):
    """One cycle: up in the first 8 %, then a cosine down to nothing."""
    if progress < 0.08:
        return peak * (0.1 + 0.9 * progress / 0.08)
    return peak * max(0.002, 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - 0.08) / 0.92))))


DRAWN = 1.0, 2.0, 1.3, 1.15, 1.35  # how often a crop is drawn: any, WJ in one line, WJ in two, other double lines, a weak province
WEAK_PROVINCES = "赣青晋新冀贵藏鲁吉蒙豫陕京甘"  # below 95 % on 168 hard plates each with version 2


def shares(y, k):
    """How likely each crop of a shard is to be drawn: what the last version read badly more often than the rest."""
    any_, one, two, double, weak = DRAWN
    w = np.full(len(y), any_)
    index = {c: i + 1 for i, c in enumerate(SYMBOLS)}
    wj = (y[:, 0] == index["W"]) & (y[:, 1] == index["J"]) & (y[:, 2] <= len(PROVINCES)) & (y[:, 2] > 0)
    w[wj & (k == TYPES.index("white"))] = one
    w[wj & (k == TYPES.index("white2"))] = two
    w[~wj & np.isin(k, [TYPES.index(t) for t in DOUBLE])] = double
    w[np.isin(y, [index[c] for c in WEAK_PROVINCES]).any(1)] *= weak
    return w / w.sum()


def shards(work):
    return sorted(f for f in glob.glob(os.path.join(work, "shard*.npz")) if not f.endswith(".tmp.npz"))


def wait_for_shard(work):
    while not shards(work):
        time.sleep(2)


def save(path, state):
    torch.save(state, path + ".tmp")
    os.replace(path + ".tmp", path)


def main():
    ap = argparse.ArgumentParser(description=__doc__, epilog="example: reader.py --work /tmp/reader --minutes 45")
    ap.add_argument("--work", required=True, help="folder with the shards; the checkpoint goes there too")
    ap.add_argument("--minutes", type=float, default=45, help="training time in all, resumed parts counted in")
    ap.add_argument("--batch", type=int, default=64)
    ap.add_argument("--rate", type=float, default=2.5e-3)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--seed", type=int, default=5)
    ap.add_argument("--from", dest="onnx", help="start from the weights of this reader.onnx instead of from nothing")
    ap.add_argument("--more", help="start a new cycle from this checkpoint (another run's reader.pt); its shards count as seen")
    ap.add_argument("--float32", action="store_true", help="do not compute in bfloat16 (processors without it)")
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    rng = np.random.default_rng(a.seed)
    wait_for_shard(a.work)
    net = Reader(len(SYMBOLS), len(TYPES))
    if a.onnx:
        x = np.load(shards(a.work)[0])["x"][:512]
        fresh = warm.start(net, a.onnx, to_input(x))
        print(f"starts from {a.onnx}; new: {', '.join(fresh) or 'nothing'}", flush=True)
    net = net.to(memory_format=torch.channels_last)
    opt = torch.optim.AdamW(net.parameters(), lr=a.rate, weight_decay=0.01)
    mean = {k: v.clone() for k, v in net.state_dict().items()}  # average of the weights over the last few hundred steps
    spent, steps, seen, passes = 0.0, 0, 0, {}
    path = os.path.join(a.work, "reader.pt")
    if a.more and not os.path.exists(path):
        s = torch.load(a.more)
        fresh = warm.go_on(net, opt, s)
        mean = {k: v.clone() for k, v in net.state_dict().items()}
        steps, seen = s["steps"], s["seen"]
        passes = {os.path.join(a.work, os.path.basename(f)): n for f, n in s["passes"].items()}
        print(f"a new cycle from {a.more}, {steps} steps; new: {', '.join(fresh) or 'nothing'}", flush=True)
    if os.path.exists(path):
        s = torch.load(path)
        net.load_state_dict(s["net"])
        opt.load_state_dict(s["opt"])
        mean, spent, steps, seen, passes = s["mean"], s["spent"], s["steps"], s["seen"], s["passes"]
        print(f"resumed at step {steps}, {spent / 60:.1f} min spent", flush=True)
    print(f"{sum(p.numel() for p in net.parameters())} parameters", flush=True)
    last_save, last_print, before = time.monotonic(), time.monotonic(), time.monotonic()
    losses, budget, net_time = [], a.minutes * 60, spent
    net.train()
    while net_time < budget:
        files = shards(a.work)
        p = np.array([NEWER ** i / (1 + passes.get(f, 0)) ** 3 for i, f in enumerate(files)])
        f = files[int(rng.choice(len(files), p=p / p.sum()))]  # unseen ones first, new ones rather than old ones
        d = np.load(f)
        x, y, k = d["x"], d["y"], d["k"].astype(np.int64)
        passes[f] = passes.get(f, 0) + 1
        order = rng.choice(len(x), len(x), p=shares(y, k))
        k[k == 255] = -100
        for i in range(0, len(x) - a.batch + 1, a.batch):
            at = order[i:i + a.batch]
            now = time.monotonic()
            net_time, before = net_time + min(now - before, 3.0), now  # a pause of the whole program is no training
            for g in opt.param_groups:
                g["lr"] = rate(net_time / budget, a.rate)
            picture = vary(to_input(x[at])).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=not a.float32):
                text, kind = net(picture)
            text, kind = text.float(), kind.float()  # the loss sums many small probabilities
            lengths = torch.from_numpy((y[at] > 0).sum(1).astype(np.int64))
            loss_text = F.ctc_loss(text.permute(1, 0, 2).log_softmax(2), torch.from_numpy(y[at].astype(np.int64)),
                                   torch.full((a.batch,), 32, dtype=torch.int64), lengths, zero_infinity=True)
            loss = loss_text + 0.15 * F.cross_entropy(kind, torch.from_numpy(k[at]), ignore_index=-100)
            opt.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            opt.step()
            steps, seen = steps + 1, seen + a.batch
            keep = min(0.998, steps / (steps + 50.0))
            for n, v in net.state_dict().items():
                if v.dtype.is_floating_point:
                    mean[n].mul_(keep).add_(v, alpha=1 - keep)
                else:
                    mean[n].copy_(v)
            losses.append((float(loss_text), float(loss)))
            if time.monotonic() - last_print > 20:
                m = np.mean(losses, 0)
                print(f"{net_time / 60:5.1f} min  step {steps}  seen {seen}  shards {len(files)}  ctc {m[0]:.4f}  all {m[1]:.4f}",
                      flush=True)
                losses, last_print = [], time.monotonic()
            if time.monotonic() - last_save > 90 or net_time >= budget:
                save(path, {"net": net.state_dict(), "opt": opt.state_dict(), "mean": mean, "spent": net_time,
                            "steps": steps, "seen": seen, "passes": passes})
                last_save = time.monotonic()
            if net_time >= budget:
                break
    print(f"done: {steps} steps, {seen} pictures, {net_time / 60:.1f} min", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
