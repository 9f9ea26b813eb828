// SPDX-License-Identifier: Apache-2.0
// The five steps' panels. Each is made once and filled again with every answer of the terminal, so
// that focus and fields stay.
import { el, hhmmss } from './dom.js';
import { t } from './i18n.js';
import { plateNode, spoken } from './plate.js';

const signs = { good: '✓', fair: '~', bad: '✕', none: '…' };

export function gradeNode(grade) {
  const g = el('span', 'grade', el('span', '', signs[grade] ?? '…'), el('span', '', t(`g_${grade}`)));
  g.dataset.grade = grade;
  g.firstChild.setAttribute('aria-hidden', 'true');
  return g;
}

const shown = (n) => (n === null ? '–' : Math.abs(n) >= 100 ? String(Math.round(n)) : String(Math.round(n * 10) / 10));

// Has the meter no upper end? 255 is the most that luma can be.
const open = (m) => m.unit === 'luma' && m.good[1] >= 255;

export function needText(m) {
  const [a, b] = m.good;
  const key = a < 0 ? 'needAbs' : a === 0 ? 'needMax' : open(m) ? 'needMin' : 'need';
  const u = t(`u_${m.unit}`);
  return t(key, { a, b, u: m.unit === 'px' ? ` ${u}` : u });
}

function hintOf(m, state) {
  const extra = m.id === 'smear' && state.meters.shutter_s ? `${t('shutter', { n: Math.max(1, Math.round(1 / state.meters.shutter_s)) })}。` : '';
  if (m.value === null) return m.id === 'smear' ? t('noSmear') : ['exposure', 'bright'].includes(m.id) ? t('noPictureYet') : t('noFigure');
  if (m.grade === 'good') return `${extra}${needText(m)}`;
  return `${extra}${t(`${m.id}_${m.high ? 'high' : 'low'}`)}（${needText(m)}）`;
}

// The scale's ends: a little beyond what is fair, so that bad is seen too.
function ends(m) {
  const span = m.fair[1] - m.fair[0];
  const from = m.fair[0] <= 0 && m.good[0] === 0 ? 0 : m.fair[0] - span * 0.25;
  return [from, open(m) ? 255 : m.fair[1] + span * 0.25];
}

function bar(className, from, to, m) {
  const [a, b] = ends(m);
  const i = el('i', className);
  const part = (v) => Math.min(100, Math.max(0, ((v - a) / (b - a)) * 100));
  i.style.left = `${part(from)}%`;
  if (to !== null) i.style.width = `${part(to) - part(from)}%`;
  return i;
}

function meterNode(m, state) {
  const scale = el('div', 'scale', bar('fair', m.fair[0], m.fair[1], m), bar('good', m.good[0], m.good[1], m));
  if (m.value !== null) scale.append(bar('needle', m.value, null, m));
  scale.setAttribute('aria-hidden', 'true');
  const row = el('div', 'meter',
    el('span', 'name', t(`m_${m.id}`)),
    el('span', 'value', shown(m.value), el('span', 'unit', m.value === null ? '' : t(['sharpness', 'smear'].includes(m.id) ? 'u_h%' : `u_${m.unit}`))),
    gradeNode(m.grade), scale, el('span', 'hint', hintOf(m, state)));
  row.dataset.grade = m.grade;
  row.dataset.meter = m.id;
  return row;
}

function worldNode(id, grade, text, extra) {
  const row = el('div', 'meter', el('span', 'name', t(`w_${id}`)), el('span'), gradeNode(grade), el('span', 'hint', text));
  row.dataset.grade = grade;
  row.dataset.meter = id;
  if (extra) row.lastChild.append(' ', extra);
  return row;
}

function overlayNode(state) {
  const marks = state.meters.marks;
  const plate = marks.find((m) => m.kind === 'plate');
  if (plate) return worldNode('overlay', 'bad', t('overlayPlate', { s: plate.seconds, text: plate.text ? `（${spoken({ text: plate.text })}）` : '' }));
  if (marks.length) return worldNode('overlay', 'fair', t('overlayText'));
  return worldNode('overlay', 'good', t('overlayNone'));
}

