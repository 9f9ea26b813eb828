// SPDX-License-Identifier: Apache-2.0
// Sends a file in pieces. Each answer says how much is there, so that it goes on after a cut
// connection, a reload of the page or a restart of the terminal.
import { send } from './login.js';

const PIECE = 64 * 1024;
const AGAIN_MS = 1000;
const BEHIND_MS = 60;

const pause = (ms) => new Promise((r) => { setTimeout(r, ms); });

// What names a file for the terminal: the same file chosen again has the same.
export function nameOf(file) {
  let h = 0x811c9dc5; // FNV-1a
  for (const c of new TextEncoder().encode(file.name)) h = Math.imul(h ^ c, 0x01000193) >>> 0;
  return `${file.size}-${file.lastModified}-${h.toString(16)}`;
}

// told(have, retrying). Resolves to {} when all is there, {stopped} or {error, reason, status}.
export async function upload(file, signal, told) {
  const id = nameOf(file);
  const where = `/api/v1/device/upload?id=${id}`;
  let at = null; // null: to be asked
  while (!signal.aborted) {
    const r = at === null
      ? await send('POST', `${where}&size=${file.size}`)
      : await send('PUT', `${where}&at=${at}`, file.slice(at, at + PIECE), 'application/octet-stream');
    if (r.status === 200) {
      at = r.answer.have;
      told(at, false);
      if (at >= file.size) return {};
    } else if (r.status === 0) { // nobody answers
      at = null;
      told(null, true);
      await pause(AGAIN_MS);
    } else if (r.answer.upload === 'busy' && at !== null) {
      await pause(BEHIND_MS);
    } else if (r.answer.upload === 'place' && at !== null) {
      at = null;
    } else {
      return { error: r.answer.error ?? '', reason: r.answer.upload ?? '', status: r.status };
    }
  }
  return { stopped: true };
}
