// SPDX-License-Identifier: Apache-2.0
// Writing visits: one row each, kept in memory when the disk refuses it.
#include "firmware/store_visit.h"
#include "firmware/evidence.h"
#include "firmware/said.h"
#include "firmware/store_private.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static_assert(STORE_EVIDENCE_MAX == EVIDENCE_PATH_MAX, "one path, one size");

static bool check(const struct store_visit *v, struct err *e) {
  if (v->id == 0 || v->id > INT64_MAX || v->opened_ms <= 0)
    return err_set(e, ERR_ARG, "visit: number or opening time missing");
  if (v->alternatives < 0 || v->alternatives > PLATE_ALTERNATIVES)
    return err_set(e, ERR_ARG, "visit: %d alternatives, at most %d", v->alternatives,
                   PLATE_ALTERNATIVES);
  if (!(v->confidence >= 0 && v->confidence <= 1)) // also not a number
    return err_set(e, ERR_ARG, "visit: confidence %g is not within 0..1", v->confidence);
  bool texts =
      store_utf8_valid(v->text) && store_utf8_valid(v->camera) && store_utf8_valid(v->picture);
  for (int i = 0; i < v->alternatives; i++)
    texts = texts && store_utf8_valid(v->alternative[i].text);
  if (!texts)
    return err_set(e, ERR_ARG, "visit: a text is not UTF-8");
  if (v->evidence[0] && !evidence_path_valid(v->evidence))
    return err_set(e, ERR_ARG, "visit: evidence path of another form");
  return true;
}

// [["text",0.01],...]; the texts are plates, so only '"' and '\' need escaping, and control
// characters do not occur in what a reader's alphabet gives: others are left out.
static void alternatives_text(const struct store_visit *v, char *out, size_t size) {
  size_t n = 0;
  out[n++] = '[';
  for (int i = 0; i < v->alternatives; i++) {
    char text[PLATE_TEXT_MAX];
    size_t k = 0;
    for (const char *p = v->alternative[i].text; *p && k + 1 < sizeof text; p++)
      if ((unsigned char)*p >= 0x20 && *p != '"' && *p != '\\')
        text[k++] = *p;
    text[k] = '\0';
    double c = v->alternative[i].confidence;
    int w = snprintf(out + n, size - n, "%s[\"%s\",%.6f]", i ? "," : "", text,
                     isfinite(c) && c >= 0 && c <= 1 ? c : 0.0);
    if (w < 0 || (size_t)w >= size - n - 1)
      break;
    n += (size_t)w;
  }
  out[n++] = ']';
  out[n] = '\0';
}

bool store_visit_write(struct store *s, const struct store_visit *v, struct err *e) {
  static const char sql[] =
      "INSERT INTO visit(id, rev, phase, certainty, direction, type, plate, confidence,"
      " alternatives, opened_ms, last_seen_ms, closed_ms, frame_ms, merged_into, evidence, camera,"
      " clock_trusted, picture, said_by)"
      " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19)"
      " ON CONFLICT(id) DO UPDATE SET rev=?2, phase=?3, certainty=?4, direction=?5, type=?6,"
      " plate=?7, confidence=?8, alternatives=?9, opened_ms=?10, last_seen_ms=?11, closed_ms=?12,"
      " frame_ms=?13, merged_into=?14, evidence=?15, camera=?16, clock_trusted=?17,"
      " picture=?18, said_by=?19";
  static const char counters[] =
      "INSERT INTO counter(name, value) VALUES('rev', ?1), ('visit', ?2)"
      " ON CONFLICT(name) DO UPDATE SET value = max(value, excluded.value)";
  char alternatives[PLATE_ALTERNATIVES * (PLATE_TEXT_MAX + 24) + 8];
  if (s->pending == STORE_PENDING_MAX)
    return err_set(e, ERR_LIMIT, "store: more than %d visits in a transaction", STORE_PENDING_MAX);
  s->pending_visit[s->pending++] = *v;
  alternatives_text(v, alternatives, sizeof alternatives);
  return store_run(s, sql, e, "iitttttdtiiiiittiti", (int64_t)v->id, (int64_t)v->rev,
                   store_phase_name(v->phase), store_certainty_name(v->certainty),
                   store_direction_name(v->direction), plate_type_name(v->type), v->text,
                   v->confidence, alternatives, v->opened_ms, v->last_seen_ms, v->closed_ms,
                   v->frame_ms, (int64_t)v->merged_into, v->evidence, v->camera,
                   (int64_t)v->clock_trusted, v->picture, v->said_by) &&
         store_run(s, counters, e, "ii", (int64_t)v->rev, (int64_t)v->id);
}

bool store_visit_put(struct store *s, struct store_visit *v, struct err *e) {
  if (!check(v, e))
    return false;
  if (!s->writer)
    return err_set(e, ERR_DENIED, "store: this handle only reads");
  struct store_shared *sh = s->shared;
  pthread_mutex_lock(&s->lock); // revisions are given and committed in one order
  pthread_mutex_lock(&sh->lock);
  v->rev = ++sh->rev;
  pthread_mutex_unlock(&sh->lock);
  bool ok = store_begin(s, e);
  if (ok) {
    ok = store_visit_write(s, v, e);
    if (ok) {
      ok = store_commit(s, e);
    } else {
      s->broken = true;
      store_rollback(s);
    }
  } else {
    pthread_mutex_lock(&sh->lock);
    store_unsaved_put(sh, v);
    pthread_mutex_unlock(&sh->lock);
  }
  struct err later;
  pthread_mutex_lock(&sh->lock);
  unsigned unsaved = sh->unsaved;
  pthread_mutex_unlock(&sh->lock);
  // There is room again: the older ones too. What goes wrong shows in store_state.
  if (ok && s->depth == 0 && unsaved > 0 && !store_flush(s, &later))
    err_clear(&later);
  pthread_mutex_unlock(&s->lock);
  return ok;
}

