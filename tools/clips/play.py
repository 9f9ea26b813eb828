# SPDX-License-Identifier: Apache-2.0
"""Plays cars through the bay: where each stands in each frame, the frames' pixels, and the truth about them.

Only the part of the picture that changes is drawn again; a standing car costs nothing.
"""
import json
import subprocess

import numpy as np
from PIL import Image

from scene import HEIGHT, WIDTH, DOOR_Z, door, project

FPS = 25
READABLE_WIDTH = 60.0  # pixels: a plate of this breadth counts as readable
FAR, STOP = 24.0, 5.0  # metres
APPROACH_S, DEPART_S, OUT_S = 2.8, 1.5, 3.2


def ease(u):
    u = min(1.0, max(0.0, u))
    return u * u * (3 - 2 * u)


class Drive:
    """One car's way. direction "in": comes through the door, stops, drives on past the camera on the right;
    "out": comes back past the camera and leaves through the door without a stop."""

    def __init__(self, sprite, text, ptype, start, stop_s, direction="in", readable=True, stop_z=STOP, moves=()):
        self.sprite, self.text, self.ptype = sprite, text, ptype
        self.start, self.stop_s, self.direction, self.readable = start, stop_s, direction, readable
        self.stop_z = stop_z
        self.moves = list(moves)  # (seconds after the stop, new distance): closes up behind another car
        self.end = start + (OUT_S if direction == "out" else APPROACH_S + stop_s + DEPART_S)

    def at(self, t):
        """(x, z) in metres at t seconds, or None when the car is not there."""
        if t < self.start or t >= self.end:
            return None
        u = t - self.start
        if self.direction == "out":
            k = ease(u / OUT_S)
            z = 3.7 + (FAR - 3.7) * k * k
            return 5.5 * max(0.0, 1 - u / 0.9) ** 2 - 7.0 * ease((k - 0.7) / 0.3), z
        if u < APPROACH_S:
            z = 1 / (1 / FAR + (1 / self.stop_z - 1 / FAR) * ease(u / APPROACH_S))
            return -7.0 * max(0.0, 1 - u / 1.1) ** 2, z
        z = self.stop_z
        for after, to in self.moves:
            z += (to - z) * ease((u - APPROACH_S - after) / 1.0)
        k = ease((u - APPROACH_S - self.stop_s) / DEPART_S)
        return 6.5 * k * k, z - (z - 3.7) * k

    def stopped_at(self):
        return self.start + APPROACH_S if self.direction == "in" else None


class Stage:
    """Draws sprites on the background, again only where something moved."""

    def __init__(self, background):
        self.background, self.picture = background, background.copy()
        self.last = {}
        self.clip_door = door()

    def place(self, sprite, x, z, blur):
        """The sprite as it looks at (x, z): picture, top left corner, and the plate's corners in the frame."""
        col, row, ppm = project(x, z)
        k = ppm / sprite.ppm
        w, h = max(2, int(round(sprite.image.width * k))), max(2, int(round(sprite.image.height * k)))
        kx, ky = w / sprite.image.width, h / sprite.image.height
        left, top = int(round(col - sprite.anchor[0] * kx)), int(round(row - sprite.anchor[1] * ky))
        im = None
        if left < WIDTH and left + w > 0 and top < HEIGHT:
            if blur >= 1.6:  # smeared along the way: fewer rows, then as many as before
                im = sprite.image.resize((w, max(2, int(h / blur))), Image.BOX, reducing_gap=1.5).resize((w, h), Image.BILINEAR)
            else:
                im = sprite.image.resize((w, h), Image.BILINEAR, reducing_gap=1.5)
        corners = (sprite.corners + 0.5) * [kx, ky] - 0.5 + [left, top]
        return im, (left, top, left + w, top + h), corners

    def draw(self, spots):
        """spots: {car: (sprite, x, z)}. Returns (changed, {car: (box, corners)})."""
        dirty, now = [], {}
        for car, (sprite, x, z) in spots.items():
            old = self.last.get(car)
            if old and old[0] == (x, z):
                now[car] = old
                continue
            blur = 0.0
            if old:
                blur = 0.35 * abs(project(x, z)[1] - project(*old[0])[1])
            now[car] = ((x, z),) + self.place(sprite, x, z, blur)
            dirty.append(now[car][2])
            if old:
                dirty.append(old[2])
        dirty += [old[2] for car, old in self.last.items() if car not in now]
        self.last = now
        if dirty:
            box = (max(0, min(b[0] for b in dirty)), max(0, min(b[1] for b in dirty)),
                   min(WIDTH, max(b[2] for b in dirty)), min(HEIGHT, max(b[3] for b in dirty)))
            if box[0] < box[2] and box[1] < box[3]:
                self.redraw(box, now)
        return bool(dirty), {car: (v[2], v[3]) for car, v in now.items()}

    def redraw(self, box, now):
        part = self.background.crop(box)
        for spot, im, where, _ in sorted(now.values(), key=lambda v: -v[0][1]):
            if im is None:
                continue
            cut = where
            if spot[1] > DOOR_Z:  # outside: only seen through the door
                d = self.clip_door
                cut = (max(where[0], d[0]), max(where[1], d[1]), min(where[2], d[2]), min(where[3], d[3]))
            cut = (max(cut[0], box[0]), max(cut[1], box[1]), min(cut[2], box[2]), min(cut[3], box[3]))
            if cut[0] >= cut[2] or cut[1] >= cut[3]:
                continue
            piece = im.crop((cut[0] - where[0], cut[1] - where[1], cut[2] - where[0], cut[3] - where[1]))
            part.paste(piece, (cut[0] - box[0], cut[1] - box[1]), piece)
        self.picture.paste(part, box[:2])


