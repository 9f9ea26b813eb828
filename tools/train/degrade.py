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
UPPER_INSET = 0.14  # share of the width left out on both sides of the upper line: nothing stands there (0..80 of 440 mm)


def rectify(image, quad, double, smooth=True):
    """The reader's input from a quad (TL TR BR BL, pixel centres). The C side does the same arithmetic."""
    q = np.asarray(quad, np.float32)
    k = 2 if smooth else 1
    parts = [(0.0, 0.0, 1.0, WIDTH)]
    if double:
        parts = [(UPPER_INSET, 0.0, UPPER, UPPER_WIDTH), (0.0, UPPER, 1.0, WIDTH - UPPER_WIDTH)]
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    m = cv2.getPerspectiveTransform(unit, q)
    out = []
    for inset, top, bottom, w in parts:
        l, r = inset, 1 - inset
        c = cv2.perspectiveTransform(np.array([[[l, top], [r, top], [r, bottom], [l, bottom]]], np.float32), m)[0]
        d = np.array([[-.5, -.5], [w * k - .5, -.5], [w * k - .5, HEIGHT * k - .5], [-.5, HEIGHT * k - .5]], np.float32)
        p = cv2.warpPerspective(image, cv2.getPerspectiveTransform(c.astype(np.float32), d), (w * k, HEIGHT * k),
                                flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        out.append(cv2.resize(p, (w, HEIGHT), interpolation=cv2.INTER_AREA) if smooth else p)
    return np.hstack(out)


_noise = None


def noise(rng, h, w, colours):
    """Normal noise, cut at random from one large field: drawing it anew each time took a tenth of the whole."""
    global _noise
    if _noise is None:
        _noise = np.random.default_rng(0).standard_normal((600, 1400, 3), dtype=np.float32)
    y, x = int(rng.integers(max(1, 600 - h))), int(rng.integers(max(1, 1400 - w)))
    n = _noise[y:y + h, x:x + w, :colours]
    if n.shape[:2] != (h, w):  # a scene larger than the field
        n = rng.standard_normal((h, w, colours), dtype=np.float32)
    return -n[::-1] if rng.random() < 0.5 else n


def blotches(rng, h, w, cells):
    """Smooth random field 0..1."""
    f = rng.random((max(2, cells), max(2, cells * 3)), dtype=np.float32)
    return cv2.resize(f, (w, h), interpolation=cv2.INTER_CUBIC)


def age(a, rng):
    """Dirt, wear and dealer frames on the flat plate, float RGB. Sizes follow the plate's height."""
    h, w = a.shape[:2]
    mm = h / 140
    if rng.random() < 0.25:
        m = np.clip((blotches(rng, h, w, int(rng.integers(2, 9))) - rng.uniform(0.45, 0.8)) * 4, 0, 1)[..., None]
        mud = np.array([110, 96, 78], np.float32) * rng.uniform(0.4, 1.7)
        a = a + (mud - a) * m * rng.uniform(0.2, 0.7)
    if rng.random() < 0.12:  # paint gone in specks
        m = (blotches(rng, h, w, 24) > rng.uniform(0.85, 0.95)).astype(np.float32)[..., None]
        a = a + (a.mean((0, 1)) - a) * m * rng.uniform(0.4, 0.9)
    if rng.random() < 0.2:  # dealer's frame over the border
        c = rng.uniform(0, 70) if rng.random() < 0.7 else rng.uniform(120, 240)
        t, s = (max(1, int(v * mm)) for v in (rng.integers(2, 13), rng.integers(2, 10)))
        a[:t], a[h - t:], a[:, :s], a[:, w - s:] = c, c, c, c
        if rng.random() < 0.3:  # with the dealer's name on it: strokes along the lower edge
            for x in range(int(w * 0.2), int(w * 0.8), max(3, int(9 * mm))):
                a[h - t:h - max(1, t // 4), x:x + max(1, int(4 * mm))] = 255 - c
    if rng.random() < 0.04:  # a scratch or a wire
        p, q = rng.uniform(0, [w, h], (2, 2)).astype(int).tolist()
        cv2.line(a, p, q, [float(rng.uniform(0, 255))] * 3, max(1, int(rng.integers(2, 6) * mm)))
    return a


def light(a, rng):
    """Shadow edges, glare, headlights on a float RGB picture."""
    h, w = a.shape[:2]
    xx, yy = np.arange(w, dtype=np.float32)[None], np.arange(h, dtype=np.float32)[:, None]
    if rng.random() < 0.3:
        t = rng.uniform(0, 2 * np.pi)
        d = (xx - rng.uniform(0.1, 0.9) * w) * np.float32(np.cos(t)) + (yy - rng.uniform(0, 1) * h) * np.float32(np.sin(t))
        m = 1 / (1 + np.exp(np.clip(-d / rng.uniform(0.004, 0.09) / h, -30, 30)))
        a = a * (1 - m * rng.uniform(0.25, 0.72))[..., None]
    if rng.random() < 0.08:  # bars of shade: a fence, a grille, leaves
        t, n = rng.uniform(-0.6, 0.6), rng.uniform(2, 7)
        m = np.sin((xx / w * n + yy / h * t) * 2 * np.pi + rng.uniform(0, 6)) > rng.uniform(-0.5, 0.5)
        m = cv2.GaussianBlur(m.astype(np.float32), (0, 0), max(0.5, 0.02 * h))
        a = a * (1 - m * rng.uniform(0.15, 0.55))[..., None]
    if rng.random() < 0.15:
        x, y, s = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.15, 0.8) * h
        g = np.exp(-((xx - x) ** 2 / (2 * (s * rng.uniform(1, 4)) ** 2) + (yy - y) ** 2 / (2 * s * s)))
        a = a + g[..., None] * (rng.uniform(60, 200) * np.array([1, rng.uniform(.9, 1), rng.uniform(.7, 1)], np.float32))
    if rng.random() < 0.3:
        t = rng.uniform(-1, 1, 2)
        a = a * (1 + t[0] * 0.5 * (xx / w - .5) + t[1] * 0.5 * (yy / h - .5))[..., None]
    return a.astype(np.float32, copy=False)


def motion(a, rng, length):
    n = 2 * int(np.ceil(length / 2)) + 1
    k = np.zeros((n, n), np.float32)
    t = rng.uniform(0, np.pi) if rng.random() < 0.5 else rng.normal(np.pi / 2, 0.2) * float(rng.integers(0, 2))
    dx, dy = np.cos(t) * length / 2, np.sin(t) * length / 2
    for s in np.linspace(-1, 1, 25):
        k[int(round(n // 2 + dy * s)), int(round(n // 2 + dx * s))] += 1
    return cv2.filter2D(a, -1, k / k.sum(), borderType=cv2.BORDER_REPLICATE)


def infrared(a, rng):
    """Grey as an infrared camera sees it: the paints' reflectances are others than in light, red ink goes pale."""
    w = rng.dirichlet([2.5, 2, 2] if rng.random() < 0.5 else [1, 1, 1]).astype(np.float32)
    w[0] = min(w[0], 0.8)  # more would leave nothing of 警 and WJ on white
    return np.repeat((a @ (w / w.sum()))[..., None], 3, 2)


def tone(a, rng):
    """Exposure, contrast, casts, infrared."""
    r = rng.random()
    if r < 0.17:
        a = infrared(a, rng)
    elif r < 0.5:
        a = a * rng.uniform(0.7, 1.3, 3).astype(np.float32)
    elif r < 0.6:
        g = a.mean(-1, keepdims=True)
        a = g + (a - g) * rng.uniform(0.1, 1.5)
    mean = float(a.mean())
    flat, dark = rng.uniform(0.4, 1.25), rng.uniform(0.35, 1.25)
    if flat * dark < 0.3:  # both at once leave nothing to be seen
        flat, dark = (max(0.7, flat), dark) if rng.random() < 0.5 else (flat, max(0.7, dark))
    a = (a - mean) * flat + mean
    if rng.random() < 0.5:
        a = 255 * np.clip(a / 255, 0, 1) ** float(np.exp(rng.normal(0, 0.35)))
    a = a * dark + rng.uniform(-5, 30)
    top = 215.0 if rng.random() < 0.7 else 245.0
    return a * min(1.0, top / max(1.0, float(a.mean())))  # exposure control: nothing is white all over


def bloom(a, rng, px):
    """A plate that throws the lamp's light back: its bright parts run over into the dark ones."""
    b = cv2.GaussianBlur(np.clip(a - 120, 0, 255), (0, 0), max(0.8, rng.uniform(0.05, 0.3) * px))
    return a + b * rng.uniform(0.2, 0.7)


def camera(a, rng, px):
    """Blur, noise, rain, re-sampling and JPEG at the scene's own resolution; px: plate height in pixels."""
    r = rng.random()
    if r < 0.45:
        a = cv2.GaussianBlur(a, (0, 0), max(0.2, rng.uniform(0.01, 0.052) * px))
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
        a = a + noise(rng, *a.shape[:2], 1 if rng.random() < 0.4 else 3) * rng.uniform(1, rng.uniform(2, 13))
    a = np.clip(a, 0, 255).astype(np.uint8)
    if rng.random() < 0.15:
        b = cv2.GaussianBlur(a, (0, 0), 1.0)
        a = cv2.addWeighted(a, 2.0, b, -1.0, 0)
    if rng.random() < 0.6:
        a = squeeze_jpeg(a, rng)
    return a


def squeeze_jpeg(a, rng):
    ok, j = cv2.imencode(".jpg", a, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(22, 95))])
    return cv2.imdecode(j, cv2.IMREAD_COLOR) if ok else a


def jitter(quad, height, rng):
    """Corners as a detector finds them: each a little wrong, all together a little more. The usual error is 2 to 4 per
    cent of the plate's width, more along the plate than across it."""
    r = rng.random()
    s = height * (rng.uniform(0.0, 0.06) if r < 0.6 else rng.uniform(0.05, 0.11) if r < 0.92 else rng.uniform(0.1, 0.16))
    one, all_ = rng.normal(0, s * 0.7, (4, 2)), rng.normal(0, s * 0.6, (1, 2))
    grow = rng.normal(0.01, 0.03, 2) * height
    return quad + (one + all_) * [1.0, 0.7] + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * grow


def place(w, h, px, rng, flat):
    """Quad of a w x h plate seen with height about px: yaw, pitch, roll. Origin at its centre."""
    c = np.array([[-w, -h], [w, -h], [w, h], [-w, h]], np.float64) / 2
    c = np.hstack([c, np.zeros((4, 1))]) / h
    lim = np.deg2rad([12, 38, 14] if flat else [25, 50, 14])
    p, y, r = rng.uniform(-1, 1, 3) * lim * (rng.random(3) ** 0.5)
    rx = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    rz = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    c = c @ (rz @ rx @ ry).T
    z = rng.uniform(9, 40)
    q = c[:, :2] * (z / (z + c[:, 2:3]))
    q[:, 0] *= rng.uniform(0.85, 1.15)
    return q * px


def bend(im, quad, amount):
    """The picture with the plate on the quad bowed, as on a bumper: its middle lies `amount` of its height lower than it
    would; the corners stay where they are, what lies around follows less and less."""
    q = np.asarray(quad, np.float32)
    tall = max(np.linalg.norm(q[3] - q[0]), np.linalg.norm(q[2] - q[1]))
    lo = np.maximum(np.floor(q.min(0) - tall), 0).astype(int)
    hi = np.minimum(np.ceil(q.max(0) + tall).astype(int) + 1, im.shape[1::-1])
    if (hi - lo < 4).any():
        return im
    m = cv2.getPerspectiveTransform(q, np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)).astype(np.float32)
    x, y = np.meshgrid(np.arange(lo[0], hi[0], dtype=np.float32), np.arange(lo[1], hi[1], dtype=np.float32))
    z = m[2, 0] * x + m[2, 1] * y + m[2, 2]
    z = np.where(z > 1e-3, z, np.float32(1e3))  # beyond the horizon nothing moves
    u, v = (m[0, 0] * x + m[0, 1] * y + m[0, 2]) / z, (m[1, 0] * x + m[1, 1] * y + m[1, 2]) / z
    d = amount * np.clip(1 - (2 * u - 1) ** 2, 0, 1) * np.clip(1 - (np.abs(v - 0.5) - 0.5) / 0.6, 0, 1)
    down = (q[3] - q[0] + q[2] - q[1]) / 2
    out = im.copy()
    out[lo[1]:hi[1], lo[0]:hi[0]] = cv2.remap(im, (x - d * down[0]).astype(np.float32), (y - d * down[1]).astype(np.float32),
                                              cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return out


BENT = 0.12  # share of plates that are bowed


def bow(rng):
    """How much a plate is bowed, as a share of its height; most are flat."""
    return float(np.clip(rng.normal(0, 0.11), -0.3, 0.3)) if rng.random() < BENT else 0.0


def backdrop(rng, h, w, patches):
    """Around the plate: a piece of a plate-free picture, or body paint with a gradient, edges of a recess, posts."""
    if patches is not None and rng.random() < 0.45:
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
    if rng.random() < 0.25:  # upright edges beside the plate, which are no 1
        for _ in range(int(rng.integers(1, 4))):
            x = int(rng.uniform(0, 0.2) * w) if rng.random() < 0.5 else int(rng.uniform(0.8, 1) * w)
            b[:, x:x + int(rng.integers(1, 5))] = rng.uniform(0, 255)
    return b


def legibility(scene, quad, cover, boxes, double):
    """How much of the worst character's shape is in the picture, 0..1: over each character, the correlation of what the
    camera shows with what was painted, both without their slow changes; 3 grey levels of difference count as nothing."""
    w, h = WIDTH, 64 if double else 44
    unit = np.array([[-.5, -.5], [w - .5, -.5], [w - .5, h - .5], [-.5, h - .5]], np.float32)
    g = cv2.warpPerspective(scene, cv2.getPerspectiveTransform(np.asarray(quad, np.float32), unit), (w, h))
    g = g.astype(np.float32).mean(2)
    c = cv2.resize(cover, (w, h), interpolation=cv2.INTER_AREA)
    g, c = g - cv2.blur(g, (7, 7)), c - cv2.blur(c, (7, 7))
    fx, fy = w / cover.shape[1], h / cover.shape[0]
    gc, gg, cc = g * c, g * g, c * c
    sign = 1.0 if gc.sum() > 0 else -1.0
    worst = 1.0
    for x0, y0, x1, y1 in boxes:
        s = slice(int(y0 * fy), int(y1 * fy) + 1), slice(int(x0 * fx), int(x1 * fx) + 1)
        a, b, d = float(gc[s].sum()), float(gg[s].sum()) + 9.0 * gc[s].size, float(cc[s].sum())
        worst = min(worst, sign * a / max(1e-6, (b * d) ** 0.5))
    return worst


SOFT = [(136, 36), (94, 24)]  # rasters in which toll cameras and older data sets keep their crops


def seen_width(double, rng):
    """Width in pixels at which a plate is seen, small ones as often as large ones."""
    return float(np.exp(rng.uniform(np.log(75 if double else 60), np.log(300 if double else 260))))


def shoot(art, double, rng, patches=None, cover=None, boxes=None, width=None):
    """A picture (BGR) of this artwork (RGB uint8), degraded at random; the quad by which to cut the plate out, as wrong
    as a detector's or an upright box; and its legibility (1 without cover)."""
    h, w = art.shape[:2]
    a = light(age(art.astype(np.float32), rng), rng)
    box = rng.random() < (0.15 if double else 0.33)  # no corners known: an upright box squeezed into the crop
    width = width or seen_width(double, rng)
    px = max(13.0, width * h / w)
    q = place(w, h, px, rng, flat=box)
    lo, hi = q.min(0), q.max(0)
    pad = px * 0.3 + 2
    q = q - lo + pad
    size = np.ceil(hi - lo + 2 * pad).astype(int)
    f = px * 1.6 / h
    small = cv2.resize(a, (max(8, int(w * f)), max(8, int(h * f))), interpolation=cv2.INTER_AREA) if f < 0.9 else a
    sh, sw = small.shape[:2]
    m = cv2.getPerspectiveTransform(np.array([[-.5, -.5], [sw - .5, -.5], [sw - .5, sh - .5], [-.5, sh - .5]], np.float32),
                                    q.astype(np.float32))
    scene = backdrop(rng, size[1], size[0], patches)
    for side in (0, 1):  # something upright close beside the plate, which is no 1 and no 挂
        if rng.random() < 0.12:
            x = (q[:, 0].min() - rng.uniform(0.02, 0.25) * px, q[:, 0].max() + rng.uniform(0.0, 0.22) * px)[side]
            cv2.line(scene, (int(x), 0), (int(x + rng.normal(0, 0.1) * px), int(size[1])), [float(rng.uniform(0, 255))] * 3,
                     max(1, int(rng.uniform(0.02, 0.09) * px)))
    night = rng.random() < 0.12
    if night:
        scene *= rng.uniform(0.05, 0.4)
    top = cv2.warpPerspective(small, m, (int(size[0]), int(size[1])), flags=cv2.INTER_LINEAR)
    on = cv2.warpPerspective(np.ones((sh, sw), np.float32), m, (int(size[0]), int(size[1])))[..., None]
    s = scene * (1 - on) + top * on
    bowed = bow(rng)
    if bowed:
        s = bend(s.astype(np.float32), q, bowed)
    s = tone(s, rng)
    if night and rng.random() < 0.6:
        s = bloom(s, rng, px)
    s = np.ascontiguousarray(camera(s, rng, px)[..., ::-1])
    seen = legibility(bend(s, q, -bowed) if bowed else s, q, cover, boxes, double) if cover is not None else 1.0
    if not box:
        return s, jitter(q, px, rng), seen
    loose = 0.05 if double else 0.22  # a loose box would put the cut between the lines into one of them
    tight = -0.03 if double or rng.random() < 0.7 else -0.11  # the last touches the outer characters
    x0, y0 = q.min(0) - rng.uniform([tight, -0.04], loose) * px
    x1, y1 = q.max(0) + rng.uniform([tight, -0.04], loose) * px
    q = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    if not double and rng.random() < 0.6:  # kept as a small picture of its own before anyone read it
        sw, sh = SOFT[int(rng.integers(2))]
        to = np.array([[-.5, -.5], [sw - .5, -.5], [sw - .5, sh - .5], [-.5, sh - .5]], np.float32)
        s = cv2.warpPerspective(s, cv2.getPerspectiveTransform(q.astype(np.float32), to), (sw, sh), flags=cv2.INTER_LINEAR,
                                borderMode=cv2.BORDER_REPLICATE)
        if rng.random() < 0.5:
            s = squeeze_jpeg(s, rng)
        q = to + rng.normal(0, 0.6, (4, 2)) * (rng.random() < 0.5)
    return s, q, seen


def photograph(art, double, rng, patches=None, cover=None, boxes=None, width=None):
    """The reader's 128x32 crop of such a picture, and its legibility."""
    s, q, seen = shoot(art, double, rng, patches, cover, boxes, width)
    return rectify(s, q, double, rng.random() < 0.7), seen


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
    bowed = bow(rng)
    if bowed:
        a = bend(a, q, bowed)
    if rng.random() < 0.5:
        a = tone(light(a, rng), rng)
    if rng.random() < 0.4:
        a = camera(a, rng, px * 0.7)
    a = np.clip(a, 0, 255).astype(np.uint8)[..., ::-1]
    return rectify(np.ascontiguousarray(a), jitter(q, px, rng), double, rng.random() < 0.7)
