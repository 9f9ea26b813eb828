// SPDX-License-Identifier: Apache-2.0
// The device page: what runs, for how long it is supported, how updates go, the way back to factory
// state. Asks the terminal once a second, and only while it is seen.
import { $, el, day, hhmm } from './dom.js';
import { loadIdentity, drawIdentity } from './device_identity.js';
import { t, apply, toggle, addWords } from './i18n.js';
import { words } from './device_words.js';
import { whoIs, gate, refuse, post, send } from './login.js';
import { upload, nameOf } from './device_upload.js';
import { drawExport } from './device_export.js';

const PAUSE_MS = 1000;
const LATE_MS = 5000;
const phases = ['upload', 'check', 'write', 'restart', 'prove'];

addWords(words);

let state = null;
let contact = 0;
let role = '';
let sending = null; // {stop, have, size, retrying}
let wasRestart = false; // the last that was heard was a restart
let error = null; // () => text of what went wrong here, in the language of the moment

const percent = (a, b) => (b > 0 ? Math.floor((a / b) * 100) : 0);
const late = () => contact && performance.now() - contact > LATE_MS;

function fact(key, value, bad = false) {
  const dd = el('dd', '', value ?? t('none'));
  dd.dataset.fact = key;
  if (bad) dd.dataset.bad = 'true';
  return [el('dt', '', t(`f_${key}`)), dd];
}

// The image's data-crypt writes these lines.
function cryptWord(line) {
  if (line.startsWith('encrypted with a key of this board')) return 'x_own';
  if (line.startsWith('encrypted')) return 'x_other';
  return line.includes('in use since') ? 'x_before' : 'x_none';
}

function drawFacts(s) {
  const over = s.supported === false;
  $('facts').replaceChildren(
    ...fact('model', s.model), ...fact('serial', s.serial), ...fact('version', s.version),
    ...(s.slot ? fact('slot', s.slot) : []), ...(s.built ? fact('built', s.built) : []),
    ...fact('until', s.supported_until ? (over ? t('over', { d: s.supported_until }) : s.supported_until) : t('untold'), over),
    ...(s.encryption ? fact('crypt', t(cryptWord(s.encryption))) : []));
}

// Which phase is at hand, how far, and in words.
function phaseOf(s) {
  if (sending) return ['upload', percent(sending.have, sending.size), t(sending.retrying ? 't_retry' : 't_upload', { n: percent(sending.have, sending.size) })];
  if (late() && wasRestart) return ['restart', -1, t('t_away')];
  const u = s.updating;
  if (u) {
    const left = Math.max(0, u.restart_s - Math.floor((performance.now() - contact) / 1000));
    const n = u.phase === 'restart' ? left : Math.max(0, u.percent);
    return [u.phase === 'wait' ? 'write' : u.phase, u.percent, t(`t_${u.phase}`, { n, v: u.version })];
  }
  if (s.upload?.whole && s.upload.size) return ['check', -1, t('t_handed')];
  if (s.upload && s.upload.size > s.upload.have) return ['upload', percent(s.upload.have, s.upload.size), t('t_paused', { n: percent(s.upload.have, s.upload.size) })];
  return [null, -1, ''];
}

function drawPhases(s) {
  const [now, n, text] = phaseOf(s);
  const at = phases.indexOf(now);
  $('phases').hidden = now === null;
  $('phases').replaceChildren(...phases.map((name, i) => {
    const li = el('li', '', el('span', 'no', i < at ? '✓' : String(i + 1)), el('span', '', t(`p_${name}`)));
    li.dataset.phase = name;
    li.dataset.state = i < at ? 'done' : i === at ? 'now' : 'todo';
    if (i === at) li.setAttribute('aria-current', 'step');
    return li;
  }));
  if ($('phase-text').textContent !== text) $('phase-text').textContent = text;
  $('phase-text').dataset.phase = now ?? '';
  $('bar-progress').hidden = n < 0;
  if (n >= 0) $('bar-progress').value = n;
}

function drawLast(s) {
  const r = s.report;
  if (!r) {
    $('last').replaceChildren(el('p', '', t('lastNone')));
    return;
  }
  const why = r.code && !['good', ''].includes(r.code) ? t(`c_${r.code}`) : null;
  const box = el('div', 'last', el('span', '', t(`r_${r.result}`)), why && el('span', '', why),
    el('span', 'facts', t('lastAt', { v: r.version || '–', t: r.time ? `${day(r.time)} ${hhmm(r.time)}` : '–' })), !r.fine && el('span', 'facts', r.what));
  box.dataset.fine = String(r.fine);
  box.dataset.result = r.result;
  $('last').replaceChildren(box);
}

