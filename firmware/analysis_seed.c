// SPDX-License-Identifier: Apache-2.0
#include "firmware/analysis_seed.h"

#include "board/log.h"
#include "firmware/store_visit.h"
#include "firmware/tie.h"

#include <stdlib.h>
#include <string.h>

bool analysis_first_visit(struct store *store, uint64_t *first, struct err *e) {
  return store_visit_seed(store, first, e) || err_prefix(e, "visit numbers");
}

// Open visits that cannot go on: seen too long ago, before the clock was set, or too many.
static bool close_others(struct store *store, const struct analyser_seed *seeds, size_t used,
                         struct err *e) {
  struct store_visit *v = calloc(STORE_PAGE_MAX, sizeof *v);
  size_t n = 0, closed = 0;
  bool ok = v || err_set(e, ERR_NOMEM, "no memory for the visits of the run before");
  ok = ok && store_visit_list_open(store, v, STORE_PAGE_MAX, &n, e);
  for (size_t i = 0; ok && i < n; i++) {
    bool goes_on = false;
    for (size_t k = 0; k < used && !goes_on; k++)
      goes_on = seeds[k].open && seeds[k].visit == v[i].id;
    struct err why;
    if (goes_on)
      continue;
    if (store_visit_close(store, v[i].id, v[i].last_seen_ms, NULL, &why))
      closed++;
    else // a full disk is no reason not to start; the page says so loudly
      log_error("store", "a visit of the run before stays open: %s", why.text);
  }
  if (closed > 0)
    log_info("visit", "%zu visits of the run before closed", closed);
  free(v);
  return ok;
}

bool analysis_seed(struct analyser *a, struct store *store, const struct bp_clock *clock,
                   int64_t gap_ns, struct err *e) {
  struct store_visit *v = calloc(ANALYSIS_SEEDS_MAX, sizeof *v);
  struct analyser_seed *seeds = calloc(ANALYSIS_SEEDS_MAX, sizeof *seeds);
  size_t n = 0, used = 0;
  bool more = false, ok = false;
  if (!v || !seeds) {
    err_set(e, ERR_NOMEM, "no memory for the visits of the run before");
    goto out;
  }
  if (!store_visit_history(store, NULL, NULL, v, ANALYSIS_SEEDS_MAX, &n, &more, e))
    goto out;
  int64_t mono = clock_mono_ns(clock), wall = clock_wall_ns(clock);
  for (size_t i = 0; i < n; i++) {
    bool open = v[i].phase == STORE_VISIT_OPEN;
    int64_t ago = wall - v[i].last_seen_ms * CLOCK_NS_PER_MS;
    if (ago < 0 || ago > (open ? ANALYSIS_OPEN_NS : gap_ns) || (!open && v[i].text[0] == '\0'))
      continue;
    seeds[used].visit = v[i].id;
    seeds[used].open = open;
    memcpy(seeds[used].text, tie_picture_text(&v[i]), sizeof seeds[used].text);
    seeds[used++].last_seen_ns = mono - ago;
  }
  ok = close_others(store, seeds, used, e) && analyser_seed(a, seeds, used, e);
out:
  free(v);
  free(seeds);
  return ok;
}
