// SPDX-License-Identifier: Apache-2.0
// The device page in a real browser, with the real bayplated, the image's own take-update, bayplate-update and real
// bundles. Played: rauc's writing of a slot, the restart, and the verdict of the new slot. Screenshots in $SHOTS.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { barriers, launch, runAll, until, watch } from './browser.mjs';

const { BINARY, SOURCE, SHOTS } = process.env;
const WAIT = 60000;
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'bayplate-device-'));
fs.mkdirSync(SHOTS, { recursive: true });
const LIB = `${SOURCE}/board/image/common/root/usr/lib/bayplate`;
const data = `${dir}/data`;
const boot = `${dir}/boot`;
for (const d of [data, `${data}/state`, `${data}/update`, boot, `${dir}/run`, `${dir}/image`]) fs.mkdirSync(d, { recursive: true });

// --- keys, bundles, a device
const bundler = `${SOURCE}/tools/bayplate-bundle`;
const have = ['rauc', 'mksquashfs', 'openssl'].every((p) => { try { execFileSync('which', [p]); return true; } catch { return false; } });
if (!have) {
  console.log('skipped: rauc, mksquashfs or openssl is missing');
  process.exit(77);
}
const quiet = { stdio: ['ignore', 'ignore', 'pipe'] };
execFileSync(bundler, ['keys', `${dir}/keys`], quiet);
execFileSync(bundler, ['keys', `${dir}/other`], quiet);
fs.writeFileSync(`${dir}/image/kernel.itb`, Buffer.alloc(300000, 'kernel'));
execFileSync('dd', ['if=/dev/urandom', `of=${dir}/image/rootfs.img`, 'bs=1M', 'count=6'], quiet);
fs.writeFileSync(`${dir}/image/image.ini`, '[image]\nboard = x\ncompatible = bayplate-x\nversion = 1.2.0\n');
function bundle(name, keys = 'keys', ...more) {
  execFileSync(bundler, ['make', `${dir}/${keys}`, '--image', `${dir}/image`, '--out', `${dir}/${name}.raucb`, ...more], quiet);
  return `${dir}/${name}.raucb`;
}
const good = bundle('good');
const foreign = bundle('foreign', 'other');
const release = (version, minimum = '1.0', board = 'x') => fs.writeFileSync(`${dir}/release`,
  `BOARD=${board}\nCOMPATIBLE=bayplate-${board}\nVERSION=${version}\nBUILT=1764547200\nMINIMUM=${minimum}\nSUPPORT_MONTHS=24\n`);
release('1.1.0');
fs.writeFileSync(`${dir}/system.conf`, `[system]\ncompatible=bayplate-x\nbootloader=noop\n[keyring]\npath=${dir}/keys/ca.cert.pem\ncheck-crl=true\ncheck-purpose=codesign\n`);
// Writing a slot takes as long as the file "hold" is there.
fs.writeFileSync(`${dir}/rauc`, `#!/bin/sh\n[ "$1" = install ] || exec rauc "$@"\nfor p in 0 40 60; do echo "$p% Copying image to rootfs.1"; done\nwhile [ -e ${dir}/hold ]; do sleep 0.1; done\necho "100% Installing done."\n`);
fs.writeFileSync(`${dir}/reboot`, `#!/bin/sh\ntouch ${dir}/rebooted\n`);
for (const f of ['rauc', 'reboot']) fs.chmodSync(`${dir}/${f}`, 0o755);
fs.writeFileSync(`${dir}/device.ini`, '[device]\nserial = BP-TEST-0007\nmodel = bayplate-x\nboard = x\n');

// What systemd's path unit does.
let updater = null;
const seen = setInterval(() => {
  if (updater || !fs.existsSync(`${data}/state/update/upload.bundle`)) return;
  const update = `${BINARY}/firmware/update/bayplate-update --release ${dir}/release --state ${data}/update --conf ${dir}/system.conf`
    + ` --rauc ${dir}/rauc --reboot ${dir}/reboot --busy ${dir}/run/car --progress ${boot}/update.ini --announce 6`;
  updater = spawn('/bin/dash', [`${LIB}/take-update`, 'page'], { stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, BAYPLATE_DATA: data, BAYPLATE_BOOT: boot, BAYPLATE_UPDATE: update, BAYPLATE_RELEASE: `${dir}/release`, BAYPLATE_LIB: LIB } });
  updater.once('exit', () => { updater = null; });
}, 100);

