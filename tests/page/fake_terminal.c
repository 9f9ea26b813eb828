// SPDX-License-Identifier: Apache-2.0
// A terminal without camera and look-up for the page's tests: the real server, stream, sign-in and
// API over cards that the test writes. Commands come on stdin, one a line:
//   card JSON     keeps the card and sends it (also across restarts, in DIR/cards.jsonl)
//   keep JSON     keeps it without sending, as if it came while nobody was connected
//   status JSON   is the status from now on
//   quiet / talk  stop and start answering status (the page must notice the silence)
// It prints "code CODE" while nobody is set up, then "port N".
#include "firmware/api.h"

#include "board/log.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CARDS_MAX 2000
#define LINE_MAX_BYTES (64 << 10)

struct fake {
  pthread_mutex_t lock;
  json_t *cards[CARDS_MAX]; // latest card of each visit
  size_t count;
  json_t *status;
  bool quiet;
  char dir[512];
  struct api *api;
};

static json_int_t rev_of(const json_t *card) {
  return json_integer_value(json_object_get(card, "rev"));
}

static void keep(struct fake *f, json_t *card) {
  const char *visit = json_string_value(json_object_get(card, "visit"));
  for (size_t i = 0; visit && i < f->count; i++) {
    if (strcmp(json_string_value(json_object_get(f->cards[i], "visit")), visit) == 0) {
      json_decref(f->cards[i]);
      f->cards[i] = json_incref(card);
      return;
    }
  }
  if (visit && f->count < CARDS_MAX) {
    f->cards[f->count++] = json_incref(card);
  }
}

static char *dump(json_t *json) {
  char *text = json_dumps(json, JSON_COMPACT);
  json_decref(json);
  return text;
}

static bool cards_json(void *ctx, char **json, struct err *e) {
  struct fake *f = ctx;
  json_t *list = json_array();
  json_int_t rev = 0;
  pthread_mutex_lock(&f->lock);
  for (size_t i = 0; i < f->count; i++) {
    json_array_append(list, f->cards[i]);
    rev = rev_of(f->cards[i]) > rev ? rev_of(f->cards[i]) : rev;
  }
  pthread_mutex_unlock(&f->lock);
  *json = dump(json_pack("{s:I,s:o}", "rev", rev, "cards", list));
  return *json || err_set(e, ERR_NOMEM, "memory");
}

static bool history_json(void *ctx, const char *query, const char *before, unsigned limit,
                         char **json, struct err *e) {
  struct fake *f = ctx;
  json_t *list = json_array();
  char want[64] = "";
  (void)before;
  if (query && !store_plate_normalise(query, want, sizeof want)) {
    json_decref(list);
    return err_set(e, ERR_ARG, "the plate cannot be searched");
  }
  pthread_mutex_lock(&f->lock);
  for (size_t i = f->count; i-- > 0 && json_array_size(list) < limit;) {
    const char *text =
        json_string_value(json_object_get(json_object_get(f->cards[i], "plate"), "text"));
    if (!text) {
      continue; // merged, or not readable
    }
    if (!want[0] || strstr(text, want)) {
      json_array_append(list, f->cards[i]);
    }
  }
  pthread_mutex_unlock(&f->lock);
  *json = dump(json_pack("{s:o,s:n}", "cards", list, "next"));
  return *json || err_set(e, ERR_NOMEM, "memory");
}

static int by_rev(const void *a, const void *b) {
  json_int_t x = rev_of(*(json_t *const *)a), y = rev_of(*(json_t *const *)b);
  return x < y ? -1 : x > y;
}

