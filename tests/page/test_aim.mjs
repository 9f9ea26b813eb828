// SPDX-License-Identifier: Apache-2.0
// The commissioning page in a real browser: the real bayplated on a drawn gate clip that goes round.
// Screenshots in $SHOTS.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { barriers, launch, runAll, until, watch } from './browser.mjs';

const { BINARY, SOURCE, SHOTS } = process.env;
const WAIT = 90000; // a sanitized build on a busy machine
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'bayplate-aim-'));
fs.mkdirSync(SHOTS, { recursive: true });

// Cars that arrive, stand and leave; drawn once a build folder.
function clip() {
  const cache = path.join(BINARY, 'test-clips');
  const file = path.join(cache, 'aim.mp4');
  fs.mkdirSync(cache, { recursive: true });
  if (!fs.existsSync(file)) {
    const made = path.join(cache, `aim.${process.pid}.mp4`);
    execFileSync(`${SOURCE}/tools/gate-clip`, ['--rendered', '--quiet', '--seconds', '36', '--seed', '5', '--plates', '粤A88316,粤B6N28Q,苏E35792', made],
      { stdio: ['ignore', 'ignore', 'inherit'] });
    fs.renameSync(made, file);
    fs.renameSync(made.replace('.mp4', '.json'), file.replace('.mp4', '.json'));
  }
  return file;
}

const log = `${dir}/bayplated.log`;
const terminal = {
  port: 0,
  async start(source = clip(), more = '') {
    fs.rmSync(`${dir}/port`, { force: true });
    fs.writeFileSync(`${dir}/bayplate.ini`, `[shop]\nname = 示范专营店\n[camera]\nname = 1 号工位\nsource = ${source}\nloop = yes\n`
      + `[visit]\nsame_car_gap_s = 5\n[vision]\nmodels = ${SOURCE}/vision/models\n[store]\ndir = ${dir}/data\nreserve_mb = 0\n[device]\nfile = ${dir}/device.ini\n`
      + `[http]\nport = ${this.port}\nport_file = ${dir}/port\n${more}`);
    const out = fs.openSync(log, 'a');
    this.child = spawn(`${BINARY}/firmware/bayplated`, ['-c', `${dir}/bayplate.ini`], { stdio: ['ignore', 'ignore', out] });
    fs.closeSync(out);
    this.port = await until('bayplated writes its port', () => {
      if (this.child.exitCode !== null) throw new Error(`bayplated ended:\n${fs.readFileSync(log, 'utf8').slice(-2000)}`);
      return fs.existsSync(`${dir}/port`) && Number(fs.readFileSync(`${dir}/port`, 'utf8'));
    }, WAIT);
  },
  async end() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return this.child.exitCode;
    const gone = new Promise((r) => { this.child.once('exit', r); });
    this.child.kill('SIGTERM');
    return gone;
  },
};
fs.writeFileSync(`${dir}/device.ini`, '[device]\nserial = BP-TEST-0007\n');
await terminal.start();

const base = `http://127.0.0.1:${terminal.port}`;
const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1440, height: 1000 }, colorScheme: 'light' });
const page = await context.newPage();
page.setDefaultTimeout(WAIT);
const { complaints, outside } = watch(page, base);
const shot = (name, full = false) => page.screenshot({ path: path.join(SHOTS, `aim-${name}.png`), fullPage: full });
const text = (selector) => page.locator(selector).innerText();
const grade = (id) => page.locator(`.meter[data-meter="${id}"]`).getAttribute('data-grade');
const state = async () => (await context.request.get(`${base}/api/v1/commission`)).json();
const soon = (what, f) => until(what, f, WAIT);

