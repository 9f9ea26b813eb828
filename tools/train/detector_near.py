#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The detector's second look: a small network that sees one likely plate at one size and turned level, and says where its four
corners are, whether it is a plate, and whether it has two lines. It learns from windows of the detector's own sample pool.

  detector_near.py pool   --shared ../shared --pool build/detector --to build/pool    (that pool and as many steeper pictures)
  detector_near.py train  --shared ../shared --pool build/detector --work build/near --minutes 30    (goes on from its checkpoint)
  detector_near.py export --work build/near --out vision/models
"""
import argparse
import math
import os
import queue
import sys
import threading
import time

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import detector_data as data  # noqa: E402
from detector_net import conv, detect, fold, load, multiply_adds, quad_iou  # noqa: E402

WIDE, HIGH = 128, 80  # the window
PLATE_WIDE, PLATE_HIGH = 88.0, 54.0  # the plate in it is at most so large
BATCH = 64
SHAPES = {"im": ((data.SIZE, data.SIZE, 3), np.uint8), "quad": ((data.MOST, 4, 2), np.float32), "kind": ((data.MOST,), np.uint8)}


class Near(nn.Module):
    """1x3x80x128 (BGR / 255) -> 1x10x1x1: corners TL TR BR BL (x, y) from the window's centre in window widths, plate and
    two-lines as logits. Convolutions and ReLU only; the last ones span the whole map."""
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(conv(3, 16, 3, 2), conv(16, 24, 3, 2), conv(24, 24), conv(24, 48, 3, 2), conv(48, 48), conv(48, 48),
                                  conv(48, 80, 3, 2), conv(80, 80))
        self.whole = nn.Sequential(nn.Conv2d(80, 128, (HIGH // 16, WIDE // 16), bias=False), nn.BatchNorm2d(128), nn.ReLU(inplace=True))
        self.out = nn.Conv2d(128, 10, 1)
        nn.init.normal_(self.out.weight, std=0.01)
        a, b = PLATE_WIDE / WIDE / 2, PLATE_WIDE / WIDE / 2 * 140 / 440
        with torch.no_grad():
            self.out.bias.copy_(torch.tensor([-a, -b, a, -b, a, b, -a, b, 0, 0]))

    def forward(self, x):
        return self.out(self.whole(self.body(x)))


def window(q):
    """The rotated rectangle (4x2) that is shown of a quad: its mean level becomes the window's."""
    c, along = q.mean(0), (q[1] - q[0] + q[2] - q[3]) / 2
    down = (q[3] - q[0] + q[2] - q[1]) / 2
    wide = max(np.linalg.norm(along), 1e-3)
    u = along / wide
    high = abs(u[0] * down[1] - u[1] * down[0])
    s = min(PLATE_WIDE / wide, PLATE_HIGH / max(high, 1e-3))
    v = np.array([-u[1], u[0]])
    a, b = u * WIDE / s / 2, v * HIGH / s / 2
    return np.float32([c - a - b, c + a - b, c + a + b, c - a + b])


