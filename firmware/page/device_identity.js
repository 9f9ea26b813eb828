// SPDX-License-Identifier: Apache-2.0
// The part of the device page about HTTPS: the certificate by which the page is known, a request for
// one of the shop's own authority, and what that made of it.
import { $, el } from './dom.js';
import { t, lang, addWords } from './i18n.js';
import { post, send } from './login.js';

const AT = '/api/v1/device/identity';
const SOON_DAYS = 30;
const BYTES_MAX = 64 * 1024; // as the terminal's HTTP_BODY_MAX

addWords({
  tlsTitle: ['加密连接（HTTPS）', 'Encrypted connection (HTTPS)'],
  tlsHelp: ['密钥由本机自己生成，不会离开本机。浏览器第一次打开会提示证书不受信任：核对它显示的 SHA-256 指纹与下面的是否一致；用服务口的网线打开的页面上也有这个指纹，最可靠。', 'The board made its key itself, and the key never leaves it. A browser warns of the certificate the first time: compare the SHA-256 fingerprint that it shows with this one. The service port shows it, too, over a cable of its own, which is surest.'],
  f_tls_address: ['地址', 'Address'], f_tls_print: ['证书指纹', 'Fingerprint'], f_tls_subject: ['证书主体', 'Subject'], f_tls_names: ['适用于', 'Good for'], f_tls_source: ['签发', 'Signed by'], f_tls_until: ['有效期至', 'Valid until'],
  tls_own: ['本机自签', 'this board itself'], tls_files: ['{i}（由配置文件指定，不能在这里更换）', '{i} (named by the configuration, not to be changed here)'], tlsNoEnd: ['长期有效', 'no end'], tlsDays: ['{d}（还有 {n} 天）', '{d} ({n} days left)'], tlsOver: ['{d}（已过期）', '{d} (expired)'],
  tlsLong: ['苹果设备拒绝有效期超过 825 天的证书，手工信任也不行：要用苹果设备，请由本店的证书机构签发（见下）。', 'Apple’s devices refuse certificates that are valid for more than 825 days, even trusted by hand: for them, have one signed by the shop’s authority (below).'],
  tlsSoon: ['证书快到期，请重新签发（用下面的证书请求）。', 'The certificate ends soon: have it signed again (with the request below).'],
  tlsTrouble: ['证书没有存到磁盘，重启后会换成新的：{e}', 'The certificate could not be stored; the next start makes another one: {e}'],
  tlsCert: ['下载证书', 'Download the certificate'],
  tlsSignTitle: ['由本店的证书机构签发', 'Signed by the shop’s own authority'],
  tlsSignHelp: ['由本店 IT 签发后，浏览器不再提示。下载证书请求（CSR），签发后把证书连同中间证书一起交回（PEM、.cer 或 .p7b）。', 'Once the shop’s IT has signed it, browsers do not warn any more. Download the request (CSR), have it signed, bring the certificate back with its intermediate ones (PEM, .cer or .p7b).'],
  tlsNames: ['店内打开本机还用哪些域名或 IP（空格分开，没有就不填）', 'Further names or addresses by which the page is opened here (with spaces between; may be empty)'],
  tlsAsk: ['下载证书请求', 'Download the request'], tlsPick: ['签发好的证书', 'The signed certificate'], tlsInstall: ['安装证书', 'Install it'],
  tlsDone: ['已安装。新连接使用新证书。', 'Installed. New connections use it.'],
  tlsFailed: ['没有安装：{e}', 'Not installed: {e}'], tlsNoAsk: ['没有生成：{e}', 'Not made: {e}'],
  k_unreadable: ['文件里没有能读出的证书', 'there is no certificate in the file that can be read'], 'k_private-key': ['文件里有私钥。本机用自己的密钥，请只交证书；这把私钥已经外传，不要再用', 'there is a private key in it. The board keeps its own: bring the certificate alone, and do not use that key any more'],
  'k_too-many': ['文件里的证书太多（最多 8 个）', 'there are too many certificates in it (8 at most)'], 'k_other-key': ['证书不是本机密钥的，请用现在的证书请求重新签发', 'it is for another key: have the present request signed'],
  k_chain: ['证书链不完整或互不匹配', 'its certificates do not sign one another'], k_weak: ['签名算法太旧（如 SHA-1），浏览器不接受，请用 SHA-256', 'it is signed in an old way (such as SHA-1) that browsers refuse: use SHA-256'],
  k_usage: ['证书用途不对，需要“服务器身份验证”', 'it is not for a server: serverAuth is needed'], k_names: ['证书里没有本机的名称，也没有请求里填的名称或地址', 'neither the board’s name nor one of the request is in it'],
  k_expired: ['证书已过期', 'it has expired'], 'k_not-yet': ['证书还没有生效，请检查本机时间', 'it is not valid yet: is the board’s clock right?'],
  k_large: ['文件太大，不是证书', 'the file is too large to be a certificate'],
});

