# SPDX-License-Identifier: Apache-2.0
"""The plate model for Tesseract 5, trained in torch and written into Tesseract's own file format.

Tesseract's lstmtraining takes one line at a time (about 75 a second); the same network in torch learns from batches,
several times as many lines on the same core. What must agree with Tesseract 5.3 is here and nowhere else:
contrast() is NetworkIO::FromPixes, Plate is the net_spec below, weights() is the order and layout of WeightMatrix in
the .lstm component (src/lstm: convolve.cpp, lstm.cpp, weightmatrix.cpp).
"""
import struct

import numpy as np
import torch
from torch import nn

WIDTH, HEIGHT = 128, 32
SPEC = "[1,32,0,1 Ct5,5,16 Mp3,3 Ct3,3,32 Mp2,1 Lfys48 Lbx96 O1c{n}]"
SPECIAL = 3  # codes before the symbols: space, "Joined", and the null character, which is CTC's blank
BLANK = 2
STEPS = WIDTH // 3


def quantile(values, part):
    """STATS::ile: linear within a bucket of width one."""
    target = min(max(part * len(values), 1.0), float(len(values)))
    count = np.bincount(np.clip(values, 0, 254), minlength=255)
    total = np.cumsum(count)
    i = int(np.searchsorted(total, target))
    return i + 1 - (total[i] - target) / count[i]


def contrast(grey):
    """uint8 (n,32,128) to int8 -127..127: dark and light as found along the middle row, the rest clipped."""
    out = np.empty(grey.shape, np.int8)
    for k, g in enumerate(grey):
        r = g[HEIGHT // 2].astype(np.int32)
        a, b, c = r[:-2], r[1:-1], r[2:]
        low = b[((b < a) & (b <= c)) | ((b <= a) & (b < c))]
        high = b[((b > a) & (b >= c)) | ((b >= a) & (b > c))]
        dark = quantile(low, 0.25) if len(low) else 0.0
        light = quantile(high, 0.75) if len(high) else 255.0
        half = (light - dark) / 2 if light > dark else 1.0
        out[k] = np.clip(np.rint(((g - dark) / half - 1) * 128), -127, 127)
    return out


def ragged(x, n):
    """Tesseract fills what lies outside the picture with noise, so does training."""
    y = nn.functional.pad(x, (n, n, n, n))
    m = torch.ones(1, 1, x.shape[2], x.shape[3])
    return y + (1 - nn.functional.pad(m, (n, n, n, n))) * (torch.rand_like(y) * 2 - 1)


class Plate(nn.Module):
    """SPEC as torch layers. In: (b,1,32,128) in -1..1. Out: (b, STEPS, codes) logits."""

    def __init__(self, symbols):
        super().__init__()
        self.c1 = nn.Conv2d(1, 16, 5)
        self.c2 = nn.Conv2d(16, 32, 3)
        self.down = nn.LSTM(32, 48, batch_first=True)
        self.across = nn.LSTM(48, 96, batch_first=True, bidirectional=True)
        self.out = nn.Linear(192, symbols + SPECIAL)
        for name, p in self.named_parameters():
            if name.endswith("bias") or "bias_" in name:
                nn.init.zeros_(p)
            elif "weight_hh" in name:
                for g in p.data.chunk(4):
                    nn.init.orthogonal_(g)
            elif "weight_ih" in name:
                for g in p.data.chunk(4):
                    nn.init.xavier_uniform_(g)
            else:
                nn.init.xavier_uniform_(p, 1.5)
            if "bias_ih" in name:  # remember at first
                h = p.shape[0] // 4
                p.data[h:2 * h] += 1.0
        self.drop = nn.Dropout(0.1)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.tanh(self.c1(ragged(x, 2))), 3)
        x = nn.functional.max_pool2d(torch.tanh(self.c2(ragged(x, 1))), (2, 1))
        b, c, h, w = x.shape
        _, (x, _) = self.down(x.permute(0, 3, 2, 1).reshape(b * w, h, c))  # each column from top to bottom
        x, _ = self.across(self.drop(x[0].reshape(b, w, -1)))
        return self.out(self.drop(x))


def gates(m, suffix):
    """torch's i, f, g, o as Tesseract's cell input, input, forget and output gates: rows [x, h, bias]."""
    wi, wh = getattr(m, "weight_ih_l0" + suffix), getattr(m, "weight_hh_l0" + suffix)
    b = getattr(m, "bias_ih_l0" + suffix) + getattr(m, "bias_hh_l0" + suffix)
    i, f, g, o = torch.cat([wi, wh, b[:, None]], 1).chunk(4)
    return [g, i, f, o]


def conv(m):
    """Tesseract stacks a window column by column, top to bottom, channels innermost."""
    w = m.weight.permute(0, 3, 2, 1).reshape(m.weight.shape[0], -1)
    return torch.cat([w, m.bias[:, None]], 1)


def weights(net):
    return [conv(net.c1), conv(net.c2), *gates(net.down, ""), *gates(net.across, ""), *gates(net.across, "_reverse"),
            torch.cat([net.out.weight, net.out.bias[:, None]], 1)]


def fill(component, net):
    """The bytes of an .lstm component of SPEC (written by lstmtraining, doubles, no training state) with net's weights."""
    out, at = bytearray(component), 0
    for w in weights(net):
        w = w.detach().double().numpy()
        head = struct.pack("<II", *w.shape)
        while True:
            at = component.find(head, at + 1)
            if at < 1:
                raise ValueError(f"no {w.shape[0]}x{w.shape[1]} matrix where one is expected: another net_spec or Tesseract?")
            if component[at - 1] & 0x83 == 0x80:  # WeightMatrix: doubles, not int8
                break
        at += len(head) + 8
        out[at:at + w.size * 8] = np.ascontiguousarray(w).tobytes()
        at += w.size * 8 - 1
    return bytes(out)