// Begins if it can; the puts within keep their rows in memory if it cannot.
static bool put_all(struct store *s, struct store_visit *v, size_t n, struct err *e) {
  pthread_mutex_lock(&s->lock);
  bool begun = store_begin(s, e), ok = begun;
  for (size_t i = 0; i < n; i++)
    if (!store_visit_put(s, &v[i], ok ? e : NULL))
      ok = false;
  if (begun && ok) {
    ok = store_commit(s, e);
  } else if (begun) {
    s->broken = true;
    store_rollback(s);
  }
  pthread_mutex_unlock(&s->lock);
  return ok;
}

static bool change_phase(struct store *s, uint64_t id, enum store_visit_phase phase, int64_t ms,
                         uint64_t *rev, struct err *e) {
  struct store_visit v;
  pthread_mutex_lock(&s->lock); // read and write belong together
  bool ok = store_visit_get(s, id, &v, e);
  if (ok && v.phase == STORE_VISIT_MERGED)
    ok = err_set(e, ERR_STATE, "visit: it was merged into another");
  if (ok) {
    v.phase = phase;
    v.closed_ms = phase == STORE_VISIT_CLOSED ? ms : 0;
    if (phase == STORE_VISIT_OPEN && ms > v.last_seen_ms)
      v.last_seen_ms = ms;
    ok = store_visit_put(s, &v, e);
    if (rev)
      *rev = v.rev;
  }
  pthread_mutex_unlock(&s->lock);
  return ok;
}

bool store_visit_close(struct store *s, uint64_t id, int64_t closed_ms, uint64_t *rev,
                       struct err *e) {
  return change_phase(s, id, STORE_VISIT_CLOSED, closed_ms, rev, e);
}

bool store_visit_reopen(struct store *s, uint64_t id, int64_t last_seen_ms, uint64_t *rev,
                        struct err *e) {
  return change_phase(s, id, STORE_VISIT_OPEN, last_seen_ms, rev, e);
}

bool store_visit_touch(struct store *s, uint64_t id, uint64_t *rev, struct err *e) {
  struct store_visit v;
  pthread_mutex_lock(&s->lock);
  bool ok = store_visit_get(s, id, &v, e);
  if (ok) {
    ok = store_visit_put(s, &v, e);
    if (rev)
      *rev = v.rev;
  }
  pthread_mutex_unlock(&s->lock);
  return ok;
}

bool store_visit_merge(struct store *s, uint64_t id, uint64_t into, int64_t now_ms, struct err *e) {
  struct store_visit v[2];
  if (id == into)
    return err_set(e, ERR_ARG, "visit: merged into itself");
  pthread_mutex_lock(&s->lock);
  bool ok = store_visit_get(s, id, &v[0], e) && store_visit_get(s, into, &v[1], e);
  if (ok && v[1].phase == STORE_VISIT_MERGED)
    ok = err_set(e, ERR_STATE, "visit: the one to go on was merged itself");
  if (ok) {
    v[0].phase = STORE_VISIT_MERGED;
    v[0].merged_into = into;
    v[0].closed_ms = now_ms;
    if (v[0].opened_ms < v[1].opened_ms)
      v[1].opened_ms = v[0].opened_ms;
    if (v[0].last_seen_ms > v[1].last_seen_ms)
      v[1].last_seen_ms = v[0].last_seen_ms;
    said_merge(&v[1], &v[0]);
    ok = put_all(s, v, 2, e);
  }
  pthread_mutex_unlock(&s->lock);
  return ok;
}

bool store_visit_close_stale(struct store *s, unsigned *n, struct err *e) {
  struct store_visit v[STORE_PENDING_MAX];
  unsigned closed = 0;
  bool ok = true;
  pthread_mutex_lock(&s->lock);
  for (size_t got = STORE_PENDING_MAX; ok && got == STORE_PENDING_MAX;) {
    ok = store_visit_list_open(s, v, STORE_PENDING_MAX, &got, e);
    for (size_t i = 0; ok && i < got; i++) {
      v[i].phase = STORE_VISIT_CLOSED;
      v[i].closed_ms = v[i].last_seen_ms;
    }
    if (ok && got > 0)
      ok = put_all(s, v, got, e);
    closed += ok ? (unsigned)got : 0;
  }
  pthread_mutex_unlock(&s->lock);
  if (n)
    *n = closed;
  return ok;
}

bool store_visit_rev(struct store *s, uint64_t *rev, struct err *e) {
  (void)e;
  pthread_mutex_lock(&s->shared->lock);
  *rev = s->shared->shown;
  pthread_mutex_unlock(&s->shared->lock);
  return true;
}

bool store_visit_seed(struct store *s, uint64_t *seed, struct err *e) {
  (void)e;
  pthread_mutex_lock(&s->shared->lock);
  *seed = s->shared->seed;
  pthread_mutex_unlock(&s->shared->lock);
  return true;
}
