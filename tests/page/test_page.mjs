// SPDX-License-Identifier: Apache-2.0
// The advisor's page in Chromium, against the real server with scripted cards. Screenshots stay in $SHOTS.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { barriers, launch, rest, runAll, until as happens, watch } from './browser.mjs';
import { board, card, nextRev, p } from './cards.mjs';

const { TERMINAL, SHOTS } = process.env;
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'bayplate-page-'));
fs.mkdirSync(SHOTS, { recursive: true });
const WAIT = 30000;

class Terminal {
  async start(port = 0) {
    this.child = spawn(TERMINAL, [dir, String(port)], { stdio: ['pipe', 'pipe', 'inherit'] });
    for await (const line of readline.createInterface({ input: this.child.stdout })) {
      if (line.startsWith('code ')) this.code = line.slice(5);
      if (line.startsWith('port ')) {
        this.port = Number(line.slice(5));
        return this;
      }
    }
    throw new Error('the terminal did not start');
  }
  say(word, json) { this.child.stdin.write(`${word}${json ? ` ${JSON.stringify(json)}` : ''}\n`); }
  async stop(signal) {
    const gone = new Promise((r) => this.child.once('exit', r));
    if (signal) this.child.kill(signal);
    else this.child.stdin.end();
    return gone;
  }
}

const browser = await launch();
const terminal = await new Terminal().start();
const base = `http://127.0.0.1:${terminal.port}`;
const context = await browser.newContext({ viewport: { width: 1920, height: 1080 }, colorScheme: 'light' });
const page = await context.newPage();
page.setDefaultTimeout(WAIT);
const { complaints, outside } = watch(page, base);

const visit = (id) => page.locator(`#board article[data-visit="${id}"]`);
const text = (selector) => page.locator(selector).innerText();
const until = (f) => happens(String(f), () => page.evaluate(f), WAIT);
const shot = (name) => page.screenshot({ path: path.join(SHOTS, `${name}.png`) });
const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);