function drawUpload(s) {
  const file = $('file').files[0];
  const resumes = file && s.upload?.id === nameOf(file) && s.upload.size === file.size && !s.upload.whole && s.upload.have > 0;
  const busy = !!s.updating || s.upload?.whole === true;
  $('no-image').hidden = s.image;
  $('update-form').hidden = !s.image || (busy && !sending);
  $('b-send').textContent = resumes ? t('goOn', { n: percent(s.upload.have, s.upload.size) }) : t('sendFile');
  $('b-send').disabled = !file;
  $('b-send').hidden = $('file').disabled = !!sending;
  $('b-stop').hidden = !sending;
  $('b-drop').hidden = !!sending || !(s.upload && s.upload.id && !s.upload.whole);
  $('update-error').textContent = error?.() ?? '';
}

function drawReset(s) {
  $('reset').hidden = role !== 'manager' || !s.image;
  const word = s.serial ?? 'RESET';
  $('reset-label').textContent = t('resetWord', { w: word });
  $('b-reset').disabled = s.resetting || $('reset-word').value.trim().toUpperCase() !== word.toUpperCase();
  if (s.resetting) $('reset-error').textContent = t('resetting');
}

function drawLive() {
  $('live').dataset.state = !contact ? 'wait' : late() ? 'late' : 'ok';
  $('live').textContent = t(!contact ? 'liveWait' : late() ? 'liveLate' : 'liveOk');
}

function draw() {
  drawLive();
  if (!state) return;
  $('recovery').hidden = !state.recovery;
  drawExport(state);
  $('repaired').hidden = !state.data_repaired;
  $('repaired-text').textContent = state.data_repaired ?? '';
  drawFacts(state);
  drawPhases(state);
  drawLast(state);
  drawUpload(state);
  drawReset(state);
  drawIdentity();
}

async function ask() {
  const r = await fetch('/api/v1/device', { cache: 'no-store' });
  if (r.status === 401) {
    start();
  } else if (r.ok) {
    state = await r.json();
    contact = performance.now();
    wasRestart = state.updating?.phase === 'restart' || state.resetting;
  }
}

async function poll() {
  if (role && !document.hidden) {
    await ask().catch(() => {}); // said by the pill when it lasts
    draw();
  }
  setTimeout(poll, PAUSE_MS);
}

async function begin() {
  const file = $('file').files[0];
  if (!file || sending) return;
  const stop = new AbortController();
  sending = { stop, have: 0, size: file.size, retrying: false };
  error = null;
  draw();
  const r = await upload(file, stop.signal, (have, retrying) => {
    sending.have = have ?? sending.have;
    sending.retrying = retrying;
    drawPhases(state);
  });
  sending = null;
  if (r.status === 401) start();
  else if (r.error !== undefined) error = () => t(r.reason ? `u_${r.reason}` : 'u_request', { e: r.error });
  if (!r.stopped && !r.error) $('file').value = '';
  await ask().catch(() => {});
  draw();
}

async function drop() {
  error = null;
  await send('DELETE', '/api/v1/device/upload');
  await ask().catch(() => {});
  draw();
}

async function reset(e) {
  e.preventDefault();
  const r = await post('/api/v1/device/reset', { word: $('reset-word').value.trim() });
  $('reset-error').textContent = r.error ?? t('resetting');
  if (!r.error) $('reset-word').value = '';
  await ask().catch(() => {});
  draw();
}

function title() {
  document.title = t('deviceTitle');
}

async function show(s) {
  const may = ['technician', 'manager'].includes(s.person?.role);
  $('shop').textContent = s.shop ?? '';
  $('bar').hidden = false;
  $('work').hidden = !may;
  apply();
  title();
  if (!may) {
    refuse(t('deviceTitle'), t('notAllowedHere'), start);
    return;
  }
  role = s.person.role;
  loadIdentity();
  await ask().catch(() => {});
  draw();
}

async function start() {
  role = '';
  const s = await whoIs();
  if (s.person) {
    show(s);
    return;
  }
  sending?.stop.abort();
  $('bar').hidden = $('work').hidden = true;
  state = null;
  contact = 0;
  gate(s.setup, show, {}, s.setup_by_label);
  title();
}

$('b-lang').addEventListener('click', () => {
  toggle();
  title();
  if (role) draw();
  else refuse(t('deviceTitle'), t('notAllowedHere'), start);
});
$('file').addEventListener('change', () => {
  error = null;
  draw();
});
$('b-send').addEventListener('click', begin);
$('b-stop').addEventListener('click', () => sending?.stop.abort());
$('b-drop').addEventListener('click', drop);
$('reset-word').addEventListener('input', draw);
$('reset-form').addEventListener('submit', reset);
setInterval(() => role && draw(), PAUSE_MS);
poll();
start();
