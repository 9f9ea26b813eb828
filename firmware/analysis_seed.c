// SPDX-License-Identifier: Apache-2.0
#include "firmware/analysis_seed.h"

#include "firmware/store_visit.h"

#include <stdlib.h>
#include <string.h>

bool analysis_first_visit(struct store *store, uint64_t *first, struct err *e) {
  return store_visit_seed(store, first, e) || err_prefix(e, "visit numbers");
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
    int64_t ago = wall - v[i].last_seen_ms * CLOCK_NS_PER_MS;
    if (v[i].text[0] == '\0' || ago < 0 || ago > gap_ns)
      continue;
    seeds[used].visit = v[i].id;
    memcpy(seeds[used].text, v[i].text, sizeof seeds[used].text);
    seeds[used++].last_seen_ns = mono - ago;
  }
  ok = analyser_seed(a, seeds, used, e);
out:
  free(v);
  free(seeds);
  return ok;
}