static bool replay(void *ctx, uint64_t since,
                   bool (*emit)(void *to, uint64_t rev, const char *json), void *to,
                   struct err *e) {
  struct fake *f = ctx;
  (void)e;
  pthread_mutex_lock(&f->lock);
  qsort(f->cards, f->count, sizeof f->cards[0], by_rev);
  bool going = true;
  for (size_t i = 0; i < f->count && going; i++) {
    if ((uint64_t)rev_of(f->cards[i]) > since) {
      char *text = json_dumps(f->cards[i], JSON_COMPACT);
      going = text && emit(to, (uint64_t)rev_of(f->cards[i]), text);
      free(text);
    }
  }
  pthread_mutex_unlock(&f->lock);
  return going;
}

static bool evidence(void *ctx, uint64_t visit, void **jpeg, size_t *len, struct err *e) {
  struct fake *f = ctx;
  char path[600];
  snprintf(path, sizeof path, "%s/%llu.jpg", f->dir, (unsigned long long)visit);
  FILE *file = fopen(path, "rb");
  if (!file) {
    return err_errno(e, errno, "evidence");
  }
  *jpeg = malloc(1 << 20);
  *len = *jpeg ? fread(*jpeg, 1, 1 << 20, file) : 0;
  fclose(file);
  return *jpeg || err_set(e, ERR_NOMEM, "memory");
}

// As the terminal does it: the word becomes the visit's text, and its card is sent.
static bool correct(void *ctx, uint64_t visit, const char *plate, int64_t by, struct err *e) {
  struct fake *f = ctx;
  char id[24], *text = NULL;
  uint64_t rev = 0;
  (void)by;
  snprintf(id, sizeof id, "%llu", (unsigned long long)visit);
  pthread_mutex_lock(&f->lock);
  for (size_t i = 0; i < f->count && !text; i++) {
    json_t *card = f->cards[i], *p = json_object_get(card, "plate");
    if (strcmp(json_string_value(json_object_get(card, "visit")), id) != 0) {
      continue;
    }
    if (!json_is_object(p)) {
      p = json_object();
      json_object_set_new(card, "plate", p);
    }
    if (!json_object_get(p, "picture")) {
      json_object_set(p, "picture", json_object_get(p, "text"));
    }
    json_object_set_new(p, "text", json_string(plate));
    json_object_set_new(p, "said", json_true());
    json_object_set_new(card, "certainty", json_string("certain"));
    for (size_t k = 0; k < f->count; k++) {
      rev = (uint64_t)rev_of(f->cards[k]) > rev ? (uint64_t)rev_of(f->cards[k]) : rev;
    }
    rev++;
    json_object_set_new(card, "rev", json_integer((json_int_t)rev));
    text = json_dumps(card, JSON_COMPACT);
  }
  pthread_mutex_unlock(&f->lock);
  if (!text) {
    return err_set(e, ERR_NOT_FOUND, "no such visit");
  }
  api_publish_card(f->api, rev, text);
  free(text);
  return true;
}

static bool status_json(void *ctx, char **json, struct err *e) {
  struct fake *f = ctx;
  char now[40];
  time_t t = time(NULL);
  struct tm tm;
  gmtime_r(&t, &tm);
  strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%S+00:00", &tm);
  pthread_mutex_lock(&f->lock);
  bool quiet = f->quiet;
  json_t *s = json_copy(f->status);
  pthread_mutex_unlock(&f->lock);
  if (quiet) {
    json_decref(s);
    return err_set(e, ERR_BUSY, "quiet");
  }
  if (!json_object_get(s, "now")) {
    json_object_set_new(s, "now", json_string(now));
  }
  *json = dump(s);
  return *json || err_set(e, ERR_NOMEM, "memory");
}

static bool health_json(void *ctx, bool *ok, char **json, struct err *e) {
  (void)ctx;
  *ok = true;
  *json = dump(json_pack("{s:b}", "ok", 1));
  return *json || err_set(e, ERR_NOMEM, "memory");
}

static void show_code(void *ctx, const char *code) {
  (void)ctx;
  printf("code %s\n", code);
}

static void load(struct fake *f, const char *path, char *line) {
  FILE *file = fopen(path, "r");
  while (file && fgets(line, LINE_MAX_BYTES, file)) {
    json_t *card = json_loads(line, 0, NULL);
    keep(f, card);
    json_decref(card);
  }
  if (file) {
    fclose(file);
  }
}

