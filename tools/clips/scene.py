# SPDX-License-Identifier: Apache-2.0
"""What a gate clip shows: an empty service bay and cars as flat sprites that know where their plate is.

A sprite is an RGBA picture with `ppm` pixels a metre, an anchor (the point that stands on the floor) and the plate's
four corners, clockwise from top left.
"""
import os
import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFile, ImageFilter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "plates"))
from render import first_font, render, HANZI, LATIN  # noqa: E402

ImageFile.LOAD_TRUNCATED_IMAGES = True  # photographs of the data sets lack their last bytes now and then
WIDTH, HEIGHT = 1280, 720
HORIZON = 40.0    # row of the horizon in pixels
FOCAL = 1300.0    # focal length in pixels
CAM_HEIGHT = 2.6  # camera above the floor, metres
DOOR_Z = 16.0     # distance of the bay's door, metres
DOOR_HALF = 2.6   # half the door's width, metres
PAINTS = [(176, 30, 36), (232, 232, 230), (34, 36, 42), (150, 156, 164), (38, 66, 120), (196, 176, 140), (28, 92, 70)]


class Sprite:
    """A flat picture standing on the floor and facing the camera."""

    def __init__(self, image, ppm, anchor, corners):
        self.image, self.ppm, self.anchor = image, ppm, anchor
        self.corners = np.asarray(corners, np.float32)


def project(x, z):
    """Floor point x metres right of the middle, z metres away -> (column, row, pixels a metre)."""
    s = FOCAL / z
    return WIDTH / 2 + x * s, HORIZON + CAM_HEIGHT * s, s


def door():
    """The door's opening in the frame: x0, y0, x1, y1."""
    x0, y, s = project(-DOOR_HALF, DOOR_Z)
    return int(x0), 0, int(x0 + 2 * DOOR_HALF * s), int(y)


def shade(rgb, k):
    return tuple(int(max(0, min(255, c * k))) for c in rgb)


def background(rng, light=1.0):
    """The empty bay: wall, door with the yard behind it, floor in perspective, lift posts, tool trolley, a sign."""
    im = Image.new("RGB", (WIDTH, HEIGHT), (148, 150, 150))
    d = ImageDraw.Draw(im)
    x0, y0, x1, y1 = door()
    d.rectangle([0, 0, WIDTH, y1], fill=(168, 170, 168))
    d.rectangle([0, y1 - 70, WIDTH, y1], fill=(92, 112, 128))
    d.rectangle([x0, y0, x1, y1], fill=(186, 204, 220))
    d.rectangle([x0, int(HORIZON) + 30, x1, y1], fill=(150, 148, 142))
    d.rectangle([x0 + 30, int(HORIZON) - 20, x0 + 130, int(HORIZON) + 45], fill=(120, 96, 84))
    d.rectangle([x1 - 150, int(HORIZON) - 6, x1 - 20, int(HORIZON) + 38], fill=(96, 110, 92))
    for x in (x0, x1):
        d.rectangle([x - 9, 0, x + 9, y1], fill=(214, 178, 40))
    for i in range(-12, 13):  # joints of the floor run to the vanishing point
        a, b = project(i * 1.2, DOOR_Z), project(i * 1.2, 3.4)
        d.line([a[0], a[1], b[0], b[1]], fill=(132, 134, 134), width=2)
    for z in (14, 12, 10, 8.5, 7, 6, 5, 4.4, 3.9):
        y = project(0, z)[1]
        d.line([0, y, WIDTH, y], fill=(134, 136, 136), width=2)
    for side in (-1, 1):  # yellow lane
        a, b = project(side * 1.7, DOOR_Z), project(side * 1.7, 3.4)
        d.line([a[0], a[1], b[0], b[1]], fill=(206, 172, 44), width=7)
    for x in (150, 1080):
        d.rectangle([x, 60, x + 46, 420], fill=(40, 84, 150))
        d.rectangle([x - 20, 410, x + 66, 430], fill=(60, 62, 66))
    d.rectangle([1150, 300, 1270, 470], fill=(170, 40, 36))
    for y in (320, 350, 380, 410, 440):
        d.rectangle([1162, y, 1258, y + 6], fill=(60, 20, 20))
    d.text((236, 40), "机修车间", font=first_font(HANZI, 40), fill=(70, 74, 78))
    d.text((940, 60), "EXIT 2", font=first_font(LATIN, 30), fill=(30, 110, 60))
    px = np.asarray(im, np.float32)
    px = px * np.linspace(1.05, 0.82, HEIGHT, dtype=np.float32)[:, None, None] * light
    px += rng.normal(0, 2.0, (HEIGHT, WIDTH, 1))
    return Image.fromarray(np.clip(px, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.7))


