// SPDX-License-Identifier: Apache-2.0
#include "firmware/export_relay.h"

#include "board/file.h"
#include "board/log.h"
#include "firmware/export/export_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct relay {
  char socket[FILE_PATH_MAX];
  char what[8];
  atomic_int *going;
  struct export_client client;
  struct http_stream *stream;
  bool asked, watching; // the server's thread: the export was asked; `watcher` runs
  pthread_t watcher;
  pthread_mutex_t lock;
  pthread_cond_t more;
  bool wanted, over; // the peer waits for bytes; nobody does any more
};

// The server's thread must not wait for a card: this one does, and wakes it.
static void *watch(void *arg) {
  struct relay *r = arg;
  pthread_mutex_lock(&r->lock);
  while (!r->over) {
    if (!r->wanted) {
      pthread_cond_wait(&r->more, &r->lock);
      continue;
    }
    r->wanted = false;
    pthread_mutex_unlock(&r->lock);
    struct pollfd p = {.fd = r->client.fd, .events = POLLIN};
    while (poll(&p, 1, -1) < 0 && errno == EINTR) {
    }
    http_stream_wake(r->stream);
    pthread_mutex_lock(&r->lock);
  }
  pthread_mutex_unlock(&r->lock);
  return NULL;
}

static bool begin(struct relay *r, struct err *e) {
  if (!export_client_open(&r->client, r->socket, r->what, e))
    return false;
  if (fcntl(r->client.fd, F_SETFL, O_NONBLOCK) != 0)
    return err_errno(e, errno, "export");
  int rc = pthread_create(&r->watcher, NULL, watch, r);
  r->watching = rc == 0;
  return r->watching || err_errno(e, rc, "export: thread");
}

static int64_t relay_read(void *ctx, char *buf, size_t max) {
  struct relay *r = ctx;
  struct err e;
  if (!r->asked) {
    r->asked = true;
    if (!begin(r, &e)) {
      log_warn("device", "export: %s", e.text);
      return HTTP_STREAM_CUT;
    }
  }
  int n = export_client_read(&r->client, buf, max, &e);
  if (n > 0)
    return n;
  if (n == EXPORT_WAIT) {
    pthread_mutex_lock(&r->lock);
    r->wanted = true;
    pthread_cond_signal(&r->more);
    pthread_mutex_unlock(&r->lock);
    return 0;
  }
  if (n == EXPORT_END)
    return HTTP_STREAM_END;
  log_warn("device", "export: %s", e.text);
  return HTTP_STREAM_CUT;
}

static void relay_free(struct relay *r) {
  pthread_cond_destroy(&r->more);
  pthread_mutex_destroy(&r->lock);
  free(r);
}

// The export ends, too, when nobody listens any more.
static void relay_closed(void *ctx) {
  struct relay *r = ctx;
  if (r->watching) {
    pthread_mutex_lock(&r->lock);
    r->over = true;
    pthread_cond_signal(&r->more);
    pthread_mutex_unlock(&r->lock);
    (void)shutdown(r->client.fd, SHUT_RDWR); // ends its poll()
    (void)pthread_join(r->watcher, NULL);
  }
  export_client_close(&r->client);
  atomic_store(r->going, 0);
  relay_free(r);
}

void export_relay(struct http_response *response, const char *socket_path, const char *what,
                  atomic_int *going) {
  static const struct http_stream_ops ops = {
      .whole = true, .read = relay_read, .closed = relay_closed};
  struct relay *r = calloc(1, sizeof *r);
  if (!r) {
    http_response_error(response, 503, "no memory for the export");
    return;
  }
  r->client.fd = -1;
  r->going = going;
  (void)snprintf(r->socket, sizeof r->socket, "%s", socket_path);
  (void)snprintf(r->what, sizeof r->what, "%s", what);
  pthread_mutex_init(&r->lock, NULL);
  pthread_cond_init(&r->more, NULL);
  atomic_store(going, 1);
  r->stream = http_response_stream(response, "application/gzip", &ops, r);
  if (!r->stream) { // the answer says why
    atomic_store(going, 0);
    relay_free(r);
  }
}
