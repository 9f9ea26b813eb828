// SPDX-License-Identifier: Apache-2.0
// HTTPS in a real browser, with the real bayplated: the note where the page is not encrypted, the page over HTTPS, and on the
// device page the certificate, a request, and what an authority made of it (openssl). Screenshots in $SHOTS.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { barriers, launch, runAll, until, watch } from './browser.mjs';

const { BINARY, SOURCE, SHOTS } = process.env;
const WAIT = 60000;
const NAME = 'bayplate-BP-TEST-0007.local';
const PIN = '482913';
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'bayplate-identity-'));
fs.mkdirSync(SHOTS, { recursive: true });
fs.writeFileSync(`${dir}/device.ini`, '[device]\nserial = BP-TEST-0007\nmodel = bayplate-x\nboard = x\n');

const terminal = {
  log: `${dir}/bayplated.log`,
  async start(redirect) {
    fs.rmSync(`${dir}/port`, { force: true });
    fs.writeFileSync(`${dir}/bayplate.ini`, `[shop]\nname = 示范专营店\n[camera]\nsource = sim:?fps=5\n[vision]\nmodels = ${SOURCE}/vision/models\n`
      + `[store]\ndir = ${dir}/state\nreserve_mb = 0\n[http]\nport = ${this.port ?? 0}\ntls_port = ${this.tls ?? 0}\nredirect = ${redirect ? 'yes' : 'no'}\n`
      + `port_file = ${dir}/port\n[device]\nfile = ${dir}/device.ini\n`);
    const out = fs.openSync(this.log, 'a');
    this.child = spawn(`${BINARY}/firmware/bayplated`, ['-c', `${dir}/bayplate.ini`], { stdio: ['ignore', 'ignore', out] });
    fs.closeSync(out);
    [this.port, this.tls] = await until('bayplated writes its ports', () => {
      if (this.child.exitCode !== null) throw new Error(`bayplated ended:\n${fs.readFileSync(this.log, 'utf8').slice(-2000)}`);
      const lines = fs.existsSync(`${dir}/port`) ? fs.readFileSync(`${dir}/port`, 'utf8').split('\n') : [];
      return lines.length === 3 && lines.slice(0, 2).map(Number);
    }, WAIT);
  },
  async end() {
    const gone = new Promise((r) => { this.child.once('exit', r); });
    this.child.kill('SIGTERM');
    return gone;
  },
};
await terminal.start(false);
const plain = () => `http://127.0.0.1:${terminal.port}`;
const secure = () => `https://127.0.0.1:${terminal.tls}`;

const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: 'light', acceptDownloads: true, ignoreHTTPSErrors: true });
const page = await context.newPage();
page.setDefaultTimeout(WAIT);
const open = watch(page, plain());
const shot = (name, p = page) => p.screenshot({ path: path.join(SHOTS, `identity-${name}.png`), fullPage: true });
const text = (selector) => page.locator(selector).innerText();
const soon = (what, f) => until(what, f, WAIT);
const fits = (p) => p.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
// What a program on the network sees: {print, chained}.
const seen = (ca) => new Promise((done, fail) => {
  const s = tls.connect({ host: '127.0.0.1', port: terminal.tls, servername: NAME, ca, rejectUnauthorized: false }, () => {
    done({ print: s.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase(), chained: s.authorized });
    s.end();
  });
  s.on('error', fail);
});
const onPage = async () => (await text('dd[data-fact="tls_print"]')).replaceAll(/\s/g, '');
async function install(file) {
  await page.setInputFiles('#tls-file', `${dir}/ca/${file}`);
  await page.click('#b-tls-install');
  return soon(`an answer to ${file}`, async () => (await text('#tls-error')) || (await text('#tls-done')));
}

