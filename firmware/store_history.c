// SPDX-License-Identifier: Apache-2.0
// Reading visits. Each list is the database's rows with the unsaved ones laid over them.
#include "firmware/store_private.h"
#include "firmware/store_visit.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS                                                                                    \
  "id, rev, phase, certainty, direction, type, plate, confidence, alternatives, opened_ms,"        \
  " last_seen_ms, closed_ms, frame_ms, merged_into, evidence, camera, clock_trusted, picture,"     \
  " said_by"

static const char *const PHASE[] = {"open", "closed", "merged"};
static const char *const CERTAINTY[] = {"unread", "unsure", "certain"};
static const char *const DIRECTION[] = {"unknown", "in", "out"};

const char *store_phase_name(enum store_visit_phase phase) {
  return (unsigned)phase < 3 ? PHASE[phase] : PHASE[STORE_VISIT_CLOSED];
}

const char *store_certainty_name(enum visit_certainty c) {
  return (unsigned)c < 3 ? CERTAINTY[c] : CERTAINTY[VISIT_UNREAD];
}

const char *store_direction_name(enum visit_direction d) {
  return (unsigned)d < 3 ? DIRECTION[d] : DIRECTION[DIRECTION_UNKNOWN];
}

static int word(sqlite3_stmt *st, int column, const char *const words[3], int otherwise) {
  char text[16];
  store_column(st, column, text, sizeof text);
  for (int i = 0; i < 3; i++)
    if (strcmp(text, words[i]) == 0)
      return i;
  return otherwise;
}

static void read_alternatives(sqlite3_stmt *st, int column, struct store_visit *v) {
  const unsigned char *text = sqlite3_column_text(st, column);
  json_t *list = text ? json_loads((const char *)text, 0, NULL) : NULL;
  for (size_t i = 0; i < json_array_size(list) && i < PLATE_ALTERNATIVES; i++) {
    json_t *item = json_array_get(list, i);
    const char *plate = json_string_value(json_array_get(item, 0));
    struct plate_alternative *a = &v->alternative[v->alternatives];
    if (!plate || snprintf(a->text, sizeof a->text, "%s", plate) >= (int)sizeof a->text)
      continue;
    a->confidence = (float)json_number_value(json_array_get(item, 1));
    v->alternatives++;
  }
  json_decref(list);
}

static void read_row(sqlite3_stmt *st, struct store_visit *v) {
  char type[24];
  memset(v, 0, sizeof *v);
  v->id = (uint64_t)sqlite3_column_int64(st, 0);
  v->rev = (uint64_t)sqlite3_column_int64(st, 1);
  v->phase = (enum store_visit_phase)word(st, 2, PHASE, STORE_VISIT_CLOSED);
  v->certainty = (enum visit_certainty)word(st, 3, CERTAINTY, VISIT_UNREAD);
  v->direction = (enum visit_direction)word(st, 4, DIRECTION, DIRECTION_UNKNOWN);
  store_column(st, 5, type, sizeof type);
  if (!plate_type_parse(type, &v->type))
    v->type = PLATE_UNKNOWN;
  store_column(st, 6, v->text, sizeof v->text);
  v->confidence = sqlite3_column_double(st, 7);
  read_alternatives(st, 8, v);
  v->opened_ms = sqlite3_column_int64(st, 9);
  v->last_seen_ms = sqlite3_column_int64(st, 10);
  v->closed_ms = sqlite3_column_int64(st, 11);
  v->frame_ms = sqlite3_column_int64(st, 12);
  v->merged_into = (uint64_t)sqlite3_column_int64(st, 13);
  store_column(st, 14, v->evidence, sizeof v->evidence);
  store_column(st, 15, v->camera, sizeof v->camera);
  v->clock_trusted = sqlite3_column_int(st, 16) != 0;
  store_column(st, 17, v->picture, sizeof v->picture);
  v->said_by = sqlite3_column_int64(st, 18);
}

// What a list asks for: which visits, in which order.
struct wanted {
  bool open_only, not_merged, by_rev;
  const char *plate; // exactly, NULL any
  const char *part;  // contained, NULL any
  uint64_t since;    // rev greater
  const struct store_cursor *before;
};

static bool fits(const struct wanted *w, const struct store_visit *v) {
  return (!w->open_only || v->phase == STORE_VISIT_OPEN) &&
         (!w->not_merged || v->phase != STORE_VISIT_MERGED) &&
         (!w->plate || strcmp(v->text, w->plate) == 0) && (!w->part || strstr(v->text, w->part)) &&
         v->rev > w->since &&
         (!w->before || v->opened_ms < w->before->opened_ms ||
          (v->opened_ms == w->before->opened_ms && v->id < w->before->id));
}

