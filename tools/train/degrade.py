# SPDX-License-Identifier: Apache-2.0
"""From flat artwork to what a camera sees of it, and back to the reader's 128x32 crop.

Order as in the world: the plate ages, light falls on it, the lens and the road blur it, the sensor and JPEG add
theirs, then a detector finds corners that are a little wrong and the crop is rectified by them. RGB in, BGR out.
"""
import cv2
import numpy as np

WIDTH, HEIGHT = 128, 32
UPPER = 0.375  # share of a double-line plate's height given to the upper line: the middle of the gap (75..90 of 220 mm)
UPPER_WIDTH = 48  # of the 128 columns


def rectify(image, quad, double, smooth=True):
    """The reader's input from a quad (TL TR BR BL, pixel centres). The C side does the same arithmetic."""
    q = np.asarray(quad, np.float32)
    k = 2 if smooth else 1
    parts = [(0.0, UPPER, UPPER_WIDTH), (UPPER, 1.0, WIDTH - UPPER_WIDTH)] if double else [(0.0, 1.0, WIDTH)]
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    m = cv2.getPerspectiveTransform(unit, q)
    out = []
    for top, bottom, w in parts:
        c = cv2.perspectiveTransform(np.array([[[0, top], [1, top], [1, bottom], [0, bottom]]], np.float32), m)[0]
        d = np.array([[-.5, -.5], [w * k - .5, -.5], [w * k - .5, HEIGHT * k - .5], [-.5, HEIGHT * k - .5]], np.float32)
        p = cv2.warpPerspective(image, cv2.getPerspectiveTransform(c.astype(np.float32), d), (w * k, HEIGHT * k),
                                flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        out.append(cv2.resize(p, (w, HEIGHT), interpolation=cv2.INTER_AREA) if smooth else p)
    return np.hstack(out)


def blotches(rng, h, w, cells):
    """Smooth random field 0..1."""
    f = rng.random((max(2, cells), max(2, cells * 3)), dtype=np.float32)
    return cv2.resize(f, (w, h), interpolation=cv2.INTER_CUBIC)


def age(a, rng):
    """Dirt, wear and dealer frames on the flat plate, float RGB."""
    h, w = a.shape[:2]
    if rng.random() < 0.3:
        m = np.clip((blotches(rng, h, w, int(rng.integers(2, 9))) - rng.uniform(0.45, 0.8)) * 4, 0, 1)[..., None]
        mud = np.array([110, 96, 78], np.float32) * rng.uniform(0.4, 1.7)
        a = a + (mud - a) * m * rng.uniform(0.2, 0.75)
    if rng.random() < 0.15:  # paint gone in specks
        m = (blotches(rng, h, w, 24) > rng.uniform(0.8, 0.95)).astype(np.float32)[..., None]
        a = a + (a.mean((0, 1)) - a) * m * rng.uniform(0.4, 0.9)
    if rng.random() < 0.2:  # dealer's frame over the border
        c = rng.uniform(0, 70) if rng.random() < 0.7 else rng.uniform(120, 240)
        t, s = int(rng.integers(2, 13)), int(rng.integers(2, 10))
        a[:t], a[h - t:], a[:, :s], a[:, w - s:] = c, c, c, c
    if rng.random() < 0.04:  # a scratch or a wire
        p, q = rng.uniform(0, [w, h], (2, 2)).astype(int).tolist()
        cv2.line(a, p, q, [float(rng.uniform(0, 255))] * 3, int(rng.integers(2, 6)))
    return a


def light(a, rng):
    """Shadow edges, glare, headlights on a float RGB picture."""
    h, w = a.shape[:2]
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    if rng.random() < 0.3:
        t = rng.uniform(0, 2 * np.pi)
        d = (xx - rng.uniform(0.1, 0.9) * w) * np.cos(t) + (yy - rng.uniform(0, 1) * h) * np.sin(t)
        m = 1 / (1 + np.exp(np.clip(-d / rng.uniform(0.5, 12), -30, 30)))
        a = a * (1 - m * rng.uniform(0.25, 0.75))[..., None]
    if rng.random() < 0.15:
        x, y, s = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.15, 0.8) * h
        g = np.exp(-((xx - x) ** 2 / (2 * (s * rng.uniform(1, 4)) ** 2) + (yy - y) ** 2 / (2 * s * s)))
        a = a + g[..., None] * rng.uniform(60, 220) * np.array([1, rng.uniform(.9, 1), rng.uniform(.7, 1)], np.float32)
    if rng.random() < 0.3:
        t = rng.uniform(-1, 1, 2)
        a = a * (1 + t[0] * 0.5 * (xx / w - .5) + t[1] * 0.5 * (yy / h - .5))[..., None]
    return a