await runAll({
  async 'nobody sees the camera without signing in; a technician sets the terminal up'() {
    for (const what of ['commission', 'commission/picture', 'commission/cars/1', 'commission/sheets/']) {
      assert.equal((await context.request.get(`${base}/api/v1/${what}`)).status(), 401, what);
    }
    await page.goto(`${base}/aim`);
    const code = await soon('the set-up code is logged', () => /set-up code[^:]*: ([A-Z0-9-]+)/.exec(fs.readFileSync(log, 'utf8'))?.[1]);
    await page.fill('#code', code);
    await page.fill('#name', '陈师傅');
    await page.selectOption('#role', 'technician');
    await page.fill('#pin', '482913');
    await page.fill('#pin2', '482913');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#work:not([hidden])');
  },

  async 'the live picture comes, and meters measure the standing car'() {
    await soon('a picture', () => page.evaluate(() => document.querySelector('#frame img')?.naturalWidth > 300));
    await soon('the live pill', async () => (await page.getAttribute('#live', 'data-state')) === 'ok');
    await soon('a plate that is wide enough', async () => ['good', 'fair'].includes(await grade('width')));
    await soon('sharpness of the car that stands', async () => (await grade('sharpness')) !== 'none');
    for (const id of ['height', 'roll', 'slant', 'contrast', 'glare', 'exposure', 'bright']) assert.notEqual(await grade(id), 'none', id);
    assert.equal(await grade('roll'), 'good');
    assert.equal(await grade('overlay'), 'good');
    await shot('meters-zh', true);
    assert.deepEqual(await barriers(page), []);
  },

  async 'a region is drawn by pointer and keyboard, refused when its edges cross, kept and taken over'() {
    await page.click('.steps [data-step="region"]');
    await page.click('text=画区域');
    assert.equal(await page.locator('.grip').count(), 4);
    const box = await page.locator('#stage').boundingBox();
    await page.mouse.click(box.x + box.width * 0.5, box.y + box.height * 0.1); // into the upper edge
    assert.equal(await page.locator('.grip').count(), 5);
    const grip = page.locator('.grip').nth(1);
    const at = await grip.boundingBox();
    await page.mouse.move(at.x + at.width / 2, at.y + at.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.99, { steps: 4 });
    await page.mouse.up();
    await soon('crossing edges are told', async () => (await text('.trouble')).includes('交叉'));
    assert.ok(await page.isDisabled('text=保存'));
    await shot('region-cross-zh');
    await page.click('text=撤销');
    await page.locator('.grip').nth(0).focus();
    const before = await page.locator('.grip').nth(0).getAttribute('aria-label');
    await page.keyboard.press('Shift+ArrowRight');
    assert.notEqual(await page.locator('.grip').nth(0).getAttribute('aria-label'), before);
    await page.locator('.grip').nth(1).press('Delete');
    assert.equal(await page.locator('.grip').count(), 4);
    await shot('region-zh');
    await page.click('text=保存');
    await soon('saved', async () => (await text('.good-word')).includes('立即生效'));
    const s = await state();
    assert.equal(s.region.zone.length, 4);
    assert.ok(s.region.own);
    assert.match(JSON.parse(fs.readFileSync(`${dir}/data/settings.json`, 'utf8'))['camera.zone'], /^0\.\d+,0\.\d+ /);
    const csrf = (await (await context.request.get(`${base}/api/v1/session`)).json()).csrf;
    const send = (zone, token = csrf) => context.request.post(`${base}/api/v1/commission/region`, { data: { zone }, headers: { 'X-CSRF-Token': token } });
    assert.equal((await send([[0, 0], [1, 0], [1, 1]], 'x')).status(), 403);
    assert.equal((await send([[0, 0], [1, 1], [1, 0], [0, 1]])).status(), 400);
    assert.equal((await send([[0, 0], [2, 1], [1, 0]])).status(), 400);
    assert.deepEqual((await state()).region.zone, s.region.zone);
    await page.click('text=恢复配置文件里的区域');
    await soon('back to the configuration', async () => !(await state()).region.own);
  },

  async 'five cars and both directions are tried; a restart in between loses nothing'() {
    await page.click('.steps [data-step="cars"]');
    await page.click('text=开始测试');
    await soon('two cars with pictures', () => page.evaluate(() => [...document.querySelectorAll('.car img')].filter((i) => i.naturalWidth > 20).length >= 2));
    await page.locator('.car:has(img)').last().locator('[data-word="right"]').click();
    await soon('one is right', async () => (await state()).trial.right === 1);
    await terminal.end();
    await terminal.start();
    await page.reload();
    await page.waitForSelector('.car');
    const s = await state();
    assert.equal(s.trial.right, 1);
    assert.ok(s.trial.cars.find((c) => c.word === 'right').picture);
    await page.click('.steps [data-step="direction"]');
    await shot('direction-zh');
    await page.locator('.way').first().locator('button').click();
    await soon('a car is told as in', async () => (await state()).trial.in.state === 'right');
    await soon('a car is told as out', async () => { // other cars come in meanwhile: tried again, as a technician would
      const { out } = (await state()).trial;
      if (out.state === 'open' || out.state === 'wrong') await page.locator('.way').last().locator('button').click();
      return out.state === 'right';
    });
    await page.click('.steps [data-step="cars"]');
    await soon('five cars', async () => (await state()).trial.cars.filter((c) => c.picture && c.certainty !== 'unread').length >= 5);
    for (const c of (await state()).trial.cars.filter((x) => x.word === 'open' && x.picture)) {
      await page.locator(`.car[data-visit="${c.visit}"] [data-word="right"]`).click();
    }
    await soon('five are right', async () => (await state()).trial.right >= 5);
    await page.click('text=结束测试');
    await shot('cars-zh', true);
    assert.deepEqual(await barriers(page), []);
  },

  async 'the sheet is drawn, kept, and says what is open'() {
    await page.click('.steps [data-step="sheet"]');
    await page.check('input[type=checkbox]');
    await page.fill('#note', '镜头已擦净，补光灯调低一档');
    await soon('the page knows the cars', async () => !(await state()).open.includes('cars'));
    await page.click('text=生成记录单');
    await soon('drawn', async () => {
      const s = (await state()).sheet;
      if (s.state === 'failed') throw new Error(s.error);
      return s.state === 'ready';
    });
    const { id } = (await state()).sheet;
    await soon('shown', () => page.evaluate(() => document.querySelector('.sheet-picture')?.naturalWidth > 1000));
    const png = await (await context.request.get(`${base}/api/v1/commission/sheets/${id}.png`)).body();
    const pdf = await (await context.request.get(`${base}/api/v1/commission/sheets/${id}.pdf`)).body();
    const json = await (await context.request.get(`${base}/api/v1/commission/sheets/${id}.json`)).json();
    assert.equal(png.subarray(1, 4).toString(), 'PNG');
    assert.equal(pdf.subarray(0, 5).toString(), '%PDF-');
    fs.writeFileSync(path.join(SHOTS, 'aim-pass-sheet.png'), png);
    fs.writeFileSync(path.join(SHOTS, 'aim-pass-sheet.pdf'), pdf);
    assert.equal(json.serial, 'BP-TEST-0007');
    assert.equal(json.person, '陈师傅');
    assert.equal(json.cars.length, 5);
    assert.equal(json.passed, json.open.length === 0);
    for (const name of ['..%2F..%2Fsettings.json', `${id}.txt`, `${id}.png.png`, '20260101-000000.png']) {
      assert.ok([400, 404].includes((await context.request.get(`${base}/api/v1/commission/sheets/${name}`)).status()), name);
    }
    await shot('sheet-zh', true);
  },

  async 'English, on a phone'() {
    await page.click('#b-lang');
    await page.setViewportSize({ width: 390, height: 844 });
    for (const step of ['aim', 'region', 'direction', 'cars', 'sheet']) {
      await page.click(`.steps [data-step="${step}"]`);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), step);
      if (step === 'aim') await soon('meters', async () => (await page.locator('.meter').count()) > 10);
      await shot(`phone-${step}-en`);
    }
    await page.click('#b-lang');
    await page.click('.steps [data-step="aim"]');
    await soon('meters', async () => (await page.locator('.meter').count()) > 10);
    await shot('phone-zh', true);
    await page.setViewportSize({ width: 1440, height: 1000 });
  },

  async 'a camera with controls is set on the page; trigger and lamps are shown'() {
    await terminal.end();
    await terminal.start('sim:?fps=25', '[trigger]\nline = sim:1\n[lamp]\ndue = sim:2\nir = no-such-chip:3\n');
    await page.reload();
    await page.waitForSelector('.knob[data-knob="exposure"] input[type="range"]');
    assert.equal(await page.locator('.knob').count(), 2); // it has no focus
    await soon('its picture', () => page.evaluate(() => document.querySelector('#frame img')?.naturalWidth === 640 && document.querySelector('#no-picture').hidden));
    const exposure = page.locator('.knob[data-knob="exposure"]');
    assert.equal(await exposure.locator('button').first().getAttribute('aria-pressed'), 'true');
    await exposure.locator('input').fill('500');
    await soon('a shutter of its own', async () => {
      const k = (await state()).world.knobs.find((x) => x.id === 'exposure');
      return !k.auto && k.own && k.value > 1500 && k.value < 2500; // the middle of a scale in ratios from 100 to 40000
    });
    assert.match(JSON.parse(fs.readFileSync(`${dir}/data/settings.json`, 'utf8'))['camera.exposure'], /^\d+$/);
    await soon('the page shows it', async () => /1\/\d{3} s/.test(await exposure.locator('.value').innerText()));
    assert.equal(await grade('trigger'), 'good');
    assert.equal(await grade('lamp_due'), 'good');
    assert.equal(await grade('lamp_ir'), 'bad'); // and says which chip
    assert.ok((await text('.meter[data-meter="lamp_ir"]')).includes('no-such-chip'));
    await shot('knobs-zh', true);
    assert.deepEqual(await barriers(page), []);
    await exposure.locator('button').first().click();
    await soon('automatic again', async () => (await state()).world.knobs.find((x) => x.id === 'exposure').auto);
  },

  async 'an advisor may not see it'() {
    await context.request.delete(`${base}/api/v1/session`, { headers: { 'X-CSRF-Token': (await (await context.request.get(`${base}/api/v1/session`)).json()).csrf } });
    assert.equal((await context.request.get(`${base}/api/v1/commission`)).status(), 401);
    await page.reload();
    await page.waitForSelector('#pin');
    await shot('login-zh');
  },

  async 'no errors, no policy violations, no request to anywhere else'() {
    assert.deepEqual(complaints, []);
    assert.deepEqual(outside, []);
  },
}, shot, async () => {
  await browser.close();
  await terminal.end();
  fs.rmSync(dir, { recursive: true, force: true });
});
