// SPDX-License-Identifier: Apache-2.0
// A short sound for due arrivals; off until somebody switches it on.
import { keep, recall } from './i18n.js';

let on = recall('sound') === 'on';
let context = null;

export const soundOn = () => on;

export function toggleSound() {
  on = !on;
  keep('sound', on ? 'on' : 'off');
  if (on) chime();
  return on;
}

// Two soft notes; silent when the browser forbids sound before a touch.
export function chime() {
  if (!on) return;
  try {
    context ??= new AudioContext();
    const start = context.currentTime;
    [660, 880].forEach((hz, i) => {
      const tone = context.createOscillator();
      const level = context.createGain();
      tone.frequency.value = hz;
      level.gain.setValueAtTime(0, start + i * 0.16);
      level.gain.linearRampToValueAtTime(0.2, start + i * 0.16 + 0.02);
      level.gain.exponentialRampToValueAtTime(0.001, start + i * 0.16 + 0.3);
      tone.connect(level).connect(context.destination);
      tone.start(start + i * 0.16);
      tone.stop(start + i * 0.16 + 0.32);
    });
  } catch {
    // no sound device
  }
}
