# SPDX-License-Identifier: Apache-2.0
"""A training network that starts as the committed one: folded weights read back out of reader.onnx.

Folding cannot be undone, but a network that computes the same and can be trained on is easily had: each convolution
keeps the folded weights, and its normalisation is given the mean and spread that its output has on real crops, so
that it takes away what it then puts back. Units that the older file does not hold start as (nearly) the identity."""
import numpy as np
import torch

from model import Unit

WEAK = 0.05  # gain of a unit that is new: little enough not to disturb, enough to be trained


def fields(b):
    """(field number, value) of one protobuf message: ints, and bytes for what is length-delimited."""
    at = 0

    def varint():
        nonlocal at
        v = shift = 0
        while True:
            c = b[at]
            at += 1
            v |= (c & 127) << shift
            shift += 7
            if c < 128:
                return v

    while at < len(b):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
        elif key & 7 == 2:
            n = varint()
            yield key >> 3, b[at:at + n]
            at += n
        elif key & 7 in (1, 5):
            n = 8 if key & 7 == 1 else 4
            yield key >> 3, b[at:at + n]
            at += n
        else:
            raise ValueError(f"wire type {key & 7} in a protobuf message")


def initialisers(path):
    """Name -> float array: the weights of an ONNX file (onnx.proto: ModelProto.graph 7, GraphProto.initializer 5,
    TensorProto dims 1, data_type 2, name 8, raw_data 9)."""
    with open(path, "rb") as f:
        model = memoryview(f.read())
    out = {}
    for n, graph in fields(model):
        if n != 7:
            continue
        for k, t in fields(graph):
            if k != 5:
                continue
            dims, kind, name, raw = [], 0, "", b""
            for i, v in fields(t):
                if i == 1:
                    dims += [v] if isinstance(v, int) else [x for x in bytes(v)]  # packed: all below 128 here
                elif i == 2:
                    kind = v
                elif i == 8:
                    name = bytes(v).decode()
                elif i == 9:
                    raw = bytes(v)
            if kind == 1 and raw:
                a = np.frombuffer(raw, "<f4")
                if a.size == int(np.prod(dims)):
                    out[name] = a.reshape(dims)
    return out


def start(net, path, pictures):
    """Fills net from the ONNX file at `path`; pictures: float tensor of real crops. Prints what starts anew."""
    have = initialisers(path)
    units = {n: m for n, m in net.named_modules() if isinstance(m, Unit)}
    fresh, hooks = [], []
    with torch.no_grad():
        for n, p in net.named_parameters():
            if n in have and tuple(have[n].shape) == tuple(p.shape):
                p.copy_(torch.from_numpy(have[n].copy()))
            elif not any(n.startswith(u + ".") for u in units):
                raise ValueError(f"{path} holds no {n} of shape {tuple(p.shape)}")
        for name, u in units.items():
            w, b = have.get(name + ".conv.weight"), have.get(name + ".conv.bias")
            known = w is not None and b is not None and w.shape == tuple(u.conv.weight.shape)
            if not known:
                if not u.add:
                    raise ValueError(f"{path} does not hold {name}, which is no residual unit")
                fresh.append(name)

            def hook(m, i, o, u=u, b=b, known=known):
                mu, sigma = o.mean((0, 2, 3)), o.std((0, 2, 3)).clamp(min=1e-3)
                u.bn.running_mean.copy_(mu)
                u.bn.running_var.copy_(sigma ** 2)
                u.bn.weight.copy_((sigma ** 2 + u.bn.eps).sqrt() if known else torch.full_like(sigma, WEAK))
                u.bn.bias.copy_(torch.from_numpy(b.copy()) + mu if known else torch.zeros_like(mu))
            hooks.append(u.conv.register_forward_hook(hook))
        net.eval()
        net(pictures)  # each unit's normalisation is set before it is used, in the order of the layers
        for h in hooks:
            h.remove()
    net.train()
    return fresh


def go_on(net, opt, state):
    """Fills net and its optimiser from a checkpoint of reader.py whose network may lack units of this one; returns their names.
    These start as nearly the identity."""
    old, fresh = state["mean"], []
    for n, u in net.named_modules():
        if isinstance(u, Unit) and n + ".conv.weight" not in old:
            if not u.add:
                raise ValueError(f"the checkpoint does not hold {n}, which is no residual unit")
            torch.nn.init.constant_(u.bn.weight, WEAK)
            fresh.append(n)
    net.load_state_dict(old, strict=False)
    names = [n for n in old if not n.endswith(("running_mean", "running_var", "num_batches_tracked"))]
    moments = dict(zip(names, (state["opt"]["state"][i] for i in range(len(names)))))
    for n, p in net.named_parameters():
        if n in moments:
            opt.state[p] = {k: v.clone() for k, v in moments[n].items()}
    return fresh
