// SPDX-License-Identifier: Apache-2.0
// The whole way in a real browser: a clip, the real bayplated, the real policy server, the page. Screenshots in $SHOTS.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { launch, runAll, until, watch } from './browser.mjs';

const { BINARY, SOURCE, SHOTS } = process.env;
const WAIT = 60000; // a sanitized build on a busy machine
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'bayplate-live-'));
fs.mkdirSync(SHOTS, { recursive: true });

// A car that arrives, stands and leaves. Drawn once a build folder.
function clip(plate, seed) {
  const cache = path.join(BINARY, 'test-clips');
  const file = path.join(cache, `live-${plate}.mp4`);
  fs.mkdirSync(cache, { recursive: true });
  if (!fs.existsSync(file)) {
    const made = path.join(cache, `live-${plate}.${process.pid}.mp4`);
    execFileSync(`${SOURCE}/tools/gate-clip`, ['--rendered', '--quiet', '--seconds', '11', '--seed', String(seed), '--plates', plate, made],
      { stdio: ['ignore', 'ignore', 'inherit'] });
    fs.renameSync(made, file);
    fs.rmSync(made.replace('.mp4', '.json'));
  }
  return { file, plate };
}
const [first, second] = [clip('粤A88316', 1), clip('苏E35792', 2)];

// One is due, the other is not.
fs.writeFileSync(`${dir}/plates.json`, JSON.stringify([{ plate: first.plate, days_left: 5 }, { plate: second.plate, days_left: 200 }]));
const policyChild = spawn(`${BINARY}/tools/policy-server`, ['--db', `${dir}/policy.db`, '--seed-demo', '100', '--plates',
  `${dir}/plates.json`, '--port', '0', '--json'], { stdio: ['ignore', 'pipe', 'inherit'] });
let policyPort = 0;
for await (const line of readline.createInterface({ input: policyChild.stdout })) {
  policyPort = JSON.parse(line).port;
  break;
}

const terminal = {
  port: 0,
  log: `${dir}/bayplated.log`,
  async start(source) {
    fs.rmSync(`${dir}/port`, { force: true });
    fs.writeFileSync(`${dir}/bayplate.ini`, `[shop]\nname = 示范专营店\n[camera]\nname = 大门\nsource = ${source}\n`
      + `[vision]\nmodels = ${SOURCE}/vision/models\n[store]\ndir = ${dir}/data\nreserve_mb = 0\n[log]\nlevel = debug\n`
      + `[http]\nport = ${this.port}\nport_file = ${dir}/port\n[policy]\nbase = http://127.0.0.1:${policyPort}\n`);
    const log = fs.openSync(this.log, 'a');
    this.child = spawn(`${BINARY}/firmware/bayplated`, ['-c', `${dir}/bayplate.ini`], { stdio: ['ignore', 'ignore', log] });
    fs.closeSync(log);
    this.port = await until('bayplated writes its port', () => {
      if (this.child.exitCode !== null) throw new Error(`bayplated ended:\n${fs.readFileSync(this.log, 'utf8').slice(-2000)}`);
      return fs.existsSync(`${dir}/port`) && Number(fs.readFileSync(`${dir}/port`, 'utf8'));
    }, WAIT);
  },
  async end(signal) {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((r) => { this.child.once('exit', r); });
    this.child.kill(signal);
    await gone;
  },
};
await terminal.start(first.file);

const base = `http://127.0.0.1:${terminal.port}`;
const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1920, height: 1080 }, colorScheme: 'light' });
const page = await context.newPage();
page.setDefaultTimeout(WAIT);
const { complaints, outside } = watch(page, base);
const shot = (name) => page.screenshot({ path: path.join(SHOTS, `live-${name}.png`) });
const dotted = (plate) => `${[...plate].slice(0, 2).join('')}·${[...plate].slice(2).join('')}`;
const cardOf = (plate) => page.locator(`#board article:has(.plate[aria-label^="${dotted(plate)}"])`);
const shown = () => page.evaluate(() => [...document.querySelectorAll('#board article')].map((n) => n.dataset.visit).sort());

// The card of this plate, once the policy server's answer stands on it.
async function complete(plate) {
  const answer = await (await fetch(`http://127.0.0.1:${policyPort}/v1/vehicles/${encodeURIComponent(plate)}/policies`)).json();
  await until(`the card of ${plate} with its owner`, async () => {
    const c = cardOf(plate);
    return (await c.count()) === 1 && (await c.innerText()).includes(answer.owner.name);
  }, WAIT);
  return { answer, text: await cardOf(plate).innerText() };
}

