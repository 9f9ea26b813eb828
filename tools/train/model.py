# SPDX-License-Identifier: Apache-2.0
"""The CTC reader's network: 3x32x128 to 32 columns of symbol logits, and the plate's type. About 0.80 M parameters."""
from collections import OrderedDict

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class Unit(nn.Module):
    """Convolution, normalisation with running statistics, ReLU; residual where the shape stays."""

    def __init__(self, i, o, k=3, s=1, p=1, add=False):
        super().__init__()
        self.conv = nn.Conv2d(i, o, k, s, p, bias=False)
        self.bn = nn.BatchNorm2d(o)
        self.add = add

    def forward(self, x):
        y = torch.relu(self.bn(self.conv(x)))
        return x + y if self.add else y


class Reader(nn.Module):
    def __init__(self, symbols, types):
        super().__init__()
        self.body = nn.Sequential(OrderedDict([  # named by number: the order in which they were thought of
            ("0", Unit(3, 24, s=2)), ("1", Unit(24, 32)), ("7", Unit(32, 32, add=True)), ("9", Unit(32, 32, add=True)),
            ("10", Unit(32, 32, add=True)),  # 16x64
            ("2", Unit(32, 64, s=2)), ("3", Unit(64, 64, add=True)), ("4", Unit(64, 64, add=True)),
            ("11", Unit(64, 64, add=True)),  # 8x32
            ("5", Unit(64, 96, s=(2, 1))), ("6", Unit(96, 96, add=True)), ("8", Unit(96, 96, add=True)),
            ("12", Unit(96, 96, add=True))]))  # 4x32
        self.columns = nn.Sequential(Unit(96, 160, (4, 3), p=(0, 1)), Unit(160, 160, (1, 5), p=(0, 2), add=True))
        self.drop = nn.Dropout(0.1)
        self.text = nn.Conv2d(160, symbols + 1, 1)
        self.kind = nn.Conv2d(96, types, 1)
        self.n = (symbols + 1, types)

    def forward(self, x):
        f = self.body(x)
        t = self.text(self.drop(self.columns(f)))
        k = self.kind(torch.mean(f, (2, 3), keepdim=True))
        return t.reshape(-1, self.n[0], 32).permute(0, 2, 1), k.reshape(-1, self.n[1])


def folded(net):
    """A copy for inference in which every normalisation is folded into its convolution."""
    import copy
    net = copy.deepcopy(net).eval()
    for m in net.modules():
        if isinstance(m, Unit):
            m.conv = fuse_conv_bn_eval(m.conv, m.bn)
            m.bn = nn.Identity()
    return net


def multiply_adds(net):
    total = []
    hooks = [m.register_forward_hook(lambda m, i, o: total.append(o[0].numel() * m.weight[0].numel()))
             for m in net.modules() if isinstance(m, nn.Conv2d)]
    with torch.no_grad():
        net(torch.zeros(1, 3, 32, 128))
    for h in hooks:
        h.remove()
    return sum(total)