static bool command(struct fake *f, struct api *api, FILE *log, char *line) {
  char *rest = strchr(line, ' ');
  json_t *json = rest ? json_loads(rest + 1, 0, NULL) : NULL;
  line[rest ? (size_t)(rest - line) : strcspn(line, "\n")] = '\0';
  pthread_mutex_lock(&f->lock);
  if (strcmp(line, "quiet") == 0 || strcmp(line, "talk") == 0) {
    f->quiet = *line == 'q';
  } else if (strcmp(line, "status") == 0 && json) {
    json_decref(f->status);
    f->status = json_incref(json);
  } else if (json) {
    keep(f, json);
    json_dumpf(json, log, JSON_COMPACT);
    fputc('\n', log);
    fflush(log);
  }
  pthread_mutex_unlock(&f->lock);
  if (strcmp(line, "card") == 0 && json) {
    char *text = json_dumps(json, JSON_COMPACT);
    api_publish_card(api, (uint64_t)rev_of(json), text);
    free(text);
  }
  api_status_changed(api);
  json_decref(json);
  return true;
}

int main(int argc, char **argv) {
  static struct fake f = {.lock = PTHREAD_MUTEX_INITIALIZER};
  struct store *store = NULL;
  struct auth *auth = NULL;
  struct api *api = NULL;
  FILE *log = NULL;
  struct err e;
  char path[600];
  if (argc != 3) {
    fprintf(stderr, "usage: fake_terminal DIR PORT\n");
    return 2;
  }
  char *line = malloc(LINE_MAX_BYTES);
  if (!line) {
    return 1;
  }
  snprintf(f.dir, sizeof f.dir, "%s", argv[1]);
  f.status = json_loads("{\"cameras\":[{\"name\":\"gate\",\"state\":\"online\"}],\"store\":{\"ok\":"
                        "true},\"clock_trusted\":true}",
                        0, NULL);
  snprintf(path, sizeof path, "%s/cards.jsonl", f.dir);
  load(&f, path, line);
  log = fopen(path, "a");
  snprintf(path, sizeof path, "%s/users.db", f.dir);
  struct store_options so = {.path = path, .wall_ms = time(NULL) * 1000};
  uint64_t rev = 0;
  for (size_t i = 0; i < f.count; i++) {
    rev = (uint64_t)rev_of(f.cards[i]) > rev ? (uint64_t)rev_of(f.cards[i]) : rev;
  }
  if (!log || !store_open(&store, &so, &e)) {
    fprintf(stderr, "fake_terminal: %s\n", log ? e.text : path);
    free(line);
    return 1;
  }
  struct auth_options ao = {
      .clock = clock_system(), .ops = &auth_on_store, .store = store, .show_code = show_code};
  struct api_options o = {
      .clock = clock_system(),
      .deps = {&f, cards_json, history_json, replay, evidence, status_json, health_json, correct},
      .address = "127.0.0.1",
      .port = (int)strtol(argv[2], NULL, 10),
      .shop_name = "示范专营店",
      .newest_rev = rev};
  bool ok = auth_new(&auth, &ao, &e);
  o.auth = auth;
  ok = ok && api_new(&api, &o, &e);
  f.api = api; // nobody is signed in before the port is printed
  if (ok) {
    printf("port %d\n", api_port(api));
    fflush(stdout);
    while (fgets(line, LINE_MAX_BYTES, stdin) && command(&f, api, log, line)) {
    }
  } else {
    fprintf(stderr, "fake_terminal: %s\n", e.text);
  }
  api_free(api);
  auth_free(auth);
  store_close(store);
  for (size_t i = 0; i < f.count; i++) {
    json_decref(f.cards[i]);
  }
  json_decref(f.status);
  free(line);
  fclose(log);
  return ok ? 0 : 1;
}
