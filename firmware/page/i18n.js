// SPDX-License-Identifier: Apache-2.0
// All words of the page, Chinese first.
const words = {
  title: ['到店续保看板', 'Arrivals and renewals'],
  tools: ['工具', 'Tools'], history: ['历史', 'History'], sound: ['声音', 'Sound'], otherLang: ['English', '中文'],
  help: ['键盘帮助', 'Keyboard help'], logout: ['退出', 'Sign out'], close: ['关闭', 'Close'], more: ['更早的记录', 'Earlier visits'],
  dueTitle: ['现在请跟进', 'Speak to these now'], dueEmpty: ['暂时没有需要跟进续保的车辆', 'No car here has a renewal due'],
  otherTitle: ['其他到店车辆', 'Other cars'], otherEmpty: ['还没有其他车辆到店', 'No other cars yet'],
  historyTitle: ['到店历史', 'History of visits'], searchPlate: ['车牌，例如 粤A·12345 或 123', 'Plate, e.g. 粤A·12345 or 123'], search: ['查找', 'Search'],
  historyNone: ['没有找到', 'Nothing found'], historyCount: ['显示 {n} 条', '{n} shown'],
  helpTitle: ['键盘操作', 'Keyboard'],
  keyMove: ['下一辆 / 上一辆', 'next / previous car'], keySearch: ['查找车牌', 'search a plate'], keyCheck: ['核对选中车辆的车牌', 'check the plate of the car in focus'], keyHistory: ['到店历史', 'history'],
  keyLang: ['中文 / English', '中文 / English'], keySound: ['提示音开关', 'sound on or off'], keyHelp: ['这个帮助', 'this help'], keyClose: ['关闭窗口', 'close a window'],
  contact: ['最后联系 {t}', 'Last contact {t}'], contactNone: ['正在连接…', 'Connecting…'],
  late: ['与终端失去联系，最后联系 {t}。下面的内容可能已经过时，正在重新连接…', 'Contact with the terminal was lost; last contact {t}. What you see may be out of date. Reconnecting…'],
  cameraOnline: ['摄像头正常', 'Camera online'], cameraStarting: ['摄像头启动中', 'Camera starting'], cameraOffline: ['摄像头离线', 'Camera offline'], cameraEnded: ['录像已播完', 'Recording over'],
  cameraBanner: ['摄像头“{name}”离线，最后一帧 {t}。新到车辆看不到，请检查摄像头。', 'Camera “{name}” is offline; last picture {t}. New cars are not seen: check the camera.'],
  never: ['从未收到', 'never'],
  storeBanner: ['存储故障：记录可能没有保存，请立即通知技术人员。{error}', 'Storage trouble: visits may not be saved. Call the technician now. {error}'],
  setAsideBanner: ['数据库损坏，已换用新库，旧记录另存为 {name}。请通知技术人员。', 'The database was damaged: a new one was begun, the old one is kept as {name}. Tell the technician.'],
  evidenceBanner: ['车牌截图无法保存，请通知技术人员。{error}', 'Plate crops cannot be saved: tell the technician. {error}'],
  updateBanner: ['系统更新未安装，当前版本照常运行，请通知技术人员（原因见“设备”页）。', 'The system update was not installed; this version goes on working. Tell the technician. {what}'],
  updateBackBanner: ['新版本未通过自检，已退回原版本，请通知技术人员（原因见“设备”页）。', 'The new version did not prove itself; the one before runs again. Tell the technician. {what}'],
  restartBanner: ['系统更新：约 {n} 秒后重启，之后约 1 分钟看不到新到车辆。', 'System update: restart in about {n} s; new cars are not seen for about a minute then.'],
  proveBanner: ['新版本正在自检，请照常使用。', 'A new version is proving itself; work on as usual.'],
  recoveryBanner: ['恢复系统：两个系统槽都已损坏，终端靠从服务口载入内存的系统运行，断电后不会自己启动。请技术人员在“设备”页安装更新包。', 'Recovery system: both system slots are lost, and the terminal runs from memory, loaded through the service port. Without power it does not come back by itself. A technician installs an update on the page “Device”.'],
  dataBanner: ['数据分区无法使用：记录只在内存里，断电会丢失。请立即通知技术人员（详见“设备”页）。', 'The data partition cannot be used: visits are in memory alone and lost without power. Call the technician now (page “Device”). {what}'],
  clockBanner: ['终端时间不可信：剩余天数暂不显示，请校准时间。', 'The terminal’s clock cannot be trusted: days left are not shown until it is set.'],
  compulsory: ['交强险', 'Compulsory'], commercial: ['商业险', 'Commercial'], policyNone: ['无记录', 'no record'],
  left: ['还剩 {n} 天', '{n} days left'], leftOne: ['还剩 1 天', '1 day left'], today: ['今天到期', 'ends today'],
  lapsedDays: ['已脱保 {n} 天', 'lapsed {n} days'], lapsedOne: ['已脱保 1 天', 'lapsed 1 day'], until: ['至 {d}', 'to {d}'],
  not_due: ['未到期', 'Not due'], listed: ['建档提醒', 'Listed'], first_call: ['首拨', 'First call'], quote: ['报价促成', 'Quote'],
  follow: ['跟进', 'Follow up'], push: ['强促', 'Push'], lapsed: ['脱保', 'Lapsed'], unknown: ['未知', 'Unknown'], clock: ['时间不可信', 'Clock'],
  customer: ['客户', 'Customer'], vehicle: ['车型', 'Vehicle'], unknownCustomer: ['未登记客户', 'Unknown customer'],
  todo: ['现在做', 'Now'], since: ['{t} 到店', 'here since {t}'], minutes: ['{n} 分钟', '{n} min'], hours: ['{h} 小时 {n} 分', '{h} h {n} min'],
  justNow: ['刚刚', 'just now'], gone: ['{t} 离开画面', 'left view {t}'], in: ['进店', 'in'], out: ['离店', 'out'],
  unsure: ['待确认', 'To confirm'], candidates: ['也可能是', 'could also be'], tie: ['按客户名单选定，照片本身更像 {plate}', 'chosen from the list of customers; the picture alone says {plate}'], unread: ['看不清', 'Not readable'],
  check: ['核对', 'Check'], checkTitle: ['核对车牌', 'Check the plate'], checkHow: ['照片上是哪个车牌？点一下即可，或自己输入。', 'Which plate is it? Tap it, or type it.'],
  checkOther: ['输入车牌，例如 粤A·12345', 'Type the plate, e.g. 粤A·12345'], checkTake: ['就是它', 'That is it'], checkDone: ['车牌已确认：{plate}', 'Plate confirmed: {plate}'],
  checkBad: ['这不是有效的车牌', 'That is not a plate'], checkGone: ['这次到店已并入另一条记录，请关闭后核对那一条', 'This visit became part of another one: close, and check that one'],
  checkMayNot: ['您的岗位不能修改车牌', 'Your role may not say plates'], checkFailed: ['没有保存，请再试一次', 'Not saved: try again'], said: ['人工确认', 'confirmed by a person'], saidRead: ['照片识别为 {plate}', 'the picture was read as {plate}'],
  stale: ['资料查询于 {t}，正在更新', 'looked up {t}, being refreshed'], pending: ['保单查询中…', 'looking up policies…'],
  failed: ['保单查询失败', 'policy look-up failed'], lookupUnknown: ['查无保单', 'no policy found'],
  noPicture: ['没有图片', 'no picture'], crop: ['车牌截图', 'Plate crop'], double: ['双层', 'double line'],
  blue: ['蓝牌', 'blue'], green: ['新能源', 'new energy'], green_large: ['新能源大型', 'new energy, large'], yellow: ['黄牌', 'yellow'], yellow2: ['黄牌双层', 'yellow, two lines'],
  white: ['白牌', 'white'], white2: ['白牌双层', 'white, two lines'], black: ['黑牌', 'black'],
  arrived: ['{plate} {name} 到店', '{plate} {name} has arrived'],
  soundOn: ['提示音已打开', 'Sound is on'], soundOff: ['提示音已关闭', 'Sound is off'],
  signIn: ['登录', 'Sign in'], name: ['姓名', 'Name'], pin: ['PIN（6 到 12 位数字）', 'PIN (6 to 12 digits)'], pinAgain: ['再输一次 PIN', 'PIN again'],
  setupTitle: ['首次设置', 'First start'], setupText: ['设置码显示在终端的控制台或日志里，只能用一次。', 'The one-time set-up code is on the terminal’s console or in its log.'],
  setupLabelText: ['首次登录密码印在终端的标签上，只能用一次。', 'The one-time first password is on the terminal’s label.'],
  codeLabel: ['首次登录密码', 'First password'],
  code: ['设置码', 'Set-up code'], role: ['岗位', 'Role'], advisor: ['服务顾问', 'Service advisor'], specialist: ['续保专员', 'Renewal specialist'],
  manager: ['经理', 'Manager'], technician: ['技术员', 'Technician'], create: ['创建并登录', 'Create and sign in'],
  people: ['人员', 'People'], aim: ['调试', 'Camera'], device: ['设备', 'Device'], peopleTitle: ['添加人员', 'Add a person'], add: ['添加', 'Add'], added: ['已添加 {name}', '{name} was added'],
  openNote: ['此连接未加密，同一网络上的人可能看到 PIN 和客户资料。请改用 {a}（第一次会提示证书，指纹可在设备页核对）。', 'This connection is not encrypted: others on this network could see the PIN and customers. Use {a} (it warns of its certificate the first time; the fingerprint is on the device page).'],
  e_wrong: ['姓名、PIN 或设置码不对', 'Name, PIN or code is wrong'], e_locked: ['尝试次数过多，请等 {n} 秒', 'Too many tries; wait {n} seconds'],
  e_pin: ['PIN 需要 6 到 12 位数字，且不能太简单（如 123456、888888）', 'The PIN needs 6 to 12 digits and must not be easy (123456, 888888)'],
  e_name: ['请填写姓名', 'Give a name'], e_taken: ['已被占用或设置已完成，请刷新', 'Taken, or the set-up is done already: reload'],
  e_trouble: ['终端存储故障，暂时无法登录', 'Storage trouble in the terminal: sign-in is not possible now'],
  e_net: ['连不上终端', 'The terminal does not answer'], e_same: ['两次 PIN 不一致', 'The two PINs differ'],
};

// Further words of another page.
export function addWords(more) {
  Object.assign(words, more);
}

function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null; // storage switched off: settings last as long as the page
  }
}

export function keep(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // as above
  }
}

export const recall = stored;

let index = stored('lang') === 'en' ? 1 : 0;

export const lang = () => (index ? 'en' : 'zh');

export function t(key, values = {}) {
  const text = Object.hasOwn(words, key) ? words[key][index] : String(key ?? '');
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

// Writes the words of all marked elements.
export function apply(root = document) {
  document.documentElement.lang = index ? 'en' : 'zh-CN';
  document.title = t('title');
  for (const e of root.querySelectorAll('[data-t]')) e.textContent = t(e.dataset.t);
  for (const e of root.querySelectorAll('[data-label]')) {
    e.setAttribute('aria-label', t(e.dataset.label));
    if (e.tagName === 'INPUT') e.placeholder = t(e.dataset.label);
  }
}

export function toggle() {
  index = 1 - index;
  keep('lang', lang());
  apply();
}
