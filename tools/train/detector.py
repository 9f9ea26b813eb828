#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Trains, exports and measures the plate detector.

  detector.py train  --shared ../shared --work build/detector --minutes 60     (goes on from the last checkpoint)
  detector.py export --work build/detector --out vision/models --version 1.0.0
  detector.py eval   --shared ../shared --models vision/models [--draw sheet.png]
"""
import argparse
import json
import math
import os
import sys
import time

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import multiprocessing as mp

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import detector_data as data  # noqa: E402
from detector_near import look  # noqa: E402
from detector_net import CHANNELS, STRIDE, UNIT, Net, bounds, box_iou, detect, export, load, multiply_adds, suppress, unfold  # noqa: E402

POOL = 4000  # samples kept; the worker overwrites the oldest, the trainer draws at random
BATCH = 16
FRESH = 0.5  # new samples made for each one trained on: one is drawn twice on average, cropped and coloured otherwise
AHEAD = 1500


def pool(work):
    shape = {"im": ((POOL, data.SIZE, data.SIZE, 3), np.uint8), "quad": ((POOL, data.MOST, 4, 2), np.float32),
             "kind": ((POOL, data.MOST), np.uint8)}
    out = {}
    for k, (s, t) in shape.items():
        p = os.path.join(work, f"pool_{k}.bin")
        fresh = not os.path.exists(p)
        out[k] = np.memmap(p, t, "w+" if fresh else "r+", shape=s)
    return out


def generate(shared, work, seed, count, used, parent):
    cv2.setNumThreads(1)
    source, p, first = data.Source(shared, seed), pool(work), count.value
    while os.getppid() == parent:
        if count.value - first > AHEAD + FRESH * used.value:  # the trainer needs the processor more
            time.sleep(0.05)
            continue
        im, q, k = source.sample()
        n = count.value % POOL
        p["im"][n], p["quad"][n], p["kind"][n] = im, q, k
        count.value += 1
        if count.value % 100 == 0:
            with open(os.path.join(work, "made.part"), "w") as f:
                f.write(str(count.value))
            os.replace(os.path.join(work, "made.part"), os.path.join(work, "made"))


def targets(quads, kinds, size):
    """Centre heat, weight of the heat, weight of the rest, corners, double."""
    n, g = len(quads), size // STRIDE
    heat, care = np.zeros((n, g, g), np.float32), np.ones((n, g, g), np.float32)
    near, corner, double = np.zeros((n, g, g), np.float32), np.zeros((n, 8, g, g), np.float32), np.zeros((n, g, g), np.float32)
    at = (np.arange(g) + 0.5) * STRIDE - 0.5
    for b in range(n):
        for q, k in zip(quads[b], kinds[b]):
            if k == data.NONE:
                continue
            if k == data.IGNORE:
                x0, y0, x1, y1 = bounds(q)
                xs = np.nonzero((at > x0 - 5) & (at < x1 + 5))[0]
                ys = np.nonzero((at > y0 - 5) & (at < y1 + 5))[0]
                if len(xs) and len(ys):
                    care[b, ys[0]:ys[-1] + 1, xs[0]:xs[-1] + 1] = 0
                continue
            c = q.mean(0)
            w = np.linalg.norm(q[1] - q[0] + q[2] - q[3]) / 2
            h = np.linalg.norm(q[3] - q[0] + q[2] - q[1]) / 2
            sx, sy = max(0.6, 0.10 * w / STRIDE), max(0.6, 0.16 * h / STRIDE)
            gx = np.exp(-((at - c[0]) / STRIDE / sx) ** 2 / 2)
            gy = np.exp(-((at - c[1]) / STRIDE / sy) ** 2 / 2)
            gauss = gy[:, None] * gx[None, :]
            i = np.clip(np.round((c + 0.5) / STRIDE - 0.5).astype(int), 0, g - 1)
            gauss[i[1], i[0]] = 1.0
            heat[b] = np.maximum(heat[b], gauss)
            mine = (gauss > 0.25) & (gauss > near[b])
            near[b][mine] = gauss[mine]
            corner[b][:, mine] = q.reshape(8, 1)
            double[b][mine] = k == data.TWO
    return [torch.from_numpy(x) for x in (heat, care, near, corner, double)]


def loss_of(maps, t):
    heat, care, near, corner, double = t
    n, _, g, _ = maps.shape
    z = maps[:, 0]
    p = torch.sigmoid(z).clamp(1e-4, 1 - 1e-4)
    top = heat > 0.999
    pos = (-(1 - p) ** 2 * torch.log(p))[top].sum()
    neg = (-p ** 2 * torch.log(1 - p) * (1 - heat) ** 4 * care)[~top].sum()
    centre = (pos + neg) / top.sum().clamp(min=1)
    m = near > 0
    wt = near[m]
    at = (torch.arange(g, dtype=torch.float32) + 0.5) * STRIDE - 0.5
    cell = torch.stack([at[None, :].expand(g, g), at[:, None].expand(g, g)])  # x, y
    cell = cell.repeat(4, 1, 1)[None].expand(n, -1, -1, -1).permute(0, 2, 3, 1)[m]
    want = corner.permute(0, 2, 3, 1)[m]
    v = maps.permute(0, 2, 3, 1)[m]
    e = want.view(-1, 4, 2)
    width = (e[:, 1] - e[:, 0] + e[:, 2] - e[:, 3]).norm(dim=1, keepdim=True) / 2
    size = torch.log(width[:, 0] / UNIT)
    got = cell + v[:, 1:9] * UNIT * torch.exp(v[:, 10:11].clamp(-3, 4))
    total = wt.sum().clamp(min=1)
    quad = (((got - want) / (width + 4)).abs().mean(1) * wt).sum() / total
    shape = ((v[:, 1:9] - (want - cell) / width).abs().mean(1) * wt).sum() / total
    wide = ((v[:, 10] - size).abs() * wt).sum() / total
    two = (F.binary_cross_entropy_with_logits(v[:, 9], double[m], reduction="none") * wt).sum() / total
    return centre + 6 * quad + 4 * shape + 0.7 * wide + 0.25 * two, (centre, quad, wide, two)


def batch(p, filled, rng, size):
    """Random samples; cropped, mirrored and recoloured, so that one that is drawn twice differs."""
    i = np.sort(rng.choice(filled, BATCH, replace=False))
    im, quads, kinds = p["im"][i], p["quad"][i].copy(), p["kind"][i].copy()
    x = torch.from_numpy(im).permute(0, 3, 1, 2).float() / 255
    for b in range(BATCH):
        if rng.random() < 0.5:
            x[b] = x[b].flip(2)
            quads[b, :, :, 0] = data.SIZE - 1 - quads[b, :, :, 0]
            quads[b] = quads[b][:, [1, 0, 3, 2]]
    dx, dy = rng.integers(-12, 13, 2)
    x = F.pad(x, (12, 12, 12, 12), value=float(rng.random()))[:, :, 12 + dy:12 + dy + size, 12 + dx:12 + dx + size]
    quads -= np.float32([dx, dy])
    gain = torch.from_numpy(rng.uniform(0.8, 1.2, (BATCH, 1, 1, 1)) * rng.uniform(0.92, 1.08, (BATCH, 3, 1, 1))).float()
    x = (x * gain + torch.from_numpy(rng.uniform(-0.06, 0.06, (BATCH, 1, 1, 1))).float()).clamp(0, 1)
    return x.contiguous(memory_format=torch.channels_last), targets(quads, kinds, size)


def train(a):
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    cv2.setNumThreads(1)
    os.makedirs(a.work, exist_ok=True)
    net = Net().to(memory_format=torch.channels_last)
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=1e-4)
    ck, step, ema = os.path.join(a.work, "last.pt"), 0, None
    if os.path.exists(ck):
        s = torch.load(ck)
        net.load_state_dict(s["net"])
        opt.load_state_dict(s["opt"])
        step, ema = s["step"], s["ema"]
    p = pool(a.work)
    made = os.path.join(a.work, "made")
    start_count = int(open(made).read()) if os.path.exists(made) else 0
    count, used = mp.Value("l", start_count), mp.Value("l", 0)
    worker = mp.Process(target=generate, args=(a.shared, a.work, a.seed + step, count, used, os.getpid()), daemon=True)
    worker.start()
    while count.value < min(POOL, 300):
        time.sleep(1)
        if not worker.is_alive():
            sys.exit("the data worker ended, see its message above")
    if ema is None and a.start:
        x = torch.from_numpy(p["im"][:96]).permute(0, 3, 1, 2).float() / 255
        print(f"from {a.start}, equal to {unfold(net, a.start, x):.1e}", flush=True)
        net.train()
    rng, t0, end = np.random.default_rng(a.seed + step), time.time(), a.minutes * 60
    mean, first = np.zeros(5), step
    saved = shown = time.time()
    while True:
        u = (time.time() - t0) / end
        if u >= 1:
            break
        warm = min(1, (step - first + 1) / 200)
        for g in opt.param_groups:
            g["lr"] = a.rate * warm * (0.5 * (1 + math.cos(math.pi * max(0, (u - 0.35) / 0.65))) + 0.01)
        x, t = batch(p, min(count.value, POOL), rng, data.SIZE)
        with torch.autocast("cpu", torch.bfloat16, enabled=not a.exact):
            maps = net(x)
        loss, parts = loss_of(maps.float(), t)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        opt.step()
        step += 1
        used.value += BATCH
        with torch.no_grad():
            state = net.state_dict()
            if ema is None:
                ema = {k: v.clone() for k, v in state.items()}
            d = min(0.998, (step + 1) / (step + 30))
            for k, v in state.items():
                if v.dtype.is_floating_point:
                    ema[k].lerp_(v, 1 - d)
        mean = 0.98 * mean + 0.02 * np.array([loss.item()] + [q.item() for q in parts])
        if time.time() - shown > 20:
            shown = time.time()
            f = mean / (1 - 0.98 ** (step - first))
            print(f"{time.strftime('%H:%M:%S')} step {step} made {count.value - start_count} loss {f[0]:.3f} centre {f[1]:.3f} "
                  f"corners {f[2]:.4f} width {f[3]:.4f} double {f[4]:.3f}  {(shown - t0) / (step - first) / BATCH * 1e3:.1f} ms/picture",
                  flush=True)
        if time.time() - saved > 90:
            saved = time.time()
            save(ck, net, opt, step, ema)
    save(ck, net, opt, step, ema)
    worker.terminate()


def save(ck, net, opt, step, ema):
    torch.save({"net": net.state_dict(), "opt": opt.state_dict(), "step": step, "ema": ema}, ck + ".part")
    os.replace(ck + ".part", ck)


def spec(a):
    return {"format": 1, "name": "bayplate-detector", "version": a.version, "stride": STRIDE, "multiple": 32,
            "channels": CHANNELS, "unit": UNIT, "log_width_min": -3.0, "log_width_max": 4.0, "threshold": a.threshold,
            "candidate_threshold": a.candidates, "suppress_iou": 0.3, "suppress_inside": 0.7, "pad": 114, "still_widths": [320, 640, 1280, 2560],
            "video_width": 640}


def do_export(a):
    net = Net()
    s = torch.load(os.path.join(a.work, "last.pt"), map_location="cpu")
    net.load_state_dict(s["ema"])
    os.makedirs(a.out, exist_ok=True)
    path = os.path.join(a.out, "detector.onnx")
    folded = export(net, path)
    with open(os.path.join(a.out, "detector.json"), "w", encoding="utf-8") as f:
        json.dump(spec(a), f, indent=2)
        f.write("\n")
    cv2.setNumThreads(1)
    net = load(path)
    for h, w in ((384, 640), (736, 1280), (320, 192)):
        x = np.random.default_rng(1).random((1, 3, h, w)).astype(np.float32)
        ms = []
        for _ in range(12):
            t = time.perf_counter()
            net.setInput(x)
            y = net.forward()
            ms.append((time.perf_counter() - t) * 1e3)
        with torch.no_grad():
            worst = np.abs(folded(torch.from_numpy(x)).numpy() - y).max()
        print(f"step {s['step']} {w}x{h}: {np.median(ms):.1f} ms, {multiply_adds(folded, h, w) / 1e6:.0f} M multiply-adds, OpenCV - torch {worst:.1e}")
        if worst > 1e-3:
            sys.exit("the exported network differs from the trained one")


def level(q):
    """The upright box of a quad turned level about its centre: what easypr_scenes' labels are, whose angle is lost."""
    c, w = q.mean(0), (np.linalg.norm(q[1] - q[0]) + np.linalg.norm(q[2] - q[3])) / 2
    h = (np.linalg.norm(q[3] - q[0]) + np.linalg.norm(q[2] - q[1])) / 2
    return np.float32([c[0] - w / 2, c[1] - h / 2, c[0] + w / 2, c[1] + h / 2])