// What the board has: trigger, lamps, temperature, storage.
function hardwareNodes(h) {
  const nodes = [];
  if (h.trigger) nodes.push(worldNode('trigger', h.trigger.fault ? 'bad' : 'good', h.trigger.fault || t(h.trigger.on ? 'isOn' : 'isOff')));
  for (const l of h.lamps ?? []) nodes.push(worldNode(`lamp_${l.name}`, l.fault ? 'bad' : 'good', l.fault || t(l.lit ? 'isOn' : 'isOff')));
  const heat = Math.max(-99, ...(h.temperature ?? []).map((z) => z.celsius));
  if (heat > -99) nodes.push(worldNode('heat', heat < 75 ? 'good' : heat < 85 ? 'fair' : 'bad', `${heat} °C`));
  const s = h.storage ?? {};
  if (s.life_used_percent !== null && s.life_used_percent !== undefined) {
    nodes.push(worldNode('storage', s.pre_eol >= 3 || s.life_used_percent > 100 ? 'bad' : s.pre_eol === 2 || s.life_used_percent > 80 ? 'fair' : 'good', t('storageLife', { d: s.disk, n: s.life_used_percent })));
  }
  return nodes;
}

function worldNodes(state, ask) {
  const w = state.world;
  const nodes = [overlayNode(state)];
  nodes.push(w.clock_trusted
    ? worldNode('clock', w.clock_synchronised ? 'good' : 'fair', t(w.clock_synchronised ? 'clockOk' : 'clockUnsync', { t: `${String(w.now).slice(0, 10)} ${hhmmss(w.now)}` }))
    : worldNode('clock', 'bad', t('clockBad')));
  const net = (w.network ?? []).filter((n) => n.address);
  nodes.push(net.length
    ? worldNode('network', net.some((n) => n.running) ? 'good' : 'bad', net.map((n) => `${n.name} ${n.address}${n.running ? '' : `（${t('netDown')}）`}`).join('，'))
    : worldNode('network', 'bad', t('netNone')));
  const p = w.policy ?? {};
  const at = hhmmss(p.at);
  if (!p.configured) nodes.push(worldNode('policy', 'none', t('polNone')));
  else if (!p.at) nodes.push(worldNode('policy', 'none', t('polNever'), ask));
  else nodes.push(worldNode('policy', p.ok ? 'good' : 'bad', p.ok ? t('polOk', { t: at, ms: p.ms }) : t('polBad', { t: at, f: `${p.fault}${p.http_status ? ` ${p.http_status}` : ''}` }), ask));
  const cam = { online: ['good', t('camOnline')], offline: ['bad', t('camOffline', { e: w.camera_error ?? '' })], ended: ['fair', t('camEnded')] }[w.camera] ?? ['none', t('camStarting')];
  nodes.push(worldNode('camera', ...cam), ...hardwareNodes(w.hardware ?? {}));
  return nodes;
}

const button = (className, key, act) => {
  const b = el('button', className, t(key));
  b.type = 'button';
  b.addEventListener('click', act);
  return b;
};
const panel = (title, ...children) => el('section', 'panel', el('h2', '', title), ...children);

// Exposure in parts of a second, as photographers say it.
function knobText(k) {
  if (k.value < 0) return '–';
  return k.id === 'exposure' ? `1/${Math.max(1, Math.round(1e6 / Math.max(1, k.value)))} s` : String(k.value);
}

