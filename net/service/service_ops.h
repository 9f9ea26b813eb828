// SPDX-License-Identifier: Apache-2.0
// Everything the service port asks of the device it runs on, as one table. The service port itself
// (net/service/) uses lwIP's API, this table and nothing else, so that the same files serve Linux
// and a small real-time board.
#ifndef BAYPLATE_NET_SERVICE_SERVICE_OPS_H
#define BAYPLATE_NET_SERVICE_SERVICE_OPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERVICE_SHA256 32

// Numbers as errno has them on Linux, so that a log can be read.
enum service_result {
  SERVICE_OK = 0,
  SERVICE_NOT_FOUND = -2,
  SERVICE_IO = -5,
  SERVICE_BUSY = -16,     // come back later
  SERVICE_INVALID = -22,  // impossible argument
  SERVICE_TOO_BIG = -27,  // larger than the device takes
  SERVICE_NO_SPACE = -28, // the disk is too full
  SERVICE_RANGE = -34,    // not at this offset
  SERVICE_BAD_HASH = -74, // whole, but not what was announced; it has been thrown away
  SERVICE_NOT_NOW = -11,  // the terminal does not answer
};

// What can be read from the device.
enum service_source {
  SERVICE_STATE,    // one JSON object: how the terminal is
  SERVICE_LOGS,     // the newest lines of the log, text
  SERVICE_SNAPSHOT, // the newest picture of the camera, JPEG
  SERVICE_PRINT, // SHA-256 of the certificate that the device's HTTPS shows, 64 hexadecimal digits
  SERVICE_RECOVERY, // the file `name` for a boot loader without a system
  // Of data that the device cannot use any more, so that they can be saved elsewhere; their length
  // is not known before: the files that can be found, or every byte of the partition.
  SERVICE_EXPORT_FILES,
  SERVICE_EXPORT_IMAGE,
};

#define SERVICE_UNKNOWN UINT64_MAX // a length that shows at the end

struct service_upload {
  uint8_t sha256[SERVICE_SHA256]; // announced by the sender; the upload's identity
  uint64_t size, have;            // bytes announced, bytes safe here
  bool any;                       // is there one at all
  bool done;                      // whole, checked and handed over
};

enum service_log_level { SERVICE_LOG_ERROR, SERVICE_LOG_WARN, SERVICE_LOG_INFO, SERVICE_LOG_DEBUG };

// All calls get the `ctx` of service_config. open, read and close of SERVICE_RECOVERY come from
// lwIP's own thread with its lock held and must answer within some milliseconds; all others come
// from worker threads and may wait for a disk. Calls of upload_* never overlap, but for
// upload_state, which may come at any time. No entry may be NULL.
struct service_ops {
  // Opens for reading from the start; *size is the whole length in bytes, or SERVICE_UNKNOWN.
  // `name` is NULL but for SERVICE_RECOVERY, where it is letters, digits, '.', '_' and '-' and does
  // not begin with '.'. SERVICE_OK, SERVICE_NOT_FOUND, SERVICE_BUSY (too many open),
  // SERVICE_NOT_NOW, SERVICE_IO. An export: SERVICE_NOT_FOUND also when the data are in use,
  // SERVICE_BUSY when one is going on, SERVICE_INVALID when no files can be found.
  int (*open)(void *ctx, enum service_source what, const char *name, void **handle, uint64_t *size);
  // Bytes put into `buf` (at least one, at most n), 0 at the end, or SERVICE_IO. An export may wait
  // for a bad disk for long; one that is closed before its end is given up.
  int (*read)(void *ctx, void *handle, uint8_t *buf, size_t n);
  void (*close)(void *ctx, void *handle);

  // Goes on with the upload of this hash and size if there is one, else throws away what there is
  // and begins anew. *have: bytes that are safe. SERVICE_OK, SERVICE_TOO_BIG, SERVICE_NO_SPACE,
  // SERVICE_IO.
  int (*upload_begin)(void *ctx, const uint8_t sha256[SERVICE_SHA256], uint64_t size,
                      uint64_t *have);
  // Appends; `offset` is always what is there. SERVICE_OK, SERVICE_RANGE, SERVICE_NO_SPACE,
  // SERVICE_IO.
  int (*upload_write)(void *ctx, uint64_t offset, const uint8_t *bytes, size_t n);
  // The connection ended before the upload did: makes what is there durable. SERVICE_OK,
  // SERVICE_IO.
  int (*upload_pause)(void *ctx);
  // All bytes are there: checks the hash over what was stored, makes it durable and hands it over.
  // SERVICE_OK, SERVICE_BAD_HASH, SERVICE_IO.
  int (*upload_commit)(void *ctx);
  void (*upload_abort)(void *ctx); // throws it away
  void (*upload_state)(void *ctx, struct service_upload *out);

  // Everything on the device but who it is is to be erased, and the device restarted: by itself, in
  // a moment. SERVICE_OK, SERVICE_NOT_FOUND (this one cannot), SERVICE_IO.
  int (*reset)(void *ctx);

  // Is `code` (n bytes) the claim code of this device's label? Must take the same time whatever
  // the code. False when the device has none.
  bool (*claim_matches)(void *ctx, const char *code, size_t n);
  // One event for the device's log. Never holds the claim code.
  void (*log)(void *ctx, enum service_log_level level, const char *text);
};

#endif
