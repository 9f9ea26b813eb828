// SPDX-License-Identifier: Apache-2.0
// What the page's tests share: Debian's Chromium, and waiting for what must happen.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const { CHROMIUM, MODULES } = process.env;
if (!CHROMIUM || CHROMIUM.endsWith('NOTFOUND') || !fs.existsSync(`${MODULES}/playwright-core`)) {
  console.log('skipped: chromium, node or playwright-core is missing (tools/test installs them)');
  process.exit(77);
}
const { chromium } = createRequire(path.join(MODULES, 'x.js'))('playwright-core');
export const axeSource = fs.readFileSync(`${MODULES}/axe-core/axe.min.js`, 'utf8');

export const launch = () => chromium.launch({
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});

export const rest = (ms) => new Promise((r) => { setTimeout(r, ms); });

// playwright's own waitForFunction needs eval, which the page's policy forbids.
export async function until(what, f, wait) {
  for (const end = Date.now() + wait; Date.now() < end; await rest(20)) {
    const got = await f();
    if (got) return got;
  }
  throw new Error(`did not happen in ${wait / 1000} s: ${what}`);
}

// Notes what must not happen on a page: errors, dialogs, requests to anywhere but `base`.
export function watch(page, base) {
  const seen = { complaints: [], outside: [] };
  page.on('console', (m) => {
    if (m.type() === 'error' && !/ERR_CONNECTION|ERR_INCOMPLETE|Failed to load resource/.test(m.text())) seen.complaints.push(m.text());
  });
  page.on('pageerror', (e) => seen.complaints.push(String(e)));
  page.on('dialog', (d) => { seen.complaints.push(`dialog ${d.message()}`); d.dismiss(); });
  page.on('request', (r) => { if (!r.url().startsWith(base)) seen.outside.push(r.url()); });
  return seen;
}

// What axe-core finds wrong for screen readers and keyboards, one line each.
export async function barriers(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }));
  return found.violations.flatMap((v) => v.nodes.map((n) => `${v.id}: ${v.help}: ${n.target.join(' ')} ${n.any[0]?.message ?? ''}`));
}

// Runs each test in order; one that fails does not stop the next. Exit status 1 when any failed.
export async function runAll(tests, shot, finish) {
  let failed = 0;
  for (const [name, run] of Object.entries(tests)) {
    const start = Date.now();
    try {
      await run();
      console.log(`ok   ${name} (${Date.now() - start} ms)`);
    } catch (e) {
      failed++;
      console.log(`FAIL ${name}\n${e.stack}`);
      await shot(`failed-${failed}`).catch(() => {});
    }
  }
  await finish();
  process.exit(failed ? 1 : 0);
}
