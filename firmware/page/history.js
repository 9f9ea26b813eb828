// SPDX-License-Identifier: Apache-2.0
// The history: all visits, newest first, searched by plate.
import { $, el, day } from './dom.js';
import { t } from './i18n.js';
import { smallCard } from './card.js';

let query = '';
let next = null;
let shown = 0;
let asked = 0; // only the newest question may fill the list

async function load(more) {
  const mine = ++asked;
  const url = new URL('/api/v1/visits', location.origin);
  url.searchParams.set('limit', '40');
  if (query) url.searchParams.set('q', query);
  if (more && next) url.searchParams.set('before', next);
  let answer;
  try {
    const r = await fetch(url, { cache: 'no-store' });
    answer = await r.json();
    if (!r.ok) throw new Error(answer.error);
  } catch (e) {
    if (mine === asked) $('history-note').textContent = e.message || t('e_net');
    return;
  }
  if (mine !== asked) return;
  const list = $('history-list');
  if (!more) {
    list.replaceChildren();
    shown = 0;
  }
  for (const card of answer.cards) {
    const d = day(card.opened);
    if (list.dataset.day !== d || shown === 0) {
      list.append(el('h3', '', d));
      list.dataset.day = d;
    }
    const node = smallCard(card, NaN, true);
    node.card = card;
    list.append(node);
    shown++;
  }
  next = answer.next;
  $('history-more').hidden = !next;
  $('history-note').textContent = shown ? t('historyCount', { n: shown }) : t('historyNone');
}

// A card of the list changed: shown as it is now.
export function refreshHistory() {
  if ($('history').open) load(false);
}

export function openHistory() {
  const d = $('history');
  if (!d.open) d.showModal();
  $('history-q').focus();
  $('history-q').select();
  load(false);
}

export function wireHistory() {
  $('history-form').addEventListener('submit', (e) => {
    e.preventDefault();
    query = $('history-q').value.trim();
    load(false);
  });
  $('history-q').addEventListener('keydown', (e) => {
    if (e.key !== 'Escape') return;
    e.preventDefault(); // a search field would take the first one to empty itself
    $('history').close();
  });
  $('history-more').addEventListener('click', () => load(true));
  $('history-close').addEventListener('click', () => $('history').close());
}