await runAll({
  async 'whoever is about to type a PIN in the clear is told'() {
    await page.goto(`${plain()}/device`);
    const code = await soon('the set-up code is logged', () => /set-up code[^:]*: ([A-Z0-9-]+)/.exec(fs.readFileSync(terminal.log, 'utf8'))?.[1]);
    await page.waitForSelector('#code');
    assert.match(await text('.gate-open'), /此连接未加密/);
    assert.equal(await page.getAttribute('.gate-open a', 'href'), `${secure()}/device`);
    assert.deepEqual(await barriers(page), []);
    await shot('gate-zh');
    await page.click('.link');
    assert.match(await text('.gate-open'), /not encrypted/);
    await page.setViewportSize({ width: 390, height: 844 });
    assert.ok(await fits(page));
    await shot('gate-phone-en');
    await page.click('.link');
    await page.setViewportSize({ width: 1280, height: 900 });
    await page.fill('#code', code);
    await page.fill('#name', '李店长');
    await page.selectOption('#role', 'manager');
    await page.fill('#pin', PIN);
    await page.fill('#pin2', PIN);
    await page.keyboard.press('Enter');
    await page.waitForSelector('#identity:not([hidden])');
  },

  async 'the certificate that the board made stands on the device page'() {
    const { print, chained } = await seen(fs.readFileSync(`${dir}/state/tls/identity.pem`));
    assert.ok(chained); // whoever has it trusts it
    assert.equal(await onPage(), print);
    assert.equal(await text('dd[data-fact="tls_subject"]'), NAME);
    assert.equal(await text('dd[data-fact="tls_source"]'), '本机自签');
    assert.equal(await text('dd[data-fact="tls_until"]'), '长期有效');
    assert.match(await text('#tls-note'), /苹果/);
    assert.deepEqual(await barriers(page), []);
    await shot('own-zh');
    const pem = await (await context.request.get(`${plain()}/api/v1/device/identity/certificate.pem`)).text();
    assert.ok(!pem.includes('PRIVATE'));
    assert.equal((await seen(pem)).chained, true);
  },

  async 'a request with the names that the shop uses'() {
    await page.fill('#tls-names', 'bay1.shop.example，nicht_gut');
    await page.click('#tls-request button');
    await soon('a name that is none is named', async () => (await text('#tls-error')).includes('nicht_gut'));
    await page.fill('#tls-names', 'bay1.shop.example，127.0.0.1');
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#tls-request button')]);
    assert.equal(download.suggestedFilename(), 'bayplate-BP-TEST-0007.csr');
    fs.mkdirSync(`${dir}/ca`);
    await download.saveAs(`${dir}/ca/request.csr`);
    const words = execFileSync('openssl', ['req', '-in', `${dir}/ca/request.csr`, '-noout', '-verify', '-text'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    assert.match(words, new RegExp(`DNS:${NAME}, DNS:bayplate-BP-TEST-0007, DNS:bay1.shop.example, IP Address:127.0.0.1`));
    execFileSync(`${SOURCE}/tests/net/sign-request`, [`${dir}/ca`, NAME]);
  },

  async 'what does not fit is refused, each in its own words, and nothing changes'() {
    const before = await onPage();
    const said = [];
    for (const f of ['request.csr', 'withkey.pem', 'many.pem', 'stranger.pem', 'falsechain.pem', 'weak.pem', 'client.pem', 'elsewhere.pem', 'expired.pem', 'notyet.pem']) {
      const words = await install(f);
      assert.match(words, /^没有安装：[^a-z_]/, `${f}: ${words}`);
      said.push(words.replace(/（.*/s, ''));
    }
    assert.equal(new Set(said).size, said.length, said.join('\n'));
    await shot('refused-zh');
    assert.equal(await onPage(), before);
    assert.equal((await seen()).print, before);
  },

  async 'what the authority signed is taken, and HTTPS shows it at once'() {
    const before = await onPage();
    assert.match(await install('chain.p7b'), /已安装/);
    const { print, chained } = await seen(fs.readFileSync(`${dir}/ca/root.pem`));
    assert.ok(chained);
    assert.notEqual(print, before);
    assert.equal(await onPage(), print);
    assert.equal(await text('dd[data-fact="tls_source"]'), 'Shop issuing');
    assert.equal(await text('#tls-note'), '');
    await shot('signed-zh');
    assert.deepEqual(await barriers(page), []);
    await terminal.end();
    await terminal.start(false);
    assert.equal((await seen()).print, print);
    assert.ok(!fs.readFileSync(terminal.log, 'utf8').includes('PRIVATE'));
  },

  async 'the page over HTTPS: no note, a cookie that stays there'() {
    const phone = await browser.newContext({ viewport: { width: 390, height: 844 }, ignoreHTTPSErrors: true, locale: 'en' });
    const p = await phone.newPage();
    const own = watch(p, secure());
    await p.goto(`${secure()}/device`);
    await p.waitForSelector('#pin');
    assert.equal(await p.locator('.gate-open').count(), 0);
    await p.fill('#name', '李店长');
    await p.fill('#pin', PIN);
    await p.keyboard.press('Enter');
    await p.waitForSelector('#identity:not([hidden])');
    const [cookie] = await phone.cookies();
    assert.equal(cookie.name, '__Host-bayplate');
    assert.ok(cookie.secure && cookie.httpOnly);
    await p.click('#b-lang');
    assert.ok(await fits(p));
    assert.match(await p.locator('dd[data-fact="tls_until"]').innerText(), /\d{4}-\d\d-\d\d \(36\d days left\)/);
    assert.deepEqual(await barriers(p), []);
    await shot('phone-en', p);
    await p.goto(`${secure()}/`);
    await p.waitForSelector('#board:not([hidden])');
    await soon('events come over HTTPS', async () => (await p.locator('#contact').getAttribute('data-state')) !== 'wait');
    assert.deepEqual(own, { complaints: [], outside: [] });
    // The session of HTTPS is none over plain HTTP.
    assert.equal((await phone.request.get(`${plain()}/api/v1/cards`)).status(), 401);
    await phone.close();
  },

  async 'only for technicians and managers, and only from the page'() {
    const { csrf } = await (await context.request.get(`${plain()}/api/v1/session`)).json();
    await context.request.post(`${plain()}/api/v1/people`, { data: { name: '王顾问', role: 'advisor', pin: '739154' }, headers: { 'X-CSRF-Token': csrf } });
    const at = `${plain()}/api/v1/device/identity`;
    const chain = fs.readFileSync(`${dir}/ca/chain.pem`);
    assert.equal((await context.request.put(`${at}/certificate.pem`, { data: chain })).status(), 403); // without the page's token
    const other = await browser.newContext();
    for (const what of ['', '/certificate.pem', '/request.csr']) assert.equal((await other.request.get(at + what)).status(), 401);
    const token = (await (await other.request.post(`${plain()}/api/v1/session`, { data: { name: '王顾问', pin: '739154' } })).json()).csrf;
    for (const what of ['', '/certificate.pem', '/request.csr']) assert.equal((await other.request.get(at + what)).status(), 403);
    assert.equal((await other.request.put(`${at}/certificate.pem`, { data: chain, headers: { 'X-CSRF-Token': token } })).status(), 403);
    assert.equal((await other.request.post(`${at}/request.csr`, { data: { names: [] }, headers: { 'X-CSRF-Token': token } })).status(), 403);
    await other.close();
  },

  async 'with redirect, plain HTTP sends people on and answers machines'() {
    await page.goto('about:blank');
    await terminal.end();
    await terminal.start(true);
    await page.goto(`${plain()}/device`);
    await soon('it is the page over HTTPS', async () => page.url() === `${secure()}/device` && await page.isVisible('#pin'));
    assert.equal((await context.request.get(`${plain()}/healthz`)).status(), 200);
    assert.match(await (await context.request.get(`${plain()}/metrics`)).text(), /bayplate_http_requests_total/);
    const refused = await context.request.post(`${plain()}/api/v1/session`, { data: { name: '李店长', pin: PIN } });
    assert.equal(refused.status(), 403);
    assert.match((await refused.json()).error, /HTTPS, port \d+/);
    assert.deepEqual(open.complaints.filter((c) => !/Failed to load resource|net::/.test(c)), []);
  },
}, shot, async () => {
  await browser.close();
  await terminal.end();
  fs.rmSync(dir, { recursive: true, force: true });
});
