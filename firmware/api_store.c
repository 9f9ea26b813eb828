// SPDX-License-Identifier: Apache-2.0
#include "firmware/api_store.h"

#include "board/log.h"
#include "firmware/arrivals.h"
#include "firmware/said.h"
#include "firmware/tie.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A text that grows up to a bound.
struct text {
  char *s;
  size_t len, room;
};

#define TEXT_MAX ((size_t)(STORE_PAGE_MAX + API_STORE_OPEN) * CARD_BYTES_MAX)

static bool add(struct text *t, const char *s, struct err *e) {
  size_t n = strlen(s);
  if (t->len + n + 1 > t->room) {
    size_t room = (t->len + n + 1) * 2;
    char *more = room > TEXT_MAX ? NULL : realloc(t->s, room);
    if (!more) {
      return err_set(e, ERR_NOMEM, "cards: out of memory");
    }
    t->s = more;
    t->room = room;
  }
  memcpy(t->s + t->len, s, n + 1);
  t->len += n;
  return true;
}

static bool add_card(struct api_store *s, struct text *t, const struct card_context *ctx,
                     const struct store_visit *v, bool first, struct err *e) {
  char *card = NULL;
  if (!card_json(s->reader, ctx, v, &card, e)) {
    return false;
  }
  bool ok = (first || add(t, ",", e)) && add(t, card, e);
  free(card);
  return ok;
}

bool api_store_cards(void *ctx, char **json, struct err *e) {
  struct api_store *s = ctx;
  struct text t = {0};
  struct card_context how;
  uint64_t rev = 0;
  size_t open = 0, recent = 0;
  bool more = false, ok = false, first = true;
  struct store_visit *v = calloc(API_STORE_OPEN + API_STORE_RECENT, sizeof *v);
  if (!v) {
    return err_set(e, ERR_NOMEM, "cards: out of memory");
  }
  s->card_context(s->ctx, &how);
  // The number is read first: what changes while the cards are read comes again as an event.
  if (!store_visit_rev(s->reader, &rev, e) ||
      !store_visit_list_open(s->reader, v, API_STORE_OPEN, &open, e) ||
      !store_visit_history(s->reader, NULL, NULL, v + open, API_STORE_RECENT, &recent, &more, e)) {
    goto out;
  }
  char head[64];
  snprintf(head, sizeof head, "{\"rev\":%" PRIu64 ",\"cards\":[", rev);
  if (!add(&t, head, e)) {
    goto out;
  }
  for (size_t i = 0; i < open + recent; i++) {
    bool again = false;
    for (size_t k = 0; k < open && i >= open; k++) {
      again = again || v[k].id == v[i].id;
    }
    if (!again) {
      if (!add_card(s, &t, &how, &v[i], first, e)) {
        goto out;
      }
      first = false;
    }
  }
  ok = add(&t, "]}", e);
out:
  free(v);
  if (ok) {
    *json = t.s;
  } else {
    free(t.s);
  }
  return ok;
}

bool api_store_history(void *ctx, const char *query, const char *before, unsigned limit,
                       char **json, struct err *e) {
  struct api_store *s = ctx;
  struct text t = {0};
  struct card_context how;
  struct store_cursor from, next;
  size_t n = 0;
  bool more = false, ok = false;
  if (before && *before && !store_cursor_parse(before, &from, e)) {
    return err_prefix(e, "before");
  }
  if (limit == 0 || limit > STORE_PAGE_MAX) {
    return err_set(e, ERR_ARG, "limit: 1 to %d", STORE_PAGE_MAX);
  }
  struct store_visit *v = calloc(limit, sizeof *v);
  if (!v) {
    return err_set(e, ERR_NOMEM, "history: out of memory");
  }
  s->card_context(s->ctx, &how);
  if (!store_visit_history(s->reader, query, before && *before ? &from : NULL, v, limit, &n, &more,
                           e) ||
      !add(&t, "{\"cards\":[", e)) {
    goto out;
  }
  for (size_t i = 0; i < n; i++) {
    if (!add_card(s, &t, &how, &v[i], i == 0, e)) {
      goto out;
    }
  }
  char tail[STORE_CURSOR_MAX + 32] = "],\"next\":null}";
  if (more && n > 0) {
    char text[STORE_CURSOR_MAX];
    next.opened_ms = v[n - 1].opened_ms;
    next.id = v[n - 1].id;
    store_cursor_format(&next, text);
    snprintf(tail, sizeof tail, "],\"next\":\"%s\"}", text);
  }
  ok = add(&t, tail, e);
out:
  free(v);
  if (ok) {
    *json = t.s;
  } else {
    free(t.s);
  }
  return ok;
}

