// SPDX-License-Identifier: Apache-2.0
// One visit as a large card (due) or a small one.
import { el, hhmm } from './dom.js';
import { t, lang } from './i18n.js';
import { plateNode, spoken } from './plate.js';

const list = (v) => (Array.isArray(v) ? v : []);

// Shape and word say the stage, colour only repeats it.
const marks = { lapsed: '✕', push: '‼', follow: '▲', quote: '￥', first_call: '☎', listed: '☰', not_due: '✓', unknown: '?', clock: '◷' };

export function daysText(n) {
  if (typeof n !== 'number') return '';
  if (n === 0) return t('today');
  if (n > 0) return n === 1 ? t('leftOne') : t('left', { n });
  return n === -1 ? t('lapsedOne') : t('lapsedDays', { n: -n });
}

export function nearest(card) {
  let best = null;
  for (const p of list(card.policies)) {
    if (typeof p.days_left === 'number' && (best === null || p.days_left < best.days_left)) best = p;
  }
  return best;
}

export function stageNode(card) {
  const stage = marks[card.stage] ? card.stage : 'unknown';
  const mark = el('span', 'mark', marks[stage]);
  mark.setAttribute('aria-hidden', 'true');
  return el('span', `stage ${stage}`, mark, el('span', '', t(stage)));
}

function policyBox(card, kind) {
  const p = list(card.policies).find((x) => x.kind === kind);
  const row = (...parts) => el('div', 'pair', ...parts);
  if (!p) return el('div', 'policy', row(el('span', 'kind', t(kind)), el('span', 'none', t('policyNone'))));
  const days = el('strong', 'days', daysText(p.days_left));
  if (typeof p.days_left === 'number') days.dataset.level = p.days_left < 0 ? 'over' : p.days_left <= 15 ? 'near' : 'far';
  return el('div', 'policy', row(el('span', 'kind', t(kind)), days),
    row(el('span', 'date', t('until', { d: p.end ?? '' })), el('span', 'insurer', p.insurer ?? '')));
}

// now: the terminal's time in ms, so that a viewer's wrong clock does not matter.
export function sinceText(card, now) {
  const at = t('since', { t: hhmm(card.opened) });
  if (card.state === 'closed' && card.closed) return `${at} · ${t('gone', { t: hhmm(card.closed) })}`;
  const m = Math.floor((now - Date.parse(card.opened)) / 60000);
  if (!Number.isFinite(m) || m < 0) return at;
  if (m < 1) return `${at} · ${t('justNow')}`;
  return `${at} · ${m < 60 ? t('minutes', { n: m }) : t('hours', { h: Math.floor(m / 60), n: m % 60 })}`;
}

function lookupNote(card) {
  const l = card.lookup ?? {};
  if (l.state === 'stale') return el('span', 'note warn', `↻ ${t('stale', { t: `${String(l.as_of ?? '').slice(5, 10)} ${hhmm(l.as_of)}` })}`);
  if (l.state === 'pending') return el('span', 'note', `… ${t('pending')}`);
  if (l.state === 'failed') return el('span', 'note warn', `! ${t('failed')}`);
  if (l.state === 'unknown' && card.certainty !== 'unread') return el('span', 'note', `? ${t('lookupUnknown')}`);
  return null;
}

// Opens the dialog of check.js; the page knows by the card which visit is meant.
function checkButton(card) {
  const b = el('button', 'check', t('check'));
  b.type = 'button';
  b.setAttribute('aria-label', `${t('check')} ${spoken(card.plate)}`);
  return b;
}

// What a person said stands above what was read; both are told where they differ.
function saidNote(card) {
  if (!card.plate?.said) return null;
  const read = card.plate.picture;
  return el('span', 'note', `✓ ${t('said')}${read && read !== card.plate.text ? ` · ${t('saidRead', { plate: spoken({ text: read }) })}` : ''}`);
}