const tests = {
  async 'first start: only the code from the console lets in, and no easy PIN'() {
    await page.goto(base);
    await page.fill('#code', 'AAAA-AAAA');
    await page.fill('#name', '李店长');
    await page.fill('#pin', '123456');
    await page.fill('#pin2', '123456');
    await shot('setup-zh');
    assert.deepEqual(await barriers(page), []);
    await page.click('button.primary');
    await until(() => document.querySelector('.gate-error').textContent.includes('不对'));
    await page.fill('#code', terminal.code.toLowerCase());
    await page.fill('#pin', '123456');
    await page.click('button.primary');
    await until(() => document.querySelector('.gate-error').textContent.includes('太简单'));
    await page.fill('#pin', '482913');
    await page.fill('#pin2', '482913');
    await page.click('button.primary');
    await page.waitForSelector('#board:not([hidden])');
    const cookie = (await context.cookies()).find((c) => c.name === 'bayplate');
    assert.equal(cookie.httpOnly, true);
    assert.equal(cookie.sameSite, 'Strict');
  },

  async 'cars arrive live, due ones large, others small'() {
    await until(() => document.getElementById('contact').dataset.state === 'ok');
    assert.ok(await page.isVisible('#due-empty'));
    await shot('empty-zh');
    await drawCrops();
    const cards = board();
    for (const c of cards.slice(0, -1)) terminal.say('card', c);
    await visit(6).waitFor();
    terminal.say('card', cards.at(-1));
    await visit(7).waitFor();
    assert.equal(await page.locator('#due article.big').count(), 4);
    assert.equal(await page.locator('#others article.small').count(), 4);
    const seven = await visit(7).innerText();
    for (const word of ['陈美玲', '特斯拉 Model Y', '138****1234', '交强险', '商业险', '已脱保 3 天', '还剩 18 天', '脱保', '到店', '问去向']) {
      assert.ok(seven.includes(word), word);
    }
    assert.equal(await visit(7).locator('.plate').getAttribute('aria-label'), '粤A·F88066 新能源');
    assert.ok((await page.locator('#assertive').textContent()).includes('粤A·F88066'));
    assert.ok((await page.locator('#polite').textContent()).includes('粤A·6N28Q'));
    const six = await visit(6).innerText();
    for (const word of ['待确认', '粤A·6N280', '资料查询于', '按客户名单选定，照片本身更像 粤A·6N280', '粤A·8N28Q']) assert.ok(six.includes(word), word);
    assert.equal(six.split('粤A·6N280').length, 2, 'what the picture says is told once');
    assert.ok((await visit(3).innerText()).includes('看不清'));
    await until(() => [...document.images].every((i) => i.complete && i.naturalWidth > 0));
    // 3 m: the headline of a due card is at least 36 pixels high, names as well.
    for (const what of ['.headline', '.name', '.plate']) {
      assert.ok(await visit(7).locator(what).first().evaluate((e) => parseFloat(getComputedStyle(e).fontSize)) >= 36, what);
    }
  },

  async 'a card improves in place, is not doubled, and a merged one goes'() {
    const c = card(20, { plate: p('粤A11B22'), name: '赵一' });
    terminal.say('card', c);
    await visit(20).waitFor();
    terminal.say('card', { ...c, rev: nextRev(), plate: p('粤A11B23'), due: true, stage: 'push' });
    await until(() => document.querySelector('#due article[data-visit="20"] .plate')?.getAttribute('aria-label').startsWith('粤A·11B23'));
    assert.equal(await visit(20).count(), 1);
    terminal.say('card', { visit: '20', rev: nextRev(), state: 'merged', into: '7' });
    await visit(20).waitFor({ state: 'detached' });
  },

  async 'a car that came again has one card, the newest'() {
    const closed = { state: 'closed', closed: new Date().toISOString(), plate: p('粤A55C66'), name: '孙二' };
    terminal.say('card', card(21, { ...closed, minutes: 9 }));
    await visit(21).waitFor();
    terminal.say('card', card(22, { ...closed, minutes: 1, state: 'open', closed: null }));
    await visit(22).waitFor();
    assert.equal(await visit(21).count(), 0);
    for (const id of [21, 22]) terminal.say('card', { visit: String(id), rev: nextRev(), state: 'merged', into: '7' });
    await visit(22).waitFor({ state: 'detached' });
  },

  async 'screens: desktop, tablet, phone, both languages, dark; nothing scrolls sideways'() {
    await until(() => document.getAnimations().length === 0);
    for (const [name, width, height] of [['desktop', 1920, 1080], ['laptop', 1366, 768], ['tablet', 1024, 1366], ['phone', 390, 844], ['small-phone', 320, 640]]) {
      await page.setViewportSize({ width, height });
      if (!/laptop|small/.test(name)) await shot(`${name}-zh`);
      assert.ok(await fits(), `${name} zh`);
      await page.keyboard.press('l');
      if (!/laptop|small|tablet/.test(name)) await shot(`${name}-en`);
      assert.ok(await fits(), `${name} en`);
      await page.keyboard.press('l');
    }
    await page.setViewportSize({ width: 1920, height: 1080 });
    await page.emulateMedia({ colorScheme: 'dark' });
    await shot('desktop-dark');
    await page.emulateMedia({ colorScheme: 'light' });
  },

  async 'nothing stands in the way of a screen reader or a keyboard: board, dark board, history, help, people'() {
    assert.deepEqual(await barriers(page), []);
    await page.emulateMedia({ colorScheme: 'dark' });
    assert.deepEqual(await barriers(page), []);
    await page.emulateMedia({ colorScheme: 'light' });
    for (const [button, dialog] of [['#b-history', '#history'], ['#b-help', '#help'], ['#b-people', '#people']]) {
      await page.click(button);
      await page.waitForSelector(`${dialog}[open]`);
      if (dialog === '#history') await until(() => document.querySelectorAll('#history-list article').length > 5);
      assert.deepEqual(await barriers(page), []);
      await page.keyboard.press('Escape');
    }
  },

  async 'a person checks a plate: one tap, typed, or not at all'() {
    await visit(6).locator('button.check').click();
    await page.waitForSelector('#check[open]');
    await until(() => document.querySelector('#check img')?.naturalWidth > 0);
    assert.deepEqual(await page.locator('#check .choice .plate').evaluateAll((l) => l.map((e) => e.getAttribute('aria-label'))),
      ['粤A·6N28Q 蓝牌', '粤A·6N280 蓝牌', '粤A·8N28Q 蓝牌']);
    await shot('check-zh');
    assert.deepEqual(await barriers(page), []);
    await page.fill('#check-q', '粤A12');
    await page.keyboard.press('Enter');
    await until(() => document.getElementById('check-note').textContent === '这不是有效的车牌');
    for (const [status, words] of [[404, '已并入另一条记录'], [503, '没有保存']]) { // never the terminal's own English
      await page.route('**/api/v1/corrections', (r) => r.fulfill({ status, json: { error: 'words for the log' } }));
      await page.keyboard.press('Enter');
      await until(`document.getElementById('check-note').textContent.includes('${words}')`);
      await page.unroute('**/api/v1/corrections');
    }
    await page.setViewportSize({ width: 390, height: 844 });
    await shot('check-phone-zh');
    assert.ok(await fits());
    await page.setViewportSize({ width: 1920, height: 1080 });
    await page.locator('#check .choice').nth(1).click();
    await page.waitForSelector('#check:not([open])', { state: 'attached' });
    await until(() => document.querySelector('#board article[data-visit="6"]').innerText.includes('人工确认'));
    const six = await visit(6).innerText();
    assert.ok(!six.includes('待确认'), 'nothing is left to confirm');
    assert.ok((await visit(6).locator('.plate').getAttribute('aria-label')).startsWith('粤A·6N280'));
    assert.ok((await page.locator('#polite').textContent()).includes('车牌已确认：粤A·6N280'));
    await shot('checked-zh');
    // By keyboard, on the car that nobody could read.
    await visit(3).focus();
    await page.keyboard.press('c');
    await page.waitForSelector('#check[open]');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'check-q');
    await page.keyboard.type('粤o·1234o');
    await page.keyboard.press('Enter');
    await until(() => document.querySelector('#board article[data-visit="3"] .plate').getAttribute('aria-label')?.startsWith('粤O·12340'));
    // The others stay as the rest of the cases know them.
    nextRev(); // the terminal gave two by itself
    nextRev();
    terminal.say('card', { ...board()[6], rev: nextRev() });
    await until(() => document.querySelector('#board article[data-visit="6"]').innerText.includes('待确认'));
  },

  async 'English by one key, and remembered'() {
    await page.keyboard.press('l');
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'en');
    const seven = await visit(7).innerText();
    for (const word of ['lapsed 3 days', '18 days left', 'Compulsory', 'Commercial', 'Lapsed', 'here since']) assert.ok(seven.includes(word), word);
    await page.reload();
    await visit(7).waitFor();
    assert.ok((await text('#due-title')).includes('Speak'));
    await page.keyboard.press('l');
    assert.ok((await text('#due-title')).includes('请跟进'));
  },

  async 'by keyboard alone: move, help, history, search'() {
    const at = () => page.evaluate(() => document.activeElement.dataset.visit);
    await page.keyboard.press('j');
    assert.equal(await at(), '7');
    await page.keyboard.press('ArrowDown');
    assert.equal(await at(), '6');
    await page.keyboard.press('k');
    assert.equal(await at(), '7');
    await page.keyboard.press('?');
    assert.ok(await page.isVisible('#help[open]'));
    await page.keyboard.press('Escape');
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'history-q');
    await page.keyboard.type('粤a·6 n28');
    await page.keyboard.press('Enter');
    await until(() => document.querySelectorAll('#history-list article').length === 1);
    assert.ok((await text('#history-list')).includes('王建国'));
    await page.fill('#history-q', '沪Z00000');
    await page.keyboard.press('Enter');
    await until(() => document.getElementById('history-note').textContent === '没有找到');
    await page.fill('#history-q', '');
    await page.keyboard.press('Enter');
    await until(() => document.querySelectorAll('#history-list article').length > 5);
    await shot('history-zh');
    await page.keyboard.press('Escape');
    assert.equal(await page.isVisible('#history[open]'), false);
  },

  async 'names and plates are text, whatever they hold'() {
    const evil = '<img src=x onerror=alert(1)><script>alert(2)</script>';
    terminal.say('card', card(30, {
      plate: p(`${evil}`, 'blue" onmouseover="alert(3)', [{ text: evil, confidence: 0.1 }]), certainty: 'unsure', name: evil, model: `"'><svg/onload=alert(4)>`,
      left: [3, 3], stage: 'push', due: true, todo: [evil, evil], evidence: 'javascript:alert(5)',
    }));
    await visit(30).waitFor();
    assert.equal(await visit(30).locator('.name').first().evaluate((e) => e.firstChild.data), evil);
    assert.equal(await visit(30).locator('img, script, svg').count(), 0);
    assert.ok(await fits());
    terminal.say('card', { visit: '30', rev: nextRev(), state: 'merged', into: '7' });
    await visit(30).waitFor({ state: 'detached' });
  },

  async 'camera, store and clock trouble are said'() {
    terminal.say('status', { cameras: [{ name: '大门', state: 'offline', last_frame: '2026-03-08T09:12:33+08:00', error: 'x' }], store: { ok: false, error: '磁盘已满', set_aside: '/var/lib/bayplate/bayplate.db.damaged-20260308' }, evidence: { ok: false, error: '只读' }, clock_trusted: false });
    await until(() => document.querySelectorAll('.banner').length === 5);
    const said = await text('#banners');
    for (const word of ['大门', '离线', '09:12:33', '存储故障', '磁盘已满', '时间不可信', '截图无法保存', '只读', '另存为 bayplate.db.damaged-20260308']) assert.ok(said.includes(word), word);
    await shot('trouble-zh');
    terminal.say('status', { cameras: [{ name: '大门', state: 'ended' }], store: { ok: true }, clock_trusted: true });
    await until(() => document.getElementById('cameras').textContent === '录像已播完');
    terminal.say('status', { cameras: [{ name: '大门', state: 'online' }], store: { ok: true }, clock_trusted: true });
    await until(() => document.querySelectorAll('.banner').length === 0);
  },

  async 'the server restarts: nothing is lost, nothing comes twice'() {
    await page.evaluate(() => {
      window.added = [];
      new MutationObserver((list) => list.forEach((m) => m.addedNodes.forEach((n) => window.added.push(n.dataset.visit))))
        .observe(document.getElementById('others'), { childList: true });
    });
    const port = terminal.port;
    terminal.say('keep', card(40, { plate: p('粤A40404'), name: '断线一' }));
    terminal.say('keep', card(41, { plate: p('粤A41414'), name: '断线二' }));
    await new Promise((r) => { terminal.child.stdin.write('', r); });
    for (let i = 0; i < 500 && !fs.readFileSync(path.join(dir, 'cards.jsonl'), 'utf8').includes('断线二'); i++) await rest(10);
    await terminal.stop('SIGKILL');
    await terminal.start(port);
    await visit(41).waitFor();
    terminal.say('card', card(42, { plate: p('粤A42424'), name: '恢复后' }));
    await visit(42).waitFor();
    const added = await page.evaluate(() => window.added);
    assert.deepEqual([...added].sort(), ['40', '41', '42']);
    assert.equal(await visit(7).count(), 1);
  },

  async 'silence is noticed: the board turns grey and says since when'() {
    await page.clock.install();
    await page.reload();
    await until(() => document.getElementById('contact').dataset.state === 'ok');
    terminal.say('quiet');
    await page.clock.fastForward(13000);
    await until(() => document.body.classList.contains('late'));
    assert.ok((await text('#banners')).includes('失去联系'));
    assert.ok((await text('#contact')).includes('最后联系'));
    await shot('late-zh');
    terminal.say('talk');
    await until(() => !document.body.classList.contains('late'));
  },

  async 'a manager adds an advisor, who can sign in and may not add others'() {
    await page.click('#b-people');
    await page.fill('#p-name', '小周');
    await page.fill('#p-pin', '111111');
    await page.keyboard.press('Enter');
    await until(() => document.querySelector('#people .gate-error').textContent.includes('太简单'));
    await page.fill('#p-pin', '730264');
    await shot('people-zh');
    await page.keyboard.press('Enter');
    await until(() => document.querySelector('#people .gate-error').textContent.includes('已添加 小周'));
    await page.keyboard.press('Escape');
    await page.click('#b-logout');
    await page.fill('#name', '小周');
    await page.fill('#pin', '730264');
    await page.keyboard.press('Enter');
    await visit(7).waitFor();
    assert.equal(await page.isVisible('#b-people'), false);
    assert.ok(await visit(7).locator('button.check').isVisible());
    await page.click('#b-logout');
    await page.fill('#name', '李店长');
    await page.fill('#pin', '482913');
    await page.keyboard.press('Enter');
    await visit(7).waitFor();
  },

  async 'signing out shows nothing any more; a wrong PIN does not let in'() {
    await page.click('#b-logout');
    await page.waitForSelector('#gate:not([hidden])');
    assert.equal(await page.locator('#board article').count(), 0);
    assert.equal((await context.request.get(`${base}/api/v1/cards`)).status(), 401);
    await shot('login-zh');
    assert.deepEqual(await barriers(page), []);
    await page.fill('#pin', '111111');
    await page.keyboard.press('Enter');
    await until(() => document.querySelector('.gate-error').textContent.includes('不对'));
    await page.fill('#pin', '482913');
    await page.keyboard.press('Enter');
    await visit(7).waitFor();
  },

  async 'no errors, no policy violations, no request to anywhere else'() {
    assert.deepEqual(complaints, []);
    assert.deepEqual(outside, []);
  },
};

// Evidence crops: plates photographed with the page's own artwork.
async function drawCrops() {
  const studio = await browser.newPage({ viewport: { width: 420, height: 130 } });
  const css = fs.readFileSync(new URL('../../firmware/page/style.css', import.meta.url), 'utf8');
  for (const [id, type, plate] of [[3, 'unknown', ['']], [5, 'yellow2', ['粤A', '7T90挂']], [6, 'blue', ['粤A·6N28Q']], [7, 'green', ['粤A·F88066']]]) {
    await studio.setContent(`<style>${css} body{background:#2b2f36;display:grid;place-items:center;height:130px;filter:blur(.7px) brightness(.85)} .plate{transform:rotate(-2deg) skewX(3deg)}</style><span class="plate big ${type}">${plate.map((r, i) => `<span class="row ${plate.length > 1 && i === 0 ? 'top' : ''}">${r}</span>`).join('')}</span>`);
    await studio.screenshot({ path: path.join(dir, `${id}.jpg`), type: 'jpeg', quality: 60 });
  }
  await studio.close();
}

await runAll(tests, shot, async () => {
  await browser.close();
  await terminal.stop();
  fs.rmSync(dir, { recursive: true, force: true });
});