def truth(folder):
    """path -> [(box, quad or None)]. easypr_scenes: (x0,y0) is the centre, the differences the size (a rotated rectangle)."""
    out, exact, name = {}, data.exact_corners(), os.path.basename(folder)
    for r in data.rows(folder):
        if r["c0x"]:
            q = exact.get(f"{name}/{r['path']}", data.corners(r))
            out.setdefault(r["path"], []).append((bounds(q), q))
        else:
            x, y = float(r["x0"]), float(r["y0"])
            w, h = abs(float(r["x1"]) - x), abs(float(r["y1"]) - y)
            if w < h:
                w, h = h, w
            out.setdefault(r["path"], []).append((np.float32([x - w / 2, y - h / 2, x + w / 2, y + h / 2]), None))
    return out


def score_set(net, folder, widths, thresholds, keep=None, draw=None, near=None, candidates=0.25):
    """One dictionary a threshold. Suppression is greedy from the best, so a lower threshold only adds quads. near: the network
    of the second look, at all that the first one finds above `candidates`."""
    seen, ms = [], []
    for path, want in truth(folder).items():
        if keep and not keep(path):
            continue
        im = cv2.imread(os.path.join(folder, path))
        t = time.perf_counter()
        got = detect(net, im, widths, min(candidates, *thresholds) if near else min(thresholds))
        if near:
            got = suppress(look(near, im, got))
        seen.append((im, want, got))
        ms.append((time.perf_counter() - t) * 1e3)
    results = []
    for th in thresholds:
        n = hit5 = hit4 = inside = extra = 0
        err = []
        for im, want, every in seen:
            got = [g for g in every if g[0] >= th]
            used, missed = set(), False
            for box, quad in want:
                n += 1
                c = (box[:2] + box[2:]) / 2
                v = [box_iou(box, level(g[1]) if quad is None else bounds(g[1])) for g in got]
                ins = [i for i, g in enumerate(got) if cv2.pointPolygonTest(np.float32(g[1]), (float(c[0]), float(c[1])), False) > 0]
                used.update(ins)
                used.update(i for i, o in enumerate(v) if o > 0.3)
                best = int(np.argmax(v)) if v else -1
                hit5 += best >= 0 and v[best] >= 0.5
                hit4 += best >= 0 and v[best] >= 0.4
                inside += bool(ins)
                if quad is not None and best >= 0 and v[best] > 0.3:
                    err.append(np.linalg.norm(got[best][1] - quad, axis=1).mean() / np.linalg.norm(quad[1] - quad[0]))
                missed = missed or best < 0 or v[best] < 0.5
            extra += len([g for i, g in enumerate(got) if i not in used])
            if draw is not None and th == thresholds[0] and (len(got) > len(used) or missed or draw[1]):
                draw[0].append(picture(im, want, got))
        out = {"threshold": th, "plates": n, "iou50": hit5 / n, "iou40": hit4 / n, "centre": inside / n,
               "false_per_picture": extra / len(seen), "ms": float(np.median(ms))}
        if err:
            out["corner_error"] = float(np.median(err))
            out["corner_error_p95"] = float(np.quantile(err, 0.95))
        results.append(out)
    return results