function doubt(card) {
  if (card.certainty === 'unsure') {
    const box = el('div', 'doubt', el('b', '', `? ${t('unsure')}`));
    const said = card.plate?.picture; // told for itself: not once more among the candidates
    const others = list(card.plate?.alternatives).filter((a) => a.text !== said).slice(0, 3);
    if (said) box.append(el('span', 'tie', t('tie', { plate: spoken({ text: said }) })));
    if (others.length) box.append(el('span', '', t('candidates')), ...others.map((a) => el('span', 'alt', spoken(a))));
    return box;
  }
  return card.certainty === 'unread' ? el('div', 'doubt', el('b', '', `? ${t('unread')}`)) : null;
}

export function crop(card) {
  // Only our own pictures: whatever else stands there is not loaded.
  if (typeof card.evidence !== 'string' || !card.evidence.startsWith('/api/v1/evidence/')) {
    return el('div', 'crop none', t('noPicture'));
  }
  const img = el('img', 'crop');
  img.alt = `${t('crop')} ${spoken(card.plate)}`;
  img.decoding = 'async';
  img.addEventListener('error', () => img.replaceWith(el('div', 'crop none', t('noPicture'))), { once: true });
  img.src = card.evidence;
  return img;
}

const todoOf = (card) => card.todo?.[lang()] ?? '';

function frame(card, size) {
  const a = el('article', `card ${size} s-${marks[card.stage] ? card.stage : 'unknown'}`);
  a.tabIndex = -1;
  a.dataset.visit = card.visit;
  a.dataset.rev = card.rev;
  a.dataset.frameMs = card.frame_ms ?? '';
  if (card.state === 'closed') a.classList.add('closed');
  a.setAttribute('aria-label', `${spoken(card.plate) || t('unread')} ${card.customer?.name ?? ''} ${t(card.stage)}`);
  return a;
}

export function bigCard(card, now) {
  const a = frame(card, 'big');
  const near = nearest(card);
  const since = el('span', 'since', sinceText(card, now));
  a.append(
    el('div', 'top', stageNode(card), el('span', 'headline', near ? `${t(near.kind)} ${daysText(near.days_left)}` : '')),
    el('div', 'look', plateNode(card.plate, true), crop(card)),
    el('div', 'who',
      el('span', 'name', card.customer?.name || t('unknownCustomer')),
      el('span', 'phone', card.customer?.phone ?? ''),
      el('span', 'model', card.vehicle?.model ?? '')),
    el('div', 'policies', policyBox(card, 'compulsory'), policyBox(card, 'commercial')),
  );
  a.append(el('div', 'meta', since, saidNote(card) ?? '', lookupNote(card) ?? '', checkButton(card)));
  const d = doubt(card);
  if (d) a.append(d);
  a.append(el('div', 'todo', el('b', '', t('todo')), el('span', '', todoOf(card))));
  return a;
}

export function smallCard(card, now, withDay) {
  const a = frame(card, 'small');
  const near = nearest(card);
  const when = el('span', 'since', withDay ? `${String(card.opened ?? '').slice(5, 10)} ${sinceText({ ...card, state: 'closed', closed: null }, NaN)}` : sinceText(card, now));
  a.append(
    el('div', 'line', plateNode(card.plate), stageNode(card)),
    el('div', 'line', el('span', 'name', card.customer?.name || (card.certainty === 'unread' ? '' : t('unknownCustomer'))), el('span', 'model', card.vehicle?.model ?? '')),
  );
  if (near) a.append(el('div', 'line quiet', el('span', '', `${t(near.kind)} ${daysText(near.days_left)}`), el('span', '', t('until', { d: near.end ?? '' }))));
  const d = card.certainty === 'unread' ? null : doubt(card); // the plate's place says it
  if (d) a.append(d);
  if (card.certainty !== 'certain' && card.evidence && !withDay) a.append(crop(card));
  const line = el('div', 'line quiet', when);
  for (const n of [saidNote(card), lookupNote(card)]) if (n) line.append(n);
  line.append(checkButton(card));
  a.append(line);
  return a;
}
