# SPDX-License-Identifier: Apache-2.0
"""Test of tools/gate-clip: the clip and its truth fit together, and the same seed makes the same clip."""
import hashlib
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
TOOL = os.path.join(HERE, "..", "gate-clip")
sys.path.insert(0, HERE)
import play  # noqa: E402
import scene  # noqa: E402

W, H = scene.WIDTH, scene.HEIGHT


def make(*args):
    return subprocess.run([sys.executable, TOOL, "--quiet", *args], capture_output=True, text=True)


def frame(path, n):
    raw = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-vf", f"select=eq(n\\,{n})", "-frames:v", "1", "-f", "rawvideo",
                          "-pix_fmt", "rgb24", "-"], capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(H, W, 3).astype(int)


def rendered(folder):
    out = os.path.join(folder, "a.mp4")
    r = make("--rendered", "--seconds", "9.5", "--plates", "粤A12345", out)
    assert r.returncode == 0, r.stderr
    truth = json.load(open(os.path.join(folder, "a.json"), encoding="utf-8"))
    assert truth["frames"] == 238 and len(truth["plates"]) == 238
    v = truth["visits"]
    assert len(v) == 1 and v[0]["plate"] == "粤A12345" and v[0]["type"] == "blue" and v[0]["stops"]
    assert v[0]["first_frame"] < v[0]["first_readable_frame"] < v[0]["stop_s"] * 25 < v[0]["last_frame"]
    n = int((v[0]["stop_s"] + 1) * 25)
    car, *c = truth["plates"][n][0]
    assert car == 0 and len(c) == 8
    x0, y0, x1, y1 = (int(c[0]), int(c[1]), int(c[4]), int(c[5]))
    assert 0 <= x0 < x1 < W and 0 <= y0 < y1 < H and x1 - x0 > play.READABLE_WIDTH
    blue = frame(out, n)[y0:y1, x0:x1].mean((0, 1))
    assert blue[2] > blue[0] + 40, f"no blue plate where the truth says: {blue}"
    wide = [row[0][3] - row[0][1] for row in truth["plates"][v[0]["first_frame"]:n] if row]
    assert all(b >= a - 0.3 for a, b in zip(wide, wide[1:])), "the plate must grow while the car comes"
    return out


def still(folder):
    """A photograph made here: a grey car with a blue plate at a known place."""
    im = Image.new("RGB", (640, 480), (90, 90, 90))
    im.paste((20, 60, 190), (260, 300, 380, 338))
    path = os.path.join(folder, "still.png")
    im.save(path)
    digests = []
    for name in ("s1.mp4", "s2.mp4"):
        out = os.path.join(folder, name)
        r = make("--still", path, "--corners", "260,300,379,300,379,337,260,337", "--plate", "京C88888",
                 "--seconds", "6.8", out)
        assert r.returncode == 0, r.stderr
        digests.append(hashlib.sha256(open(out, "rb").read()).hexdigest())
    assert digests[0] == digests[1], "the same seed must make the same clip"
    truth = json.load(open(os.path.join(folder, "s1.json"), encoding="utf-8"))
    assert truth["visits"][0]["plate"] == "京C88888"
    c = truth["plates"][104][0][1:]
    px = frame(os.path.join(folder, "s1.mp4"), 104)[int((c[1] + c[5]) / 2), int((c[0] + c[4]) / 2)]
    assert px[2] > px[0] + 40, f"no plate where the truth says: {px}"


def wrong_use(folder):
    for args, word in ((["--rendered", "--seconds", "3", "x.mp4"], "too short"),
                       (["--rendered", "--plates", "粤A12345:pink", "x.mp4"], "pink"),
                       (["--still", "none.jpg", "--corners", "1,2,3,4,5,6,7,8", "x.mp4"], "none.jpg"),
                       (["--still", "none.jpg", "--corners", "1,2", "x.mp4"], "eight numbers"),
                       (["--rendered"], "name the clip")):
        r = make(*args)
        assert r.returncode != 0 and word in r.stderr and "Traceback" not in r.stderr, (args, r.stderr)
    assert not os.path.exists("x.mp4")


def main():
    with tempfile.TemporaryDirectory() as folder:
        rendered(folder)
        still(folder)
        os.chdir(folder)
        wrong_use(folder)
        os.chdir("/")
    print("gate-clip: ok")


if __name__ == "__main__":
    main()