let state = null;
let said = null; // () => text, in the language of the moment
let failed = null;

const groups = (hex) => hex.match(/.{4}/g).join(' ');

function fact(key, value, bad = false) {
  const dd = el('dd', '', value);
  dd.dataset.fact = `tls_${key}`;
  if (bad) dd.dataset.bad = 'true';
  return [el('dt', '', t(`f_tls_${key}`)), dd];
}

function until(s) {
  if (s.until === null) return t('tlsNoEnd');
  return s.days < 0 ? t('tlsOver', { d: s.until }) : t('tlsDays', { d: s.until, n: s.days });
}

// Before and after the colon of "CN=...".
const plain = (name) => name.replace(/^CN=/, '');

export function drawIdentity() {
  $('identity').hidden = !state;
  if (!state) return;
  const s = state;
  const ends = s.days !== null && s.days < SOON_DAYS;
  $('tls-facts').replaceChildren(
    ...fact('address', `https://${location.hostname}:${s.port}/`), ...fact('print', groups(s.sha256)), ...fact('subject', plain(s.subject)), ...fact('names', s.names.join(' ')),
    ...fact('source', s.source === 'own' ? t('tls_own') : s.source === 'files' ? t('tls_files', { i: plain(s.issuer) }) : plain(s.issuer)), ...fact('until', until(s), ends));
  $('tls-note').textContent = [s.trouble && t('tlsTrouble', { e: s.trouble }), ends && t('tlsSoon'), s.long && t('tlsLong')].filter(Boolean).join(' ');
  $('tls-own').hidden = s.source === 'files';
  $('b-tls-install').disabled = !$('tls-file').files[0];
  $('tls-done').textContent = said?.() ?? '';
  $('tls-error').textContent = failed?.() ?? '';
}

// What the terminal says; nothing where it has no HTTPS.
export async function loadIdentity() {
  const r = await fetch(AT, { cache: 'no-store' }).catch(() => null);
  state = r?.ok ? await r.json() : null;
  if (state && document.activeElement !== $('tls-names')) $('tls-names').value = state.asked.slice(2).join(' '); // the first two are its own
  drawIdentity();
}

async function ask(e) {
  e.preventDefault();
  said = null;
  failed = null;
  const names = $('tls-names').value.split(/[\s,，、;；]+/).filter(Boolean);
  const r = await post(`${AT}/request.csr`, { names });
  if (r.error) {
    failed = () => t('tlsNoAsk', { e: r.error });
  } else {
    state = r.session;
    const a = el('a');
    a.href = `${AT}/request.csr`;
    a.download = '';
    a.click();
  }
  drawIdentity();
}

async function install() {
  const file = $('tls-file').files[0];
  said = null;
  failed = null;
  if (file.size > BYTES_MAX) {
    failed = () => t('tlsFailed', { e: t('k_large') });
  } else {
    const r = await send('PUT', `${AT}/certificate.pem`, file, 'application/octet-stream');
    if (r.status === 200) {
      state = r.answer;
      said = () => t('tlsDone');
      $('tls-file').value = '';
    } else {
      const { refused, error } = r.answer;
      // The terminal's own words, which hold names and dates, are English.
      const detail = () => (lang() === 'zh' ? `（${error}）` : ` (${error})`);
      failed = () => t('tlsFailed', { e: r.status === 0 ? t('e_net') : refused ? t(`k_${refused}`) + detail() : error ?? String(r.status) });
    }
  }
  drawIdentity();
}

$('tls-request').addEventListener('submit', ask);
$('tls-file').addEventListener('change', () => {
  said = null;
  failed = null;
  drawIdentity();
});
$('b-tls-install').addEventListener('click', install);