def generated(net, near, shared, th, candidates, count=400):
    """Recall by width and double-line on generated pictures over scenes that training has not seen."""
    source = data.Source(shared, 999, held=True)
    kinds, n, hit, false, right = ["13-24", "24-48", "48-96", "96-"], np.zeros((4, 2)), np.zeros((4, 2)), 0, [0, 0]
    err = [[], [], [], []]
    for _ in range(count):
        im, quads, ks = source.sample()
        got = detect(net, im, [data.SIZE], min(candidates, th) if near else th)
        if near:
            got = [g for g in suppress(look(near, im, got)) if g[0] >= th]
        free = [True] * len(got)
        for q, k in zip(quads, ks):
            if k == data.NONE:
                continue
            c = q.mean(0)
            v = [box_iou(bounds(q), bounds(g[1])) for g in got]
            for i, g in enumerate(got):
                if v[i] > 0.3 or k == data.IGNORE and cv2.pointPolygonTest(q, tuple(float(z) for z in g[1].mean(0)), False) > -8:
                    free[i] = False
            if k == data.IGNORE:
                continue
            w = np.linalg.norm(q[1] - q[0] + q[2] - q[3]) / 2
            b = int(np.clip(np.log2(w / 24) + 1, 0, 3)) if w >= 24 else 0
            n[b, k - 1] += 1
            if v and max(v) >= 0.5:
                g = got[int(np.argmax(v))]
                hit[b, k - 1] += 1
                right[k - 1] += (g[2] >= 0.5) == (k == data.TWO)
                err[b].append(np.linalg.norm(g[1] - q, axis=1).mean() / w)
        false += sum(free)
    return {"pictures": count, "threshold": th, "false_per_picture": false / count,
            "recall_single": {k: f"{h:.0f}/{m:.0f}" for k, h, m in zip(kinds, hit[:, 0], n[:, 0])},
            "recall_double": {k: f"{h:.0f}/{m:.0f}" for k, h, m in zip(kinds, hit[:, 1], n[:, 1])},
            "corner_error": {k: round(float(np.median(e)), 4) for k, e in zip(kinds, err) if e},
            "lines_right": [round(right[i] / max(1, hit[:, i].sum()), 4) for i in (0, 1)]}


