// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/port_ops.h"

#include "board/file.h"
#include "board/log.h"
#include "firmware/device_id.h"
#include "firmware/export/export_client.h"
#include "firmware/port/port_device.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Something open for reading: a file, an export, or bytes in memory.
struct reading {
  int fd; // of the file, else -1
  struct export_client export;
  uint8_t *bytes;
  size_t len, at;
};

static int result_of(const struct err *e) {
  switch (e->code) {
  case ERR_NOT_FOUND:
    return SERVICE_NOT_FOUND;
  case ERR_STATE:
    return SERVICE_NOT_NOW;
  case ERR_BUSY:
    return SERVICE_BUSY;
  case ERR_FULL:
    return SERVICE_NO_SPACE;
  case ERR_LIMIT:
    return SERVICE_TOO_BIG;
  case ERR_FORMAT:
    return SERVICE_BAD_HASH;
  default:
    return SERVICE_IO;
  }
}

// --- reading

static int open_recovery(struct port_device *d, const char *name, struct reading *r,
                         uint64_t *size) {
  struct stat info;
  if (!d->recovery[0])
    return SERVICE_NOT_FOUND;
  int dir = open(d->recovery, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0)
    return errno == ENOENT ? SERVICE_NOT_FOUND : SERVICE_IO;
  r->fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  int why = errno;
  (void)close(dir);
  if (r->fd < 0)
    return why == ENOENT || why == ELOOP ? SERVICE_NOT_FOUND : SERVICE_IO;
  if (fstat(r->fd, &info) == 0 && S_ISREG(info.st_mode)) {
    *size = (uint64_t)info.st_size;
    return SERVICE_OK;
  }
  (void)close(r->fd);
  return SERVICE_NOT_FOUND;
}

// Where bayplated is down, its log is, too; our own still tells something.
static bool own_log(struct reading *r) {
  static const char head[] = "bayplated does not answer; these are bayplate-port's own lines\n";
  size_t n = sizeof head - 1;
  r->bytes = malloc(n + LOG_TAIL_MAX + 1);
  if (!r->bytes)
    return false;
  memcpy(r->bytes, head, n);
  r->len = n + log_tail((char *)r->bytes + n, LOG_TAIL_MAX + 1);
  return true;
}

static int open_device(struct port_device *d, enum service_source what, struct reading *r,
                       uint64_t *size) {
  static const char *const word[] = {[SERVICE_STATE] = "state",
                                     [SERVICE_LOGS] = "logs",
                                     [SERVICE_SNAPSHOT] = "snapshot",
                                     [SERVICE_PRINT] = "identity"};
  struct err e;
  bool ok = port_device_ask(d->socket, word[what], &r->bytes, &r->len, &e);
  if (!ok && what == SERVICE_LOGS)
    ok = own_log(r);
  *size = r->len;
  return ok ? SERVICE_OK : result_of(&e);
}

// The exporter is not waited for longer than for a card that answers: this is a thread of its own.
static int open_export(struct port_device *d, const char *what, struct reading *r, uint64_t *size) {
  struct err e;
  *size = SERVICE_UNKNOWN;
  if (!export_client_open(&r->export, d->export_socket, what, &e))
    return e.code == ERR_NOT_FOUND ? SERVICE_NOT_FOUND : SERVICE_IO;
  if (export_client_begin(&r->export, &e) == 1)
    return SERVICE_OK;
  export_client_close(&r->export);
  log_warn("port", "export: %s", e.text);
  return e.code == ERR_FORMAT ? SERVICE_INVALID : result_of(&e);
}

static int ops_open(void *ctx, enum service_source what, const char *name, void **handle,
                    uint64_t *size) {
  struct reading *r = calloc(1, sizeof *r);
  if (!r)
    return SERVICE_BUSY;
  r->fd = r->export.fd = -1;
  int rc = what == SERVICE_RECOVERY       ? open_recovery(ctx, name, r, size)
           : what == SERVICE_EXPORT_FILES ? open_export(ctx, "files", r, size)
           : what == SERVICE_EXPORT_IMAGE ? open_export(ctx, "image", r, size)
                                          : open_device(ctx, what, r, size);
  if (rc == SERVICE_OK)
    *handle = r;
  else
    free(r);
  return rc;
}

static int ops_read(void *ctx, void *handle, uint8_t *buf, size_t n) {
  (void)ctx;
  struct reading *r = handle;
  if (r->export.fd >= 0) {
    struct err e;
    int got = export_client_read(&r->export, buf, n, &e);
    if (got < 0)
      log_warn("port", "export: %s", e.text);
    return got >= 0 ? got : SERVICE_IO;
  }
  if (r->fd >= 0) {
    ssize_t got = read(r->fd, buf, n);
    return got >= 0 ? (int)got : SERVICE_IO;
  }
  size_t m = r->len - r->at < n ? r->len - r->at : n;
  memcpy(buf, r->bytes + r->at, m);
  r->at += m;
  return (int)m;
}

