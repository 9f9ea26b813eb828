// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/upload.h"

#include "tools/flash/words.h"

#include <curl/curl.h>
#include <jansson.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ANSWER_MAX (16u << 10)
#define URL_MAX 400
#define PAUSE_FACTOR 20
#define CONNECT_S 10L
#define STALL_S 30L // less than one byte a second for so long: begin again

struct answer {
  long status;
  long retry_after_s;
  size_t n;
  char body[ANSWER_MAX + 1];
};

struct sending {
  const struct upload *u;
  FILE *file;
  uint64_t from, best; // this request's begin; the farthest so far
  struct answer answer;
};

static size_t on_body(char *bytes, size_t one, size_t n, void *ctx) {
  struct answer *a = ctx;
  (void)one;
  if (n > ANSWER_MAX - a->n)
    return 0; // no board answers so much
  memcpy(a->body + a->n, bytes, n);
  a->n += n;
  a->body[a->n] = '\0';
  return n;
}

static bool stopped(const struct upload *u) {
  return u->stop && *u->stop;
}

static int on_progress(void *ctx, curl_off_t dl_total, curl_off_t dl, curl_off_t ul_total,
                       curl_off_t ul) {
  struct sending *s = ctx;
  (void)dl_total;
  (void)dl;
  (void)ul_total;
  if (s->from + (uint64_t)ul > s->best)
    s->best = s->from + (uint64_t)ul;
  if (s->file)
    progress_at(s->u->progress, s->from + (uint64_t)ul);
  return stopped(s->u);
}

static size_t on_read(char *bytes, size_t one, size_t n, void *ctx) {
  struct sending *s = ctx;
  size_t got = fread(bytes, 1, one * n, s->file);
  return got == 0 && ferror(s->file) ? CURL_READFUNC_ABORT : got;
}

static CURL *prepare(struct sending *s, const char *path, struct curl_slist **headers) {
  char url[URL_MAX], claim[128];
  CURL *c = curl_easy_init();
  if (!c)
    return NULL;
  (void)snprintf(url, sizeof url, "http://%s%s", s->u->address, path);
  (void)snprintf(claim, sizeof claim, "X-Bayplate-Claim: %s", s->u->claim);
  struct curl_slist *first = curl_slist_append(NULL, claim);
  // The board answers at once or not at all; waiting for "100 Continue" only costs a second.
  *headers = first ? curl_slist_append(first, "Expect:") : NULL;
  s->answer.n = 0;
  s->answer.body[0] = '\0';
  bool ok = *headers && curl_easy_setopt(c, CURLOPT_URL, url) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_HTTPHEADER, *headers) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK && // a cable, not the internet
            curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_S) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, STALL_S) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_WRITEDATA, &s->answer) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK &&
            curl_easy_setopt(c, CURLOPT_XFERINFODATA, s) == CURLE_OK;
  if (ok)
    return c;
  if (!*headers)
    curl_slist_free_all(first);
  curl_easy_cleanup(c);
  return NULL;
}

// One request. ERR_NET: it did not come to an answer.
static bool perform(struct sending *s, CURL *c, struct curl_slist *headers, struct err *e) {
  char words_of[CURL_ERROR_SIZE] = "";
  curl_off_t wait = 0;
  bool ok = c && curl_easy_setopt(c, CURLOPT_ERRORBUFFER, words_of) == CURLE_OK;
  CURLcode rc = ok ? curl_easy_perform(c) : CURLE_OUT_OF_MEMORY;
  s->answer.status = 0;
  if (c && (curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &s->answer.status) != CURLE_OK ||
            curl_easy_getinfo(c, CURLINFO_RETRY_AFTER, &wait) != CURLE_OK))
    rc = CURLE_OUT_OF_MEMORY;
  s->answer.retry_after_s = (long)wait;
  curl_slist_free_all(headers);
  curl_easy_cleanup(c);
  // A refusal may come while we still send: its status counts more than the broken pipe.
  if (rc == CURLE_OK || (s->answer.status >= 400 && s->answer.n > 0))
    return true;
  return err_set(e, ERR_NET, "%s: %s", s->u->address,
                 words_of[0] ? words_of : curl_easy_strerror(rc));
}