bool api_store_replay(void *ctx, uint64_t since,
                      bool (*emit)(void *to, uint64_t rev, const char *json), void *to,
                      struct err *e) {
  struct api_store *s = ctx;
  struct card_context how;
  size_t n = 0;
  bool ok = false, going = true;
  struct store_visit *v = calloc(STORE_PAGE_MAX, sizeof *v);
  if (!v) {
    return err_set(e, ERR_NOMEM, "replay: out of memory");
  }
  s->card_context(s->ctx, &how);
  do {
    if (!store_visit_list_since(s->reader, since, v, STORE_PAGE_MAX, &n, e)) {
      goto out;
    }
    for (size_t i = 0; i < n && going; i++) {
      char *card = NULL;
      if (!card_json(s->reader, &how, &v[i], &card, e)) {
        goto out;
      }
      going = emit(to, v[i].rev, card);
      since = v[i].rev;
      free(card);
    }
  } while (going && n == STORE_PAGE_MAX);
  ok = true;
out:
  free(v);
  return ok;
}

bool api_store_evidence(void *ctx, uint64_t visit, void **jpeg, size_t *len, struct err *e) {
  struct api_store *s = ctx;
  struct store_visit v;
  if (!store_visit_get(s->reader, visit, &v, e)) {
    return false;
  }
  if (!s->evidence || !v.evidence[0]) {
    return err_set(e, ERR_NOT_FOUND, "no picture of this visit");
  }
  return evidence_read(s->evidence, v.evidence, jpeg, len, e);
}

// The crop with the word: for the eval and the training, and for the next version's proof. What
// goes wrong with it does not hold up the word itself.
static bool keep_crop(struct api_store *s, const struct store_visit *v, const char *plate,
                      struct err *e) {
  void *jpeg = NULL;
  size_t len = 0;
  if (!s->corrections)
    return true;
  if (!api_store_evidence(s, v->id, &jpeg, &len, e))
    return e->code == ERR_NOT_FOUND; // nothing to learn from
  const struct correction c = {.visit = v->id,
                               .plate = plate,
                               .type = v->type,
                               .read = tie_picture_text(v),
                               .confidence = v->confidence,
                               .wall_ms = clock_wall_ns(s->clock) / CLOCK_NS_PER_MS,
                               .jpeg = jpeg,
                               .len = len};
  const bool ok = corrections_put(s->corrections, &c, e);
  const struct golden_crop crop = {.visit = v->id,
                                   .plate = plate,
                                   .type = said_type(v->type, plate),
                                   .by_person = true,
                                   .wall_ms = v->opened_ms,
                                   .evidence = jpeg,
                                   .len = len};
  struct err why;
  // Where nothing was read, the crop is of the car.
  if (ok && s->golden && c.read[0] && v->clock_trusted &&
      !golden_offer(s->golden, &crop, NULL, &why)) {
    log_warn("golden", "%s", why.text); // the word itself is kept
  }
  free(jpeg);
  return ok;
}

bool api_store_correct(void *ctx, uint64_t visit, const char *plate, int64_t by, struct err *e) {
  struct api_store *s = ctx;
  struct store_visit v; // as it was read
  struct err why;
  if (!store_visit_get(s->reader, visit, &v, e) ||
      !arrivals_say(s->arrivals, visit, plate, by, e)) {
    return false;
  }
  if (!keep_crop(s, &v, plate, &why)) {
    log_warn("corrections", "visit %" PRIu64 ": its crop is not kept: %s", visit, why.text);
  }
  return true;
}
