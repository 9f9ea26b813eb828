// SPDX-License-Identifier: Apache-2.0
// Sign-in and first start.
import { $, el } from './dom.js';
import { t, keep, recall, apply, toggle } from './i18n.js';

let csrf = '';
let tlsPort = -1; // of HTTPS on the terminal; below 0: it has none

export async function session() {
  const r = await fetch('/api/v1/session', { cache: 'no-store' });
  if (!r.ok) throw new Error(`session: ${r.status}`);
  const s = await r.json();
  csrf = s.csrf ?? '';
  tlsPort = s.tls_port ?? -1;
  return s;
}

// The same, asked until the terminal answers.
export async function whoIs() {
  for (;;) {
    const s = await session().catch(() => null);
    if (s) return s;
    await new Promise((again) => { setTimeout(again, 2000); });
  }
}

export async function logout() {
  await fetch('/api/v1/session', { method: 'DELETE', headers: { 'X-CSRF-Token': csrf } });
}

// Sends bytes, or nothing, with the session's token: {status, answer}; status 0: nobody answered.
export async function send(method, path, body = null, type = null) {
  const headers = { 'X-CSRF-Token': csrf };
  if (type) headers['Content-Type'] = type;
  try {
    const r = await fetch(path, { method, headers, body });
    return { status: r.status, answer: await r.json().catch(() => ({})) };
  } catch {
    return { status: 0, answer: {} };
  }
}

// Sends JSON with the session's token: {session: the answer} or {error: in words}.
export async function post(path, body) {
  try {
    const headers = { 'Content-Type': 'application/json' };
    if (csrf) headers['X-CSRF-Token'] = csrf;
    const r = await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) });
    const answer = await r.json().catch(() => ({}));
    if (r.ok) {
      csrf = answer.csrf ?? csrf;
      return { session: answer };
    }
    return { error: answer.reason ? t(`e_${answer.reason}`, { n: answer.wait_s }) : (answer.error ?? String(r.status)) };
  } catch {
    return { error: t('e_net') };
  }
}

function field(id, label, type, options = {}) {
  const input = el('input');
  input.id = id;
  input.type = type;
  input.required = true;
  Object.assign(input, options);
  const l = el('label', '', t(label));
  l.htmlFor = id;
  return [l, input];
}

const roles = ['advisor', 'specialist', 'manager', 'technician'];

function roleField(id, choice, value) {
  const role = el('select');
  role.id = id;
  for (const r of choice) {
    const o = el('option', '', t(r));
    o.value = r;
    role.append(o);
  }
  role.value = value;
  const l = el('label', '', t('role'));
  l.htmlFor = id;
  return [l, role];
}

// A manager adds anybody, a technician other technicians and, with the label's first password, the shop's first manager.
export async function openPeople(role) {
  const first = role === 'technician' && (await session().catch(() => ({}))).lacks_manager;
  const form = el('form', 'gate-box');
  const note = el('p', 'gate-error');
  note.setAttribute('role', 'status');
  const choice = role === 'manager' ? roles : first ? ['technician', 'manager'] : ['technician'];
  form.append(...field('p-name', 'name', 'text', { autocomplete: 'off', maxLength: 40 }), ...roleField('p-role', choice, choice[0]),
    ...field('p-pin', 'pin', 'password', { inputMode: 'numeric', autocomplete: 'new-password', minLength: 6, maxLength: 12 }),
    note, el('button', 'primary', t('add')));
  const code = field('p-code', 'codeLabel', 'text', { autocomplete: 'off', maxLength: 20, spellcheck: false });
  const asks = () => first && form.querySelector('#p-role').value === 'manager';
  const showCode = () => {
    if (asks()) note.before(...code);
    else code.forEach((x) => x.remove());
  };
  form.querySelector('#p-role').addEventListener('change', showCode);
  form.addEventListener('submit', async (e) => {
    e.preventDefault();
    const name = $('p-name').value.trim();
    const body = { name, role: $('p-role').value, pin: $('p-pin').value };
    if (asks()) body.code = $('p-code').value;
    const r = await post('/api/v1/people', body);
    note.textContent = r.error ?? t('added', { name });
    note.classList.toggle('good', !r.error);
    $('p-pin').value = '';
    if (!r.error) {
      form.reset();
      showCode();
    }
  });
  $('people-body').replaceChildren(form);
  $('people').showModal();
  $('p-name').focus();
}

// Says that this page is not for who is signed in; start() is called once he has signed out.
export function refuse(title, why, start) {
  const again = el('button', 'primary', t('signOutFirst'));
  again.type = 'button';
  again.addEventListener('click', async () => {
    await logout().catch(() => {});
    start();
  });
  $('gate').replaceChildren(el('div', 'gate-box', el('h1', '', title), el('p', '', why), again));
  $('gate').hidden = false;
}

// Where the same page is encrypted, for whoever is about to type a PIN in the clear; null: here, or nowhere.
function openNote() {
  if (location.protocol !== 'http:' || tlsPort < 0) return null;
  const to = el('a', '', `https://${location.hostname}:${tlsPort}`);
  to.href = `https://${location.hostname}:${tlsPort}${location.pathname}`;
  const [before, after] = t('openNote', { a: '\n' }).split('\n');
  return el('p', 'gate-open', before, to, after);
}

// Shows the form; calls done(session) once signed in.
export function gate(setup, done, values = {}, byLabel = false) {
  const main = $('gate');
  const form = el('form', 'gate-box');
  const error = el('p', 'gate-error');
  error.setAttribute('role', 'alert');
  const submit = el('button', 'primary', t(setup ? 'create' : 'signIn'));
  const language = el('button', 'link', t('otherLang'));
  language.type = 'button';
  language.addEventListener('click', () => {
    toggle();
    gate(setup, done, { name: $('name').value }, byLabel);
  });
  form.append(el('h1', '', t(setup ? 'setupTitle' : 'title')), openNote() ?? '');
  if (setup) form.append(el('p', '', t(byLabel ? 'setupLabelText' : 'setupText')), ...field('code', byLabel ? 'codeLabel' : 'code', 'text', { autocomplete: 'off', maxLength: 20, spellcheck: false }));
  form.append(...field('name', 'name', 'text', { autocomplete: 'username', maxLength: 40, value: values.name ?? recall('name') ?? '' }));
  if (setup) form.append(...roleField('role', roles, 'manager')); // who starts a terminal must be able to add the others
  const pin = { inputMode: 'numeric', autocomplete: setup ? 'new-password' : 'current-password', minLength: setup ? 6 : 0, maxLength: 12 };
  form.append(...field('pin', 'pin', 'password', pin));
  if (setup) form.append(...field('pin2', 'pinAgain', 'password', pin));
  form.append(error, submit, language);
  form.addEventListener('submit', async (e) => {
    e.preventDefault();
    error.textContent = '';
    if (setup && $('pin').value !== $('pin2').value) {
      error.textContent = t('e_same');
      return;
    }
    submit.disabled = true;
    const name = $('name').value.trim();
    const body = { name, pin: $('pin').value };
    if (setup) Object.assign(body, { code: $('code').value, role: $('role').value });
    const r = await post(setup ? '/api/v1/setup' : '/api/v1/session', body);
    submit.disabled = false;
    if (r.session) {
      keep('name', name);
      main.hidden = true;
      main.replaceChildren();
      done(r.session);
    } else {
      error.textContent = r.error;
      $('pin').value = '';
      $('pin').focus();
    }
  });
  main.replaceChildren(form);
  main.hidden = false;
  apply();
  (setup ? $('code') : $('name').value ? $('pin') : $('name')).focus();
}
