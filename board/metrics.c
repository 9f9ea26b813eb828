// SPDX-License-Identifier: Apache-2.0
#include "board/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { COUNTER, GAUGE, HISTOGRAM };

struct metric {
  enum kind kind;
  const char *name, *label, *help;
  atomic_int_least64_t value; // histogram: count
  atomic_int_least64_t sum_ns;
  atomic_int_least64_t bucket[METRICS_BUCKETS];
};

// Upper limits in ms: from a detector call (1 ms) to a look-up that ran into its time limit (10 s
// and more).
static const int bucket_ms[METRICS_BUCKETS] = {1,   2,   5,   10,   20,   50,   100,
                                               200, 300, 500, 1000, 2000, 5000, 10000};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct metric table[METRICS_MAX];
static struct metric sink;
static size_t count;

static int same(const char *a, const char *b) {
  return a == b || (a && b && strcmp(a, b) == 0);
}

static struct metric *enter(enum kind kind, const char *name, const char *label, const char *help) {
  pthread_mutex_lock(&lock);
  struct metric *m = NULL;
  for (size_t i = 0; i < count && !m; i++) {
    if (same(table[i].name, name) && same(table[i].label, label))
      m = &table[i];
  }
  if (!m && count < METRICS_MAX) {
    m = &table[count++];
    m->kind = kind;
    m->name = name;
    m->label = label;
    m->help = help;
  }
  pthread_mutex_unlock(&lock);
  return m ? m : &sink;
}

struct metric *metric_counter(const char *name, const char *label, const char *help) {
  return enter(COUNTER, name, label, help);
}

struct metric *metric_gauge(const char *name, const char *label, const char *help) {
  return enter(GAUGE, name, label, help);
}

struct metric *metric_histogram(const char *name, const char *label, const char *help) {
  return enter(HISTOGRAM, name, label, help);
}

void metric_add(struct metric *m, int64_t n) {
  atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

void metric_set(struct metric *m, int64_t value) {
  atomic_store_explicit(&m->value, value, memory_order_relaxed);
}

void metric_observe_ns(struct metric *m, int64_t ns) {
  if (ns < 0)
    ns = 0;
  for (int i = 0; i < METRICS_BUCKETS; i++) {
    if (ns <= (int64_t)bucket_ms[i] * 1000000) {
      atomic_fetch_add_explicit(&m->bucket[i], 1, memory_order_relaxed);
      break;
    }
  }
  atomic_fetch_add_explicit(&m->sum_ns, ns, memory_order_relaxed);
  atomic_fetch_add_explicit(&m->value, 1, memory_order_relaxed);
}

int64_t metric_value(const struct metric *m) {
  return atomic_load_explicit(&((struct metric *)(uintptr_t)m)->value, memory_order_relaxed);
}

static void write_head(FILE *f, size_t i) {
  static const char *const kinds[] = {"counter", "gauge", "histogram"};
  for (size_t j = 0; j < i; j++) {
    if (same(table[j].name, table[i].name))
      return; // HELP and TYPE stand once a name
  }
  fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", table[i].name, table[i].help, table[i].name,
          kinds[table[i].kind]);
}

static void write_histogram(FILE *f, struct metric *m) {
  const char *l = m->label ? m->label : "";
  const char *comma = m->label ? "," : "";
  int64_t below = 0;
  for (int i = 0; i < METRICS_BUCKETS; i++) {
    below += atomic_load_explicit(&m->bucket[i], memory_order_relaxed);
    fprintf(f, "%s_bucket{%s%sle=\"%g\"} %" PRId64 "\n", m->name, l, comma, bucket_ms[i] / 1e3,
            below);
  }
  fprintf(f, "%s_bucket{%s%sle=\"+Inf\"} %" PRId64 "\n", m->name, l, comma, metric_value(m));
  fprintf(f, "%s_sum%s%s%s %.6f\n", m->name, m->label ? "{" : "", l, m->label ? "}" : "",
          (double)atomic_load_explicit(&m->sum_ns, memory_order_relaxed) / 1e9);
  fprintf(f, "%s_count%s%s%s %" PRId64 "\n", m->name, m->label ? "{" : "", l, m->label ? "}" : "",
          metric_value(m));
}

char *metrics_text(size_t *len) {
  char *text = NULL;
  FILE *f = open_memstream(&text, len);
  if (!f)
    return NULL;
  pthread_mutex_lock(&lock);
  // A name's lines stand together, as the format asks, whatever the order of registration.
  for (size_t i = 0; i < count; i++) {
    int first = 1;
    for (size_t j = 0; j < i; j++)
      first = first && !same(table[j].name, table[i].name);
    if (!first)
      continue;
    write_head(f, i);
    for (size_t j = i; j < count; j++) {
      struct metric *m = &table[j];
      if (!same(m->name, table[i].name))
        continue;
      if (m->kind == HISTOGRAM)
        write_histogram(f, m);
      else
        fprintf(f, "%s%s%s%s %" PRId64 "\n", m->name, m->label ? "{" : "", m->label ? m->label : "",
                m->label ? "}" : "", metric_value(m));
    }
  }
  pthread_mutex_unlock(&lock);
  if (fclose(f) != 0) {
    free(text);
    return NULL;
  }
  return text;
}