def cut(im, w):
    """The window's pixels; shrinking averages as vision/ocv.cpp does: sampled more finely, then by area."""
    k = 2
    while k < 16 and k * WIDE < np.linalg.norm(w[1] - w[0]):
        k *= 2
    x0, y0 = np.clip(np.floor(w.min(0)).astype(int) - 2, 0, [im.shape[1] - 1, im.shape[0] - 1])
    x1, y1 = np.clip(np.ceil(w.max(0)).astype(int) + 3, 1, [im.shape[1], im.shape[0]])
    part = im[y0:max(y1, y0 + 1), x0:max(x1, x0 + 1)]
    to = np.float32([[-.5, -.5], [k * WIDE - .5, -.5], [k * WIDE - .5, k * HIGH - .5], [-.5, k * HIGH - .5]])
    m = cv2.getPerspectiveTransform(np.float32(w - [x0, y0]), to)
    big = cv2.warpPerspective(part, m, (k * WIDE, k * HIGH), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.resize(big, (WIDE, HIGH), interpolation=cv2.INTER_AREA)


def axes(w):
    return w.mean(0), w[1] - w[0], (w[3] - w[0]) * WIDE / HIGH  # both axes one window width long


def inside(q, w):
    """Picture pixels -> window widths from the centre."""
    c, a, b = axes(w)
    return np.stack([(q - c) @ a, (q - c) @ b], 1) / (a @ a)


def outside(v, w):
    c, a, b = axes(w)
    return c + v[:, :1] * a + v[:, 1:] * b


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def look(net, im, found, again=0.6):
    """[(score, quad, double)] -> the same after the second look: score is the geometric mean of both looks, the corners and the lines are
    the second one's. Where the corners moved much (overlap below `again`), it looks once more."""
    out = []
    for p, q, _ in found:
        first = q
        for _ in range(2):
            w = window(first)
            net.setInput(cv2.dnn.blobFromImage(cut(im, w), 1 / 255.0))
            v = net.forward().reshape(-1)
            q2 = outside(v[:8].reshape(4, 2), w)
            near = quad_iou(first, q2) >= again
            first = q2
            if near:
                break
        out.append((math.sqrt(p * sigmoid(v[8])), first, sigmoid(v[9])))
    return sorted(out, key=lambda k: -k[0])


def shaken(rng, q):
    """A quad as a first look gives it: shifted, scaled, turned, its corners off."""
    c, w = q.mean(0), np.linalg.norm(q[1] - q[0] + q[2] - q[3]) / 2
    h = np.linalg.norm(q[3] - q[0] + q[2] - q[1]) / 2
    wild = rng.random() < 0.2
    turn = np.radians(rng.uniform(-18, 18) if wild else rng.normal(0, 3))
    k, s = np.exp(rng.normal(0, 0.15 if wild else 0.07)), np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    move = rng.uniform(-1, 1, 2) * [0.16 * w, 0.3 * h] if wild else rng.normal(0, 1, 2) * [0.04 * w, 0.07 * h]
    return (q - c) @ s.T * k + c + move + rng.normal(0, 0.02 * w, (4, 2))


def anywhere(rng, size):
    """A quad of any place and shape."""
    w = np.exp(rng.uniform(np.log(16), np.log(0.7 * size)))
    a = rng.uniform(0.25, 0.6)
    q = data.project(data.tilt(rng, 0.7), np.float32([[-.5, -a / 2], [.5, -a / 2], [.5, a / 2], [-.5, a / 2]])) * w
    return q + rng.uniform(0, size, 2)


def sample(rng, pool, n, wrong, found):
    """-> window's pixels, corners (or None), plate, two lines (None: unknown)."""
    while True:
        i = int(rng.integers(n))
        if len(found) and rng.random() < 0.4:  # as the first look gives it, with all its own errors
            i, j, q = found[int(rng.integers(len(found)))]
            true, kind = pool["quad"][i][j], pool["kind"][i][j]
            if kind == data.SINGLE and rng.random() < 0.35:
                continue
            w = window(q + rng.normal(0, 0.012 * np.linalg.norm(q[1] - q[0]), (4, 2)))
            v = inside(true, w)
            if (np.abs(v) > [0.5, 0.5 * HIGH / WIDE]).any():
                continue
            return cut(pool["im"][i], w), v, 1, int(kind == data.TWO)
        im, quads, kinds = pool["im"][i], pool["quad"][i], pool["kind"][i]
        plates = [j for j in range(data.MOST) if kinds[j] in (data.SINGLE, data.TWO)]
        if plates and rng.random() < 0.66:
            # two-line plates are one in five in the pool: drawn twice as often
            j = plates[int(rng.integers(len(plates)))]
            if kinds[j] == data.SINGLE and rng.random() < 0.35:
                continue
            w = window(shaken(rng, quads[j].astype(np.float64)))
            v = inside(quads[j], w)
            if (np.abs(v) > [0.5, 0.5 * HIGH / WIDE]).any():
                continue
            return cut(im, w), v, 1, int(kinds[j] == data.TWO)
        if wrong is not None and len(wrong) and rng.random() < 0.6:
            i, q = wrong[int(rng.integers(len(wrong)))]
            im, quads, kinds = pool["im"][i], pool["quad"][i], pool["kind"][i]
            q = shaken(rng, q)
        else:
            q = anywhere(rng, data.SIZE)
        w = window(q)
        mid = outside(np.float64([[-.35, -.12], [.35, -.12], [.35, .12], [-.35, .12]]), w)
        if any(k != data.NONE and quad_iou(mid, p) > 0.02 for p, k in zip(quads, kinds)):
            continue  # sees a plate, or part of one
        return cut(im, w), None, 0, None


def first_looks(net, pool, n, rng, count):
    """What the detector takes for plates in the pool: what is none, (sample, quad), and what is one, (sample, which, quad)."""
    wrong, found = [], []
    for i in rng.choice(n, min(n, count), replace=False):
        im, quads, kinds = pool["im"][i], pool["quad"][i], pool["kind"][i]
        for p, q, _ in detect(net, im, [data.SIZE], 0.12):
            c = tuple(float(v) for v in q.mean(0))
            if all(k == data.NONE or quad_iou(q, b) < 0.01 and cv2.pointPolygonTest(b.astype(np.float32), c, True) < -4
                   for b, k in zip(quads, kinds)):
                wrong.append((int(i), q))
                continue
            over = [quad_iou(q, b) if k in (data.SINGLE, data.TWO) else 0.0 for b, k in zip(quads, kinds)]
            if max(over) > 0.3:
                found.append((int(i), int(np.argmax(over)), q))
    return wrong, found


def batch_of(rng, pool, n, wrong, found=(), size=BATCH):
    x = np.zeros((size, HIGH, WIDE, 3), np.uint8)
    corner, known = np.zeros((size, 4, 2), np.float32), np.zeros(size, np.float32)
    plate, two = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for b in range(size):
        x[b], v, p, d = sample(rng, pool, n, wrong, found)
        plate[b] = p
        if v is not None:
            corner[b], known[b], two[b] = v, 1, d
            if rng.random() < 0.3:
                x[b] = x[b][:, ::-1]
                corner[b] = (corner[b] * [-1, 1])[[1, 0, 3, 2]]
        if rng.random() < 0.1:
            x[b] = x[b].mean(2, keepdims=True)
    t = torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255
    gain = torch.from_numpy(rng.uniform(0.75, 1.25, (size, 1, 1, 1)) * rng.uniform(0.93, 1.07, (size, 3, 1, 1))).float()
    t = (t * gain + torch.from_numpy(rng.uniform(-0.08, 0.08, (size, 1, 1, 1))).float()).clamp(0, 1)
    return (t.contiguous(memory_format=torch.channels_last), torch.from_numpy(corner.reshape(size, 8)), torch.from_numpy(known),
            torch.from_numpy(plate), torch.from_numpy(two))


class Ahead:
    """Batches made by threads of their own while the network learns."""
    def __init__(self, seed, pool, filled, threads=1):
        self.pool, self.filled, self.looks, self.queue = pool, filled, ([], []), queue.Queue(4)
        for k in range(threads):
            threading.Thread(target=self.run, args=(np.random.default_rng([seed, k]),), daemon=True).start()

    def run(self, rng):
        while True:
            self.queue.put(batch_of(rng, self.pool, self.filled(), *self.looks))


def loss_of(y, corner, known, plate, two):
    e = (y[:, :8] - corner).abs()
    e = torch.where(e < 0.01, e * e / 0.02, e - 0.005).mean(1)  # quadratic below a window's hundredth
    total = known.sum().clamp(min=1)
    return ((e * known).sum() / total, F.binary_cross_entropy_with_logits(y[:, 8], plate),
            (F.binary_cross_entropy_with_logits(y[:, 9], two, reduction="none") * known).sum() / total)


class Held:
    """Windows of pictures over scenes that training has not seen, and of ccpd_blue_uncleacc."""
    def __init__(self, shared, count=350):
        rng = np.random.default_rng(5)
        source = data.Source(shared, 998, held=True)
        s = [source.sample() for _ in range(count)]
        pool = {k: np.stack([v[i] for v in s]) for i, k in enumerate(("im", "quad", "kind"))}
        self.generated = batch_of(rng, pool, count, None, size=1600)
        real, folder = [], os.path.join(shared, "plates", "ccpd_blue_uncleacc")
        exact = data.exact_corners()
        for r in data.rows(folder):
            q = exact.get("ccpd_blue_uncleacc/" + r["path"])
            if q is None:
                continue
            im = cv2.imread(os.path.join(folder, r["path"]))
            for _ in range(4):
                w = window(shaken(rng, q.astype(np.float64)))
                real.append((cut(im, w), inside(q, w)))
        self.real = (torch.from_numpy(np.stack([r[0] for r in real])).permute(0, 3, 1, 2).float() / 255,
                     np.stack([r[1] for r in real]))

    @staticmethod
    def error(y, corner):
        """Mean distance of the corners over the plate's width: median, 95th percentile."""
        q = y[:, :8].reshape(-1, 4, 2)
        c = corner.reshape(-1, 4, 2)
        e = np.linalg.norm(q - c, axis=2).mean(1) / np.linalg.norm(c[:, 1] - c[:, 0], axis=1)
        return f"{np.median(e) * 100:.2f} % (95th {np.quantile(e, 0.95) * 100:.1f} %)"

    def report(self, net):
        net.eval()
        with torch.no_grad():
            x, corner, known, plate, two = self.generated
            y = torch.cat([net(b).flatten(1) for b in x.split(200)]).numpy()
            r = net(self.real[0]).flatten(1).numpy()
        net.train()
        k, p = known.numpy() > 0, plate.numpy() > 0
        edge = np.quantile(y[~p, 8], 0.99)
        lines = [(y[k, 9] > 0)[two.numpy()[k] == v].mean() for v in (0, 1)]
        return (f"corners: generated {self.error(y[k], corner.numpy()[k])}, ccpd {self.error(r, self.real[1])}; "
                f"plates above 99 % of the others {(y[p, 8] > edge).mean() * 100:.1f} %, ccpd {(r[:, 8] > edge).mean() * 100:.1f} %; "
                f"lines right: single {100 - lines[0] * 100:.1f} %, double {lines[1] * 100:.1f} %, ccpd {(r[:, 9] < 0).mean() * 100:.1f} %")


def make_pool(a):
    """The detector's own sample pool and as many fresh ones again with more rolled plates and more double lines."""
    cv2.setNumThreads(1)
    os.makedirs(a.to, exist_ok=True)
    source, out = data.Source(a.shared, 4242, steep=True), {}
    with open(os.path.join(a.pool, "made")) as f:
        made = int(f.read())
    for k, (s, t) in SHAPES.items():
        old = np.memmap(os.path.join(a.pool, f"pool_{k}.bin"), t, "r").reshape((-1, *s))
        n = min(len(old), made)
        out[k] = np.memmap(os.path.join(a.to, f"pool_{k}.bin"), t, "w+", shape=(2 * n, *s))
        out[k][:n] = old[:n]
    for i in range(n, 2 * n):
        for k, v in zip(("im", "quad", "kind"), source.sample()):
            out[k][i] = v
    with open(os.path.join(a.to, "made"), "w") as f:
        f.write(str(2 * n))


def train(a):
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(a.seed)
    os.makedirs(a.work, exist_ok=True)
    pool = {k: np.memmap(os.path.join(a.pool, f"pool_{k}.bin"), t, "r").reshape((-1, *s)) for k, (s, t) in SHAPES.items()}

    def filled():
        with open(os.path.join(a.pool, "made")) as f:
            return min(len(pool["im"]), int(f.read()))
    held = Held(a.shared)
    net = Near().to(memory_format=torch.channels_last)
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-4)
    ck, step, mean = os.path.join(a.work, "last.pt"), 0, None
    if os.path.exists(ck):
        s = torch.load(ck)
        net.load_state_dict(s["net"])
        opt.load_state_dict(s["opt"])
        step, mean = s["step"], s["ema"]
    slow = Near()
    rng, t0, first, shown, parts = np.random.default_rng(a.seed + step), time.time(), step, time.time(), np.zeros(3)
    ahead = Ahead(a.seed + step, pool, filled)
    searched, finder = 0, load(a.detector)
    while (u := (time.time() - t0) / (a.minutes * 60)) < 1:
        if time.time() - searched > 900:
            searched = time.time()
            ahead.looks = first_looks(finder, pool, filled(), rng, a.looks)
            print(f"{len(ahead.looks[0])} wrong plates of the detector as counterexamples, {len(ahead.looks[1])} right ones", flush=True)
        for g in opt.param_groups:
            g["lr"] = a.rate * min(1, (step - first + 1) / 200) * (0.5 * (1 + math.cos(math.pi * max(0, (u - 0.3) / 0.7))) + 0.005)
        x, corner, known, plate, two = ahead.queue.get()
        with torch.autocast("cpu", torch.bfloat16):
            y = net(x)
        three = loss_of(y.float().flatten(1), corner, known, plate, two)
        opt.zero_grad(set_to_none=True)
        (30 * three[0] + three[1] + 0.5 * three[2]).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        opt.step()
        step += 1
        with torch.no_grad():
            state = net.state_dict()
            if mean is None:
                mean = {k: v.clone() for k, v in state.items()}
            d = min(0.998, (step + 1) / (step + 30))
            for k, v in state.items():
                if v.dtype.is_floating_point:
                    mean[k].lerp_(v, 1 - d)
        parts = 0.98 * parts + 0.02 * np.array([p.item() for p in three])
        if time.time() - shown > 200:
            shown = time.time()
            slow.load_state_dict(mean)
            p = parts / (1 - 0.98 ** (step - first))
            print(f"{time.strftime('%H:%M:%S')} step {step} corners {p[0]:.5f} plate {p[1]:.4f} double {p[2]:.4f} "
                  f"{(shown - t0) / (step - first) / BATCH * 1e3:.1f} ms/window | {held.report(slow)}", flush=True)
            save(ck, net, opt, step, mean)
    save(ck, net, opt, step, mean)


