// SPDX-License-Identifier: Apache-2.0
// A plate drawn as it looks.
import { el } from './dom.js';
import { t } from './i18n.js';

const types = ['blue', 'green', 'green_large', 'yellow', 'yellow2', 'white', 'white2', 'black'];

export function spoken(plate) {
  const c = [...String(plate?.text ?? '')];
  return c.length > 2 ? `${c.slice(0, 2).join('')}·${c.slice(2).join('')}` : c.join('');
}

export function plateNode(plate, big) {
  const type = types.includes(plate?.type) ? plate.type : 'unknown';
  const box = el('span', `plate ${type}${big ? ' big' : ''}`);
  if (!plate || !plate.text) {
    box.classList.add('blank');
    box.textContent = t('unread');
    return box;
  }
  const c = [...plate.text];
  const head = c.slice(0, 2).join('');
  const tail = c.slice(2).join('');
  box.setAttribute('role', 'img');
  box.setAttribute('aria-label', `${spoken(plate)} ${type === 'unknown' ? '' : t(type)}`);
  if (type === 'yellow2' || type === 'white2') {
    box.append(el('span', 'row top', head), el('span', 'row', tail));
  } else {
    box.append(el('span', 'row', head, el('i', 'dot', '·'), tail));
  }
  return box;
}
