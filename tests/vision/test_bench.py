#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench-vision on a drawn scene: every step is timed, multiply-adds are counted, the plate is read; wrong use says so.

usage: test_bench.py PROGRAM SOURCE_DIR
"""
import json
import os
import subprocess
import sys
import tempfile


def main():
    program, source = sys.argv[1:3]
    try:
        import numpy as np
        from PIL import Image
    except ImportError as e:
        print(f"skipped: {e}")
        return 77
    sys.path.insert(0, os.path.join(source, "tools", "plates"))
    from render import render
    from test_read_rendered import scene
    for wrong in (["--runs", "0", "x.png"], ["--engine", "none", "x.png"], ["--slower", "0", "x.png"], []):
        assert subprocess.run([program, *wrong], capture_output=True).returncode == 2, wrong
    gone = subprocess.run([program, "/none.png"], capture_output=True, text=True)
    assert gone.returncode == 1 and "/none.png" in gone.stderr, gone
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "scene.png")
        scene(np, Image, render("粤A12345", "blue")).save(file)
        seen = {}
        for engine in ("xnnpack", "opencv"):
            out = subprocess.run([program, "--runs", "2", "--json", "--engine", engine, file], check=True,
                                 capture_output=True, text=True).stdout
            r = seen[engine] = json.loads(out)
            print(out)
            assert r["engine"] == engine and r["plate"] == "粤A12345" and r["looks"] >= 1, r
            assert all(s["processor_ms"] > 0 and s["best_ms"] <= s["median_ms"] <= s["p95_ms"] for s in r["stages"]), r
    # Both did the same work: the multiply-adds of one detection, one second look, and each look of the reader.
    steps = {e: {(s["name"], s["part"]): s["multiply_adds"] for s in r["stages"]} for e, r in seen.items()}
    assert steps["xnnpack"] == steps["opencv"], steps
    s = steps["xnnpack"]
    whole = s["detect", False] + s["refine, a plate", False] + s["read, a plate", False]
    assert abs(whole / s["detect+refine+read", False] - 1) < 1e-4 and whole > 1e8, s  # six digits are printed
    assert abs(s["read, a plate", False] / (seen["xnnpack"]["looks"] * s["network, a look", True]) - 1) < 1e-4, s
    return 0


if __name__ == "__main__":
    sys.exit(main())