def picture(im, want, got):
    s = 480 / max(im.shape[:2])
    im = cv2.resize(im, None, fx=s, fy=s, interpolation=cv2.INTER_AREA)
    for box, _ in want:
        cv2.rectangle(im, tuple(int(v * s) for v in box[:2]), tuple(int(v * s) for v in box[2:]), (0, 200, 0), 1)
    for p, q, d in got:
        cv2.polylines(im, [np.int32(q * s)], True, (0, 0, 255), 1)
        cv2.putText(im, f"{p:.2f}{' 2' if d > .5 else ''}", tuple(int(v) for v in q[0] * s), 0, 0.5, (0, 255, 255), 1)
    out = np.zeros((480, 480, 3), np.uint8)
    out[:im.shape[0], :im.shape[1]] = im[:480, :480]
    return out


def evaluate(a):
    cv2.setNumThreads(1)
    net = load(os.path.join(a.models, "detector.onnx"))
    near = None if a.first else load(os.path.join(a.models, "near.onnx"))
    plates = os.path.join(a.shared, "plates")
    th = [a.threshold or json.load(open(os.path.join(a.models, "detector.json"), encoding="utf-8"))["threshold"]]
    th += [t for t in (0.2, 0.3, 0.4, 0.5, 0.6) if t != th[0]] if a.sweep else []
    sets = [("easypr_scenes (held out)", "easypr_scenes", None), ("ccpd_blue_uncleacc (held out)", "ccpd_blue_uncleacc", None)]
    val = {r["path"] for r in data.rows(os.path.join(plates, "ccpd_blue_train")) if data.held_out(r["plate"])}
    sets.append(("ccpd validation", "ccpd_blue_train", lambda p: p in val))
    if a.generated:
        print(json.dumps({"set": "generated over held-out scenes", **generated(net, near, a.shared, th[0], a.candidates)}), flush=True)
    for name, folder, keep in sets:
        for widths in [[int(v) for v in w.split("+")] for w in a.scales.split(",")]:
            tiles = []
            for r in score_set(net, os.path.join(plates, folder), widths, th, keep, (tiles, a.all) if a.draw else None, near, a.candidates):
                print(json.dumps({"set": name, "widths": widths, "second_look": bool(near), **{k: round(float(v), 4) for k, v in r.items()}}), flush=True)
            if a.draw and tiles:
                tiles = tiles[:48]
                while len(tiles) % 6:
                    tiles.append(np.zeros_like(tiles[0]))
                cv2.imwrite(f"{a.draw}-{folder}-{'+'.join(map(str, widths))}.png",
                            np.vstack([np.hstack(tiles[i:i + 6]) for i in range(0, len(tiles), 6)]))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=["train", "export", "eval"])
    p.add_argument("--shared", default="../shared")
    p.add_argument("--work", default="build/detector")
    p.add_argument("--out", default="vision/models")
    p.add_argument("--models", default="vision/models")
    p.add_argument("--version", default="1.0.0")
    p.add_argument("--minutes", type=float, default=60)
    p.add_argument("--rate", type=float, default=2e-3)
    p.add_argument("--from", dest="start", metavar="ONNX", help="start from an exported network instead of from nothing")
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--exact", action="store_true", help="train in float32 instead of bfloat16")
    p.add_argument("--threshold", type=float, default=None)
    p.add_argument("--scales", default="640,960,320+640+1280")
    p.add_argument("--candidates", type=float, default=0.17, help="smallest score of a first look that gets a second one")
    p.add_argument("--first", action="store_true", help="the first look alone, without the second one")
    p.add_argument("--generated", action="store_true", help="also 400 generated pictures over held-out scenes")
    p.add_argument("--sweep", action="store_true", help="also at thresholds 0.2 ... 0.6")
    p.add_argument("--draw")
    p.add_argument("--all", action="store_true", help="draw every picture, not only those with a mistake")
    a = p.parse_args()
    if a.what == "export" and a.threshold is None:
        a.threshold = 0.4
    {"train": train, "export": do_export, "eval": evaluate}[a.what](a)


if __name__ == "__main__":
    main()
