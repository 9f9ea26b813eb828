// SPDX-License-Identifier: Apache-2.0
// Measures the store at the size the design names: look-ups among many customers, history pages
// among many visits, what it costs to make a visit durable.
#include "firmware/card.h"

#include <ftw.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NOW INT64_C(1772932353000)
#define ROUNDS 5000
#define PAGES 200
#define PAGE 50

static const char HELP[] =
    "usage: bench-store [--customers N] [--visits N] [--dir DIR] [--json]\n"
    "Fills a store in a folder below DIR (removed at the end) and measures it.\n"
    "  --customers N  customers with a vehicle and two policies (100000)\n"
    "  --visits N     visits in the history (10000)\n"
    "  --dir DIR      where the disk to measure is (/tmp)\n"
    "  --json         one JSON object instead of a table\n"
    "examples:\n"
    "  bench-store\n"
    "  bench-store --dir /var/lib/bayplate --json\n"
    "exit status: 0 all within the limits, 1 not, or failed, 2 wrong use\n";

struct row {
  const char *name;
  double p50, p99, max, limit; // ms; limit 0: none
  double judged;               // what the limit is for
};

static double now_ms(void) {
  struct timespec ts;
  if (clock_gettime(CLOCK_MONOTONIC, &ts) != 0)
    abort();
  return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int smaller(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static struct row summary(const char *name, double *ms, size_t n) {
  qsort(ms, n, sizeof *ms, smaller);
  return (struct row){.name = name, .p50 = ms[n / 2], .p99 = ms[n * 99 / 100], .max = ms[n - 1]};
}

static void plate(unsigned long i, char out[PLATE_TEXT_MAX]) {
  (void)snprintf(out, PLATE_TEXT_MAX, "粤%c%05lu", (char)('A' + i / 100000 % 26), i % 100000);
}

static bool fill_customers(struct store *s, unsigned long n, struct err *e) {
  for (unsigned long i = 0; i < n; i++) {
    struct store_record r = {.has_customer = true, .policies = 2};
    plate(i, r.plate);
    (void)snprintf(r.name, sizeof r.name, "客户%lu", i);
    (void)snprintf(r.phone, sizeof r.phone, "138%08lu", i);
    (void)snprintf(r.model, sizeof r.model, "样车%lu", i % 40);
    (void)snprintf(r.vin, sizeof r.vin, "LBENCH%011lu", i);
    for (int k = 0; k < 2; k++) {
      struct store_policy *p = &r.policy[k];
      p->kind = k ? POLICY_COMMERCIAL : POLICY_COMPULSORY;
      p->premium_cents = 95000;
      (void)snprintf(p->insurer, sizeof p->insurer, "样险%lu", i % 8);
      (void)snprintf(p->number, sizeof p->number, "%c%012lu", k ? 'B' : 'C', i);
      char day[DATE_TEXT_MAX];
      date_format(date_from_days(20200 + (int64_t)(i * 7 % 365)), day);
      memcpy(p->start, day, STORE_DATE_MAX); // ten characters and the NUL
      date_format(date_from_days(20564 + (int64_t)(i * 7 % 365)), day);
      memcpy(p->end, day, STORE_DATE_MAX);
    }
    if (i % 1000 == 0 && !store_begin(s, e))
      return false;
    if (!store_record_put(s, &r, STORE_BY_IMPORT, 0, NOW, NULL, e) ||
        !store_lookup_put(s, r.plate, STORE_LOOKUP_FOUND, NULL, NOW, e)) {
      store_rollback(s);
      return false;
    }
    if ((i % 1000 == 999 || i + 1 == n) && !store_commit(s, e))
      return false;
  }
  return true;
}

static struct store_visit visit(unsigned long i) {
  struct store_visit v = {.id = i + 1,
                          .phase = STORE_VISIT_CLOSED,
                          .certainty = VISIT_CERTAIN,
                          .type = PLATE_BLUE,
                          .confidence = 0.99,
                          .opened_ms = NOW + (int64_t)i * 60000,
                          .last_seen_ms = NOW + (int64_t)i * 60000,
                          .closed_ms = NOW + (int64_t)i * 60000};
  plate(i * 7919, v.text);
  return v;
}

static bool fill_visits(struct store *s, unsigned long n, struct err *e) {
  for (unsigned long i = 0; i < n; i++) {
    struct store_visit v = visit(i);
    if (i % 10 == 0 && !store_begin(s, e))
      return false;
    if (!store_visit_put(s, &v, e)) {
      store_rollback(s);
      return false;
    }
    if ((i % 10 == 9 || i + 1 == n) && !store_commit(s, e))
      return false;
  }
  return true;
}

static bool bench_lookup(struct store *s, unsigned long customers, struct row out[2],
                         struct err *e) {
  static double record_ms[ROUNDS], card_ms[ROUNDS];
  struct calendar_config calendar;
  calendar_config_default(&calendar);
  const struct card_context ctx = {.calendar = &calendar,
                                   .now_ms = NOW,
                                   .clock_trusted = true,
                                   .found_ttl_ms = 1000,
                                   .unknown_ttl_ms = 1000};
  for (unsigned long i = 0; i < ROUNDS; i++) {
    struct store_record r;
    struct store_visit v = visit(0);
    char *json;
    plate(i * 104729 % customers, v.text);
    double t0 = now_ms();
    if (!store_record_get(s, v.text, &r, e))
      return false;
    double t1 = now_ms();
    if (!card_json(s, &ctx, &v, &json, e))
      return false;
    record_ms[i] = t1 - t0;
    card_ms[i] = now_ms() - t1;
    free(json);
  }
  out[0] = summary("look-up of a plate", record_ms, ROUNDS);
  out[0].limit = 5;
  out[0].judged = out[0].p99;
  out[1] = summary("card of a plate", card_ms, ROUNDS);
  return true;
}

static bool bench_history(struct store *s, const char *name, const char *query, struct row *out,
                          struct err *e) {
  static double ms[PAGES];
  static struct store_visit v[PAGE];
  struct store_cursor c;
  bool have = false;
  for (unsigned i = 0; i < PAGES; i++) {
    size_t n;
    bool more;
    double t0 = now_ms();
    if (!store_visit_history(s, query, have ? &c : NULL, v, PAGE, &n, &more, e))
      return false;
    ms[i] = now_ms() - t0;
    have = more;
    if (n > 0)
      c = (struct store_cursor){v[n - 1].opened_ms, v[n - 1].id};
  }
  *out = summary(name, ms, PAGES);
  out->limit = 50;
  out->judged = out->max;
  return true;
}

static bool bench_put(struct store *s, unsigned long visits, struct row *out, struct err *e) {
  static double ms[PAGES];
  for (unsigned i = 0; i < PAGES; i++) {
    struct store_visit v = visit(visits + i);
    double t0 = now_ms();
    if (!store_visit_put(s, &v, e))
      return false;
    ms[i] = now_ms() - t0;
  }
  *out = summary("visit made durable", ms, PAGES);
  return true;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
  (void)st;
  (void)type;
  (void)ftw;
  return remove(path);
}

static bool run(const char *dir, unsigned long customers, unsigned long visits, struct row *row,
                size_t *rows, double *open_ms, struct err *e) {
  char path[STORE_PATH_MAX];
  struct store *s = NULL, *r = NULL;
  (void)snprintf(path, sizeof path, "%s/bench.db", dir);
  const struct store_options options = {.path = path, .wall_ms = NOW};
  bool ok =
      store_open(&s, &options, e) && fill_customers(s, customers, e) && fill_visits(s, visits, e);
  store_close(s);
  s = NULL;
  double t0 = now_ms();
  ok = ok && store_open(&s, &options, e);
  *open_ms = now_ms() - t0;
  ok = ok && store_open_reader(&r, s, e) && bench_lookup(r, customers, row, e) &&
       bench_history(r, "history page of 50", NULL, &row[2], e) &&
       bench_history(r, "history, part of a plate", "77", &row[3], e) &&
       bench_history(r, "history, no such plate", "ZZZZ", &row[4], e) &&
       bench_put(s, visits, &row[5], e);
  *rows = 6;
  store_close(r);
  store_close(s);
  return ok;
}

static bool print_json(const struct row *row, size_t n, unsigned long customers,
                       unsigned long visits, double open_ms) {
  json_t *list = json_array();
  for (size_t i = 0; i < n; i++) {
    json_t *o = json_pack("{s:s,s:f,s:f,s:f,s:o}", "name", row[i].name, "p50_ms", row[i].p50,
                          "p99_ms", row[i].p99, "max_ms", row[i].max, "limit_ms",
                          row[i].limit > 0 ? json_real(row[i].limit) : json_null());
    if (json_array_append_new(list, o) != 0)
      return false;
  }
  json_t *all = json_pack("{s:I,s:I,s:f,s:o}", "customers", (json_int_t)customers, "visits",
                          (json_int_t)visits, "open_ms", open_ms, "rows", list);
  bool ok = all && json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6)) == 0 &&
            putchar('\n') != EOF;
  json_decref(all);
  return ok;
}

