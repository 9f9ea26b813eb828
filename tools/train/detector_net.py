# SPDX-License-Identifier: Apache-2.0
"""The plate detector: network, folding, ONNX, and the decoding that vision/detector.c repeats.

Fully convolutional; plain 3x3 convolutions and ReLU, which OpenCV's dnn runs fastest. Features at strides 8, 16 and
32 are merged at stride 8. One output cell is 8 input pixels. vision/models/detector.md is the specification.
"""
import cv2
import numpy as np
import torch
from torch import nn

STRIDE = 8
CHANNELS = ["centre", "tlx", "tly", "trx", "try", "brx", "bry", "blx", "bly", "double", "log_width"]
UNIT = 32.0  # input pixels: a plate this wide has log_width 0


def conv(i, o, k=3, s=1):
    return nn.Sequential(nn.Conv2d(i, o, k, s, k // 2, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True))


class Net(nn.Module):
    def __init__(self, w=(16, 16, 32, 64, 96), head=32):
        super().__init__()
        a, b, c, d, e = w
        self.s4 = nn.Sequential(conv(3, a, 3, 2), conv(a, b, 3, 2))
        self.s8 = nn.Sequential(conv(b, c, 3, 2), conv(c, c))
        self.s16 = nn.Sequential(conv(c, d, 3, 2), conv(d, d), conv(d, d))
        self.s32 = nn.Sequential(conv(d, e, 3, 2), conv(e, e), conv(e, e), conv(e, e))
        self.l8, self.l16, self.l32 = conv(c, head, 1), conv(d, head, 1), conv(e, head, 1)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.m16 = conv(head, head)
        self.m8 = nn.Sequential(conv(head, head), conv(head, head))
        self.out = nn.Conv2d(head, 11, 1)
        nn.init.normal_(self.out.weight, std=0.01)
        nn.init.zeros_(self.out.bias)
        with torch.no_grad():
            self.out.bias[0] = -4.0

    def forward(self, x):
        x8 = self.s8(self.s4(x))
        x16 = self.s16(x8)
        x32 = self.s32(x16)
        y = self.m16(self.l16(x16) + self.up(self.l32(x32)))
        return self.out(self.m8(self.l8(x8) + self.up(y)))


def fold(net):
    """The same network without batch normalisation."""
    import copy
    net = copy.deepcopy(net).eval()
    for m in list(net.modules()):
        if isinstance(m, nn.Sequential) and len(m) == 3 and isinstance(m[1], nn.BatchNorm2d):
            m[0] = nn.utils.fusion.fuse_conv_bn_eval(m[0], m[1])
            del m[1]
    return net


def multiply_adds(net, h, w):
    total, hooks = [0], []

    def count(m, i, o):
        total[0] += m.weight.numel() * o.shape[2] * o.shape[3]
    for m in net.modules():
        if isinstance(m, nn.Conv2d):
            hooks.append(m.register_forward_hook(count))
    with torch.no_grad():
        net(torch.zeros(1, 3, h, w))
    for k in hooks:
        k.remove()
    return total[0]


def export(net, path):
    net = fold(net)
    torch.manual_seed(1)
    with torch.no_grad():  # equal tensors become Identity nodes, which OpenCV 4.6 cannot read
        for p in net.parameters():
            if p.dim() == 1:
                p += 1e-7 * torch.randn_like(p)
    torch.onnx.export(net, torch.rand(1, 3, 384, 640), path, input_names=["image"], output_names=["maps"],
                      opset_version=11, dynamic_axes={"image": {2: "h", 3: "w"}, "maps": {2: "h8", 3: "w8"}})
    return net


def onnx_weights(path):
    """Name -> array of an ONNX file's initializers (float32 only): enough of protobuf for that, so that no `onnx` is needed."""
    def varint(b, i):
        v = n = 0
        while True:
            v, n, i = v | (b[i] & 127) << n, n + 7, i + 1
            if b[i - 1] < 128:
                return v, i

    def fields(b):
        i = 0
        while i < len(b):
            key, i = varint(b, i)
            kind = key & 7
            if kind == 0:
                v, i = varint(b, i)
            else:
                n, i = (8, i) if kind == 1 else (4, i) if kind == 5 else varint(b, i)
                v, i = b[i:i + n], i + n
            yield key >> 3, v
    out = {}
    with open(path, "rb") as f:
        graphs = [v for k, v in fields(f.read()) if k == 7]
    for tensor in (v for g in graphs for k, v in fields(g) if k == 5):
        shape, name, raw, kind = [], "", b"", 0
        for k, v in fields(tensor):
            if k == 1 and isinstance(v, int):
                shape.append(v)
            elif k == 1:  # packed
                i = 0
                while i < len(v):
                    d, i = varint(v, i)
                    shape.append(d)
            elif k == 2:
                kind = v
            elif k == 8:
                name = v.decode()
            elif k == 9:
                raw = v
        if kind == 1 and raw:
            out[name] = np.frombuffer(raw, np.float32).reshape(shape).copy()
    return out


def unfold(net, path, pictures):
    """The weights of a folded ONNX file into a network that can be trained on: each normalisation is set from the pictures
    (Nx3xHxW) so that it undoes itself, gamma = sigma, beta = bias + mu. In eval mode equal to the file."""
    got = onnx_weights(path)
    folded = fold(net)
    for k, v in folded.state_dict().items():
        if k not in got or got[k].shape != tuple(v.shape):
            raise SystemExit(f"{path}: no {k} of {list(v.shape)}: not a detector of this shape")

    def undo(name):
        def hook(m, inputs, y):
            mu, var = y.mean((0, 2, 3)), y.var((0, 2, 3), unbiased=False) + 1e-6
            norm = net.get_submodule(name + ".1")
            norm.running_mean.copy_(mu)
            norm.running_var.copy_(var)
            norm.weight.copy_((var + norm.eps).sqrt())
            norm.bias.copy_(mu + torch.from_numpy(got[name + ".0.bias"]))
        return hook
    hooks = []
    with torch.no_grad():
        for name, m in net.named_modules():
            if isinstance(m, nn.Sequential) and len(m) == 3 and isinstance(m[1], nn.BatchNorm2d):
                m[0].weight.copy_(torch.from_numpy(got[name + ".0.weight"]))
                hooks.append(m[0].register_forward_hook(undo(name)))
        net.out.weight.copy_(torch.from_numpy(got["out.weight"]))
        net.out.bias.copy_(torch.from_numpy(got["out.bias"]))
        net.eval()(pictures)  # eval: each layer is undone before the next one sees it
        for h in hooks:
            h.remove()
        folded.load_state_dict({k: torch.from_numpy(v) for k, v in got.items() if k in folded.state_dict()})
        worst = (net(pictures[:2]) - folded(pictures[:2])).abs().max().item()
    if worst > 1e-2:
        raise SystemExit(f"{path}: taken apart it differs from itself by {worst:.1e}")
    return worst


def load(path):
    net = cv2.dnn.readNetFromONNX(path)
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    return net


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def bounds(q):
    return np.concatenate([q.min(0), q.max(0)])


def quad_iou(a, b):
    """Intersection over union of two convex quads, 4x2."""
    a, b = np.float32(a), np.float32(b)
    aa, ab = abs(cv2.contourArea(a)), abs(cv2.contourArea(b))
    inter = cv2.intersectConvexConvex(a, b)[0]
    return inter / max(aa + ab - inter, 1e-6)


def box_iou(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    i = w * h
    return i / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - i)


def decode(maps, threshold):
    """maps 11xHxW -> [(score, quad 4x2 in input pixels, double probability)], best first, before suppression."""
    m = maps[0]
    peak = cv2.dilate(m, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=-1e9)
    limit = np.log(threshold / (1 - threshold))
    found = []
    for y, x in zip(*np.nonzero((m >= limit) & (m >= peak))):
        v = maps[:, y, x]
        w = UNIT * np.exp(np.clip(v[10], -3.0, 4.0))
        cx, cy = (x + 0.5) * STRIDE - 0.5, (y + 0.5) * STRIDE - 0.5
        q = np.stack([cx + v[1:9:2] * w, cy + v[2:9:2] * w], 1)
        if not cv2.isContourConvex(np.float32(q)) or cv2.contourArea(np.float32(q), True) <= 0:
            continue
        found.append((float(sigmoid(v[0])), q, float(sigmoid(v[9]))))
    return sorted(found, key=lambda p: -p[0])


def suppress(found, iou=0.3, inside=0.7):
    """Greedy: a quad goes that overlaps a better one by iou, or lies in a better one (or around it) by inside."""
    kept = []
    for p in found:
        for k in kept:
            a, b = np.float32(p[1]), np.float32(k[1])
            aa, ab = abs(cv2.contourArea(a)), abs(cv2.contourArea(b))
            inter = cv2.intersectConvexConvex(a, b)[0]
            if inter > iou * (aa + ab - inter) or inter > inside * min(aa, ab):
                break
        else:
            kept.append(p)
    return kept


def detect(net, image, widths, threshold, unscaled=True):
    """Quads in image pixels. widths: the pyramid, widths in input pixels; the aspect is kept, edges padded grey."""
    h, w = image.shape[:2]
    found = []
    for n, width in enumerate(widths):
        s = width / max(w, h)
        small = cv2.resize(image, (max(1, round(w * s)), max(1, round(h * s))),
                           interpolation=cv2.INTER_AREA if s < 1 else cv2.INTER_LINEAR)
        hh, ww = small.shape[:2]
        canvas = np.full(((hh + 31) // 32 * 32, (ww + 31) // 32 * 32, 3), 114, np.uint8)
        canvas[:hh, :ww] = small
        net.setInput(cv2.dnn.blobFromImage(canvas, 1 / 255.0))
        maps = net.forward()[0]
        for p, q, d in decode(maps, threshold):
            found.append((p, (q + 0.5) * [w / ww, h / hh] - 0.5, d))
    return suppress(sorted(found, key=lambda p: -p[0]))

