// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/service_device.h"

#include <stdlib.h>
#include <string.h>

#define SIZE 3000

static struct {
  struct service_upload upload;
  int open;
  size_t at[8]; // of the handles
} dev;

static void must(bool held) {
  if (!held)
    abort();
}

static int dev_open(void *ctx, enum service_source what, const char *name, void **handle,
                    uint64_t *size) {
  (void)ctx;
  must((what == SERVICE_RECOVERY) == (name != NULL));
  if (name) {
    must(name[0] != '\0' && name[0] != '.' && strlen(name) <= 64 && !strpbrk(name, "/\\ \n%"));
    if (strcmp(name, "a") != 0)
      return SERVICE_NOT_FOUND;
  }
  if (what == SERVICE_SNAPSHOT)
    return SERVICE_NOT_NOW;
  if (dev.open == 8)
    return SERVICE_BUSY;
  dev.at[dev.open] = 0;
  *handle = &dev.at[dev.open++];
  *size = what == SERVICE_EXPORT_FILES || what == SERVICE_EXPORT_IMAGE ? SERVICE_UNKNOWN : SIZE;
  return SERVICE_OK;
}

static int dev_read(void *ctx, void *handle, uint8_t *buf, size_t n) {
  (void)ctx;
  size_t *at = handle;
  n = n < SIZE - *at ? n : SIZE - *at;
  memset(buf, 'x', n);
  *at += n;
  return (int)n;
}

static void dev_close(void *ctx, void *handle) {
  (void)ctx;
  must(handle != NULL && dev.open > 0);
  dev.open--;
}

static int dev_begin(void *ctx, const uint8_t sha256[SERVICE_SHA256], uint64_t size,
                     uint64_t *have) {
  (void)ctx;
  must(size > 0);
  if (!dev.upload.any || dev.upload.size != size ||
      memcmp(dev.upload.sha256, sha256, SERVICE_SHA256) != 0) {
    dev.upload = (struct service_upload){.any = true, .size = size};
    memcpy(dev.upload.sha256, sha256, SERVICE_SHA256);
  }
  *have = dev.upload.have;
  return SERVICE_OK;
}

static int dev_write(void *ctx, uint64_t offset, const uint8_t *bytes, size_t n) {
  (void)ctx;
  (void)bytes;
  must(dev.upload.any && !dev.upload.done && n > 0 && offset == dev.upload.have &&
       n <= dev.upload.size - offset);
  dev.upload.have += n;
  return SERVICE_OK;
}

static int dev_pause(void *ctx) {
  (void)ctx;
  return SERVICE_OK;
}

static int dev_commit(void *ctx) {
  (void)ctx;
  must(dev.upload.have == dev.upload.size);
  dev.upload.done = true;
  return SERVICE_OK;
}

static void dev_abort(void *ctx) {
  (void)ctx;
  dev.upload = (struct service_upload){0};
}

static void dev_state(void *ctx, struct service_upload *out) {
  (void)ctx;
  *out = dev.upload;
}

static bool dev_claim(void *ctx, const char *code, size_t n) {
  (void)ctx;
  return n == 4 && memcmp(code, "code", 4) == 0;
}

static void dev_log(void *ctx, enum service_log_level level, const char *text) {
  (void)ctx;
  (void)level;
  must(strlen(text) < 200);
}

static int dev_reset(void *ctx) {
  (void)ctx;
  return SERVICE_OK;
}

const struct service_ops *service_device_ops(void) {
  static const struct service_ops ops = {.open = dev_open,
                                         .read = dev_read,
                                         .close = dev_close,
                                         .upload_begin = dev_begin,
                                         .upload_write = dev_write,
                                         .upload_pause = dev_pause,
                                         .upload_commit = dev_commit,
                                         .upload_abort = dev_abort,
                                         .upload_state = dev_state,
                                         .reset = dev_reset,
                                         .claim_matches = dev_claim,
                                         .log = dev_log};
  return &ops;
}

void service_device_reset(void) {
  memset(&dev, 0, sizeof dev);
}

void service_device_check(void) {
  must(dev.open == 0);
}
