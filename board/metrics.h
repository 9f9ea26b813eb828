// SPDX-License-Identifier: Apache-2.0
// Counters, gauges and latency histograms, shown as Prometheus text. Registered once at start, then
// updated from any thread without a lock.
#ifndef BAYPLATE_BOARD_METRICS_H
#define BAYPLATE_BOARD_METRICS_H

#include <stddef.h>
#include <stdint.h>

#define METRICS_MAX 128    // registering more returns a sink that is not shown
#define METRICS_BUCKETS 14 // histogram limits, see metrics.c

struct metric;

// Name and help must be string constants (they are kept, not copied). `label` is NULL or a constant
// such as "result=\"ok\"". Registering the same name and label again returns the same metric. Never
// NULL.
struct metric *metric_counter(const char *name, const char *label, const char *help);
struct metric *metric_gauge(const char *name, const char *label, const char *help);
struct metric *metric_histogram(const char *name, const char *label, const char *help);

void metric_add(struct metric *m, int64_t n);         // counter, gauge
void metric_set(struct metric *m, int64_t value);     // gauge
void metric_observe_ns(struct metric *m, int64_t ns); // histogram, shown in seconds
int64_t metric_value(const struct metric *m);         // counter, gauge; histogram: observations

// All metrics as text exposition format 0.0.4. Returns a malloc'ed string that the caller frees, or
// NULL without memory; *len without the NUL.
char *metrics_text(size_t *len);

#endif