def motion(a, rng, length):
    k = np.zeros((15, 15), np.float32)
    t = rng.uniform(0, np.pi) if rng.random() < 0.5 else rng.normal(np.pi / 2, 0.2) * float(rng.integers(0, 2))
    dx, dy = np.cos(t) * length / 2, np.sin(t) * length / 2
    for s in np.linspace(-1, 1, 25):
        k[int(round(7 + dy * s)), int(round(7 + dx * s))] += 1
    return cv2.filter2D(a, -1, k / k.sum(), borderType=cv2.BORDER_REPLICATE)


def tone(a, rng):
    """Exposure, contrast, casts, infrared."""
    r = rng.random()
    if r < 0.13:  # infrared: grey, the paints' reflectances are others than in light
        w = rng.dirichlet([2, 2, 2]).astype(np.float32)
        g = (a * w).sum(-1, keepdims=True)
        a = np.repeat(g, 3, 2)
    elif r < 0.5:
        a = a * rng.uniform(0.7, 1.3, 3).astype(np.float32)
    elif r < 0.6:
        g = a.mean(-1, keepdims=True)
        a = g + (a - g) * rng.uniform(0.1, 1.5)
    mean = a.mean()
    a = (a - mean) * rng.uniform(0.45, 1.25) + mean
    if rng.random() < 0.5:
        a = 255 * np.clip(a / 255, 0, 1) ** float(np.exp(rng.normal(0, 0.35)))
    a = a * rng.uniform(0.45, 1.25) + rng.uniform(-5, 30)
    return a * min(1.0, 215.0 / max(1.0, float(a.mean())))  # exposure control: nothing is white all over


def camera(a, rng, px):
    """Blur, noise, rain, re-sampling and JPEG at the scene's own resolution; px: plate height in pixels."""
    r = rng.random()
    if r < 0.45:
        a = cv2.GaussianBlur(a, (0, 0), max(0.2, rng.uniform(0.01, 0.062) * px))
    elif r < 0.65:
        a = motion(a, rng, min(13.0, rng.uniform(0.04, 0.17) * px + 1))
    if rng.random() < 0.06:
        for _ in range(int(rng.integers(4, 30))):
            x, y = rng.uniform(0, a.shape[1]), rng.uniform(0, a.shape[0])
            n = rng.uniform(0.1, 0.5) * px
            cv2.line(a, (int(x), int(y)), (int(x + n * 0.15), int(y + n)), [float(rng.uniform(120, 230))] * 3, 1)
    if rng.random() < 0.25:
        h, w = a.shape[:2]
        f = rng.uniform(0.5, 0.9)
        a = cv2.resize(cv2.resize(a, (max(8, int(w * f)), max(8, int(h * f))), interpolation=cv2.INTER_AREA), (w, h),
                       interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.6:
        n = rng.normal(0, rng.uniform(1, 13), a.shape[:2] + (1 if rng.random() < 0.4 else 3,)).astype(np.float32)
        a = a + n
    a = np.clip(a, 0, 255).astype(np.uint8)
    if rng.random() < 0.15:
        b = cv2.GaussianBlur(a, (0, 0), 1.0)
        a = cv2.addWeighted(a, 2.0, b, -1.0, 0)
    if rng.random() < 0.6:
        ok, j = cv2.imencode(".jpg", a, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(22, 95))])
        if ok:
            a = cv2.imdecode(j, cv2.IMREAD_COLOR)
    return a


def jitter(quad, height, rng):
    """Corners as a detector finds them: each a little wrong, all together a little more."""
    s = height * (rng.uniform(0.0, 0.06) if rng.random() < 0.85 else rng.uniform(0.06, 0.12))
    grow = rng.normal(0.0, 0.03) * height
    out = quad + rng.normal(0, s * 0.6, (4, 2)) + rng.normal(0, s * 0.6, (1, 2))
    return out + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * grow


def place(w, h, px, rng, flat):
    """Quad of a w x h plate seen with height about px: yaw, pitch, roll. Origin at its centre."""
    c = np.array([[-w, -h], [w, -h], [w, h], [-w, h]], np.float64) / 2
    c = np.hstack([c, np.zeros((4, 1))]) / h
    lim = np.deg2rad([8, 30, 9] if flat else [22, 48, 14])
    p, y, r = rng.uniform(-1, 1, 3) * lim * (rng.random(3) ** 0.5)
    rx = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    rz = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    c = c @ (rz @ rx @ ry).T
    z = rng.uniform(9, 40)
    q = c[:, :2] * (z / (z + c[:, 2:3]))
    q[:, 0] *= rng.uniform(0.85, 1.15)
    return q * px


