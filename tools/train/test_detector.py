#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Decoding gives back the quads that maps were made from; suppression keeps one of a heap; folding changes nothing."""
import os
import sys
import unittest

import numpy as np
import torch

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from detector_net import STRIDE, UNIT, Net, decode, fold, quad_iou, suppress  # noqa: E402


def maps_of(quads, size=320):
    g = size // STRIDE
    m = np.zeros((11, g, g), np.float32)
    m[0] = m[9] = -6
    for q in quads:
        c = q.mean(0)
        x, y = np.round((c + 0.5) / STRIDE - 0.5).astype(int)
        w = np.linalg.norm(q[1] - q[0] + q[2] - q[3]) / 2
        m[0, y, x] = 3
        m[1:9, y, x] = ((q - ((np.array([x, y]) + 0.5) * STRIDE - 0.5)) / w).reshape(8)
        m[10, y, x] = np.log(w / UNIT)
    return m


class Decoding(unittest.TestCase):
    quads = [np.array(q, float) for q in ([[20, 20], [100, 25], [101, 55], [19, 47]], [[200, 210], [216, 211], [216, 217], [200, 216]],
                                          [[60, 120], [260, 100], [262, 180], [66, 190]])]

    def test_there_and_back(self):
        found = decode(maps_of(self.quads), 0.3)
        self.assertEqual(len(found), 3)
        for q in self.quads:
            self.assertLess(min(np.abs(f[1] - q).max() for f in found), 1e-3)

    def test_crossed_and_mirrored_quads_go(self):
        q = self.quads[0]
        self.assertEqual(decode(maps_of([q[[1, 0, 3, 2]]]), 0.3), [])
        self.assertEqual(decode(maps_of([q[[0, 2, 1, 3]]]), 0.3), [])

    def test_suppression(self):
        q = self.quads[0]
        inner = (q - q.mean(0)) * 0.4 + q.mean(0)
        kept = suppress([(0.9, q, 0), (0.8, q + 5, 0), (0.7, inner, 0), (0.6, self.quads[1], 0)])
        self.assertEqual([p for p, _, _ in kept], [0.9, 0.6])
        self.assertAlmostEqual(quad_iou(q, q), 1, places=4)

    def test_fold(self):
        torch.manual_seed(1)
        net, x = Net(), torch.rand(2, 3, 64, 96)
        net.train()(x)
        net.eval()
        with torch.no_grad():
            self.assertLess((net(x) - fold(net)(x)).abs().max().item(), 1e-4)


if __name__ == "__main__":
    unittest.main()
