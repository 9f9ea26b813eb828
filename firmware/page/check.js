// SPDX-License-Identifier: Apache-2.0
// A person looks at the crop and says which plate it is.
import { $, el } from './dom.js';
import { t } from './i18n.js';
import { crop } from './card.js';
import { spoken, plateNode } from './plate.js';
import { send } from './login.js';

const refusals = { 0: 'e_net', 400: 'checkBad', 403: 'checkMayNot', 404: 'checkGone' };

let card = null;
let done = () => {};

async function say(plate) {
  const visit = card.visit;
  $('check-note').textContent = '';
  const { status, answer } = await send('POST', '/api/v1/corrections', JSON.stringify({ visit, plate }), 'application/json');
  if (card?.visit !== visit || !$('check').open) return; // closed meanwhile, or another car's by now
  if (status === 200) {
    $('check').close();
    done(spoken({ text: answer.plate }));
  } else {
    $('check-note').textContent = t(refusals[status] ?? 'checkFailed');
  }
}

function choices() {
  const texts = [card.plate?.text, card.plate?.picture, ...(card.plate?.alternatives ?? []).map((a) => a.text)];
  return [...new Set(texts.filter(Boolean))].slice(0, 6).map((text) => {
    const b = el('button', 'choice', plateNode({ ...card.plate, text }));
    b.type = 'button';
    b.addEventListener('click', () => say(text));
    return b;
  });
}

export function openCheck(of) {
  card = of;
  $('check-crop').replaceChildren(crop(card));
  $('check-choices').replaceChildren(...choices());
  $('check-q').value = '';
  $('check-note').textContent = '';
  if (!$('check').open) $('check').showModal();
  ($('check-choices').firstChild ?? $('check-q')).focus();
}

// told: called with the plate as people write it, once the terminal keeps it.
export function wireCheck(told) {
  done = told;
  $('check-close').addEventListener('click', () => $('check').close());
  $('check-form').addEventListener('submit', (e) => {
    e.preventDefault();
    if ($('check-q').value.trim()) say($('check-q').value);
  });
}
