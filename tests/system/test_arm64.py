#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The arm64 program, run by qemu-user, reads drawn scenes as the amd64 one does: the same texts and types to the
character, confidence and corners to rounding. Exit status 77: not built for arm64, or nothing to draw or emulate with.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SYSROOT = os.path.join(TOP, "build", "sysroot-arm64")
PLATES = [("粤A12345", "blue"), ("苏BD12345", "green"), ("京A88731", "blue"), ("沪B8K639", "yellow2")]


def read(command, files):
    out = subprocess.run([*command, *files], check=True, capture_output=True, text=True).stdout
    return [json.loads(line)["plates"] for line in out.splitlines()]


def main():
    arm = os.path.join(TOP, "build", "arm64", "tools", "bayplate-read")
    here = next((p for b in ("release", "asan") for p in [os.path.join(TOP, "build", b, "tools", "bayplate-read")]
                 if os.path.exists(p)), None)
    qemu = shutil.which("qemu-aarch64-static")
    if not (os.path.exists(arm) and here and qemu):
        print("skipped: needs build/arm64 (tools/cross), a build for this machine, and qemu-user-static")
        return 77
    sys.path.insert(0, os.path.join(TOP, "tools", "plates"))
    sys.path.insert(0, os.path.join(TOP, "tests", "vision"))
    import numpy as np
    from PIL import Image
    from render import render
    from test_read_rendered import scene
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for i, (text, kind) in enumerate(PLATES):
            files.append(os.path.join(folder, f"{i}.png"))
            scene(np, Image, render(text, kind)).save(files[-1])
        models = ["--models", os.path.join(TOP, "vision", "models")]
        want = read([here, *models], files)
        got = read([qemu, "-L", SYSROOT, arm, *models], files)
    assert any(want), "nothing was read at all: the scenes are no test"
    worst = 0.0
    for w, g in zip(want, got, strict=True):
        assert [(p["plate"], p["type"]) for p in w] == [(p["plate"], p["type"]) for p in g], (w, g)
        for a, b in zip(w, g):
            assert abs(a["confidence"] - b["confidence"]) < 0.002, (a, b)
            for (x, y), (u, v) in zip(a["corners"], b["corners"]):
                worst = max(worst, abs(x - u), abs(y - v))
    assert worst <= 0.2, f"corners differ by {worst} pixels"
    print(f"{sum(map(len, want))} plates in {len(files)} scenes read alike; corners within {worst:.1f} pixels")
    return 0


if __name__ == "__main__":
    sys.exit(main())