// --- a data partition that cannot be mounted: an ext4 whose first two superblocks are gone; what systemd's socket unit does
const lost = `${dir}/lost.img`;
const mkfs = ['/usr/sbin/mkfs.ext4', '/sbin/mkfs.ext4'].find((p) => fs.existsSync(p));
const exporter = { broken: '' };
exporter.server = net.createServer({ pauseOnConnect: true }, (socket) => {
  const args = ['serve', '--device', `${boot}/data-device`, '--trouble', `${boot}/data-trouble`, '--encryption', `${boot}/data-encryption`,
    '--state', `${dir}/run/export`, ...(exporter.broken ? ['--unreadable', exporter.broken] : [])];
  spawn(`${BINARY}/firmware/export/bayplate-export`, args, { stdio: [socket, socket, 'inherit'] });
  socket.destroy();
});
async function lose() {
  fs.mkdirSync(`${dir}/old/bayplate/state/evidence`, { recursive: true });
  fs.writeFileSync(`${dir}/old/bayplate/state/bayplate.db`, Buffer.alloc(200000, '京A12345 '));
  for (let i = 0; i < 20; i++) execFileSync('dd', ['if=/dev/urandom', `of=${dir}/old/bayplate/state/evidence/${i}.jpg`, 'bs=1M', 'count=2'], quiet);
  fs.closeSync(fs.openSync(lost, 'w'));
  fs.truncateSync(lost, 600 * 1024 * 1024);
  execFileSync(mkfs, ['-q', '-F', '-b', '4096', '-d', `${dir}/old`, lost], quiet);
  for (const block of [0, 32768]) execFileSync('dd', ['if=/dev/zero', `of=${lost}`, 'bs=4096', `seek=${block}`, 'count=1', 'conv=notrunc'], quiet);
  fs.writeFileSync(`${boot}/data-device`, `${lost}\n${fs.statSync(lost).size}\n`);
  await new Promise((r) => { exporter.server.listen(`${boot}/export.sock`, r); });
}

// --- the terminal, and a wire to it that can be cut
const log = `${dir}/bayplated.log`;
const terminal = {
  port: 0,
  async start() {
    fs.rmSync(`${dir}/port`, { force: true });
    fs.writeFileSync(`${dir}/bayplate.ini`, `[shop]\nname = 示范专营店\n[camera]\nsource = sim:?fps=5\n[vision]\nmodels = ${SOURCE}/vision/models\n`
      + `[store]\ndir = ${data}/state\nreserve_mb = 0\n[http]\nport = ${this.port}\nport_file = ${dir}/port\n`
      + `[device]\nfile = ${dir}/device.ini\nupdate_file = ${data}/update/report.ini\nupdate_state = ${boot}/update.ini\n`
      + `release_file = ${dir}/release\ntrouble_file = ${boot}/data-trouble\nrecovery_file = ${boot}/recovery\n`
      + `repair_file = ${boot}/data-repaired\nencryption_file = ${boot}/data-encryption\n`
      + `export_socket = ${boot}/export.sock\nexport_state = ${dir}/run/export\nexport_device = ${boot}/data-device\n`);
    const out = fs.openSync(log, 'a');
    this.child = spawn(`${BINARY}/firmware/bayplated`, ['-c', `${dir}/bayplate.ini`], { stdio: ['ignore', 'ignore', out], env: { ...process.env, RUNTIME_DIRECTORY: `${dir}/run` } });
    fs.closeSync(out);
    this.port = await until('bayplated writes its port', () => {
      if (this.child.exitCode !== null) throw new Error(`bayplated ended:\n${fs.readFileSync(log, 'utf8').slice(-2000)}`);
      return fs.existsSync(`${dir}/port`) && Number(fs.readFileSync(`${dir}/port`, 'utf8'));
    }, WAIT);
  },
  async end() {
    const gone = new Promise((r) => { this.child.once('exit', r); });
    this.child.kill('SIGTERM');
    return gone;
  },
};
await terminal.start();
const wire = { sockets: new Set(), closed: false, limit: Infinity, passed: 0 };
const proxy = net.createServer((from) => {
  if (wire.closed) { from.destroy(); return; }
  const to = net.connect(terminal.port, '127.0.0.1');
  for (const s of [from, to]) { wire.sockets.add(s); s.on('error', () => {}); s.on('close', () => { wire.sockets.delete(s); from.destroy(); to.destroy(); }); }
  from.on('data', (d) => {
    wire.passed += d.length;
    if (wire.passed > wire.limit) wire.cut();
    else to.write(d);
  });
  to.pipe(from);
});
wire.cut = () => { wire.closed = true; for (const s of wire.sockets) s.destroy(); };
await new Promise((r) => { proxy.listen(0, '127.0.0.1', r); });