// The page counts itself: no visit stands twice on the board at any moment.
const count = () => page.evaluate(() => {
  window.doubles = [];
  new MutationObserver(() => {
    const ids = [...document.querySelectorAll('#board article')].map((n) => n.dataset.visit);
    if (new Set(ids).size !== ids.length) window.doubles.push(ids.join());
  }).observe(document.getElementById('board'), { childList: true, subtree: true });
});

await runAll({
  async 'first start: the code from the log, a name, a PIN; the page is in contact'() {
    await page.goto(base);
    const code = await until('the set-up code is logged', () => /set-up code[^:]*: ([A-Z0-9-]+)/.exec(fs.readFileSync(terminal.log, 'utf8'))?.[1], WAIT);
    await page.fill('#code', code);
    await page.fill('#name', '李店长');
    await page.fill('#pin', '482913');
    await page.fill('#pin2', '482913');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#board:not([hidden])');
    await page.waitForSelector('#contact[data-state="ok"]');
    await count();
  },

  async 'a car arrives: plate, picture, owner, both policies with their dates and days, stage, what to do'() {
    const { answer, text } = await complete(first.plate);
    for (const policy of answer.policies) assert.ok(text.includes(policy.end), `${policy.kind} ${policy.end} in:\n${text}`);
    for (const word of ['交强险', '商业险', '到店', answer.vehicle.model]) assert.ok(text.includes(word), `${word} in:\n${text}`);
    const today = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Asia/Shanghai' }).format(new Date());
    const days = (Date.parse(answer.policies[0].end) - Date.parse(today)) / 86400000;
    assert.ok(text.includes(`还剩 ${days} 天`), text);
    assert.ok(!text.includes(answer.owner.phone), 'a whole telephone number is on the page');
    assert.ok(await cardOf(first.plate).evaluate((n) => n.classList.contains('big')), 'a due card stands out');
    assert.equal(await cardOf(first.plate).locator('.top .stage').innerText(), '‼\n强促');
    assert.ok(await cardOf(first.plate).locator('img.crop').evaluate((i) => i.decode().then(() => i.naturalWidth > 40)));
    assert.ok((await cardOf(first.plate).locator('.todo').innerText()).length > 6);
    await shot('arrival');
  },

  async 'the terminal is killed and comes back: what was shown stays once, the next car arrives once'() {
    const before = await shown();
    await terminal.end('SIGKILL');
    await terminal.start(second.file);
    const { answer, text } = await complete(second.plate);
    assert.ok(text.includes(answer.policies[0].end), text);
    assert.ok(await cardOf(second.plate).evaluate((n) => n.classList.contains('small')), 'a card not due is small');
    assert.equal(await cardOf(first.plate).count(), 1);
    const after = await shown();
    for (const id of before) assert.ok(after.includes(id), `visit ${id} is lost`);
    assert.equal(after.length, before.length + 1, `${before} became ${after}`);
    assert.deepEqual(await page.evaluate(() => window.doubles), []);
    await page.reload();
    await cardOf(second.plate).waitFor();
    assert.deepEqual(await shown(), after, 'a page opened anew shows the same');
    await shot('after-restart');
  },

  async 'history finds the car, dots and spaces ignored'() {
    await page.keyboard.press('/');
    const c = [...first.plate];
    await page.keyboard.type(`${c.slice(0, 2).join('').toLowerCase()}· ${c.slice(2, 4).join('')} ${c.slice(4).join('')}`);
    await page.keyboard.press('Enter');
    await until('one visit is found', () => page.evaluate(() => document.querySelectorAll('#history-list article').length === 1), WAIT);
    assert.ok(await page.locator(`#history-list .plate[aria-label^="${dotted(first.plate)}"]`).count());
    await page.keyboard.press('Escape');
    assert.equal(await page.isVisible('#history[open]'), false, 'one key closes it');
  },

  async 'English, on a phone'() {
    await page.keyboard.press('l');
    assert.match(await cardOf(second.plate).innerText(), /days left|lapsed|ends today|day left/);
    await page.setViewportSize({ width: 390, height: 844 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth));
    await shot('phone-en');
    await page.keyboard.press('l');
    await page.setViewportSize({ width: 1920, height: 1080 });
  },

  async 'without its camera the page says so'() {
    await terminal.end('SIGTERM');
    await terminal.start(`${dir}/no-such.mp4`);
    await page.waitForSelector('.banner.camera');
    assert.ok((await page.locator('#banners').innerText()).includes('“大门”离线'));
    assert.equal(await cardOf(second.plate).count(), 1);
    await shot('offline');
  },

  async 'no errors, no policy violations, no request to anywhere else'() {
    assert.deepEqual(complaints, []);
    assert.deepEqual(outside, []);
  },
}, shot, async () => {
  await browser.close();
  await terminal.end('SIGTERM');
  policyChild.kill();
  fs.rmSync(dir, { recursive: true, force: true });
});