def save(ck, net, opt, step, ema):
    torch.save({"net": net.state_dict(), "opt": opt.state_dict(), "step": step, "ema": ema}, ck + ".part")
    os.replace(ck + ".part", ck)


def do_export(a):
    net = Near()
    s = torch.load(os.path.join(a.work, "last.pt"), map_location="cpu")
    net.load_state_dict(s["ema"])
    net.eval()
    folded = fold(net)
    torch.manual_seed(1)
    with torch.no_grad():  # equal tensors become Identity nodes, which OpenCV 4.6 cannot read
        for p in folded.parameters():
            if p.dim() == 1:
                p += 1e-7 * torch.randn_like(p)
    path = os.path.join(a.out, "near.onnx")
    torch.onnx.export(folded, torch.rand(1, 3, HIGH, WIDE), path, input_names=["image"], output_names=["plate"], opset_version=11)
    x = np.random.default_rng(1).random((1, 3, HIGH, WIDE)).astype(np.float32)
    cv2.setNumThreads(1)
    other = load(path)
    other.setInput(x)
    with torch.no_grad():
        worst = np.abs(net(torch.from_numpy(x)).numpy() - other.forward().reshape(1, 10, 1, 1)).max()
    ms = []
    for _ in range(40):
        t = time.perf_counter()
        other.setInput(x)
        other.forward()
        ms.append((time.perf_counter() - t) * 1e3)
    print(f"near: step {s['step']}, {sum(p.numel() for p in folded.parameters()) / 1e6:.2f} M parameters, "
          f"{multiply_adds(folded, HIGH, WIDE) / 1e6:.1f} M multiply-adds, {np.median(ms):.2f} ms, OpenCV - torch {worst:.1e}")
    if worst > 1e-3:
        sys.exit("the exported network differs from the trained one")
    if not a.quick:
        print(Held(a.shared).report(net))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=["pool", "train", "export"])
    p.add_argument("--shared", default="../shared")
    p.add_argument("--pool", default="build/detector", help="folder of the detector's training, whose samples are used")
    p.add_argument("--detector", default="vision/models/detector.onnx", help="whose mistakes are shown as counterexamples")
    p.add_argument("--to", default="build/pool", help="where pool writes")
    p.add_argument("--work", default="build/near")
    p.add_argument("--out", default="vision/models")
    p.add_argument("--minutes", type=float, default=40)
    p.add_argument("--rate", type=float, default=2e-3)
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--looks", type=int, default=1500, help="pictures of the pool that the detector looks at for its mistakes, now and then")
    p.add_argument("--quick", action="store_true", help="export without measuring")
    a = p.parse_args()
    {"pool": make_pool, "train": train, "export": do_export}[a.what](a)


if __name__ == "__main__":
    main()
