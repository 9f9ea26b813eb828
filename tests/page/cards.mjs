// SPDX-License-Identifier: Apache-2.0
// Cards as the terminal makes them; all people and plates are invented.
const iso = (ms) => new Date(ms).toISOString().replace(/\.\d+Z$/, '+00:00');
const dayAt = (days) => iso(Date.now() + days * 86400000).slice(0, 10);

let rev = 100;
export const nextRev = () => ++rev;

export function card(visit, options = {}) {
  const { minutes = 5, name, model, plate = null, left = [], stage = 'not_due', due = false, todo = ['', ''], ...rest } = options;
  const kinds = ['compulsory', 'commercial'];
  return {
    visit: String(visit), rev: nextRev(), state: 'open', opened: iso(Date.now() - minutes * 60000), last_seen: iso(Date.now()),
    closed: null, certainty: 'certain', direction: 'in', plate, evidence: null,
    customer: name ? { name, phone: '138****1234' } : null, vehicle: model ? { model, vin: '' } : null,
    policies: left.flatMap((n, i) => (n === null ? [] : [{ kind: kinds[i], insurer: ['平安财险', '人保财险'][i], number: 'P1', start: dayAt(n - 365), end: dayAt(n), days_left: n, premium: 950 }])),
    stage, due, todo: { zh: todo[0], en: todo[1] }, lookup: { state: left.length ? 'fresh' : 'unknown', as_of: iso(Date.now()), error: null },
    frame_ms: Date.now(), clock_trusted: true, ...rest,
  };
}

export const p = (text, type = 'blue', alternatives = []) => ({ text, type, confidence: 0.99, alternatives });

export function board() {
  return [
    card(1, { minutes: 42, name: '刘洋', model: '日产 轩逸 2021', plate: p('粤B8K325'), left: [210, 210], todo: ['正常接待', 'Greet as usual'] }),
    card(2, { minutes: 35, plate: p('湘A00R31', 'yellow2'), stage: 'unknown' }),
    card(3, { minutes: 28, certainty: 'unread', stage: 'unknown', evidence: '/api/v1/evidence/3?rev=1', todo: ['看不清车牌，请人工核对', 'Plate not readable; look at the car'] }),
    card(4, { minutes: 24, name: '周敏', model: '比亚迪 秦PLUS DM-i', plate: p('粤AD12345', 'green'), left: [188, 96], todo: ['正常接待', 'Greet as usual'] }),
    card(8, { minutes: 22, name: '欧阳雪', model: '奥迪 A4L', plate: p('沪C·5512K'.replace('·', '')), left: [47, 47], stage: 'first_call', due: true, todo: ['了解续保意向，约定联系方式', 'Learn the need, agree how to keep in touch'] }),
    card(5, { minutes: 19, name: '广州顺达物流有限公司', model: '东风 天锦', plate: p('粤A7T90挂', 'yellow2'), left: [28, 41], stage: 'follow', due: true, evidence: '/api/v1/evidence/5?rev=1', todo: ['上次已报价，约定今天到店再谈', 'Quoted before; talk about it today as agreed'] }),
    card(6, { minutes: 12, name: '王建国', model: '大众 迈腾 330TSI', plate: { ...p('粤A6N28Q', 'blue', [{ text: '粤A6N280', confidence: 0.4 }, { text: '粤A8N28Q', confidence: 0.01 }]), picture: '粤A6N280' }, certainty: 'unsure', left: [9, 12], stage: 'push', due: true, evidence: '/api/v1/evidence/6?rev=1', todo: ['先核对车牌；当面提醒续保，给出报价', 'Check the plate first. Raise the renewal at the car and quote'], lookup: { state: 'stale', as_of: iso(Date.now() - 9e7), error: null } }),
    card(7, { minutes: 3, name: '陈美玲', model: '特斯拉 Model Y', plate: p('粤AF88066', 'green'), left: [-3, 18], stage: 'lapsed', due: true, evidence: '/api/v1/evidence/7?rev=1', todo: ['交强险已过期，不能上路：当面提醒，问去向', 'Compulsory cover has ended: tell them kindly, ask where they insured'] }),
  ];
}