static bool number(const char *text, unsigned long *out) {
  char *end;
  *out = strtoul(text, &end, 10);
  return text[0] >= '1' && text[0] <= '9' && *end == '\0' && *out <= 2600000;
}

int main(int argc, char **argv) {
  static const struct option options[] = {{"customers", required_argument, NULL, 'c'},
                                          {"visits", required_argument, NULL, 'v'},
                                          {"dir", required_argument, NULL, 'd'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  unsigned long customers = 100000, visits = 10000;
  const char *base = "/tmp";
  bool json = false, good = true;
  for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
    if (c == 'h')
      return fputs(HELP, stdout) < 0;
    if (c == 'c')
      good = good && number(optarg, &customers);
    else if (c == 'v')
      good = good && number(optarg, &visits);
    else if (c == 'd')
      base = optarg;
    else if (c == 'j')
      json = true;
    else
      good = false;
  }
  if (!good || optind != argc) {
    (void)fputs(HELP, stderr);
    return 2;
  }
  char dir[512];
  (void)snprintf(dir, sizeof dir, "%s/bayplate-bench-XXXXXX", base);
  if (!mkdtemp(dir)) {
    (void)fprintf(stderr, "bench-store: no folder can be made in %s\n", base);
    return 1;
  }
  struct row row[6];
  size_t rows = 0;
  double open_ms = 0;
  struct err e;
  err_clear(&e);
  bool ok = run(dir, customers, visits, row, &rows, &open_ms, &e), within = true;
  if (nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0)
    (void)fprintf(stderr, "bench-store: %s could not be removed\n", dir);
  if (!ok) {
    (void)fprintf(stderr, "bench-store: %s\n", e.text);
    return 1;
  }
  for (size_t i = 0; i < rows; i++)
    within = within && (row[i].limit <= 0 || row[i].judged < row[i].limit);
  if (json)
    return print_json(row, rows, customers, visits, open_ms) && within ? 0 : 1;
  printf("%lu customers, %lu visits; opening with check %.0f ms\n", customers, visits, open_ms);
  printf("%-28s %9s %9s %9s %9s\n", "milliseconds", "p50", "p99", "max", "limit");
  for (size_t i = 0; i < rows; i++) {
    printf("%-28s %9.3f %9.3f %9.3f", row[i].name, row[i].p50, row[i].p99, row[i].max);
    if (row[i].limit > 0)
      printf(" %9.0f%s", row[i].limit, row[i].judged < row[i].limit ? "" : "  MISSED");
    printf("\n");
  }
  return within ? 0 : 1;
}
