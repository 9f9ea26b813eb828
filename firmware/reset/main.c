// SPDX-License-Identifier: Apache-2.0
// bayplate-reset: the steps of the way back to factory state, for the image's scripts.
#include "board/file.h"
#include "firmware/device_id.h"
#include "firmware/reset/erase.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define CODE_FILE_MAX 256

static int usage(FILE *f) {
  fputs("usage: bayplate-reset request|pending|erase|room|finish PARTITION\n"
        "       bayplate-reset claim FILE DEVICE.INI\n"
        "Erases a data partition. Without `request` the others do nothing by themselves.\n"
        "  request  writes the wish at its beginning; it may be in use\n"
        "  pending  ends with 0 when it was asked for or begun, 1 when not\n"
        "  erase    overwrites all of it with zeros and reads it back; it must not be in use\n"
        "  room     prints how many KiB the new file system may have\n"
        "  finish   the new file system is made: takes the mark away\n"
        "  claim    ends with 0 when FILE's first line is the claim code of this board\n"
        "A PARTITION may also be a file of its content.\n"
        "examples:\n"
        "  bayplate-reset request /dev/disk/by-partlabel/data && reboot\n"
        "  bayplate-reset pending data.img && bayplate-reset erase data.img\n"
        "exit status: 0 done or yes, 1 failed or no, 2 wrong use\n",
        f);
  return f == stdout ? 0 : 2;
}

static int fail(const struct err *e) {
  fprintf(stderr, "bayplate-reset: %s\n", e->text);
  return 1;
}

// systemd is told that it goes on: nobody knows how large a card is.
static void told(void *ctx, int percent) {
  int *last = ctx;
  if (percent == *last)
    return;
  *last = percent;
  (void)sd_notify(0, "EXTEND_TIMEOUT_USEC=120000000"); // nobody listens: it is not timed, either
  if (percent % 5 == 0)
    printf("erased %d %%\n", percent);
  (void)fflush(stdout); // only progress
}

static int claim(const char *file, const char *ini, struct err *e) {
  struct device_id id;
  void *text = NULL;
  size_t len = 0;
  if (!device_id_load(&id, ini, e) || !file_get(file, CODE_FILE_MAX, &text, &len, e))
    return fail(e);
  const bool right = device_id_claim_ok(id.claim_hash, text, strcspn(text, "\r\n"));
  free(text);
  if (!right)
    fprintf(stderr, "bayplate-reset: %s: not this board's claim code\n", file);
  return right ? 0 : 1;
}

int main(int argc, char **argv) {
  struct err e = {0};
  const char *what = argc > 1 ? argv[1] : "";
  uint64_t room = 0;
  bool yes = false, ok = false;
  int last = -1;
  if (strcmp(what, "-h") == 0 || strcmp(what, "--help") == 0)
    return usage(stdout);
  if (strcmp(what, "claim") == 0 && argc == 4)
    return claim(argv[2], argv[3], &e);
  if (argc != 3)
    return usage(stderr);
  if (strcmp(what, "request") == 0) {
    ok = erase_request(argv[2], &e);
  } else if (strcmp(what, "pending") == 0) {
    if (!erase_pending(argv[2], &yes, &e))
      return fail(&e);
    return yes ? 0 : 1;
  } else if (strcmp(what, "erase") == 0) {
    // Never by a slip: somebody has asked for it.
    if (!erase_pending(argv[2], &yes, &e))
      return fail(&e);
    ok = yes ? erase_all(argv[2], told, &last, &e)
             : err_set(&e, ERR_STATE, "%s: nobody asked for it (request)", argv[2]);
  } else if (strcmp(what, "finish") == 0) {
    ok = erase_finish(argv[2], &e);
  } else if (strcmp(what, "room") == 0) {
    ok = erase_room(argv[2], &room, &e);
    if (ok)
      printf("%" PRIu64 "\n", room / 1024);
  } else {
    return usage(stderr);
  }
  return ok ? 0 : fail(&e);
}
