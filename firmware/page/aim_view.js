// SPDX-License-Identifier: Apache-2.0
// The live picture and what is drawn over it; the region's points are moved here.
import { $, el } from './dom.js';
import { t } from './i18n.js';

const SVG = 'http://www.w3.org/2000/svg';
const PAUSE_MS = 250;
const POINTS_MAX = 16;

let asking = false;
let aspect = 0;
let points = null; // of the region being drawn, else null
let undone = [];
let changed = () => {};

const shape = (tag, className, attributes) => {
  const e = document.createElementNS(SVG, tag);
  e.setAttribute('class', className);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  return e;
};
const path = (list, w = 1, h = 1) => `M${list.map(([x, y]) => `${x / w} ${y / h}`).join('L')}Z`;

// Loads one picture after the other; `wanted` says whether anybody looks.
export function watchPicture(wanted, late) {
  let failed = 0;
  const next = async () => {
    if (!asking && wanted()) {
      asking = true;
      const img = new Image();
      img.alt = t('livePicture');
      img.src = `/api/v1/commission/picture?at=${Date.now()}`;
      try {
        await img.decode();
        failed = 0;
        if (img.naturalWidth / img.naturalHeight !== aspect) {
          aspect = img.naturalWidth / img.naturalHeight;
          $('stage').style.aspectRatio = String(aspect);
        }
        $('frame').replaceChildren(img);
        $('no-picture').hidden = true;
      } catch {
        failed++;
        if (failed > 8) {
          $('frame').replaceChildren();
          $('no-picture').hidden = false;
        }
      }
      late(failed > 3);
      asking = false;
    }
    setTimeout(next, PAUSE_MS);
  };
  next();
}

function arrow(deg) {
  const a = (deg * Math.PI) / 180;
  // In the picture's own pixels, so that the angle is true.
  const [ux, uy] = [Math.cos(a), Math.sin(a)];
  const at = (along, side) => `${0.5 + (along * ux - side * uy) / (aspect || 1.78)} ${0.5 + along * uy + side * ux}`;
  return shape('path', 'o-arrow', { d: `M${at(-0.28, 0)}L${at(0.28, 0)}M${at(0.18, -0.07)}L${at(0.28, 0)}L${at(0.18, 0.07)}` });
}

// What the terminal sees, over the picture.
export function drawOver(state, step) {
  const m = state.meters;
  const parts = [];
  const zone = points ?? state.region.zone;
  if (zone.length > 2) {
    if (!points) parts.push(shape('path', 'o-shade', { d: `M0 0H1V1H0Z${path(zone)}` }));
    parts.push(shape('path', 'o-zone', { d: path(zone) }));
  } else if (points?.length === 2) {
    parts.push(shape('path', 'o-zone', { d: path(points) }));
  }
  if (m.width) {
    for (const mark of m.marks) {
      const [x0, y0, x1, y1] = mark.box;
      parts.push(shape('rect', 'o-mark', { x: x0 / m.width, y: y0 / m.height, width: (x1 - x0) / m.width, height: (y1 - y0) / m.height }));
    }
    if (m.plate.length === 4) parts.push(shape('path', 'o-plate', { d: path(m.plate, m.width, m.height) }));
  }
  if (step === 'direction') parts.push(arrow(state.region.direction));
  $('over').replaceChildren(...parts);
}

// --- the region's points

export const drawing = () => points;

function crosses(a, b, c, d) {
  const turn = (p, q, r) => (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]);
  return turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0;
}

// A word of what is wrong with the points, or ''.
export function regionFault() {
  if (points.length === 0) return '';
  if (points.length < 3) return 'regionFew';
  const n = points.length;
  for (let i = 0; i < n; i++) {
    for (let k = i + 2; k < n; k++) {
      if ((k + 1) % n !== i && crosses(points[i], points[(i + 1) % n], points[k], points[(k + 1) % n])) return 'regionCross';
    }
  }
  return '';
}

const clamp = (v) => Math.min(1, Math.max(0, v));
const round = (v) => Math.round(v * 1000) / 1000;
const remember = () => {
  undone.push(points.map((p) => [...p]));
  if (undone.length > 50) undone.shift();
};

export function undo() {
  if (!undone.length) return;
  points = undone.pop();
  grips();
}

export function clearPoints() {
  remember();
  points = [];
  grips();
}

function place(e) {
  const box = $('stage').getBoundingClientRect();
  return [round(clamp((e.clientX - box.left) / box.width)), round(clamp((e.clientY - box.top) / box.height))];
}

// A new point goes into the edge it is nearest to.
function insert(p) {
  if (points.length >= POINTS_MAX) return false;
  remember();
  let at = points.length;
  if (points.length > 2) {
    let best = Infinity;
    points.forEach((a, i) => {
      const b = points[(i + 1) % points.length];
      const l = (b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2 || 1e-9;
      const u = clamp(((p[0] - a[0]) * (b[0] - a[0]) + (p[1] - a[1]) * (b[1] - a[1])) / l);
      const d = (a[0] + u * (b[0] - a[0]) - p[0]) ** 2 + (a[1] + u * (b[1] - a[1]) - p[1]) ** 2;
      if (d < best) {
        best = d;
        at = i + 1;
      }
    });
  }
  points.splice(at, 0, p);
  return true;
}

function grip(i) {
  const b = el('button', 'grip', String(i + 1));
  b.type = 'button';
  const move = (p) => {
    points[i] = p;
    b.style.left = `${p[0] * 100}%`;
    b.style.top = `${p[1] * 100}%`;
    b.setAttribute('aria-label', t('point', { n: i + 1, x: Math.round(p[0] * 100), y: Math.round(p[1] * 100) }));
    changed();
  };
  b.addEventListener('pointerdown', (e) => {
    remember();
    b.setPointerCapture(e.pointerId);
  });
  b.addEventListener('pointermove', (e) => { if (b.hasPointerCapture(e.pointerId)) move(place(e)); });
  b.addEventListener('keydown', (e) => {
    const step = e.shiftKey ? 0.05 : 0.01;
    const way = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[e.key];
    if (way) {
      e.preventDefault();
      remember();
      move([round(clamp(points[i][0] + way[0])), round(clamp(points[i][1] + way[1]))]);
    } else if (e.key === 'Delete' || e.key === 'Backspace') {
      e.preventDefault();
      remember();
      points.splice(i, 1);
      grips();
      document.querySelectorAll('.grip')[Math.min(i, points.length - 1)]?.focus();
    }
  });
  move(points[i]);
  return b;
}

function grips() {
  $('stage').querySelector('.grips')?.remove();
  if (points) $('stage').append(el('div', 'grips', ...points.map((_, i) => grip(i))));
  changed();
}

// Begins with the region as it is; onChange is called at each change.
export function beginRegion(zone, onChange) {
  points = zone.length > 2 ? zone.map((p) => [...p]) : [[0.15, 0.25], [0.85, 0.25], [0.85, 0.95], [0.15, 0.95]];
  undone = [];
  changed = onChange;
  $('stage').classList.add('edit');
  grips();
}

export function endRegion() {
  points = null;
  changed = () => {};
  $('stage').classList.remove('edit');
  $('stage').querySelector('.grips')?.remove();
}

// Tapping the picture adds a point; false from `full` when there are enough.
export function wireRegion(full) {
  $('over').addEventListener('pointerdown', (e) => {
    if (!points) return;
    e.preventDefault();
    if (insert(place(e))) grips();
    else full();
  });
}
