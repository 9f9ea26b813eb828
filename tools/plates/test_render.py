# SPDX-License-Identifier: Apache-2.0
"""The plate renderer: texts follow the grammar, every symbol comes, sizes are the standard's, ink is where it should be."""
import os
import sys
import unittest

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from render import render  # noqa: E402
from texts import LETTERS, PROVINCES, SYMBOLS, TYPES, random_plate  # noqa: E402

LENGTH = {"blue": {7}, "green": {8}, "green_large": {8}, "yellow": {7}, "yellow2": {7}, "white": {7, 8},
          "white2": {7, 8}, "black": {7}}


class Texts(unittest.TestCase):
    def test_length_and_symbols(self):
        rng = np.random.default_rng(1)
        for t in TYPES:
            for _ in range(200):
                p = random_plate(rng, t)
                self.assertIn(len(p), LENGTH[t], f"{t} {p}")
                self.assertTrue(set(p) <= set(SYMBOLS), p)

    def test_every_province_and_symbol(self):
        rng = np.random.default_rng(2)
        blue = [random_plate(rng, "blue", letters=5) for _ in range(3000)]
        first = [p[0] for p in blue]
        for c in PROVINCES:
            self.assertGreater(first.count(c), 40, c)
        rest = "".join(p[1:] for p in blue)
        for c in LETTERS + "0123456789":
            self.assertGreater(rest.count(c), 200, c)
        every = "".join(random_plate(rng, t) for t in TYPES for _ in range(300))
        self.assertEqual(set(every), set(SYMBOLS))

    def test_green_marks(self):
        rng = np.random.default_rng(3)
        for _ in range(100):
            self.assertIn(random_plate(rng, "green")[2], "DFABCEGHJK")
            self.assertIn(random_plate(rng, "green_large")[-1], "DFABCEGHJK")


class Pictures(unittest.TestCase):
    def test_sizes(self):
        rng = np.random.default_rng(4)
        for t in TYPES:
            p = random_plate(rng, t)
            a = render(p, t, None, rng)
            w = 480 if t.startswith("green") or p.endswith("应急") else 440
            self.assertEqual(a.shape, (220 if t in ("yellow2", "white2") else 140, w, 3), p)
            self.assertEqual(a.dtype, np.uint8)

    def test_ink_in_every_cell(self):
        a = render("粤A12345", "blue")
        for x in [15, 72] + [151 + 57 * i for i in range(5)]:
            cell = a[25:115, x:x + 45, 0]
            self.assertGreater((cell > 200).mean(), 0.1)
            self.assertGreater((cell < 60).mean(), 0.3)

    def test_same_seed_same_plate(self):
        one = render("京A1234警", "white", None, np.random.default_rng(9))
        two = render("京A1234警", "white", None, np.random.default_rng(9))
        self.assertTrue((one == two).all())

    def test_unknown_type_is_refused(self):
        with self.assertRaises(ValueError):
            render("粤A12345", "pink")


if __name__ == "__main__":
    unittest.main()
