// SPDX-License-Identifier: Apache-2.0
// The device page's part on a data partition that is lost: what happened, the way to save what is on
// it, and the step after that. The browser itself fetches and keeps the files.
import { $, el } from './dom.js';
import { t } from './i18n.js';

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];
const NETWORK = 11e6; // bytes a second of 100 Mbit/s

export function bytes(n) {
  let i = 0;
  let v = n;
  for (; v >= 1000 && i < UNITS.length - 1; i++) v /= 1000;
  return `${v < 10 && i > 0 ? v.toFixed(1) : Math.round(v)} ${UNITS[i]}`;
}

// The image's data-crypt writes these lines.
const opened = (line) => line?.startsWith('encrypted with a key of this board') ?? false;
const locked = (line) => (line?.startsWith('encrypted') ?? false) && !opened(line);

// The image's scripts data and data-crypt write these.
const REASONS = {
  'cannot be mounted': 'w_mount', 'no data partition': 'w_none', 'could not be encrypted': 'w_crypt',
  'encrypted for another board': 'w_other', 'shows no key': 'w_key',
};
const reason = (line) => {
  const known = Object.keys(REASONS).find((part) => line.includes(part));
  return known ? t(REASONS[known]) : line;
};

function link(what, words, main) {
  const a = el('a', main ? 'button primary' : 'button', t(words));
  a.href = `/api/v1/device/export?what=${what}`;
  a.dataset.what = what;
  a.setAttribute('download', '');
  return a;
}

function offer(x, line) {
  const box = [];
  if (opened(line)) box.push(el('p', 'say', t('xOpened')));
  if (locked(line)) box.push(el('p', 'say', t('xLocked')));
  if (!locked(line)) box.push(el('div', 'export-way', link('files', 'xFiles', true), el('p', '', t('xFilesHelp'))));
  const minutes = Math.max(1, Math.round(x.partition / NETWORK / 60));
  box.push(el('div', 'export-way', link('image', 'xImage', locked(line)), el('p', '', t('xImageHelp', { s: bytes(x.partition), n: minutes }))));
  return box;
}

function how(x) {
  const n = { r: bytes(x.read), s: bytes(x.size || x.partition), o: bytes(x.sent), f: x.files, b: x.bad, e: x.error ?? '' };
  const lines = [];
  if (x.running) {
    lines.push(el('p', 'say', t(x.phase !== 'runs' ? 'xStart' : x.what === 'image' ? 'xRunImage' : 'xRunFiles', n)));
    lines.push(el('p', '', t('xKeepOpen')));
  } else if (x.phase === 'done') {
    lines.push(el('p', 'say', t(x.what === 'image' ? 'xDoneImage' : 'xDoneFiles', n)));
    lines.push(el('p', 'facts', `SHA-256 ${x.sha256}`), el('p', '', t('xCheck')));
  } else if (x.phase === 'failed' || x.phase === 'gone') {
    lines.push(el('p', 'say', t(x.phase === 'gone' ? 'xGone' : 'xFailed', n)));
  }
  if (x.bad > 0 && x.phase !== 'none') lines.push(el('p', 'say', t(x.what === 'image' ? 'xBadBlocks' : 'xBadFiles', n)));
  if (!x.running && x.phase === 'done') {
    const next = el('a', '', t('xNext'));
    next.href = '#reset';
    lines.push(el('p', 'say', next));
  }
  return lines;
}

let shown = '';

// Drawn anew only when something is another: a link must not go away under the finger.
export function drawExport(state) {
  const x = state.export;
  $('trouble').hidden = !state.data_trouble;
  $('trouble-text').textContent = state.data_trouble ? t('dataText', { what: reason(state.data_trouble) }) : '';
  $('export').hidden = !x;
  $('export-none').hidden = !state.data_trouble || !!x;
  if (!x) return;
  const now = JSON.stringify([x.running, state.encryption, t('xFiles'), x.partition]);
  if (now !== shown) {
    shown = now;
    $('export-ways').replaceChildren(...(x.running ? [] : offer(x, state.encryption)));
  }
  $('export-how').replaceChildren(...how(x));
  $('export-how').dataset.phase = x.running ? 'runs' : x.phase;
  const share = x.running && x.what === 'image' && x.size > 0;
  $('export-bar').hidden = !share;
  if (share) $('export-bar').value = Math.floor((x.read / x.size) * 100);
}