static void ops_close(void *ctx, void *handle) {
  (void)ctx;
  struct reading *r = handle;
  if (r->fd >= 0)
    (void)close(r->fd);
  export_client_close(&r->export); // ends it, when it is not over
  free(r->bytes);
  free(r);
}

// --- uploads

static int tell(bool ok, const struct err *e) {
  if (ok)
    return SERVICE_OK;
  log_error("port", "%s", e->text);
  return result_of(e);
}

static int ops_begin(void *ctx, const uint8_t sha256[SERVICE_SHA256], uint64_t size,
                     uint64_t *have) {
  struct err e;
  return tell(port_spool_begin(((struct port_device *)ctx)->spool, sha256, size, have, &e), &e);
}

static int ops_write(void *ctx, uint64_t offset, const uint8_t *bytes, size_t n) {
  struct err e;
  return tell(port_spool_write(((struct port_device *)ctx)->spool, offset, bytes, n, &e), &e);
}

static int ops_pause(void *ctx) {
  struct err e;
  return tell(port_spool_pause(((struct port_device *)ctx)->spool, &e), &e);
}

static int ops_commit(void *ctx) {
  struct err e;
  return tell(port_spool_commit(((struct port_device *)ctx)->spool, &e), &e);
}

static void ops_abort(void *ctx) {
  port_spool_abort(((struct port_device *)ctx)->spool);
}

static void ops_state(void *ctx, struct service_upload *out) {
  struct port_spool_state s;
  port_spool_state(((struct port_device *)ctx)->spool, &s);
  *out = (struct service_upload){.size = s.size, .have = s.have, .any = s.any, .done = s.done};
  memcpy(out->sha256, s.sha256, sizeof out->sha256);
}

// --- claim code

static bool ops_claim(void *ctx, const char *code, size_t n) {
  const struct port_device *d = ctx;
  if (d->claim_hash[0])
    return device_id_claim_ok(d->claim_hash, code, n);
  char text[PORT_CLAIM_MAX + 1], want[PORT_CLAIM_MAX] = {0}, got[PORT_CLAIM_MAX] = {0};
  int fd = open(d->claim_file, O_RDONLY | O_CLOEXEC);
  ssize_t len = fd >= 0 ? read(fd, text, sizeof text) : -1;
  if (fd >= 0)
    (void)close(fd);
  size_t want_n = len > 0 ? device_id_code(want, sizeof want, text, (size_t)len) : 0;
  size_t got_n = device_id_code(got, sizeof got, code, n);
  if (want_n < PORT_CLAIM_MIN)
    log_error("port", "%s holds no claim code of %d letters and digits; nobody is let in",
              d->claim_file, PORT_CLAIM_MIN);
  // Both padded with zeros to the same length, so one comparison without a branch judges.
  bool same = sodium_memcmp(want, got, sizeof want) == 0;
  sodium_memzero(text, sizeof text);
  sodium_memzero(want, sizeof want);
  return same && want_n >= PORT_CLAIM_MIN && got_n == want_n;
}

// For the image's bayplate-factory-reset.path.
static int ops_reset(void *ctx) {
  const struct port_device *d = ctx;
  struct err e;
  if (!d->reset[0])
    return SERVICE_NOT_FOUND;
  return tell(file_put(d->reset, "port\n", 5, &e), &e);
}

static void ops_log(void *ctx, enum service_log_level level, const char *text) {
  (void)ctx;
  static const enum log_level levels[] = {
      [SERVICE_LOG_ERROR] = LOG_LEVEL_ERROR,
      [SERVICE_LOG_WARN] = LOG_LEVEL_WARN,
      [SERVICE_LOG_INFO] = LOG_LEVEL_INFO,
      [SERVICE_LOG_DEBUG] = LOG_LEVEL_DEBUG,
  };
  log_event(levels[level], "port", "%s", text);
}

const struct service_ops *port_ops(void) {
  static const struct service_ops ops = {
      .open = ops_open,
      .read = ops_read,
      .close = ops_close,
      .upload_begin = ops_begin,
      .upload_write = ops_write,
      .upload_pause = ops_pause,
      .upload_commit = ops_commit,
      .upload_abort = ops_abort,
      .upload_state = ops_state,
      .reset = ops_reset,
      .claim_matches = ops_claim,
      .log = ops_log,
  };
  return &ops;
}