// One knob of the camera: automatic or a slider. Sliders of wide ranges move in ratios.
function knobNode(k, tell) {
  const node = el('div', 'knob');
  node.dataset.knob = k.id;
  const value = el('span', 'value');
  const wide = k.min > 0 && k.max / k.min > 50;
  const slider = el('input');
  slider.type = 'range';
  slider.min = '0';
  slider.max = '1000';
  slider.setAttribute('aria-label', t(`k_${k.id}`));
  const place = (v) => (wide ? Math.log(v / k.min) / Math.log(k.max / k.min) : (v - k.min) / Math.max(1, k.max - k.min)) * 1000;
  const at = (p) => {
    const v = wide ? k.min * (k.max / k.min) ** (p / 1000) : k.min + ((k.max - k.min) * p) / 1000;
    return k.min + Math.round((v - k.min) / k.step) * k.step;
  };
  const send = (v) => tell('camera', { [k.id]: v });
  slider.addEventListener('input', () => { value.textContent = knobText({ ...k, value: at(Number(slider.value)) }); });
  slider.addEventListener('change', () => send(at(Number(slider.value))));
  const auto = button('', 'knobAuto', () => send('auto'));
  const back = button('', 'knobBack', () => send(null));
  const error = el('p', 'trouble');
  node.append(el('span', 'name', t(`k_${k.id}`)), value, slider, el('div', 'row', auto, back), error);
  return {
    node,
    fill(now) {
      auto.hidden = !now.has_auto;
      auto.setAttribute('aria-pressed', String(now.auto));
      back.hidden = !now.own;
      slider.hidden = !now.there;
      error.textContent = now.error;
      if (document.activeElement !== slider) {
        slider.value = String(place(Math.max(now.min, now.value)));
        value.textContent = now.auto ? `${t('knobAuto')} ${knobText(now)}` : knobText(now);
      }
    },
  };
}

function knobsPanel(tell) {
  const list = el('div', 'knobs');
  const node = panel(t('knobs'), list);
  let key = '';
  let made = [];
  return {
    node,
    fill(state) {
      const knobs = state.world.knobs ?? [];
      node.hidden = knobs.length === 0;
      const next = knobs.map((k) => `${k.id} ${k.min} ${k.max}`).join();
      if (next !== key) {
        key = next;
        made = knobs.map((k) => knobNode(k, tell));
        list.replaceChildren(...made.map((m) => m.node));
      }
      made.forEach((m, i) => m.fill(knobs[i]));
    },
  };
}

// --- 1 aim
export function aimStep(tell) {
  const list = el('div', 'meters');
  const around = el('div', 'meters');
  const ask = button('', 'probe', () => tell('probe', {}));
  const knobs = knobsPanel(tell);
  const node = el('div', '', panel(t('s_aim'), el('p', '', t('aimHelp')), list), knobs.node, panel(t('around'), around));
  return {
    node,
    fill(state) {
      const focused = document.activeElement === ask;
      list.replaceChildren(...state.meters.list.map((m) => meterNode(m, state)));
      around.replaceChildren(...worldNodes(state, ask));
      knobs.fill(state);
      if (focused) ask.focus();
    },
  };
}

// --- 2 region
export function regionStep(tell, tools) {
  const now = el('p', 'say');
  const fault = el('p', 'trouble');
  fault.setAttribute('role', 'status');
  const said = el('p', 'good-word');
  said.setAttribute('role', 'status');
  let latest = null;
  const stop = () => {
    tools.end();
    fault.textContent = '';
    show(false);
  };
  const edit = button('primary', 'regionEdit', () => {
    said.textContent = '';
    tools.begin(latest.region.zone, () => {
      const wrong = tools.fault();
      fault.textContent = wrong ? t(wrong) : '';
      save.disabled = Boolean(wrong);
      tools.draw();
    });
    show(true);
  });
  const save = button('primary', 'regionSave', async () => {
    const r = await tell('region', { zone: tools.points() });
    if (r.error) {
      fault.textContent = r.error;
      return;
    }
    stop();
    said.textContent = t('regionSaved');
  });
  const tool = el('div', 'row', save, button('', 'regionUndo', tools.undo), button('', 'regionWhole', tools.clear), button('', 'regionCancel', stop));
  const start = el('div', 'row', edit, button('', 'regionConfig', async () => {
    const r = await tell('region', { zone: null });
    said.textContent = r.error ? '' : t('regionSaved');
    fault.textContent = r.error ?? '';
  }));
  function show(editing) {
    tool.hidden = !editing;
    start.hidden = editing;
  }
  show(false);
  return {
    node: panel(t('regionTitle'), el('p', '', t('regionHelp')), now, start, tool, fault, said),
    fill(state) {
      latest = state;
      now.textContent = t(state.region.zone.length === 0 ? 'regionIsAll' : state.region.own ? 'regionIsOwn' : 'regionIsConfig');
      start.lastChild.hidden = !state.region.own;
    },
    full() { fault.textContent = t('regionMany'); },
    leave: stop,
  };
}

