// SPDX-License-Identifier: Apache-2.0
#include "firmware/update/update.h"

#include "board/bundle.h"
#include "board/version.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

static const struct {
  const char *name, *zh, *en;
} results[UPDATE_RESULTS] = {
    [UPDATE_INSTALLED] = {"installed", "已安装，重启后运行",
                          "installed; it runs after the restart"},
    [UPDATE_FINE] = {"fine", "检查通过", "checked; nothing stands against it"},
    [UPDATE_NO_BUNDLE] = {"no-bundle", "这不是更新包", "this is no update bundle"},
    [UPDATE_UNSIGNED] = {"unsigned", "更新包没有签名", "the bundle is not signed"},
    [UPDATE_TRUNCATED] = {"truncated", "更新包不完整，请重新传输",
                          "the bundle is not whole: fetch it again"},
    [UPDATE_WRONG_KEY] = {"wrong-key", "签名不被本机接受",
                          "its signature is not one that this device accepts"},
    [UPDATE_DAMAGED] = {"damaged", "更新包内容已损坏，请重新传输",
                        "the bundle's contents are damaged: fetch it again"},
    [UPDATE_WRONG_BOARD] = {"wrong-board", "更新包属于另一种型号",
                            "the bundle is for another board"},
    [UPDATE_TOO_OLD] = {"too-old", "版本低于本机允许的最低版本",
                        "it is older than this device takes"},
    [UPDATE_KNOWN] = {"known", "本机已运行或已试过此版本",
                      "this version runs already, or was tried here and failed"},
    [UPDATE_DISK_FULL] = {"disk-full", "存储空间不足，请先导出或清理",
                          "the disk is too full: make room first"},
    [UPDATE_CAR] = {"car-in-bay", "工位一直有车，稍后再装",
                    "a car stayed in the bay; it is tried again later"},
    [UPDATE_FAILED] = {"failed", "安装失败，当前系统未变",
                       "installing failed; what runs is as it was"},
    [UPDATE_UNREADABLE] = {"unreadable", "读不出更新包：存储设备已拔出或损坏",
                           "the file cannot be read: its stick was pulled out, or is damaged"},
};

const char *update_result_name(enum update_result r) {
  return results[r].name;
}

const char *update_result_zh(enum update_result r) {
  return results[r].zh;
}

const char *update_result_en(enum update_result r) {
  return results[r].en;
}

static enum update_result refuse(enum update_result r, struct err *e) {
  (void)err_prefix(e, "%s", results[r].en);
  return r;
}

static enum update_result of_shape(enum bundle_shape shape) {
  switch (shape) {
  case BUNDLE_WHOLE:
    return UPDATE_FINE;
  case BUNDLE_UNSIGNED:
    return UPDATE_UNSIGNED;
  case BUNDLE_TRUNCATED:
    return UPDATE_TRUNCATED;
  case BUNDLE_UNREADABLE:
    return UPDATE_UNREADABLE;
  case BUNDLE_NOT_ONE:
    break;
  }
  return UPDATE_NO_BUNDLE;
}

static bool room(const struct update_options *o, struct err *e) {
  struct statvfs v;
  if (statvfs(o->state_dir, &v) != 0)
    return err_errno(e, errno, "%s", o->state_dir);
  uint64_t left = (uint64_t)v.f_bavail * v.f_frsize;
  return left >= o->reserve_bytes ||
         err_set(e, ERR_FULL, "%s has %llu KB left", o->state_dir, (unsigned long long)left / 1024);
}

static void tell(const struct update_options *o, enum update_phase phase, int percent,
                 unsigned left_ms) {
  if (o->told)
    o->told(o->ctx, phase, percent, left_ms);
}

static void checked(void *ctx, int percent) {
  tell(ctx, UPDATE_CHECK, percent, 0);
}

static void written(void *ctx, int percent) {
  tell(ctx, UPDATE_WRITE, percent, 0);
}

static enum update_result check(const struct update_options *o, const char *path, struct bundle *b,
                                struct err *e) {
  enum update_result r = of_shape(bundle_open(path, b, e));
  if (r != UPDATE_FINE)
    return refuse(r, e);
  // The manifest may be believed from here on.
  if (!o->slots->trusts(o->slots_ctx, path, e))
    return refuse(e->code == ERR_DENIED ? UPDATE_WRONG_KEY : UPDATE_FAILED, e);
  if (strcmp(b->compatible, o->compatible) != 0) {
    (void)err_set(e, ERR_ARG, "for %s, this is %s", b->compatible, o->compatible);
    return refuse(UPDATE_WRONG_BOARD, e);
  }
  if (version_compare(b->version, o->minimum) < 0 && strcmp(b->build, UPDATE_ROLLBACK) != 0) {
    (void)err_set(e, ERR_ARG, "%s, and %s is the oldest", b->version, o->minimum);
    return refuse(UPDATE_TOO_OLD, e);
  }
  for (const char *const *v = o->known; v && *v; v++) {
    if (strcmp(b->version, *v) == 0) {
      (void)err_set(e, ERR_STATE, "version %s", b->version);
      return refuse(UPDATE_KNOWN, e);
    }
  }
  if (!room(o, e))
    return refuse(UPDATE_DISK_FULL, e);
  struct update_options copy = *o;
  if (!bundle_check_body(path, b, checked, &copy, e))
    return refuse(e->code == ERR_FORMAT  ? UPDATE_DAMAGED
                  : e->code == ERR_NOMEM ? UPDATE_FAILED
                                         : UPDATE_UNREADABLE,
                  e);
  return UPDATE_FINE;
}

static bool car(const struct update_options *o) {
  return o->car && o->car(o->ctx);
}

// Waits for it; *waited grows up to patience_ms, then it is false.
static bool bay_is_free(const struct update_options *o, unsigned *waited) {
  for (bool first = true; car(o); first = false) {
    if (*waited >= o->patience_ms)
      return false;
    if (first)
      tell(o, UPDATE_WAIT, -1, 0);
    o->rest(o->ctx, o->poll_ms);
    *waited += o->poll_ms;
  }
  return true;
}

enum update_result update_run(const struct update_options *o, const char *path, char *version,
                              struct err *e) {
  struct bundle b;
  unsigned waited = 0;
  err_clear(e);
  tell(o, UPDATE_CHECK, 0, 0);
  enum update_result r = check(o, path, &b, e);
  if (version)
    (void)snprintf(version, BUNDLE_TEXT_MAX, "%s", b.version);
  if (r != UPDATE_FINE || o->check_only)
    return r;
  if (!bay_is_free(o, &waited)) {
    (void)err_set(e, ERR_BUSY, "%u s were waited", o->patience_ms / 1000);
    return refuse(UPDATE_CAR, e);
  }
  tell(o, UPDATE_WRITE, 0, 0);
  struct update_options copy = *o;
  if (!o->slots->install(o->slots_ctx, path, written, &copy, e))
    return refuse(UPDATE_FAILED, e);
  return UPDATE_INSTALLED;
}

bool update_restart(const struct update_options *o, struct err *e) {
  unsigned waited = 0;
  for (unsigned left = o->announce_ms; left > 0;) {
    if (car(o) && waited < o->patience_ms) {
      (void)bay_is_free(o, &waited); // one that stays for ever does not hold the update up for ever
      left = o->announce_ms;
    }
    tell(o, UPDATE_RESTART, -1, left);
    const unsigned step = left < o->poll_ms ? left : o->poll_ms;
    o->rest(o->ctx, step);
    left -= step;
  }
  return o->slots->restart(o->slots_ctx, e);
}
