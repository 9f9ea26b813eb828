// SPDX-License-Identifier: Apache-2.0
#include "board/slots.h"

static bool trusts(void *ctx, const char *path, struct err *e) {
  struct slots_sim *s = ctx;
  (void)path;
  s->trusted++;
  return !s->distrust || err_set(e, ERR_DENIED, "signed by somebody else");
}

static bool install(void *ctx, const char *path, void (*told)(void *to, int percent), void *to,
                    struct err *e) {
  struct slots_sim *s = ctx;
  (void)path;
  s->installed++;
  if (told)
    told(to, 100);
  return !s->fail_install || err_set(e, ERR_IO, "the slot cannot be written");
}

static bool restart(void *ctx, struct err *e) {
  (void)e;
  ((struct slots_sim *)ctx)->restarted++;
  return true;
}

const struct slots_ops slots_sim_ops = {trusts, install, restart};