static bool get(struct sending *s, const char *path, struct err *e) {
  struct curl_slist *headers = NULL;
  CURL *c = prepare(s, path, &headers);
  return perform(s, c, headers, e);
}

static void copy_word(const json_t *from, const char *name, char *out, size_t size) {
  const char *v = json_string_value(json_object_get(from, name));
  size_t n = 0;
  for (; v && v[n] && n + 1 < size; n++)
    out[n] = (unsigned char)v[n] < 0x20 || v[n] == 0x7f ? '?' : v[n]; // it goes to a terminal
  out[n] = '\0';
}

bool upload_identity(const struct upload *u, struct upload_board *out, struct err *e) {
  struct sending *s = calloc(1, sizeof *s);
  if (!s)
    return err_set(e, ERR_NOMEM, "no memory for the board's answer");
  s->u = u;
  bool ok = get(s, "/v1/identity", e);
  json_t *root = ok ? json_loadb(s->answer.body, s->answer.n, 0, NULL) : NULL;
  const char *product = json_string_value(json_object_get(root, "product"));
  if (ok && (!product || strcmp(product, "bayplate") != 0))
    ok = err_set(e, ERR_FORMAT,
                 words("%s 不是 bayplate 的服务口", "%s is no bayplate service port"), u->address);
  if (ok) {
    copy_word(root, "serial", out->serial, sizeof out->serial);
    copy_word(root, "model", out->model, sizeof out->model);
    copy_word(root, "version", out->version, sizeof out->version);
    copy_word(root, "slot", out->slot, sizeof out->slot);
  }
  json_decref(root);
  free(s);
  return ok;
}

static void hex(const uint8_t hash[32], char out[65]) {
  for (int i = 0; i < 32; i++)
    (void)snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

// Where the board's answer says to go on; false: it tells of another upload, or nothing.
static bool place_of(const struct answer *a, const char *hash, const struct checked_bundle *b,
                     uint64_t *have, bool *done) {
  json_t *root = json_loadb(a->body, a->n, 0, NULL);
  const char *its = json_string_value(json_object_get(root, "sha256"));
  json_int_t at = json_integer_value(json_object_get(root, "have"));
  bool same = its && strcmp(its, hash) == 0 && at >= 0 && (uint64_t)at <= b->size;
  *have = same ? (uint64_t)at : 0;
  *done = same && json_is_true(json_object_get(root, "done"));
  json_decref(root);
  return same;
}

static bool put(struct sending *s, const char *path, const struct checked_bundle *b,
                const char *hash, struct err *e) {
  char query[128];
  struct curl_slist *headers = NULL;
  (void)snprintf(query, sizeof query, "/v1/upload?sha256=%s", hash);
  s->file = fopen(path, "re");
  if (!s->file || fseeko(s->file, (off_t)s->from, SEEK_SET) != 0) {
    (void)err_errno(e, errno, "%s", path);
    if (s->file)
      (void)fclose(s->file); // only read
    s->file = NULL;
    return false;
  }
  CURL *c = prepare(s, query, &headers);
  char range[96];
  struct curl_slist *more = NULL;
  if (c && s->from > 0) {
    (void)snprintf(range, sizeof range, "Content-Range: bytes %llu-%llu/%llu",
                   (unsigned long long)s->from, (unsigned long long)b->size - 1,
                   (unsigned long long)b->size);
    more = curl_slist_append(headers, range);
  }
  if (c && ((s->from > 0 && !more) || curl_easy_setopt(c, CURLOPT_UPLOAD, 1L) != CURLE_OK ||
            curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read) != CURLE_OK ||
            curl_easy_setopt(c, CURLOPT_READDATA, s) != CURLE_OK ||
            curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)(b->size - s->from)) !=
                CURLE_OK)) {
    curl_easy_cleanup(c);
    c = NULL;
  }
  bool ok = perform(s, c, headers, e);
  (void)fclose(s->file); // only read
  s->file = NULL;
  return ok;
}

