// SPDX-License-Identifier: Apache-2.0
// Elements are made here and only here: text is text, never markup.
export function el(tag, className, ...children) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  for (const c of children) if (c !== null && c !== undefined && c !== false) e.append(c);
  return e;
}

export const $ = (id) => document.getElementById(id);

// The shop's own time as the terminal wrote it, not the viewer's zone.
export const hhmm = (iso) => (typeof iso === 'string' && iso.length >= 16 ? iso.slice(11, 16) : '--:--');
export const hhmmss = (iso) => (typeof iso === 'string' && iso.length >= 19 ? iso.slice(11, 19) : '--:--:--');
export const day = (iso) => (typeof iso === 'string' ? iso.slice(0, 10) : '');
