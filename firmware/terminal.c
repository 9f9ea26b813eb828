// SPDX-License-Identifier: Apache-2.0
#include "firmware/terminal_private.h"

#include "board/careful.h"
#include "board/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STALLED_NS (20 * CLOCK_NS_PER_S) // a thread without a step for so long hangs
#define HOUR_MS (INT64_C(3600) * 1000)
#define MB (UINT64_C(1) << 20)

static void on_visit(void *ctx, const struct visit_event *event) {
  struct terminal *t = ctx;
  bay_event(&t->bay, event->kind);
  arrivals_post(t->arrivals, event);
  commission_visit(t->commission, event);
}

static void on_frame(void *ctx, struct frame *f, const struct plate_read *reads, int n,
                     bool occupied) {
  struct terminal *t = ctx;
  commission_frame(t->commission, f, reads, n, occupied);
  hardware_frame(t->hardware, f);
}

static void on_card(void *ctx, uint64_t rev, const char *json) {
  struct terminal *t = ctx;
  api_publish_card(t->api, rev, json);
  hardware_card(t->hardware, json);
}

// Two readers that fail differently say the same, and neither a person nor the list of customers
// had to be asked: such a text may judge the next version.
static void on_closed(void *ctx, const struct store_visit *v, enum opinion second) {
  struct terminal *t = ctx;
  if (v->certainty != VISIT_CERTAIN || second != OPINION_SAME || v->picture[0] || !v->evidence[0] ||
      !v->clock_trusted)
    return;
  struct golden_crop crop = {
      .visit = v->id, .plate = v->text, .type = v->type, .wall_ms = v->opened_ms};
  void *jpeg = NULL;
  struct err e;
  if (!evidence_read(t->evidence, v->evidence, &jpeg, &crop.len, &e)) {
    log_warn("golden", "%s", e.text);
    return;
  }
  crop.evidence = jpeg;
  if (!golden_offer(t->golden, &crop, NULL, &e))
    log_warn("golden", "%s", e.text);
  free(jpeg);
}

static void tend_golden(struct terminal *t) {
  struct err e;
  if (clock_trusted(t->clock, t->config.shop.clock_need_sync) &&
      !golden_expire(t->golden, clock_wall_ns(t->clock) / CLOCK_NS_PER_MS, &e))
    log_warn("golden", "%s", e.text);
}

// On the arrivals thread, every ARRIVALS_TICK_MS.
static void on_tick(void *ctx) {
  struct terminal *t = ctx;
  struct camera_status camera;
  struct store_status store;
  atomic_store(&t->last_tick_ns, clock_mono_ns(t->clock));
  hardware_tick(t->hardware);
  tend_golden(t);
  camera_feed_status(t->feed, &camera);
  store_state(t->store, &store);
  metric_set(t->metric.camera_up, camera.state == CAMERA_ONLINE);
  metric_set(t->metric.store_ok, store.condition == STORE_OK);
  metric_add(t->metric.dropped, (int64_t)(camera.dropped - t->metric.seen_dropped));
  t->metric.seen_dropped = camera.dropped;
  uint64_t digest = status_digest(&t->status);
  if (digest != t->digest)
    api_status_changed(t->api);
  t->digest = digest;
}

static void make_dir(const char *dir) {
  struct err e;
  if (!careful_make_folder(dir, &e))
    log_error("store", "the folder cannot be made: %s", e.text);
}

static bool open_store(struct terminal *t, struct err *e) {
  char path[STORE_PATH_MAX], crops[STORE_PATH_MAX];
  const char *dir = t->config.store.dir;
  make_dir(dir);
  (void)snprintf(path, sizeof path, "%s/bayplate.db", dir); // dir is at most CONFIG_PATH_MAX
  (void)snprintf(crops, sizeof crops, "%s/evidence", dir);
  const struct store_options so = {.path = path,
                                   .wall_ms = clock_wall_ns(t->clock) / CLOCK_NS_PER_MS};
  const struct evidence_options eo = {.dir = crops,
                                      .budget_bytes = (uint64_t)t->config.store.evidence_mb * MB,
                                      .reserve_bytes = (uint64_t)t->config.store.reserve_mb * MB};
  if (!store_open(&t->store, &so, e) || !store_open_reader(&t->reader, t->store, e))
    return err_prefix(e, "store");
  struct store_status st;
  store_state(t->store, &st);
  if (st.condition != STORE_OK)
    log_error("store", "%s", st.text);
  if (st.set_aside[0])
    log_error("store", "the database was damaged; it was set aside as %s", st.set_aside);
  (void)snprintf(path, sizeof path, "%s/corrections", dir);
  if (!(evidence_open(&t->evidence, &eo, e) || err_prefix(e, "evidence")) ||
      !corrections_open(&t->corrections, path, CORRECTIONS_MAX, e))
    return false;
  (void)snprintf(path, sizeof path, "%s/golden", dir);
  return golden_open(&t->golden, path, e);
}