static void nap(const struct upload *u, long ms) {
  for (; ms > 0 && !stopped(u); ms -= 100) {
    const struct timespec part = {.tv_nsec = (ms < 100 ? ms : 100) * 1000000};
    (void)nanosleep(&part, NULL); // a signal sets `stop`
  }
}

enum turn { TURN_DONE, TURN_HAD, TURN_AGAIN, TURN_WAIT, TURN_FAILED };

// What an answer means for us; its own words are quoted.
static enum turn judge(const struct answer *a, struct err *e) {
  json_t *root = json_loadb(a->body, a->n, 0, NULL);
  char said[160] = "";
  copy_word(root, "error", said, sizeof said);
  json_decref(root);
  switch (a->status) {
  case 200:
    return TURN_HAD;
  case 201:
    return TURN_DONE;
  case 202:
  case 409:
    return TURN_AGAIN;
  case 401:
    (void)err_set(
        e, ERR_DENIED, "%s",
        words("认领码不对；请看设备标签", "the claim code is wrong; see the board's label"));
    return TURN_FAILED;
  case 413:
    (void)err_set(e, ERR_LIMIT, words("设备不收这么大的包：%s", "too large for the board: %s"),
                  said);
    return TURN_FAILED;
  case 507:
    (void)err_set(e, ERR_FULL, words("设备磁盘已满：%s", "the board's disk is too full: %s"), said);
    return TURN_FAILED;
  case 422:
    (void)err_set(e, ERR_FORMAT, words("设备收到的与发出的不同：%s", "damaged on the way: %s"),
                  said);
    return TURN_FAILED;
  case 429:
  case 500:
  case 503:
    (void)err_set(e, ERR_BUSY, "HTTP %ld: %s", a->status, said);
    return TURN_WAIT;
  default:
    (void)err_set(e, ERR_FORMAT, "HTTP %ld: %s", a->status, said);
    return TURN_FAILED;
  }
}

// One question where to go on, one part sent.
static enum turn take_turn(struct sending *s, const char *path, const struct checked_bundle *b,
                           const char *hash, struct err *e) {
  bool done = false;
  uint64_t have = 0;
  if (!get(s, "/v1/upload", e))
    return TURN_WAIT;
  if (s->answer.status != 200)
    return judge(&s->answer, e);
  (void)place_of(&s->answer, hash, b, &have, &done);
  if (done)
    return TURN_HAD;
  s->from = have < b->size ? have : 0; // whole but not judged yet: all of it again, it is skipped
  if (!put(s, path, b, hash, e))
    return e->code == ERR_NET ? TURN_WAIT : TURN_FAILED;
  return judge(&s->answer, e);
}

bool upload_send(const struct upload *u, const char *path, const struct checked_bundle *b,
                 bool *had_it, struct err *e) {
  char hash[65];
  struct sending *s = calloc(1, sizeof *s);
  if (!s)
    return err_set(e, ERR_NOMEM, "no memory for the upload");
  hex(b->sha256, hash);
  s->u = u;
  progress_begin(u->progress, PHASE_SEND, b->size);
  long pause = u->first_pause_ms;
  enum turn t = TURN_WAIT;
  for (int idle = 0; idle < u->tries && !stopped(u);) {
    uint64_t before = s->best;
    t = take_turn(s, path, b, hash, e);
    if (t != TURN_AGAIN && t != TURN_WAIT)
      break;
    bool further = s->best > before;
    idle = further ? 0 : idle + 1;
    pause = further ? u->first_pause_ms : pause * 2;
    if (pause > u->first_pause_ms * PAUSE_FACTOR)
      pause = u->first_pause_ms * PAUSE_FACTOR;
    long asked = s->answer.retry_after_s * 1000;
    if (t == TURN_WAIT)
      nap(u, asked > pause ? asked : pause);
  }
  bool ok = t == TURN_DONE || t == TURN_HAD;
  *had_it = t == TURN_HAD;
  if (stopped(u))
    ok = err_set(e, ERR_STATE, "%s", words("已中止", "stopped"));
  else if (t == TURN_AGAIN)
    ok = err_set(e, ERR_NET, "the board asks for the same part again and again");
  if (ok)
    progress_at(u->progress, b->size);
  progress_end(u->progress, ok);
  free(s);
  return ok;
}