static bool earlier(const struct wanted *w, const struct store_visit *a,
                    const struct store_visit *b) {
  if (w->by_rev)
    return a->rev < b->rev;
  return a->opened_ms != b->opened_ms ? a->opened_ms > b->opened_ms : a->id > b->id;
}

// Puts v into its place of the sorted list; the last one falls out when it is full.
static void insert(const struct wanted *w, struct store_visit *out, size_t max, size_t *n,
                   const struct store_visit *v) {
  size_t at = *n;
  while (at > 0 && earlier(w, v, &out[at - 1]))
    at--;
  if (at == max)
    return;
  size_t moved = (*n < max ? *n : max - 1) - at;
  memmove(out + at + 1, out + at, moved * sizeof *out);
  out[at] = *v;
  if (*n < max)
    (*n)++;
}

struct copy {
  unsigned n;
  struct store_visit visit[STORE_UNSAVED_MAX];
};

// The unsaved are copied before the database is read: one that is saved in between is then seen
// twice, never missed. NULL in *out when there are none, which is nearly always.
static bool copy_unsaved(struct store *s, struct copy **out, struct err *e) {
  struct store_shared *sh = s->shared;
  *out = NULL;
  pthread_mutex_lock(&sh->lock);
  bool any = sh->unsaved > 0;
  pthread_mutex_unlock(&sh->lock);
  if (!any)
    return true;
  struct copy *c = malloc(sizeof *c);
  if (!c)
    return err_set(e, ERR_NOMEM, "store: no memory");
  pthread_mutex_lock(&sh->lock);
  c->n = sh->unsaved;
  memcpy(c->visit, sh->visit, c->n * sizeof *c->visit);
  pthread_mutex_unlock(&sh->lock);
  *out = c;
  return true;
}

static const struct store_visit *find(const struct copy *c, uint64_t id) {
  for (unsigned i = 0; c && i < c->n; i++)
    if (c->visit[i].id == id)
      return &c->visit[i];
  return NULL;
}

// Runs a prepared list to `max` rows. `more` (may be NULL): something was left over.
static bool collect(struct store *s, sqlite3_stmt *st, const struct wanted *w, const struct copy *c,
                    struct store_visit *out, size_t max, size_t *n, bool *more, struct err *e) {
  int row = 0;
  bool left = false;
  *n = 0;
  while (st && (row = store_row(s, st, e)) > 0) {
    const struct store_visit *newer = find(c, (uint64_t)sqlite3_column_int64(st, 0));
    if (newer && newer->rev >= (uint64_t)sqlite3_column_int64(st, 1))
      continue; // comes from the copy below
    if (*n == max) {
      left = true;
      store_done(st);
      break;
    }
    read_row(st, &out[(*n)++]);
  }
  if (!st || row < 0)
    return false;
  for (unsigned i = 0; c && i < c->n; i++) {
    bool present = false; // saved since the copy was made, with a later change
    for (size_t k = 0; k < *n; k++)
      present = present || out[k].id == c->visit[i].id;
    if (present || !fits(w, &c->visit[i]))
      continue;
    left = left || *n == max;
    insert(w, out, max, n, &c->visit[i]);
  }
  if (more)
    *more = left;
  return true;
}

static bool list(struct store *s, const char *sql, const struct wanted *w, const char *letters,
                 const void *a, int64_t b, int64_t d, struct store_visit *out, size_t max,
                 size_t *n, bool *more, struct err *e) {
  struct copy *c = NULL;
  *n = 0;
  if (max == 0 || max > STORE_PAGE_MAX)
    return err_set(e, ERR_ARG, "store: a list has 1 to %d visits", STORE_PAGE_MAX);
  if (!store_enter(s, e))
    return false;
  bool ok = copy_unsaved(s, &c, e);
  if (ok) {
    sqlite3_stmt *st;
    if (letters[0] == 't')
      st = store_query(s, sql, e, letters, (const char *)a, b, d);
    else
      st = store_query(s, sql, e, letters, b, d);
    ok = collect(s, st, w, c, out, max, n, more, e);
  }
  store_leave(s);
  free(c);
  return ok;
}