// --- 3 direction
export function directionStep(tell) {
  const text = el('p', 'say');
  let latest = null;
  const turn = (by) => () => tell('region', { direction: ((latest.region.direction + by + 540) % 360) - 180 });
  const rows = {};
  for (const d of ['in', 'out']) {
    const row = el('div', 'way', el('span', 'big', d === 'in' ? '⬇' : '⬆'), el('div', '', el('b', '', t(d === 'in' ? 'dirIn' : 'dirOut')), el('div', 'facts')), button('', 'dirStart', () => tell('expect', { direction: d })));
    row.firstChild.setAttribute('aria-hidden', 'true');
    rows[d] = row;
  }
  return {
    node: panel(t('dirTitle'), el('p', '', t('dirHelp')), text,
      el('div', 'row', button('', 'dirTurn', turn(180)), button('', 'dirLeft', turn(-15)), button('', 'dirRightTurn', turn(15))),
      el('div', 'ways', rows.in, rows.out)),
    fill(state) {
      latest = state;
      text.textContent = t('dirNow', { d: Math.round(state.region.direction) });
      for (const d of ['in', 'out']) {
        const w = state.trial[d];
        const row = rows[d];
        row.dataset.state = w.state;
        const facts = row.querySelector('.facts');
        facts.replaceChildren(w.state === 'waiting' ? t('dirWait') : w.state === 'right' ? gradeNode('good') : w.state === 'wrong' ? gradeNode('bad') : t('dirOpen'),
          w.state === 'right' ? ` ${t('dirRight', { t: hhmmss(w.at) })}` : w.state === 'wrong' ? ` ${t('dirWrong')}` : '');
        row.lastChild.textContent = t(w.state === 'open' ? 'dirStart' : 'dirAgain');
        row.lastChild.disabled = w.state === 'waiting';
      }
    },
  };
}

// --- 4 test cars
function carNode(car, tell) {
  const img = car.picture ? el('img') : el('div', 'none', t('noPicture'));
  if (car.picture) {
    img.alt = t('carPicture', { plate: spoken({ text: car.plate }) || t('unread') });
    img.src = `/api/v1/commission/cars/${car.visit}?text=${encodeURIComponent(car.plate)}`;
  }
  const judge = ['right', 'wrong'].map((word) => {
    const b = button('', word === 'right' ? 'carRight' : 'carWrong', () => tell('judge', { visit: car.visit, word: car.word === word ? 'open' : word }));
    b.prepend(word === 'right' ? '✓ ' : '✕ ');
    b.dataset.word = word;
    b.setAttribute('aria-pressed', String(car.word === word));
    return b;
  });
  const way = car.direction === 'unknown' ? '' : ` · ${t(car.direction)}`;
  const node = el('article', 'car', img,
    el('div', '', plateNode({ text: car.plate, type: car.type }), el('div', 'facts', `${t(`c_${car.certainty}`)} ${Math.round(car.confidence * 100)}% · ${hhmmss(car.at)}${way}`)),
    el('div', 'judge', ...judge));
  node.dataset.visit = car.visit;
  return node;
}