// The newest configuration of the file with the settings over it, to those that take it over while
// running.
void terminal_take_over(struct terminal *t) {
  (void)pthread_mutex_lock(&t->base_lock);
  struct config *c = malloc(sizeof *c);
  if (c) {
    *c = t->base;
    settings_apply(t->settings, c);
    commission_set_zone(t->commission, &c->visit);
    camera_feed_control(t->feed, &c->camera.controls);
    if (t->analysis) // not before it is there, nor after it is gone
      analysis_reload(t->analysis, &c->visit);
  } else {
    log_error("config", "not taken over: no memory");
  }
  (void)pthread_mutex_unlock(&t->base_lock);
  free(c);
}

// The page may ask for it from another thread. Returns the one before.
static struct analysis *show_analysis(struct terminal *t, struct analysis *analysis) {
  (void)pthread_mutex_lock(&t->base_lock);
  struct analysis *before = t->analysis;
  t->analysis = analysis;
  (void)pthread_mutex_unlock(&t->base_lock);
  return before;
}

static void attend(void *ctx, int64_t for_ns) {
  struct terminal *t = ctx;
  (void)pthread_mutex_lock(&t->base_lock);
  if (t->analysis)
    analysis_attend(t->analysis, for_ns);
  (void)pthread_mutex_unlock(&t->base_lock);
}

static bool start_hardware(struct terminal *t, struct err *e) {
  const struct hardware_options o = {
      .config = &t->config, .clock = t->clock, .root = "", .attend = attend, .ctx = t};
  return hardware_new(&t->hardware, &o, e) || err_prefix(e, "hardware");
}

static bool start_settings(struct terminal *t, struct err *e) {
  char path[STORE_PATH_MAX];
  (void)snprintf(path, sizeof path, "%s/settings.json", t->config.store.dir);
  if (!settings_open(&t->settings, path, e))
    return err_prefix(e, "settings");
  settings_apply(t->settings, &t->config);
  return true;
}

static bool start_camera(struct terminal *t, struct err *e) {
  struct camera_feed_config fc = {.offline_ms = t->config.camera.offline_ms};
  memcpy(fc.camera.source, t->config.camera.source, sizeof fc.camera.source);
  fc.camera.fast = t->config.camera.fast;
  fc.camera.loop = t->config.camera.loop;
  fc.camera.clock = t->clock;
  fc.controls = t->config.camera.controls;
  return camera_feed_new(&t->feed, &fc, e) || err_prefix(e, "camera");
}

static bool start_arrivals(struct terminal *t, struct err *e) {
  const struct arrivals_options o = {.clock = t->clock,
                                     .store = t->store,
                                     .evidence = t->evidence,
                                     .policy = t->config.policy_enabled ? &t->config.policy : NULL,
                                     .found_ttl_ms = t->config.lookup.found_hours * HOUR_MS,
                                     .unknown_ttl_ms = t->config.lookup.unknown_hours * HOUR_MS,
                                     .retry_ms = (int64_t)t->config.lookup.retry_s * 1000,
                                     .calendar = &t->config.calendar,
                                     .clock_need_sync = t->config.shop.clock_need_sync,
                                     .camera = t->config.camera.name,
                                     .announce = on_card,
                                     .closed = on_closed,
                                     .tick = on_tick,
                                     .ctx = t};
  return arrivals_new(&t->arrivals, &o, e);
}

static bool write_port(const struct terminal *t, struct err *e) {
  const char *path = t->config.http.port_file;
  if (path[0] == '\0')
    return true;
  FILE *f = fopen(path, "we");
  if (!f)
    return err_errno(e, errno, "http.port_file %s", path);
  bool ok = true;
  const int ports[] = {api_port(t->api), api_tls_port(t->api)};
  for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++)
    ok = ok && (ports[i] < 0 || fprintf(f, "%d\n", ports[i]) > 0);
  if (fclose(f) != 0 || !ok)
    return err_errno(e, errno, "http.port_file %s", path);
  return true;
}

