// SPDX-License-Identifier: Apache-2.0
#include "net/sse.h"

#include "board/log.h"
#include "board/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SSE_HEAD_MAX 96 // "id: ...\nevent: ...\ndata: " and "\n\n"

// One event as it goes over the wire, shared by ring and clients.
struct wire {
  atomic_uint refs;
  uint64_t id; // 0: none
  size_t len;
  char text[];
};

struct event {
  struct wire *open, *masked;
};

struct client {
  struct client *next, *prev;
  struct sse_hub *hub;
  struct http_stream *stream;
  uint64_t tag;
  bool masked, ended;
  uint64_t at;        // number of the next event of the ring
  uint64_t last_id;   // events of the ring up to this id were replayed
  uint64_t latest_at; // version of the latest event sent
  int64_t opened_ns, sent_ns;
  struct wire **replay; // still to be sent before the ring
  size_t replay_count, replay_at;
  struct wire *current; // being sent
  size_t current_at;
};

struct sse_hub {
  struct sse_options o;
  pthread_mutex_t lock;
  struct event ring[SSE_RING];
  uint64_t count;      // events so far; the ring holds the last SSE_RING of them
  uint64_t newest;     // id of the newest event
  uint64_t evicted;    // the greatest id no longer in the ring, or given before this start
  struct wire *latest; // without id
  uint64_t latest_version;
  struct wire *hello, *heartbeat, *reset;
  struct client *clients;
  unsigned client_count;
  uint64_t dropped;
  struct metric *clients_metric, *dropped_metric;
};

static struct wire *wire_ref(struct wire *w) {
  atomic_fetch_add(&w->refs, 1);
  return w;
}

static void wire_unref(struct wire *w) {
  if (w && atomic_fetch_sub(&w->refs, 1) == 1) {
    free(w);
  }
}

static struct wire *wire_raw(const char *text) {
  size_t len = strlen(text);
  struct wire *w = malloc(sizeof *w + len + 1);
  if (w) {
    atomic_init(&w->refs, 1);
    w->id = 0;
    w->len = len;
    memcpy(w->text, text, len + 1);
  }
  return w;
}

// NULL: no memory, or data too long or of more than one line.
static struct wire *wire_new(uint64_t id, const char *event, const char *data) {
  size_t n = strlen(data);
  if (n > SSE_EVENT_MAX || strpbrk(data, "\r\n") || strlen(event) > 24) {
    return NULL;
  }
  struct wire *w = malloc(sizeof *w + n + SSE_HEAD_MAX);
  if (!w) {
    return NULL;
  }
  atomic_init(&w->refs, 1);
  w->id = id;
  int head = id ? snprintf(w->text, SSE_HEAD_MAX,
                           "id: %llu\nevent: %s\ndata: ", (unsigned long long)id, event)
                : snprintf(w->text, SSE_HEAD_MAX, "event: %s\ndata: ", event);
  memcpy(w->text + head, data, n);
  memcpy(w->text + head + n, "\n\n", 3);
  w->len = (size_t)head + n + 2;
  return w;
}

// --- clients; the hub's lock is held
static void wake(struct client *c) {
  if (c->stream) {
    http_stream_wake(c->stream);
  }
}

static void wake_all(struct sse_hub *h) {
  for (struct client *c = h->clients; c; c = c->next) {
    wake(c);
  }
}

// The next thing to send, with a reference; NULL: nothing now.
static struct wire *next_wire(struct client *c, int64_t now) {
  struct sse_hub *h = c->hub;
  if (c->replay_at < c->replay_count) {
    struct wire *w = c->replay[c->replay_at];
    c->replay[c->replay_at++] = NULL;
    return w;
  }
  uint64_t oldest = h->count > SSE_RING ? h->count - SSE_RING : 0;
  if (c->at < oldest) { // too slow: what it needs is gone from the ring
    h->dropped++;
    metric_add(h->dropped_metric, 1);
    c->ended = true;
    return NULL;
  }
  while (c->at < h->count) {
    const struct event *e = &h->ring[c->at++ % SSE_RING];
    if (e->open->id > c->last_id) {
      return wire_ref(c->masked && e->masked ? e->masked : e->open);
    }
  }
  if (h->latest && c->latest_at != h->latest_version) {
    c->latest_at = h->latest_version;
    return wire_ref(h->latest);
  }
  if (now - c->sent_ns >= SSE_HEARTBEAT_MS * CLOCK_NS_PER_MS) {
    return wire_ref(h->heartbeat);
  }
  return NULL;
}