export function carsStep(tell) {
  const tally = el('span', 'tally');
  const list = el('div', 'cars');
  const begin = button('primary', 'carsStart', () => tell('trial', { on: true }));
  const stop = button('', 'carsStop', () => tell('trial', { on: false }));
  let key = '';
  return {
    node: panel(t('carsTitle'), el('p', '', t('carsHelp')), el('div', 'row', tally, begin, stop), list),
    fill(state) {
      const trial = state.trial;
      tally.textContent = t('tally', { n: Math.min(trial.right, trial.wanted), m: trial.wanted });
      begin.textContent = t(trial.on || trial.cars.length ? 'carsNew' : 'carsStart');
      begin.classList.toggle('primary', !trial.on);
      stop.hidden = !trial.on;
      const next = JSON.stringify([trial.cars, trial.on]);
      if (next === key) return; // pictures and focus are left in peace
      key = next;
      const had = document.activeElement?.closest?.('.car')?.dataset.visit;
      const word = document.activeElement?.dataset?.word;
      list.replaceChildren(...(trial.cars.length ? trial.cars.map((c) => carNode(c, tell)) : [el('p', '', t(trial.on ? 'carsNone' : 'carsOff'))]));
      if (had) list.querySelector(`[data-visit="${had}"] [data-word="${word}"]`)?.focus();
    },
  };
}

// --- 5 sheet
function openText(key) {
  return key.startsWith('meter:') ? t(`m_${key.slice(6)}`) : t(`o_${key}`);
}

export function sheetStep(tell, sheets) {
  const verdict = el('p', 'verdict');
  const open = el('ul', 'open-list');
  const sign = el('input');
  sign.type = 'checkbox';
  const note = el('input');
  note.maxLength = 120;
  note.id = 'note';
  const label = el('label', '', t('note'));
  label.htmlFor = 'note';
  const said = el('p', '');
  said.setAttribute('role', 'status');
  const preview = el('div');
  const kept = el('div', 'sheets');
  const make = button('primary', 'sheetMake', async () => {
    const r = await tell('sheets', { sign: sign.checked, note: note.value });
    if (r.error) said.textContent = r.error;
  });
  let last = '';
  const link = (id, kind) => {
    const a = el('a', 'button', t(kind));
    a.href = `/api/v1/commission/sheets/${id}.${kind}`;
    a.target = '_blank';
    a.rel = 'noopener';
    return a;
  };
  async function load() {
    const all = await sheets();
    kept.replaceChildren(...(all.length ? all.map((s) => {
      const row = el('div', 'sheet', gradeNode(s.passed ? 'good' : 'bad'), el('span', '', `${String(s.at).slice(0, 10)} ${hhmmss(s.at)} ${t(s.passed ? 'sheetPassed' : 'sheetNot')}`));
      if (s.drawn) row.append(link(s.id, 'png'), link(s.id, 'pdf'));
      return row;
    }) : [el('p', '', t('sheetsNone'))]));
  }
  load();
  return {
    node: el('div', '', panel(t('sheetTitle'), verdict, open, el('label', 'check', sign, el('span', '', t('sign'))), el('div', 'note-field', label, note), el('div', 'row', make), said, preview), panel(t('sheetsKept'), kept)),
    fill(state) {
      verdict.dataset.passed = String(state.passed);
      verdict.textContent = t(state.passed ? 'passed' : 'notPassed');
      open.replaceChildren(...state.open.map((k) => el('li', '', openText(k))));
      const s = state.sheet;
      make.disabled = s.state === 'working';
      const key = `${s.state} ${s.id}`;
      if (key === last) return;
      last = key;
      said.className = s.state === 'failed' ? 'trouble' : s.state === 'ready' ? 'good-word' : '';
      said.textContent = { working: t('sheetWorking'), ready: t('sheetReady'), failed: t('sheetFailed', { e: s.error }) }[s.state] ?? '';
      preview.replaceChildren();
      if (s.state === 'ready') {
        const img = el('img', 'sheet-picture');
        img.alt = t('sheetPreview');
        img.src = `/api/v1/commission/sheets/${s.id}.png`;
        preview.append(img);
        load();
      }
    },
  };
}
