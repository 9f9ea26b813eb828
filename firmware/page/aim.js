// SPDX-License-Identifier: Apache-2.0
// The commissioning page: asks the terminal a few times a second, and only while it is seen.
import { $, el } from './dom.js';
import { t, apply, toggle, addWords } from './i18n.js';
import { words } from './aim_words.js';
import { spoken } from './plate.js';
import { whoIs, gate, refuse, post } from './login.js';
import { watchPicture, drawOver, beginRegion, endRegion, regionFault, drawing, undo, clearPoints, wireRegion } from './aim_view.js';
import { aimStep, regionStep, directionStep, carsStep, sheetStep } from './aim_steps.js';

const PAUSE_MS = 400;
const LATE_MS = 4000;
const steps = ['aim', 'region', 'direction', 'cars', 'sheet'];

addWords(words);

let state = null;
let step = steps.includes(location.hash.slice(1)) ? location.hash.slice(1) : 'aim';
let view = null;
let contact = 0;
let pictureLate = false;
let signedIn = false;

// Tells the terminal something; its answer is the new state. Returns {error} in words.
async function tell(what, body) {
  const r = await post(`/api/v1/commission/${what}`, body);
  if (r.error) return r;
  take(r.session);
  return {};
}

async function sheets() {
  try {
    const r = await fetch('/api/v1/commission/sheets/', { cache: 'no-store' });
    return r.ok ? (await r.json()).sheets : [];
  } catch {
    return [];
  }
}

const makers = {
  aim: () => aimStep(tell),
  region: () => regionStep(tell, { begin: beginRegion, end: endRegion, fault: regionFault, points: drawing, undo, clear: clearPoints, draw: () => state && drawOver(state, step) }),
  direction: () => directionStep(tell),
  cars: () => carsStep(tell),
  sheet: () => sheetStep(tell, sheets),
};

// Which steps are done, for the marks beside their names.
function doneSteps(s) {
  const open = s.open;
  return {
    aim: !open.some((k) => k.startsWith('meter:') || k === 'marks' || k === 'clock'),
    region: s.region.zone.length > 0,
    direction: !open.includes('direction'),
    cars: !open.includes('cars'),
    sheet: s.passed && s.sheet.state === 'ready',
  };
}

function drawSteps() {
  const done = state ? doneSteps(state) : {};
  const box = $('steps');
  if (box.children.length === 0) {
    box.append(...steps.map((name) => {
      const b = el('button', '', el('span', 'no'), el('span', '', t(`s_${name}`)));
      b.type = 'button';
      b.dataset.step = name;
      b.addEventListener('click', () => go(name));
      return b;
    }));
  }
  [...box.children].forEach((b, i) => {
    const name = steps[i];
    b.toggleAttribute('aria-current', name === step);
    if (name === step) b.setAttribute('aria-current', 'step');
    b.firstChild.textContent = done[name] ? '✓' : String(i + 1);
    b.setAttribute('aria-label', `${t(`s_${name}`)} ${t(done[name] ? 'done' : 'undone')}`);
  });
}

function go(name) {
  view?.leave?.();
  step = name;
  history.replaceState(null, '', `#${name}`);
  view = makers[step]();
  $('step').replaceChildren(view.node);
  draw();
}

function drawLive() {
  const late = contact && performance.now() - contact > LATE_MS;
  const off = state?.world?.camera === 'offline';
  $('live').dataset.state = !contact ? 'wait' : late || off || pictureLate ? 'late' : 'ok';
  $('live').textContent = !contact ? t('liveWait') : late ? t('liveLate') : off ? t('cameraOff') : t('liveOk');
}

function draw() {
  drawSteps();
  drawLive();
  if (!state) return;
  view.fill(state);
  drawOver(state, step);
  const m = state.meters;
  const seen = m.plate.length ? t('plateNow', { p: spoken({ text: m.text }) || '…' }) : t('plateNone');
  $('view-note').textContent = m.width ? `${state.camera} · ${t('size', { w: m.width, h: m.height })} · ${seen}` : state.camera;
}

function take(s) {
  state = s;
  contact = performance.now();
  draw();
}

const wanted = () => signedIn && !document.hidden;

async function poll() {
  if (wanted()) {
    try {
      const r = await fetch('/api/v1/commission', { cache: 'no-store' });
      if (r.status === 401) start();
      else if (r.ok) take(await r.json());
    } catch {
      // said by the pill when it lasts
    }
    drawLive();
  }
  setTimeout(poll, PAUSE_MS);
}

function title() {
  document.title = t('aimTitle');
}

function show(s) {
  $('shop').textContent = s.shop ?? '';
  signedIn = ['technician', 'manager'].includes(s.person?.role);
  $('bar').hidden = false;
  $('work').hidden = !signedIn;
  apply();
  title();
  if (signedIn) go(step);
  else refuse(t('aimTitle'), t('notAllowed'), start);
}

async function start() {
  signedIn = false;
  const s = await whoIs();
  if (s.person) {
    show(s);
    return;
  }
  view?.leave?.();
  $('bar').hidden = $('work').hidden = true;
  $('frame').replaceChildren();
  state = null;
  contact = 0;
  gate(s.setup, show);
  title();
}

$('b-lang').addEventListener('click', () => {
  toggle();
  title();
  $('steps').replaceChildren();
  if (signedIn) go(step);
  else refuse(t('aimTitle'), t('notAllowed'), start);
});
wireRegion(() => view?.full?.());
watchPicture(wanted, (late) => {
  pictureLate = late;
  drawLive();
});
poll();
start();