static int64_t client_read(void *ctx, char *buf, size_t max) {
  struct client *c = ctx;
  size_t n = 0;
  pthread_mutex_lock(&c->hub->lock);
  int64_t now = clock_mono_ns(c->hub->o.clock);
  while (n < max) {
    if (!c->current && !c->ended) {
      c->current = next_wire(c, now);
      c->current_at = 0;
    }
    if (!c->current) {
      break;
    }
    size_t part = c->current->len - c->current_at;
    if (part > max - n) {
      part = max - n;
    }
    memcpy(buf + n, c->current->text + c->current_at, part);
    n += part;
    c->current_at += part;
    c->sent_ns = now;
    if (c->current_at == c->current->len) {
      wire_unref(c->current);
      c->current = NULL;
    }
  }
  bool ended = c->ended && !c->current;
  pthread_mutex_unlock(&c->hub->lock);
  return n > 0 ? (int64_t)n : ended ? -1 : 0;
}

static void client_free(struct client *c) {
  for (size_t i = c->replay_at; i < c->replay_count; i++) {
    wire_unref(c->replay[i]);
  }
  free(c->replay);
  wire_unref(c->current);
  free(c);
}

static void client_closed(void *ctx) {
  struct client *c = ctx;
  struct sse_hub *h = c->hub;
  pthread_mutex_lock(&h->lock);
  if (c->prev) {
    c->prev->next = c->next;
  } else {
    h->clients = c->next;
  }
  if (c->next) {
    c->next->prev = c->prev;
  }
  h->client_count--;
  metric_set(h->clients_metric, (int64_t)h->client_count);
  pthread_mutex_unlock(&h->lock);
  client_free(c);
}

// --- replay
struct sse_replay {
  struct client *client;
  bool failed;
};

static bool replay_add(struct client *c, struct wire *w) {
  if (!w || c->replay_count == SSE_REPLAY_MAX) {
    wire_unref(w);
    return false;
  }
  c->replay[c->replay_count++] = w;
  return true;
}

bool sse_emit(struct sse_replay *to, uint64_t id, const char *event, const char *data,
              const char *data_masked) {
  struct client *c = to->client;
  if (!replay_add(c, wire_new(id, event, c->masked && data_masked ? data_masked : data))) {
    to->failed = true;
    return false;
  }
  if (id > c->last_id) {
    c->last_id = id;
  }
  return true;
}

// What the client missed, as far as the ring does not have it. On failure the page is told to begin
// anew.
static void replay(struct sse_hub *h, struct client *c, uint64_t since) {
  struct sse_replay to = {.client = c};
  size_t before = c->replay_count;
  c->last_id = since;
  if (h->o.replay && h->o.replay(h->o.ctx, since, &to) && !to.failed) {
    return;
  }
  while (c->replay_count > before) {
    wire_unref(c->replay[--c->replay_count]);
  }
  pthread_mutex_lock(&h->lock);
  c->last_id = h->newest;
  if (!replay_add(c, wire_ref(h->reset))) {
    c->ended = true;
  }
  pthread_mutex_unlock(&h->lock);
}

// Where to go on: the browser's own header first, it knows more than the address it was given.
static bool resume_point(const struct http_request *q, uint64_t *out) {
  const char *text = http_request_header(q, "Last-Event-ID");
  if (!text || !*text) {
    text = http_request_query(q, "since");
  }
  if (!text || *text < '0' || *text > '9') {
    return false;
  }
  char *end = NULL;
  errno = 0;
  unsigned long long v = strtoull(text, &end, 10);
  if (errno != 0 || *end != '\0') {
    return false;
  }
  *out = v;
  return true;
}

static const struct http_stream_ops client_ops = {.read = client_read, .closed = client_closed};

void sse_hub_serve(struct sse_hub *h, const struct http_request *q, struct http_response *r,
                   uint64_t tag, bool masked) {
  struct client *c = calloc(1, sizeof *c);
  struct wire **room = calloc(SSE_REPLAY_MAX, sizeof *room);
  if (!c || !room) {
    free(c);
    free(room);
    http_response_error(r, 503, "out of memory");
    return;
  }
  c->hub = h;
  c->tag = tag;
  c->masked = masked;
  c->replay = room;
  c->opened_ns = c->sent_ns = clock_mono_ns(h->o.clock);
  uint64_t since = 0;
  bool resume = resume_point(q, &since);

  pthread_mutex_lock(&h->lock);
  bool full = h->client_count >= SSE_CLIENTS_MAX;
  // The place in the ring is taken before the store is asked, so that nothing falls between the
  // two; what both have is left out by its id.
  bool in_ring = resume && since >= h->evicted && since <= h->newest;
  bool ask = resume && !in_ring && since <= h->newest;
  c->at = in_ring ? (h->count > SSE_RING ? h->count - SSE_RING : 0) : h->count;
  c->last_id = in_ring ? since : 0;
  bool ok = !full && replay_add(c, wire_ref(h->hello));
  if (ok && resume && !in_ring && !ask) { // an id from another database
    ok = replay_add(c, wire_ref(h->reset));
  }
  pthread_mutex_unlock(&h->lock);
  if (!ok) {
    client_free(c);
    http_response_error(r, 503, full ? "too many pages are open" : "out of memory");
    return;
  }
  if (ask) {
    replay(h, c, since);
  }
  c->stream = http_response_stream(r, "text/event-stream; charset=utf-8", &client_ops, c);
  if (!c->stream) {
    client_free(c);
    return;
  }
  pthread_mutex_lock(&h->lock);
  c->next = h->clients;
  if (h->clients) {
    h->clients->prev = c;
  }
  h->clients = c;
  h->client_count++;
  metric_set(h->clients_metric, (int64_t)h->client_count);
  pthread_mutex_unlock(&h->lock);
}