def backdrop(rng, h, w, patches):
    """Around the plate: a piece of a plate-free picture, or body paint with a gradient."""
    if patches is not None and rng.random() < 0.5:
        b = cv2.resize(patches[int(rng.integers(len(patches)))], (w, h)).astype(np.float32)[..., ::-1]
        return b * rng.uniform(0.5, 1.3)
    b = np.empty((h, w, 3), np.float32)
    b[:] = rng.uniform(0, 255) + rng.normal(0, 15, 3)
    if rng.random() < 0.2:
        b[:] = np.array([20, 60, 160]) * rng.uniform(0.4, 1.4)  # a blue car
    b *= np.linspace(rng.uniform(.6, 1), rng.uniform(.6, 1.3), h, dtype=np.float32)[:, None, None]
    if rng.random() < 0.5:  # recess edges above and below
        y = int(rng.integers(0, max(1, h // 3)))
        b[y:y + 3] *= rng.uniform(0.2, 0.8)
    return b


def photograph(art, double, rng, patches=None):
    """One 128x32 BGR crop of this artwork (RGB uint8), degraded at random."""
    h, w = art.shape[:2]
    a = light(age(art.astype(np.float32), rng), rng)
    box = rng.random() < (0.15 if double else 0.3)  # no corners known: an upright box squeezed into the crop
    width = float(np.exp(rng.uniform(np.log(75 if double else 60), np.log(300 if double else 260))))
    px = max(13.0, width * h / w)
    q = place(w, h, px, rng, flat=box)
    lo, hi = q.min(0), q.max(0)
    pad = px * 0.3 + 2
    q = q - lo + pad
    size = np.ceil(hi - lo + 2 * pad).astype(int)
    f = px * 1.6 / h
    small = cv2.resize(a, (max(8, int(w * f)), max(8, int(h * f))), interpolation=cv2.INTER_AREA) if f < 1 else a
    sh, sw = small.shape[:2]
    m = cv2.getPerspectiveTransform(np.array([[-.5, -.5], [sw - .5, -.5], [sw - .5, sh - .5], [-.5, sh - .5]], np.float32),
                                    q.astype(np.float32))
    scene = backdrop(rng, size[1], size[0], patches)
    top = cv2.warpPerspective(small, m, (int(size[0]), int(size[1])), flags=cv2.INTER_LINEAR)
    on = cv2.warpPerspective(np.ones((sh, sw), np.float32), m, (int(size[0]), int(size[1])))[..., None]
    s = camera(tone(scene * (1 - on) + top * on, rng), rng, px)[..., ::-1]
    if box:
        loose = 0.05 if double else 0.22  # a loose box would put the cut between the lines into one of them
        x0, y0 = q.min(0) - rng.uniform(-0.03, loose, 2) * px
        x1, y1 = q.max(0) + rng.uniform(-0.03, loose, 2) * px
        q = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    else:
        q = jitter(q, px, rng)
    return rectify(np.ascontiguousarray(s), q, double, rng.random() < 0.7)


def again(image, quad, double, rng):
    """A real picture (BGR) looked at once more: other corner errors, other light, sometimes worse optics."""
    q = np.asarray(quad, np.float64)
    px = (np.linalg.norm(q[3] - q[0]) + np.linalg.norm(q[2] - q[1])) / 2
    lo = np.maximum(np.floor(q.min(0) - px), 0).astype(int)
    hi = np.ceil(q.max(0) + px).astype(int)
    a = image[lo[1]:hi[1], lo[0]:hi[0], ::-1]
    q = q - lo
    if px > 30 and rng.random() < 0.5:
        f = rng.uniform(16, px) / px
        a = cv2.resize(a, None, fx=f, fy=f, interpolation=cv2.INTER_AREA)
        q, px = (q + .5) * f - .5, px * f
    a = a.astype(np.float32)
    if rng.random() < 0.5:
        a = tone(light(a, rng), rng)
    if rng.random() < 0.4:
        a = camera(a, rng, px * 0.7)
    a = np.clip(a, 0, 255).astype(np.uint8)[..., ::-1]
    return rectify(np.ascontiguousarray(a), jitter(q, px, rng), double, rng.random() < 0.7)