bool terminal_new(struct terminal **out, const struct config *config, const struct bp_clock *clock,
                  struct err *e) {
  struct terminal *t = calloc(1, sizeof *t);
  if (!t)
    return err_set(e, ERR_NOMEM, "no memory");
  if (pthread_mutex_init(&t->base_lock, NULL) != 0) {
    free(t);
    return err_set(e, ERR_NOMEM, "no memory");
  }
  t->config = t->base = *config;
  t->clock = clock;
  t->started_ns = clock_mono_ns(clock);
  t->metric.camera_up = metric_gauge("bayplate_camera_up", NULL, "1 while frames come.");
  t->metric.store_ok = metric_gauge("bayplate_store_ok", NULL, "1 while visits are saved.");
  t->metric.dropped =
      metric_counter("bayplate_frames_dropped_total", NULL, "Frames pushed out by newer ones.");
  atomic_store(&t->last_tick_ns, clock_mono_ns(clock));
  terminal_identify(t);
  // systemd's folder for what lives as long as the service; elsewhere nobody asks.
  if (!bay_init(&t->bay, getenv("RUNTIME_DIRECTORY"), e))
    goto fail;
  if (!open_store(t, e) || !start_settings(t, e) || !start_camera(t, e) ||
      !newest_new(&t->newest, e))
    goto fail;
  t->status = (struct status_sources){.clock = clock,
                                      .clock_need_sync = config->shop.clock_need_sync,
                                      .camera_name = t->config.camera.name,
                                      .feed = t->feed,
                                      .store = t->store,
                                      .update_file = t->config.update_file,
                                      .update_state = t->config.update_state,
                                      .recovery_file = t->config.recovery_file,
                                      .trouble_file = t->config.trouble_file,
                                      .shop = t->config.shop.name,
                                      .serial = t->id.serial,
                                      .model = t->id.model};
  if (!start_arrivals(t, e))
    goto fail;
  t->status.arrivals = t->arrivals;
  if (!start_hardware(t, e) || !terminal_start_commission(t, e) ||
      !terminal_start_device_page(t, e) || !terminal_start_identity(t, e) ||
      !terminal_start_page(t, e) || !write_port(t, e) || !arrivals_start(t->arrivals, e))
    goto fail;
  const struct analysis_options ao = {.config = &t->config,
                                      .clock = clock,
                                      .feed = t->feed,
                                      .newest = t->newest,
                                      .store = t->store,
                                      .on_frame = on_frame,
                                      .on_event = on_visit,
                                      .ctx = t};
  struct analysis *analysis = NULL;
  if (!analysis_new(&analysis, &ao, e))
    goto fail;
  show_analysis(t, analysis);
  terminal_take_over(t); // what the page changed meanwhile
  if (!terminal_start_socket(t, e))
    goto fail;
  *out = t;
  return true;
fail:
  terminal_free(t);
  return false;
}

// Against the way of the data: no part speaks to one that is gone.
void terminal_free(struct terminal *t) {
  if (!t)
    return;
  device_socket_free(t->socket);
  analysis_free(show_analysis(t, NULL));
  bay_finish(&t->bay);
  newest_free(t->newest);
  arrivals_stop(t->arrivals); // it tells the page; then the page, which asks it
  api_free(t->api);
  arrivals_free(t->arrivals);
  auth_free(t->auth);
  commission_free(t->commission);
  device_page_free(t->device_page);
  tls_identity_free(t->identity);
  hardware_free(t->hardware);
  settings_free(t->settings);
  camera_feed_free(t->feed);
  evidence_free(t->evidence);
  corrections_free(t->corrections);
  golden_free(t->golden);
  store_close(t->reader);
  store_close(t->store);
  (void)pthread_mutex_destroy(&t->base_lock); // nobody holds it
  free(t);
}

int terminal_port(const struct terminal *t) {
  return api_port(t->api);
}

int terminal_tls_port(const struct terminal *t) {
  return api_tls_port(t->api);
}

// Do frames flow? A camera of this board that gives none for long is helped by a new start of the
// board; one on the network is not.
static bool frames_flow(struct terminal *t, int64_t now) {
  struct camera_status s;
  if (t->config.watchdog.frames_s == 0 || strncmp(t->config.camera.source, "v4l2:", 5) != 0)
    return true;
  camera_feed_status(t->feed, &s);
  const int64_t last = s.last_frame_mono_ns ? s.last_frame_mono_ns : t->started_ns;
  const bool flow = now - last < t->config.watchdog.frames_s * CLOCK_NS_PER_S;
  if (!flow && !t->told_no_frames)
    log_error("watchdog", "no frame for %d s: it is not fed any more", t->config.watchdog.frames_s);
  t->told_no_frames = !flow;
  return flow;
}

bool terminal_alive(struct terminal *t) {
  int64_t now = clock_mono_ns(t->clock);
  if (!frames_flow(t, now))
    return false;
  return now - analysis_last_step_ns(t->analysis) < STALLED_NS &&
         now - atomic_load(&t->last_tick_ns) < STALLED_NS;
}

void terminal_reload(struct terminal *t, const struct config *config) {
  struct err e;
  if (!arrivals_reload(t->arrivals, &config->calendar, config->lookup.found_hours * HOUR_MS,
                       config->lookup.unknown_hours * HOUR_MS,
                       (int64_t)config->lookup.retry_s * 1000, &e)) {
    log_error("config", "not taken over: %s", e.text);
    return;
  }
  (void)pthread_mutex_lock(&t->base_lock);
  t->base = *config;
  (void)pthread_mutex_unlock(&t->base_lock);
  terminal_take_over(t);
  if (t->identity && tls_identity_reload(t->identity, &e))
    api_identity_changed(t->api);
  else if (t->identity)
    log_error("config", "HTTPS goes on with the certificate of before: %s", e.text);
  log_info("config", "log level, calendar, look-up ages, zone, direction, camera controls, gaps "
                     "and thresholds of visits, the files of the HTTPS certificate "
                     "are taken over; all else needs a restart");
}
