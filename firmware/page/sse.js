// SPDX-License-Identifier: Apache-2.0
// The stream of events: resumes where it was, also after the server was gone.
const RETRY_MS = 1500;
const RETRY_MAX_MS = 15000;

// on: {card, status, reset, refused}. Returns a function that ends it.
export function follow(since, on) {
  let source = null;
  let last = since;
  let timer = 0;
  let pause = RETRY_MS;
  let done = false;

  function open() {
    source = new EventSource(`/api/v1/events?since=${last}`);
    source.addEventListener('open', () => { pause = RETRY_MS; });
    source.addEventListener('card', (e) => {
      if (/^\d+$/.test(e.lastEventId)) last = e.lastEventId;
      read(e, on.card);
    });
    source.addEventListener('status', (e) => read(e, on.status));
    source.addEventListener('reset', () => on.reset());
    source.addEventListener('error', () => {
      // The browser comes back by itself unless it was refused (401, 503, a proxy's page).
      if (done || source.readyState !== EventSource.CLOSED) return;
      source.close();
      timer = setTimeout(check, pause + Math.random() * 500);
      pause = Math.min(pause * 2, RETRY_MAX_MS);
    });
  }

  async function check() {
    let signedOut = false;
    try {
      const r = await fetch('/api/v1/session', { cache: 'no-store' });
      signedOut = r.ok && !(await r.json()).person;
    } catch {
      // not there yet
    }
    if (done) return;
    if (signedOut) on.refused();
    else open();
  }

  open();
  return () => {
    done = true;
    clearTimeout(timer);
    source.close();
  };
}

function read(event, use) {
  let data;
  try {
    data = JSON.parse(event.data);
  } catch {
    return; // a broken event must not stop the next
  }
  if (data && typeof data === 'object') use(data);
}