// --- publishing
void sse_publish(struct sse_hub *h, uint64_t id, const char *event, const char *data,
                 const char *data_masked) {
  struct wire *open = wire_new(id, event, data);
  struct wire *masked = data_masked ? wire_new(id, event, data_masked) : NULL;
  if (!open || (data_masked && !masked)) {
    // Not sent is not lost: a page that sees the next id does not know, but its next replay has it.
    log_error("sse", "event %llu cannot be sent: longer than %u bytes, or out of memory",
              (unsigned long long)id, SSE_EVENT_MAX);
    wire_unref(open);
    wire_unref(masked);
    return;
  }
  pthread_mutex_lock(&h->lock);
  if (id <= h->newest) {
    pthread_mutex_unlock(&h->lock);
    wire_unref(open);
    wire_unref(masked);
    return;
  }
  struct event *slot = &h->ring[h->count % SSE_RING];
  if (slot->open) {
    h->evicted = slot->open->id;
    wire_unref(slot->open);
    wire_unref(slot->masked);
  }
  slot->open = open;
  slot->masked = masked;
  h->count++;
  h->newest = id;
  wake_all(h);
  pthread_mutex_unlock(&h->lock);
}

void sse_publish_latest(struct sse_hub *h, const char *event, const char *data) {
  struct wire *w = wire_new(0, event, data);
  if (!w) {
    log_error("sse", "event %s cannot be sent: too long, or out of memory", event);
    return;
  }
  pthread_mutex_lock(&h->lock);
  wire_unref(h->latest);
  h->latest = w;
  h->latest_version++;
  wake_all(h);
  pthread_mutex_unlock(&h->lock);
}

void sse_hub_end(struct sse_hub *h, uint64_t tag) {
  pthread_mutex_lock(&h->lock);
  for (struct client *c = h->clients; c; c = c->next) {
    if (c->tag == tag) {
      c->ended = true;
      wake(c);
    }
  }
  pthread_mutex_unlock(&h->lock);
}

void sse_hub_tick(struct sse_hub *h) {
  pthread_mutex_lock(&h->lock);
  int64_t now = clock_mono_ns(h->o.clock);
  for (struct client *c = h->clients; c; c = c->next) {
    if (now - c->opened_ns >= SSE_STREAM_MS * CLOCK_NS_PER_MS) {
      c->ended = true;
    }
    if (c->ended || now - c->sent_ns >= SSE_HEARTBEAT_MS * CLOCK_NS_PER_MS) {
      wake(c);
    }
  }
  pthread_mutex_unlock(&h->lock);
}

unsigned sse_hub_clients(struct sse_hub *h) {
  pthread_mutex_lock(&h->lock);
  unsigned n = h->client_count;
  pthread_mutex_unlock(&h->lock);
  return n;
}

uint64_t sse_hub_dropped(struct sse_hub *h) {
  pthread_mutex_lock(&h->lock);
  uint64_t n = h->dropped;
  pthread_mutex_unlock(&h->lock);
  return n;
}

bool sse_hub_new(struct sse_hub **out, const struct sse_options *o, struct err *e) {
  struct sse_hub *h = calloc(1, sizeof *h);
  if (!h) {
    return err_set(e, ERR_NOMEM, "event stream: out of memory");
  }
  h->o = *o;
  h->newest = h->evicted = o->newest;
  char hello[48];
  snprintf(hello, sizeof hello, "retry: %d\n\n", SSE_RETRY_MS);
  h->hello = wire_raw(hello);
  h->heartbeat = wire_raw(": here\n\n");
  h->reset = wire_new(0, "reset", "{}");
  h->clients_metric = metric_gauge("bayplate_pages", NULL, "Pages connected to the event stream");
  h->dropped_metric =
      metric_counter("bayplate_pages_dropped_total", NULL, "Pages cut off because they were slow");
  pthread_mutex_init(&h->lock, NULL);
  if (!h->hello || !h->heartbeat || !h->reset) {
    sse_hub_free(h);
    return err_set(e, ERR_NOMEM, "event stream: out of memory");
  }
  *out = h;
  return true;
}

void sse_hub_free(struct sse_hub *h) {
  if (!h) {
    return;
  }
  for (size_t i = 0; i < SSE_RING; i++) {
    wire_unref(h->ring[i].open);
    wire_unref(h->ring[i].masked);
  }
  wire_unref(h->latest);
  wire_unref(h->hello);
  wire_unref(h->heartbeat);
  wire_unref(h->reset);
  pthread_mutex_destroy(&h->lock);
  free(h);
}
