// SPDX-License-Identifier: Apache-2.0
// Server-sent events for many pages at once
// (https://html.spec.whatwg.org/multipage/server-sent-events.html). Events are kept once in a ring;
// each client only knows how far it has read, so a slow one costs no memory and is cut off when it
// falls out of the ring. It comes back with Last-Event-ID and gets what it missed.
#ifndef BAYPLATE_NET_SSE_H
#define BAYPLATE_NET_SSE_H

#include "board/clock.h"
#include "board/err.h"
#include "net/http_server.h"

#define SSE_RING 256              // events kept for resume
#define SSE_EVENT_MAX (32u << 10) // bytes of one event's data
#define SSE_CLIENTS_MAX 300       // more get 503
#define SSE_REPLAY_MAX 512 // events one replay may give; more, and the page is told to begin anew
#define SSE_HEARTBEAT_MS 5000
#define SSE_RETRY_MS 1000 // how long a browser waits before it comes back
#define SSE_STREAM_MS                                                                              \
  (3600 * 1000) // then the stream is ended, so that the sign-in is checked again

struct sse_hub;

// Gives every event with an id greater than `since`, in order, through sse_emit. False: cannot; the
// page is told to begin anew.
struct sse_replay;
typedef bool sse_replay_fn(void *ctx, uint64_t since, struct sse_replay *to);
// data_masked NULL: the same as data. False when there are too many: stop.
BP_CHECK bool sse_emit(struct sse_replay *to, uint64_t id, const char *event, const char *data,
                       const char *data_masked);

struct sse_options {
  const struct bp_clock *clock;
  uint64_t newest;       // the greatest id given before this start
  sse_replay_fn *replay; // NULL: only the ring
  void *ctx;
};

BP_CHECK bool sse_hub_new(struct sse_hub **out, const struct sse_options *o, struct err *e);
// After the server was freed. NULL is fine.
void sse_hub_free(struct sse_hub *h);

// To all clients and the ring; ids must grow, an id not greater than the last is dropped. `data` is
// one line of text; data_masked (NULL: the same) goes to clients that were opened as masked. Any
// thread.
void sse_publish(struct sse_hub *h, uint64_t id, const char *event, const char *data,
                 const char *data_masked);
// Without an id: only the newest one counts, new clients get it at once. Any thread.
void sse_publish_latest(struct sse_hub *h, const char *event, const char *data);

// Answers a request with the stream. Resumes after the header Last-Event-ID, or the query `since`
// when there is no header; without both begins now. `tag` names the clients that sse_hub_end cuts.
void sse_hub_serve(struct sse_hub *h, const struct http_request *q, struct http_response *r,
                   uint64_t tag, bool masked);
// Ends the streams with this tag (a person signed out).
void sse_hub_end(struct sse_hub *h, uint64_t tag);
// Heartbeats and old streams; call it at least every second.
void sse_hub_tick(struct sse_hub *h);
unsigned sse_hub_clients(struct sse_hub *h);
// Events so far that a client lost its connection for because it was too slow.
uint64_t sse_hub_dropped(struct sse_hub *h);

#endif