const base = `http://127.0.0.1:${proxy.address().port}`;
const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1280, height: 1100 }, colorScheme: 'light' });
const page = await context.newPage();
page.setDefaultTimeout(WAIT);
const { complaints, outside } = watch(page, base);
const shot = (name) => page.screenshot({ path: path.join(SHOTS, `device-${name}.png`), fullPage: true });
const text = (selector) => page.locator(selector).innerText();
const soon = (what, f) => until(what, f, WAIT);
const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth);
const phase = async () => page.locator('#phases li[data-state="now"]').getAttribute('data-phase').catch(() => null);
const idle = () => soon('nothing is going on', async () => updater === null && await page.isVisible('#file') && !(await page.locator('#phases').isVisible()));
async function choose(file) {
  await page.setInputFiles('#file', file);
  await page.click('#b-send');
}
async function refused(file, result) {
  fs.rmSync(`${data}/update/report.ini`, { force: true });
  await choose(file);
  await soon(`refused as ${result}`, async () => (await page.locator('.last').getAttribute('data-result').catch(() => '')) === result);
  await idle();
  assert.equal(await page.locator('.last').getAttribute('data-fine'), 'false');
  const words = (await page.locator('.last > span').first().innerText()).trim();
  assert.doesNotMatch(words, /^r_/);
  return words;
}
async function signUp(role, name) {
  const code = await soon('the set-up code is logged', () => /set-up code[^:]*: ([A-Z0-9-]+)/.exec(fs.readFileSync(log, 'utf8'))?.[1]);
  await page.fill('#code', code);
  await page.fill('#name', name);
  await page.selectOption('#role', role);
  await page.fill('#pin', '482913');
  await page.fill('#pin2', '482913');
  await page.keyboard.press('Enter');
}

