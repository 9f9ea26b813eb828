// SPDX-License-Identifier: Apache-2.0
#include "firmware/store_lookup.h"
#include "firmware/store_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool written(struct store *s, bool ok, struct err *e) {
  if (ok)
    return store_commit(s, e);
  store_rollback(s);
  return false;
}

bool store_lookup_put(struct store *s, const char *plate, enum store_lookup_state state,
                      const char *answer, int64_t now_ms, struct err *e) {
  if (!plate[0] || state == STORE_LOOKUP_NEVER)
    return err_set(e, ERR_ARG, "look-up: plate missing, or no answer to keep");
  if (answer && strlen(answer) > STORE_LOOKUP_ANSWER_MAX)
    return err_set(e, ERR_LIMIT, "look-up: answer longer than %u bytes", STORE_LOOKUP_ANSWER_MAX);
  if (!store_begin(s, e))
    return false;
  return written(s,
                 store_run(s,
                           "INSERT INTO lookup(plate, state, as_of_ms, tried_ms, error, failures,"
                           " answer) VALUES(?1, ?2, ?3, ?3, '', 0, ?4) ON CONFLICT(plate) DO"
                           " UPDATE SET state = ?2, as_of_ms = ?3, tried_ms = ?3, error = '',"
                           " failures = 0, answer = ?4",
                           e, "ttit", plate, state == STORE_LOOKUP_FOUND ? "found" : "unknown",
                           now_ms, answer),
                 e);
}

bool store_lookup_failed(struct store *s, const char *plate, const char *error, int64_t now_ms,
                         struct err *e) {
  char text[STORE_LOOKUP_ERROR_MAX];
  if (!plate[0])
    return err_set(e, ERR_ARG, "look-up: plate missing");
  (void)snprintf(text, sizeof text, "%s", error && error[0] ? error : "failed");
  // Cut within a character: shorter until it is whole.
  for (size_t n = strlen(text); n > 0 && !store_utf8_valid(text); n--)
    text[n - 1] = '\0';
  if (!store_begin(s, e))
    return false;
  return written(s,
                 store_run(s,
                           "INSERT INTO lookup(plate, state, as_of_ms, tried_ms, error, failures)"
                           " VALUES(?1, 'never', 0, ?2, ?3, 1) ON CONFLICT(plate) DO"
                           " UPDATE SET tried_ms = ?2, error = ?3, failures = failures + 1",
                           e, "tit", plate, now_ms, text),
                 e);
}

bool store_lookup_get(struct store *s, const char *plate, struct store_lookup *out, char **answer,
                      struct err *e) {
  bool ok = true;
  memset(out, 0, sizeof *out);
  if (answer)
    *answer = NULL;
  (void)snprintf(out->plate, sizeof out->plate, "%s", plate);
  if (!store_enter(s, e))
    return false;
  sqlite3_stmt *st = store_query(s,
                                 "SELECT state, as_of_ms, tried_ms, error, failures, answer"
                                 " FROM lookup WHERE plate = ?",
                                 e, "t", plate);
  int row = st ? store_row(s, st, e) : -1;
  if (row > 0) {
    char state[16];
    store_column(st, 0, state, sizeof state);
    out->state = strcmp(state, "found") == 0     ? STORE_LOOKUP_FOUND
                 : strcmp(state, "unknown") == 0 ? STORE_LOOKUP_UNKNOWN
                                                 : STORE_LOOKUP_NEVER;
    out->as_of_ms = sqlite3_column_int64(st, 1);
    out->tried_ms = sqlite3_column_int64(st, 2);
    store_column(st, 3, out->error, sizeof out->error);
    out->failures = (unsigned)sqlite3_column_int(st, 4);
    const unsigned char *text = answer ? sqlite3_column_text(st, 5) : NULL;
    if (text) {
      *answer = strdup((const char *)text);
      if (!*answer)
        ok = err_set(e, ERR_NOMEM, "store: no memory");
    }
    store_done(st);
  }
  store_leave(s);
  return ok && row >= 0;
}

bool store_lookup_expire(struct store *s, int64_t before_ms, unsigned *n, struct err *e) {
  if (!store_begin(s, e))
    return false;
  bool ok = store_run(s, "DELETE FROM lookup WHERE tried_ms < ?", e, "i", before_ms);
  if (n)
    *n = ok ? (unsigned)sqlite3_changes(s->db) : 0;
  return written(s, ok, e);
}
