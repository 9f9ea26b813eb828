// SPDX-License-Identifier: Apache-2.0
// Puts the parts together: what is here, in which order, and whether it can be believed.
import { $, el, hhmm, hhmmss } from './dom.js';
import { t, apply, toggle } from './i18n.js';
import { bigCard, smallCard, sinceText, nearest, daysText } from './card.js';
import { spoken } from './plate.js';
import { follow } from './sse.js';
import { session, whoIs, gate, logout, openPeople } from './login.js';
import { openHistory, refreshHistory, wireHistory } from './history.js';
import { openCheck, wireCheck } from './check.js';
import { chime, soundOn, toggleSound } from './sound.js';

const LATE_MS = 12000; // two missed status events and a little
const LINGER_MS = 45 * 60000; // a car that drove through the gate stays on the board so long
const OTHERS_MAX = 24;

const cards = new Map();
let status = null;
let contact = 0; // performance.now() of the last event
let told = 0; // and of the last status
let end = null;
let focused = null;
let role = '';

// The terminal's time now.
function now() {
  if (!status?.now || !contact) return Date.now();
  return Date.parse(status.now) + (performance.now() - contact);
}

function onBoard(card) {
  if (card.state !== 'closed') return true;
  return card.direction !== 'out' && now() - Date.parse(card.closed ?? card.last_seen) < LINGER_MS;
}

const newestFirst = (a, b) => (Date.parse(b.opened) - Date.parse(a.opened)) || (a.visit < b.visit ? 1 : -1);

// Replaces only what changed, so that focus, pictures and screen readers are left in peace.
function fill(box, wanted, make) {
  const old = new Map([...box.children].map((n) => [n.dataset.visit, n]));
  let at = box.firstChild;
  for (const card of wanted) {
    let node = old.get(card.visit);
    old.delete(card.visit);
    if (!node || node.card !== card) {
      const fresh = make(card, now());
      fresh.card = card;
      if (node) {
        const had = node.contains(document.activeElement);
        if (at === node) at = fresh;
        node.replaceWith(fresh);
        if (had) fresh.focus();
      } else if (card.isNew) {
        fresh.classList.add('new');
        card.isNew = false;
      }
      node = fresh;
    }
    if (node === at) at = at.nextSibling;
    else box.insertBefore(node, at);
  }
  for (const n of old.values()) n.remove();
}

function draw() {
  const plates = new Set(); // a car that came again has one card, the newest; the others are in the history
  const here = [...cards.values()].filter(onBoard).sort(newestFirst).filter((c) => {
    const again = c.state === 'closed' && c.certainty === 'certain' && plates.has(c.plate?.text);
    plates.add(c.plate?.text);
    return !again;
  });
  const due = here.filter((c) => c.due);
  const rest = here.filter((c) => !c.due).slice(0, OTHERS_MAX);
  fill($('due'), due, bigCard);
  fill($('others'), rest, smallCard);
  $('due').dataset.count = Math.min(due.length, 5);
  $('due-count').textContent = due.length || '';
  $('other-count').textContent = rest.length || '';
  $('due-empty').hidden = due.length > 0;
  $('other-empty').hidden = rest.length > 0;
}

function redraw() {
  $('due').replaceChildren();
  $('others').replaceChildren();
  draw();
  drawStatus();
}

function announce(card) {
  const near = nearest(card);
  const urgent = card.due && (card.stage === 'lapsed' || (near && near.days_left <= 0));
  const text = `${t('arrived', { plate: spoken(card.plate) || t('unread'), name: card.customer?.name ?? '' })}${near ? `，${t(near.kind)} ${daysText(near.days_left)}` : ''}`;
  $(urgent ? 'assertive' : 'polite').textContent = text;
}

function take(card, live) {
  if (typeof card.visit !== 'string' || typeof card.rev !== 'number') return;
  const old = cards.get(card.visit);
  if (old && old.rev >= card.rev) return; // came twice, or late
  if (card.state === 'merged') {
    cards.delete(card.visit);
  } else {
    card.isNew = live && !old;
    cards.set(card.visit, card);
    if (live && (!old || (!old.due && card.due)) && card.state === 'open') {
      announce(card);
      if (card.due) chime();
    }
  }
  if (live) draw();
}