def mud(art, rng):
    """The plate as a driver who does not want to be read shows it: smeared over."""
    px = np.asarray(art, np.float32).copy()
    px = px * 0.15 + np.array([112, 92, 70], np.float32) * 0.85
    px += rng.normal(0, 14, px.shape[:2] + (1,))
    return np.asarray(Image.fromarray(np.clip(px, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(9)))


def car(text, ptype, rng, rear=False, covered=False, light=1.0):
    """A drawn car seen from the front, or from the rear, with this plate; double-line plates sit on a lorry."""
    art = render(text, ptype, rng=rng)
    if covered:
        art = mud(art, rng)
    big = ptype in ("yellow", "yellow2", "white2")
    ppm, over = 320, 2
    wide, high = (2.3, 2.5) if big else (1.84, 1.5)
    w, h = int((wide + 0.5) * ppm), int((high + 0.25) * ppm)
    im = Image.new("RGBA", (w * over, h * over), (0, 0, 0, 0))
    d = ImageDraw.Draw(im)
    k = ppm * over
    cx, floor = w * over / 2, h * over - 0.12 * k

    def box(x0, y0, x1, y1, fill, r=0.0):  # metres, x from the middle, y up from the floor
        d.rounded_rectangle([cx + x0 * k, floor - y1 * k, cx + x1 * k, floor - y0 * k], r * k, fill=fill)

    def poly(points, fill):
        d.polygon([(cx + x * k, floor - y * k) for x, y in points], fill=fill)

    paint = PAINTS[int(rng.integers(len(PAINTS)))]
    hw = wide / 2
    d.ellipse([cx - (hw + .12) * k, floor - .1 * k, cx + (hw + .12) * k, floor + .1 * k], fill=(20, 20, 20, 150))
    for s in (-1, 1):
        a, b = sorted((s * (hw - 0.05), s * (hw - 0.3)))
        box(a, 0, b, 0.5, (18, 18, 20), 0.05)
        a, b = sorted((s * (hw + 0.02), s * (hw + 0.17)))
        box(a, high * 0.6, b, high * 0.6 + 0.14, shade(paint, 0.8), 0.05)
    belt = high * 0.56
    poly([(-hw * .96, belt), (-hw * .78, high), (hw * .78, high), (hw * .96, belt)], shade(paint, 0.92))
    poly([(-hw * .86, belt + .03), (-hw * .72, high - .1), (hw * .72, high - .1), (hw * .86, belt + .03)], (44, 56, 66))
    poly([(-hw * .5, belt + .03), (-hw * .3, high - .1), (hw * .02, high - .1), (-hw * .12, belt + .03)], (74, 90, 102))
    box(-hw, 0.22, hw, belt + 0.03, paint, 0.12)
    box(-hw * .98, belt - .1, hw * .98, belt - .04, shade(paint, 1.18), 0.02)
    lamp = (186, 28, 30) if rear else (236, 240, 244)
    for s in (-1, 1):
        a, b = sorted((s * hw * .62, s * hw * .95))
        box(a, belt - .26, b, belt - .12, lamp, 0.05)
        box(a, 0.3, b, 0.36, (210, 120, 30) if not rear else (120, 20, 20), 0.02)
    box(-hw * .96, 0.22, hw * .96, 0.30, (30, 31, 34), 0.04)
    plate_y = 0.52 if not big else 0.62
    if not rear:
        for i in range(4):
            y = belt - .28 + i * .045
            if y > plate_y + 0.12:
                box(-hw * .5, y, hw * .5, y + .022, (26, 28, 30), 0.01)
        d.ellipse([cx - .055 * k, floor - (belt - .1) * k, cx + .055 * k, floor - (belt - .21) * k], outline=(210, 214, 218),
                  width=int(.014 * k))
    pw = 0.44 if art.shape[1] == 440 else 0.48
    ph = pw * art.shape[0] / art.shape[1]
    box(-pw / 2 - .02, plate_y - ph / 2 - .02, pw / 2 + .02, plate_y + ph / 2 + .02, (24, 24, 26), 0.01)
    im = im.resize((w, h), Image.LANCZOS)
    fx, fy = w / 2 - pw / 2 * ppm, h - (0.12 + plate_y + ph / 2) * ppm
    size = (int(round(pw * ppm)), int(round(ph * ppm)))
    im.paste(Image.fromarray(art).resize(size, Image.LANCZOS), (int(round(fx)), int(round(fy))))
    fx, fy = round(fx), round(fy)
    corners = [(fx, fy), (fx + size[0] - 1, fy), (fx + size[0] - 1, fy + size[1] - 1), (fx, fy + size[1] - 1)]
    im, corners = turn(im, corners, float(rng.uniform(-0.06, 0.06)), float(rng.uniform(-0.03, 0.03)))
    if light != 1.0:
        rgb = im.convert("RGB").point(lambda v: int(v * light))
        rgb.putalpha(im.getchannel("A"))
        im = rgb
    return Sprite(im, ppm, (w / 2, h - 0.12 * ppm), corners)


def homography(src, dst):
    """3x3 that takes the four src points to the four dst points."""
    rows, right = [], []
    for (x, y), (u, v) in zip(src, dst):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return np.append(np.linalg.solve(np.asarray(rows, np.float64), np.asarray(right, np.float64)), 1).reshape(3, 3)


def through(h, points):
    p = np.c_[np.asarray(points, np.float64), np.ones(len(points))] @ h.T
    return p[:, :2] / p[:, 2:]


def turn(im, corners, yaw, roll):
    """The same picture seen a little from the side (yaw: part of the height lost at one edge) and slanted (roll)."""
    w, h = im.size
    a, b = max(0.0, yaw) * h / 2, max(0.0, -yaw) * h / 2
    s = roll * w / 2
    src = [(0, 0), (w, 0), (w, h), (0, h)]
    dst = [(0, a + s), (w, b - s), (w, h - b - s), (0, h - a + s)]
    hm = homography(src, dst)
    back = np.linalg.inv(hm)
    back /= back[2, 2]
    out = im.transform((w, h), Image.PERSPECTIVE, back.flatten()[:8], Image.BICUBIC)
    return out, through(hm, corners)


def still(path, corners, rng, yaw=0.0, gain=1.0):
    """The car around a known plate cut softly out of a photograph. corners: clockwise from top left, in pixels."""
    im = Image.open(path).convert("RGB")
    c = np.asarray(corners, np.float64)
    pw = (np.hypot(*(c[1] - c[0])) + np.hypot(*(c[2] - c[3]))) / 2
    mid = c.mean(0)
    x0, x1 = int(max(0, mid[0] - 2.3 * pw)), int(min(im.width, mid[0] + 2.3 * pw))
    y0, y1 = int(max(0, mid[1] - 2.4 * pw)), int(min(im.height, mid[1] + 1.1 * pw))
    im, c = im.crop((x0, y0, x1, y1)), c - [x0, y0]
    zoom = min(1.0, 1200.0 / im.width)
    if zoom < 1:
        im, c, pw = im.resize((int(im.width * zoom), int(im.height * zoom)), Image.LANCZOS), c * zoom, pw * zoom
    w, h = im.size
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    edge = np.minimum(np.minimum(xx, w - 1 - xx), np.minimum(yy, h - 1 - yy)) / (0.06 * min(w, h))
    alpha = Image.fromarray((np.clip(edge, 0, 1) * 255).astype(np.uint8))
    if gain != 1.0:
        im = im.point(lambda v: int(min(255, v * gain)))
    im.putalpha(alpha)
    im, c = turn(im, c, yaw, float(rng.uniform(-0.02, 0.02)))
    mid, ppm = c.mean(0), pw / 0.44
    return Sprite(im, ppm, (mid[0], mid[1] + 0.5 * ppm), c)  # plates hang half a metre above the floor