bool store_visit_get(struct store *s, uint64_t id, struct store_visit *out, struct err *e) {
  static const char sql[] = "SELECT " COLUMNS " FROM visit WHERE id = ?";
  struct store_shared *sh = s->shared;
  bool found = false;
  if (!store_enter(s, e))
    return false;
  bool put = false; // in the transaction that runs on this handle: the database has the newest
  for (unsigned i = 0; s->depth > 0 && i < s->pending; i++)
    put = put || s->pending_visit[i].id == id;
  pthread_mutex_lock(&sh->lock);
  for (unsigned i = 0; !put && i < sh->unsaved && !found; i++) {
    found = sh->visit[i].id == id;
    if (found)
      *out = sh->visit[i];
  }
  pthread_mutex_unlock(&sh->lock);
  int row = 0;
  if (!found) {
    sqlite3_stmt *st = store_query(s, sql, e, "i", (int64_t)id);
    row = st ? store_row(s, st, e) : -1;
    if (row > 0) {
      read_row(st, out);
      store_done(st);
    }
  }
  store_leave(s);
  if (!found && row == 0)
    return err_set(e, ERR_NOT_FOUND, "visit %" PRIu64 " is not in the store", id);
  return found || row > 0;
}

bool store_visit_list_open(struct store *s, struct store_visit *out, size_t max, size_t *n,
                           struct err *e) {
  static const char sql[] = "SELECT " COLUMNS " FROM visit INDEXED BY visit_open"
                            " WHERE phase = 'open' ORDER BY opened_ms DESC, id DESC LIMIT ?";
  const struct wanted w = {.open_only = true};
  return list(s, sql, &w, "i", NULL, (int64_t)(max + STORE_UNSAVED_MAX), 0, out, max, n, NULL, e);
}

bool store_visit_list_plate(struct store *s, const char *text, struct store_visit *out, size_t max,
                            size_t *n, struct err *e) {
  static const char sql[] = "SELECT " COLUMNS " FROM visit WHERE phase = 'open' AND plate = ?"
                            " ORDER BY opened_ms DESC, id DESC LIMIT ?";
  const struct wanted w = {.open_only = true, .plate = text};
  return list(s, sql, &w, "ti", text, (int64_t)(max + STORE_UNSAVED_MAX), 0, out, max, n, NULL, e);
}

bool store_visit_list_since(struct store *s, uint64_t since, struct store_visit *out, size_t max,
                            size_t *n, struct err *e) {
  static const char sql[] = "SELECT " COLUMNS " FROM visit WHERE rev > ? ORDER BY rev LIMIT ?";
  const struct wanted w = {.by_rev = true, .since = since};
  int64_t from = since > INT64_MAX ? INT64_MAX : (int64_t)since;
  return list(s, sql, &w, "ii", NULL, from, (int64_t)(max + STORE_UNSAVED_MAX), out, max, n, NULL,
              e);
}

bool store_visit_history(struct store *s, const char *query, const struct store_cursor *before,
                         struct store_visit *out, size_t max, size_t *n, bool *more,
                         struct err *e) {
  static const char all[] = "SELECT " COLUMNS " FROM visit WHERE (opened_ms, id) < (?1, ?2)"
                            " AND phase <> 'merged' ORDER BY opened_ms DESC, id DESC";
  static const char part[] = "SELECT " COLUMNS " FROM visit WHERE instr(plate, ?1) > 0"
                             " AND (opened_ms, id) < (?2, ?3)"
                             " AND phase <> 'merged' ORDER BY opened_ms DESC, id DESC";
  char text[PLATE_TEXT_MAX];
  *n = 0;
  *more = false;
  if (!store_plate_normalise(query ? query : "", text, sizeof text))
    return err_set(e, ERR_ARG, "history: the text to search for is not UTF-8 or too long");
  struct store_cursor from = before ? *before : (struct store_cursor){INT64_MAX, INT64_MAX};
  const struct wanted w = {
      .not_merged = true, .part = text[0] ? text : NULL, .before = before ? &from : NULL};
  int64_t id = from.id > INT64_MAX ? INT64_MAX : (int64_t)from.id;
  return list(s, text[0] ? part : all, &w, text[0] ? "tii" : "ii", text, from.opened_ms, id, out,
              max, n, more, e);
}

void store_cursor_format(const struct store_cursor *c, char out[STORE_CURSOR_MAX]) {
  (void)snprintf(out, STORE_CURSOR_MAX, "%" PRId64 "-%" PRIu64, c->opened_ms, c->id);
}

bool store_cursor_parse(const char *text, struct store_cursor *out, struct err *e) {
  char *end = NULL;
  errno = 0;
  bool ok = text[0] >= '0' && text[0] <= '9' && strlen(text) < STORE_CURSOR_MAX;
  if (ok) {
    out->opened_ms = strtoll(text, &end, 10);
    ok = *end == '-' && end[1] >= '0' && end[1] <= '9';
  }
  if (ok) {
    out->id = strtoull(end + 1, &end, 10);
    ok = *end == '\0' && errno == 0;
  }
  return ok || err_set(e, ERR_ARG, "a page begins at <milliseconds>-<visit>, not at this text");
}