function touch() {
  contact = performance.now();
  drawStatus();
}

function banner(kind, text) {
  const b = el('div', `banner ${kind}`, el('span', 'sign', kind === 'clock' ? '◷' : '⚠'), el('span', '', text));
  b.firstChild.setAttribute('aria-hidden', 'true');
  return b;
}

function drawStatus() {
  const late = !contact || performance.now() - contact > LATE_MS;
  const waiting = !contact;
  const seen = status?.now ? hhmmss(status.now) : '--:--:--';
  const list = [];
  if (late && !waiting) list.push(['late', t('late', { t: seen })]);
  if (status?.store && status.store.ok === false) list.push(['store', t('storeBanner', { error: status.store.error ?? '' })]);
  if (status?.evidence && status.evidence.ok === false) list.push(['warn', t('evidenceBanner', { error: status.evidence.error ?? '' })]);
  if (status?.store?.set_aside) list.push(['warn', t('setAsideBanner', { name: String(status.store.set_aside).split('/').pop() })]);
  const cameras = Array.isArray(status?.cameras) ? status.cameras : [];
  for (const c of cameras) {
    if (c.state === 'offline') list.push(['camera', t('cameraBanner', { name: c.name ?? '', t: c.last_frame ? `${String(c.last_frame).slice(5, 10)} ${hhmmss(c.last_frame)}` : t('never') })]);
  }
  if (status?.recovery) list.push(['store', t('recoveryBanner')]);
  if (status?.data_trouble) list.push(['store', t('dataBanner', { what: status.data_trouble })]);
  if (status?.updating?.phase === 'restart') {
    const left = Math.max(0, status.updating.restart_s - Math.floor((performance.now() - told) / 1000));
    list.push(['warn', t('restartBanner', { n: Math.ceil(left / 5) * 5 })]); // not read out every second
  }
  if (status?.updating?.phase === 'prove') list.push(['warn', t('proveBanner')]);
  if (status?.update && status.update.fine === false) {
    list.push(['warn', t(status.update.result === 'fell-back' ? 'updateBackBanner' : 'updateBanner', { what: status.update.what ?? '' })]);
  }
  if (status && status.clock_trusted === false) list.push(['clock', t('clockBanner')]);
  const key = JSON.stringify(list);
  if ($('banners').dataset.key !== key) { // an alert that did not change is not said again
    $('banners').dataset.key = key;
    $('banners').replaceChildren(...list.map(([kind, text]) => banner(kind, text)));
  }
  document.body.classList.toggle('late', late && !waiting);
  $('contact').textContent = waiting ? t('contactNone') : t('contact', { t: seen });
  $('contact').dataset.state = waiting ? 'wait' : late ? 'late' : 'ok';
  const worst = ['Offline', 'Ended', 'Starting'].find((w) => cameras.some((c) => c.state === w.toLowerCase())) ?? 'Online';
  $('cameras').hidden = cameras.length === 0;
  $('cameras').textContent = t(`camera${worst}`);
  $('cameras').dataset.state = { Online: 'ok', Offline: 'late' }[worst] ?? 'wait';
  $('clock').textContent = status?.now ? hhmm(status.now) : '';
}

async function load() {
  const r = await fetch('/api/v1/cards', { cache: 'no-store' });
  if (r.status === 401) return null;
  if (!r.ok) throw new Error(`cards: ${r.status}`);
  const answer = await r.json();
  cards.clear();
  for (const card of answer.cards) take(card, false);
  draw();
  return answer.rev;
}

async function begin() {
  end?.();
  end = null;
  let rev;
  try {
    rev = await load();
  } catch {
    setTimeout(begin, 3000);
    return;
  }
  if (rev === null) {
    start();
    return;
  }
  end = follow(rev, {
    card: (card) => { contact = performance.now(); take(card, true); },
    status: (s) => {
      const first = !status;
      status = s;
      told = performance.now();
      touch();
      if (first) draw(); // only now is the terminal's time known
    },
    reset: begin,
    refused: start,
  });
}