def visible(car, seen, spots):
    """Is this car's whole plate in the frame and not behind a nearer car?"""
    _, c = seen[car]
    x0, y0, x1, y1 = c[:, 0].min(), c[:, 1].min(), c[:, 0].max(), c[:, 1].max()
    if x0 < 0 or y0 < 0 or x1 > WIDTH - 1 or y1 > HEIGHT - 1:
        return False
    z = spots[car][2]
    if z > DOOR_Z:
        d = door()
        if x0 < d[0] or x1 > d[2] or y1 > d[3]:
            return False
    for other, (box, _) in seen.items():
        if other != car and spots[other][2] < z and box[0] < x1 and box[2] > x0 and box[1] < y1 and box[3] > y0:
            return False
    return True


def encoder(path, noise, crf, seed, exposure):
    """ffmpeg reading raw RGB frames from its standard input."""
    vf = "format=yuv420p"
    if noise > 0:
        vf += f",noise=c0s={noise}:c0f=t:c0_seed={seed % 100000}"
    if exposure > 0:  # the camera's automatic exposure hunts slowly
        vf += f",eq=eval=frame:brightness='{exposure:.3f}*sin(n/31)'"
    cmd = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s",
           f"{WIDTH}x{HEIGHT}", "-r", str(FPS), "-i", "-", "-vf", vf, "-c:v", "libx264", "-preset", "ultrafast", "-crf",
           str(crf), "-g", "50", "-threads", "1", "-flags", "+bitexact", "-movflags", "+faststart", str(path)]
    try:
        return subprocess.Popen(cmd, stdin=subprocess.PIPE)
    except FileNotFoundError:
        raise SystemExit("gate-clip: ffmpeg is not installed; install the package ffmpeg")


def play(path, background, drives, seconds, noise=3, crf=24, seed=1, exposure=0.0, progress=None):
    """Writes the clip at `path`; returns the truth about it (see tools/gate-clip --help)."""
    stage, total = Stage(background), int(round(seconds * FPS))
    ff = encoder(path, noise, crf, seed, exposure)
    data = stage.picture.tobytes()
    plates, life = [], [dict(first=None, last=None, readable=None) for _ in drives]
    try:
        for n in range(total):
            spots = {}
            for i, dr in enumerate(drives):
                at = dr.at(n / FPS)
                if at:
                    spots[i] = (dr.sprite,) + at
            changed, seen = stage.draw(spots)
            if changed:
                data = stage.picture.tobytes()
            ff.stdin.write(data)
            row = []
            for i in seen:
                if not visible(i, seen, spots):
                    continue
                c = seen[i][1]
                wide = float(np.hypot(*(c[1] - c[0])))
                row.append([i] + [round(float(v), 1) for v in c.flatten()])
                if life[i]["first"] is None:
                    life[i]["first"] = n
                life[i]["last"] = n
                if drives[i].readable and wide >= READABLE_WIDTH and life[i]["readable"] is None:
                    life[i]["readable"] = n
            plates.append(row)
            if progress and n % (2 * FPS) == 0:
                progress(n, total)
    except BrokenPipeError:
        pass
    ff.stdin.close()
    if ff.wait() != 0:
        raise SystemExit(f"gate-clip: ffmpeg could not write {path}; see its message above")
    visits = []
    for i, dr in enumerate(drives):
        stop = dr.stopped_at()
        visits.append({"car": i, "plate": dr.text, "type": dr.ptype, "readable": dr.readable, "direction": dr.direction,
                       "in_s": dr.start, "out_s": dr.end, "stop_s": stop, "stops": stop is not None,
                       "first_frame": life[i]["first"], "last_frame": life[i]["last"],
                       "first_readable_frame": life[i]["readable"]})
    return {"format": 1, "width": WIDTH, "height": HEIGHT, "fps": FPS, "frames": total, "visits": visits, "plates": plates}


def save_truth(path, truth):
    with open(path, "w", encoding="utf-8") as f:
        json.dump(truth, f, ensure_ascii=False, separators=(",", ":"))
        f.write("\n")
