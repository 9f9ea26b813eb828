// SPDX-License-Identifier: Apache-2.0
#include "net/service/service_http_server.h"

#include "lwip/api.h"
#include "net/service/service_http.h"

#define PORT 80
#define READ_MS 1000
#define WRITE_MS 30000

// A connection as service_io sees it.
struct link {
  struct netconn *conn;
  struct pbuf *p; // came, and is read up to `at`
  u16_t at;
};

static struct {
  struct service_http http;
  struct service_worker worker[SERVICE_WORKERS];
  struct netconn *listener;
  sys_mbox_t waiting;
} server;

static int link_read(void *ctx, uint8_t *buf, size_t n) {
  struct link *l = ctx;
  if (!l->p) {
    err_t rc = netconn_recv_tcp_pbuf(l->conn, &l->p);
    if (rc == ERR_TIMEOUT)
      return SERVICE_BUSY;
    if (rc != ERR_OK)
      return 0;
    l->at = 0;
  }
  u16_t want = n < 0xffff ? (u16_t)n : 0xffff;
  u16_t got = pbuf_copy_partial(l->p, buf, want, l->at);
  l->at = (u16_t)(l->at + got);
  if (l->at >= l->p->tot_len) {
    pbuf_free(l->p);
    l->p = NULL;
  }
  return got;
}

static bool link_write(void *ctx, const void *bytes, size_t n) {
  struct link *l = ctx;
  size_t written = 0;
  err_t rc = netconn_write_partly(l->conn, bytes, n, NETCONN_COPY, &written);
  return rc == ERR_OK && written == n; // less: the peer took nothing for WRITE_MS
}

static void work(void *arg) {
  struct service_worker *w = arg;
  for (;;) {
    void *msg = NULL;
    (void)sys_mbox_fetch(&server.waiting, &msg);
    struct link l = {.conn = msg};
    const struct service_io io = {.read = link_read, .write = link_write, .ctx = &l};
    netconn_set_recvtimeout(l.conn, READ_MS);
    netconn_set_sendtimeout(l.conn, WRITE_MS);
    service_http_serve(w, &server.http, &io);
    if (l.p)
      pbuf_free(l.p);
    (void)netconn_close(l.conn);
    (void)netconn_delete(l.conn);
  }
}

static void accept_all(void *arg) {
  (void)arg;
  for (;;) {
    struct netconn *conn = NULL;
    if (netconn_accept(server.listener, &conn) != ERR_OK) {
      sys_msleep(100); // out of memory for the moment; not in a circle
      continue;
    }
    if (sys_mbox_trypost(&server.waiting, conn) != ERR_OK)
      (void)netconn_delete(conn);
  }
}

bool service_http_server_start(const struct service_config *config) {
  if (!service_http_init(&server.http, config) ||
      sys_mbox_new(&server.waiting, SERVICE_WORKERS) != ERR_OK)
    return false;
  server.listener = netconn_new(NETCONN_TCP_IPV6); // with the any-address: both kinds of IP
  if (!server.listener || netconn_bind(server.listener, IP6_ADDR_ANY, PORT) != ERR_OK ||
      netconn_listen_with_backlog(server.listener, SERVICE_WORKERS) != ERR_OK)
    return false;
  for (int i = 0; i < SERVICE_WORKERS; i++)
    (void)sys_thread_new("service-http", work, &server.worker[i], DEFAULT_THREAD_STACKSIZE,
                         DEFAULT_THREAD_PRIO);
  (void)sys_thread_new("service-accept", accept_all, NULL, DEFAULT_THREAD_STACKSIZE,
                       DEFAULT_THREAD_PRIO);
  return true;
}