function show(s) {
  $('shop').textContent = s.shop ?? '';
  $('bar').hidden = $('board').hidden = false;
  role = s.person?.role ?? '';
  $('b-aim').hidden = $('b-device').hidden = $('b-people').hidden = role !== 'manager' && role !== 'technician';
  document.body.dataset.role = role;
  document.body.classList.add('in');
  apply();
  drawStatus();
  begin();
}

async function start() {
  end?.();
  end = null;
  const s = await whoIs();
  if (s.person) {
    show(s);
    return;
  }
  for (const d of document.querySelectorAll('dialog[open]')) d.close();
  $('bar').hidden = $('board').hidden = true;
  document.body.classList.remove('in', 'late');
  $('banners').replaceChildren();
  delete $('banners').dataset.key;
  cards.clear();
  $('due').replaceChildren();
  $('others').replaceChildren();
  $('history-list').replaceChildren();
  status = null;
  contact = 0;
  gate(s.setup, show, {}, s.setup_by_label);
}

// --- keyboard
function move(step) {
  const all = [...document.querySelectorAll('#board article')];
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  focused = all[Math.max(0, Math.min(all.length - 1, at < 0 ? 0 : at + step))];
  focused.focus();
  focused.scrollIntoView({ block: 'nearest' });
}

function checkFocused() {
  const node = document.activeElement.closest('#board article');
  if (node && role !== 'technician') openCheck(node.card);
}

function language() {
  toggle();
  redraw();
  helpList();
}

function sound() {
  const on = toggleSound();
  $('b-sound').setAttribute('aria-pressed', String(on));
  $('polite').textContent = t(on ? 'soundOn' : 'soundOff');
}

function helpList() {
  const keys = [['j ↓ / k ↑', 'keyMove'], ['/', 'keySearch'], ['h', 'keyHistory'], ['c', 'keyCheck'], ['l', 'keyLang'], ['s', 'keySound'], ['?', 'keyHelp'], ['Esc', 'keyClose']];
  $('help-list').replaceChildren(...keys.flatMap(([k, w]) => [el('dt', '', el('kbd', '', k)), el('dd', '', t(w))]));
}

const keys = { j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1), '/': openHistory, h: openHistory, c: checkFocused, l: language, s: sound, '?': () => $('help').showModal() };

document.addEventListener('keydown', (e) => {
  if (!document.body.classList.contains('in') || e.ctrlKey || e.metaKey || e.altKey) return;
  const typed = e.target.closest?.('input, select, textarea, dialog');
  if (typed?.getClientRects().length) return; // a field of a dialog just closed keeps the focus for a moment
  const act = keys[e.key];
  if (act) {
    e.preventDefault();
    act();
  }
});

$('b-history').addEventListener('click', openHistory);
$('b-lang').addEventListener('click', language);
$('b-sound').addEventListener('click', sound);
$('b-help').addEventListener('click', () => $('help').showModal());
$('b-people').addEventListener('click', () => openPeople(role));
$('people-close').addEventListener('click', () => $('people').close());
$('help-close').addEventListener('click', () => $('help').close());
$('b-logout').addEventListener('click', async () => {
  await logout().catch(() => {});
  start();
});
$('b-sound').setAttribute('aria-pressed', String(soundOn()));
wireHistory();
wireCheck((plate) => {
  $('polite').textContent = t('checkDone', { plate });
  refreshHistory();
});
document.addEventListener('click', (e) => {
  const node = e.target.closest?.('button.check')?.closest('article');
  if (node) openCheck(node.card);
});
helpList();
apply();
setInterval(drawStatus, 1000);
setInterval(() => {
  draw();
  for (const n of document.querySelectorAll('#board article')) n.querySelector('.since').textContent = sinceText(n.card, now());
}, 15000);
// Keeps a wall board signed in, and notices when it no longer is.
setInterval(async () => {
  if (!document.body.classList.contains('in')) return;
  const s = await session().catch(() => null);
  if (s && !s.person) start();
}, 300000);
start();