await runAll({
  async 'nobody without signing in; what runs and until when it is supported'() {
    assert.equal((await context.request.get(`${base}/api/v1/device`)).status(), 401);
    await page.goto(`${base}/device`);
    await signUp('manager', '李店长');
    await page.waitForSelector('#work:not([hidden])');
    assert.equal(await text('dd[data-fact="version"]'), '1.1.0');
    assert.equal(await text('dd[data-fact="serial"]'), 'BP-TEST-0007');
    assert.equal(await text('dd[data-fact="built"]'), '2025-12-01');
    assert.equal(await text('dd[data-fact="until"]'), '2027-12-01');
    assert.match(await text('#last'), /还没有更新过/);
    assert.deepEqual(await barriers(page), []);
    await shot('idle-zh');
  },

  async 'each refusal has its own sentence, and nothing is written'() {
    const whole = fs.readFileSync(good);
    const put = (name, bytes) => { fs.writeFileSync(`${dir}/${name}`, bytes); return `${dir}/${name}`; };
    const bent = Buffer.from(whole);
    bent[1000000] ^= 1;
    const plain = `${dir}/plain.raucb`;
    execFileSync('mksquashfs', [`${dir}/image`, plain, '-no-progress', '-quiet'], quiet);
    const said = [await refused(put('text.raucb', 'no bundle at all, but long enough to be looked at by somebody who reads the first hundred bytes of it'), 'no-bundle'),
      await refused(plain, 'unsigned'), await refused(put('cut.raucb', whole.subarray(0, whole.length - 5000)), 'truncated'),
      await refused(foreign, 'wrong-key'), await refused(put('bent.raucb', bent), 'damaged')];
    await shot('damaged-zh');
    release('1.1.0', '1.3');
    said.push(await refused(good, 'too-old'));
    release('1.1.0', '1.0', 'y');
    said.push(await refused(good, 'wrong-board'));
    release('1.1.0');
    assert.equal(new Set(said).size, said.length, said.join('\n'));
    assert.ok(!fs.existsSync(`${dir}/rebooted`));
  },

  async 'a cut connection: the upload goes on where it was'() {
    wire.limit = wire.passed + 2500000;
    await choose(good);
    await soon('it says that it tries again', async () => (await text('#phase-text')).includes('正在重试'));
    await shot('retry-zh');
    const { have } = JSON.parse(execFileSync('curl', ['-s', '-b', (await context.cookies()).map((c) => `${c.name}=${c.value}`).join('; '), `http://127.0.0.1:${terminal.port}/api/v1/device`])).upload;
    assert.ok(have > 1000000 && have < 4000000, String(have));
    fs.writeFileSync(`${dir}/run/car`, ''); // a car is in the bay
    const before = wire.passed;
    wire.limit = Infinity;
    wire.closed = false;
    await soon('it waits for the car', async () => (await text('#phase-text')).includes('工位有车'));
    assert.ok(wire.passed - before < fs.statSync(good).size - have + 1500000, 'what was there was sent again');
    await shot('car-zh');
  },

  async 'the bay is empty: written, announced to all, restarted, proven'() {
    fs.writeFileSync(`${dir}/hold`, '');
    fs.rmSync(`${dir}/run/car`);
    await soon('it is being written, and how far', async () => (await phase()) === 'write' && (await text('#phase-text')).includes('60%'));
    assert.equal(await page.locator('#phases li[data-phase="check"]').getAttribute('data-state'), 'done');
    await shot('write-zh');
    const board = await context.newPage();
    await board.goto(base);
    fs.rmSync(`${dir}/hold`);
    await soon('the restart is announced on the board', async () => (await board.locator('#banners').innerText()).includes('重启'));
    await board.screenshot({ path: path.join(SHOTS, 'device-restart-board-zh.png') });
    await soon('the restart', () => fs.existsSync(`${dir}/rebooted`));
    assert.equal(await phase(), 'restart');
    await shot('restart-zh');
    await board.close();
    await terminal.end();
    await soon('it says that the terminal restarts', async () => (await text('#phase-text')).includes('终端正在重启'));
    await shot('away-zh');
    release('1.2.0');
    fs.writeFileSync(`${boot}/update.ini`, '[update]\nphase = prove\nversion = 1.2.0\n');
    await terminal.start();
    await soon('the new version proves itself', async () => (await phase()) === 'prove');
    await shot('prove-zh');
    fs.rmSync(`${boot}/update.ini`);
    fs.writeFileSync(`${data}/update/report.ini`, '[update]\nresult = good\nslot = B\nversion = 1.2.0\ncode = good\nwhat = proven\ntime = 1795660000\n');
    await soon('it did', async () => (await page.locator('.last').getAttribute('data-fine')) === 'true');
    assert.equal(await text('dd[data-fact="version"]'), '1.2.0');
    await idle();
    await shot('good-zh');
  },

  async 'a version that read worse: what failed is told in both languages'() {
    fs.writeFileSync(`${data}/update/report.ini`, '[update]\nresult = fell-back\nslot = A\nversion = 1.3.0\ncode = golden\n'
      + "what = it reads the site's own plates worse: 41 of 58, the version before 57\ntime = 1795660000\n");
    await soon('Chinese', async () => /退回原版本\s+原因：识别本店车牌不如原版本/.test(await text('.last')));
    assert.match(await text('.last'), /41 of 58, the version before 57/);
    await shot('fell-back-zh');
    await page.click('#b-lang');
    await soon('English', async () => /worse than the version before/.test(await text('.last')));
    await page.setViewportSize({ width: 390, height: 844 });
    assert.ok(await fits());
    await shot('phone-en');
    await page.click('#b-lang');
    await page.setViewportSize({ width: 1280, height: 1100 });
  },

  async 'an upload of another day goes on when the same file is chosen, or is thrown away'() {
    wire.limit = wire.passed + 1500000;
    await choose(good);
    await soon('it says that it tries again', async () => (await text('#phase-text')).includes('正在重试'));
    await terminal.end();
    wire.closed = false;
    wire.limit = Infinity;
    await page.goto('about:blank');
    await terminal.start();
    await page.goto(`${base}/device`);
    await soon('it is offered', async () => (await text('#phase-text')).includes('请选择同一个文件'));
    await page.setInputFiles('#file', good);
    await soon('how much is there', async () => /继续上传（已有 \d\d?%）/.test(await text('#b-send')));
    await shot('go-on-zh');
    await page.click('#b-drop');
    await idle();
    assert.ok(!fs.existsSync(`${data}/state/update/upload.part`));
  },

  async 'a data partition that is lost is told loudly, on both pages'() {
    fs.writeFileSync(`${boot}/data-trouble`, 'the data partition cannot be mounted\n');
    await soon('on the device page', () => page.isVisible('#trouble'));
    assert.match(await text('#trouble'), /没有被改动/);
    await shot('trouble-zh');
    assert.deepEqual(await barriers(page), []);
    const board = await context.newPage();
    await board.goto(base);
    await soon('on the board', async () => (await board.locator('.banner.store').innerText()).includes('数据分区'));
    await board.screenshot({ path: path.join(SHOTS, 'device-trouble-board-zh.png') });
    await board.close();
    assert.ok(await page.isVisible('#export-none'), 'nothing serves it: it says so');
    fs.rmSync(`${boot}/data-trouble`);
    await soon('it is gone', () => page.isHidden('#trouble'));
  },

  async 'what is on a lost data partition is offered: the files, and the whole of it'() {
    if (!mkfs) { console.log('     skipped: mkfs.ext4 is missing'); return; }
    const ask = (what) => context.request.get(`${base}/api/v1/device/export?what=${what}`);
    await lose();
    assert.equal((await ask('files')).status(), 409, 'the partition works');
    fs.writeFileSync(`${boot}/data-trouble`, 'the data partition cannot be mounted\n');
    await soon('it is offered', () => page.isVisible('#export'));
    assert.equal((await ask('nothing')).status(), 400);
    assert.equal((await context.request.get(`${base}/api/v1/device/export?what=files`, { headers: { 'Sec-Fetch-Site': 'cross-site' } })).status(), 403);
    assert.match(await text('#export-ways'), /629 MB/);
    assert.deepEqual(await barriers(page), []);
    await shot('export-zh');
    const fetched = async (what) => {
      const [download] = await Promise.all([page.waitForEvent('download'), page.click(`a[data-what="${what}"]`)]);
      assert.equal(download.suggestedFilename(), `bayplate-BP-TEST-0007-${what}.tar.gz`);
      await download.saveAs(`${dir}/${what}.tar.gz`);
      assert.equal(await download.failure(), null);
      await soon('the page says that all was sent', async () => (await page.locator('#export-how').getAttribute('data-phase')) === 'done');
      const sum = execFileSync('sha256sum', [`${dir}/${what}.tar.gz`]).toString().slice(0, 64);
      assert.ok((await text('#export-how')).includes(sum), 'the page tells its SHA-256');
      fs.mkdirSync(`${dir}/got-${what}`);
      execFileSync('tar', ['xzf', `${dir}/${what}.tar.gz`, '-C', `${dir}/got-${what}`]);
      assert.match(fs.readFileSync(`${dir}/got-${what}/bayplate-export/REPORT.txt`, 'utf8'), /complete = yes\n$/);
    };
    await fetched('files');
    const same = (a, b) => assert.ok(fs.readFileSync(a).equals(fs.readFileSync(b)), a);
    for (const f of ['bayplate.db', 'evidence/7.jpg']) same(`${dir}/got-files/bayplate-export/files/bayplate/state/${f}`, `${dir}/old/bayplate/state/${f}`);
    assert.match(await text('#export-how'), /21 个文件/);
    exporter.broken = '409600,10000'; // three blocks of the card
    await fetched('image');
    exporter.broken = '';
    const want = fs.readFileSync(lost);
    want.fill(0, 409600, 409600 + 3 * 4096);
    assert.ok(fs.readFileSync(`${dir}/got-image/bayplate-export/data.img`).equals(want), 'the image is not the partition');
    assert.match(await text('#export-how'), /3 个块/);
    assert.deepEqual(await barriers(page), []);
    await shot('export-done-zh');
    assert.ok(await page.isVisible('#export-how a[href="#reset"]'));
  },

  async 'one export at a time; whoever goes away ends his'() {
    if (!mkfs) return;
    const cookie = (await context.cookies()).map((c) => `${c.name}=${c.value}`).join('; ');
    const curl = (...more) => spawn('curl', ['-sN', '-b', cookie, '-o', `${dir}/partial`, ...more, `http://127.0.0.1:${terminal.port}/api/v1/device/export?what=image`], { stdio: 'ignore' });
    const ended = (child) => new Promise((r) => { child.once('exit', r); });
    const slow = curl('--limit-rate', '200k');
    await soon('the page shows it', async () => (await page.locator('#export-how').getAttribute('data-phase')) === 'runs' && /已读 \d/.test(await text('#export-how')));
    assert.equal(await page.locator('#export-ways a').count(), 0);
    await shot('export-runs-zh');
    const second = await context.request.get(`${base}/api/v1/device/export?what=files`);
    assert.equal(second.status(), 409);
    assert.match((await second.json()).error, /one at a time/);
    slow.kill('SIGKILL');
    await soon('it ended', async () => (await page.locator('#export-how').getAttribute('data-phase')) === 'gone');
    await shot('export-gone-zh');
    // A terminal that stops in the middle: who fetches sees that it is not all (curl 18).
    const cut = ended(curl('--limit-rate', '200k'));
    await soon('it runs', () => fs.readFileSync(`${dir}/run/export`, 'utf8').includes('runs'));
    await terminal.end();
    assert.ok([18, 56].includes(await cut), 'a cut export looked whole');
    await terminal.start();
    await page.goto(`${base}/device`);
    fs.writeFileSync(`${boot}/data-encryption`, 'encrypted for another board\n');
    await soon('it says so', async () => /另一块主板/.test(await text('#export-ways')));
    assert.equal(await page.locator('a[data-what="files"]').count(), 0);
    await page.click('#b-lang');
    await page.setViewportSize({ width: 390, height: 844 });
    await soon('English', async () => /another board/.test(await text('#export-ways')));
    assert.ok(await fits());
    await shot('export-phone-en');
    await page.click('#b-lang');
    await page.setViewportSize({ width: 1280, height: 1100 });
    const { csrf } = await (await context.request.get(`${base}/api/v1/session`)).json();
    await context.request.post(`${base}/api/v1/people`, { data: { name: '赵顾问', role: 'advisor', pin: '739154' }, headers: { 'X-CSRF-Token': csrf } });
    const other = await browser.newContext();
    assert.equal((await other.request.get(`${base}/api/v1/device/export?what=files`)).status(), 401);
    await other.request.post(`${base}/api/v1/session`, { data: { name: '赵顾问', pin: '739154' } });
    assert.equal((await other.request.get(`${base}/api/v1/device/export?what=files`)).status(), 403);
    await other.close();
    fs.rmSync(`${boot}/data-trouble`);
    fs.rmSync(`${boot}/data-encryption`);
    await soon('it is gone', () => page.isHidden('#trouble'));
  },

  async 'the recovery system says so loudly, on both pages'() {
    assert.ok(await page.isHidden('#recovery'));
    fs.writeFileSync(`${boot}/recovery`, '');
    await soon('on the device page', () => page.isVisible('#recovery'));
    assert.match(await text('#recovery'), /安装更新包/);
    await shot('recovery-zh');
    assert.deepEqual(await barriers(page), []);
    const board = await context.newPage();
    await board.goto(base);
    await soon('on the board', async () => (await board.locator('.banner.store').innerText()).includes('恢复系统'));
    await board.screenshot({ path: path.join(SHOTS, 'device-recovery-board-zh.png') });
    await board.close();
    fs.rmSync(`${boot}/recovery`);
    await soon('and no longer', () => page.isHidden('#recovery'));
  },

  async 'what was repaired and whether data is encrypted stand there'() {
    assert.ok(await page.isHidden('#repaired'));
    fs.writeFileSync(`${boot}/data-repaired`, '/dev/vda7: ***** FILE SYSTEM WAS MODIFIED *****\n');
    for (const [line, word] of [['not encrypted: this board has no key of its own', /未加密：本机没有/], ['encrypted with a key of this board', /已加密，密钥在本机/],
      ['encrypted for another board', /没有它的密钥/], ['not encrypted: in use since before this board could', /未加密：分区/]]) {
      fs.writeFileSync(`${boot}/data-encryption`, `${line}\n`);
      await soon(line, async () => word.test(await text('#facts')));
    }
    await soon('repaired', () => page.isVisible('#repaired'));
    assert.match(await text('#repaired'), /可能已丢失[^]*MODIFIED/);
    await shot('repaired-zh');
    assert.deepEqual(await barriers(page), []);
    fs.rmSync(`${boot}/data-repaired`);
    fs.rmSync(`${boot}/data-encryption`);
  },

  async 'the way back to factory state needs a manager and the serial'() {
    assert.ok(await page.isDisabled('#b-reset'));
    await page.fill('#reset-word', 'BP-TEST-0008');
    assert.ok(await page.isDisabled('#b-reset'));
    const { csrf } = await (await context.request.get(`${base}/api/v1/session`)).json();
    const reset = (word) => context.request.post(`${base}/api/v1/device/reset`, { data: { word }, headers: { 'X-CSRF-Token': csrf } });
    assert.equal((await reset('BP-TEST-0008')).status(), 400);
    assert.ok(!fs.existsSync(`${data}/state/reset`));
    await context.request.post(`${base}/api/v1/people`, { data: { name: '陈师傅', role: 'technician', pin: '739154' }, headers: { 'X-CSRF-Token': csrf } });
    const other = await browser.newContext();
    const signed = await other.request.post(`${base}/api/v1/session`, { data: { name: '陈师傅', pin: '739154' } });
    const token = (await signed.json()).csrf;
    assert.equal((await other.request.get(`${base}/api/v1/device`)).status(), 200);
    assert.equal((await other.request.post(`${base}/api/v1/device/reset`, { data: { word: 'BP-TEST-0007' }, headers: { 'X-CSRF-Token': token } })).status(), 403);
    await other.close();
    await page.fill('#reset-word', 'bp-test-0007');
    await shot('reset-zh');
    await page.click('#b-reset');
    await soon('the wish lies there', () => fs.existsSync(`${data}/state/reset`));
    await soon('it is told', async () => (await text('#reset-error')).includes('正在恢复出厂状态'));
  },

  async 'advisors are kept out, and the page did not complain'() {
    const { csrf } = await (await context.request.get(`${base}/api/v1/session`)).json();
    await context.request.post(`${base}/api/v1/people`, { data: { name: '王顾问', role: 'advisor', pin: '739154' }, headers: { 'X-CSRF-Token': csrf } });
    const other = await browser.newContext();
    await other.request.post(`${base}/api/v1/session`, { data: { name: '王顾问', pin: '739154' } });
    assert.equal((await other.request.get(`${base}/api/v1/device`)).status(), 403);
    await other.close();
    assert.deepEqual(outside, []);
    assert.deepEqual(complaints.filter((c) => !/Failed to load resource|ERR_|net::/.test(c)), []);
  },
}, shot, async () => {
  clearInterval(seen);
  exporter.server.close();
  await browser.close();
  proxy.close();
  wire.cut();
  await terminal.end();
  fs.rmSync(dir, { recursive: true, force: true });
});
