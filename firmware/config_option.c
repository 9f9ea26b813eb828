// SPDX-License-Identifier: Apache-2.0
#include "firmware/config_option.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum type { TEXT, INT, REAL, BOOL, SECONDS_NS, LEVEL, ZONE, STAGE, LINE, KNOB };

struct option {
  const char *section, *key;
  enum type type;
  size_t offset, size; // in struct config; size of a text
  double min, max;
  const char *preset; // NULL: keep what the module's own default says
  const char *help;
};

#define AT(member) offsetof(struct config, member), sizeof(((struct config *)0)->member)
#define DAYS 0, CALENDAR_DAYS_MAX

static const struct option options[] = {
    {"shop", "name", TEXT, AT(shop.name), 0, 0, "", "shown on the page"},
    {"shop", "timezone", TEXT, AT(shop.timezone), 0, 0, "Asia/Shanghai", "days are counted in it"},
    {"shop", "clock_need_sync", BOOL, AT(shop.clock_need_sync), 0, 0, "no",
     "trust the clock only once NTP has set it"},
    {"log", "level", LEVEL, AT(log_level), 0, 0, "info",
     "error warn info debug; plates are logged at debug only"},
    {"camera", "name", TEXT, AT(camera.name), 0, 0, "gate", "shown on the page"},
    {"camera", "source", TEXT, AT(camera.source), 0, 0, "",
     "v4l2:/dev/video0, rtsp://..., http://..., a video file, or folder:DIR"},
    {"camera", "fast", BOOL, AT(camera.fast), 0, 0, "no",
     "files: every frame, as fast as it can be analysed"},
    {"camera", "loop", BOOL, AT(camera.loop), 0, 0, "no", "files: begin again at the end"},
    {"camera", "offline_ms", INT, AT(camera.offline_ms), 500, 600000, "3000",
     "no new picture for so long: offline"},
    {"camera", "zone", ZONE, AT(visit), 0, 1, "",
     "region looked at: x,y pairs in parts of the picture, e.g. 0.1,0.2 0.9,0.2 0.9,1 0.1,1"},
    {"camera", "in_direction_deg", REAL, AT(visit.in_direction_deg), -360, 360, NULL,
     "direction of arriving cars in the picture; 90 is downward"},
    {"camera", "min_plate_height", REAL, AT(visit.min_plate_height), 0, 0.5, NULL,
     "parts of the picture's height"},
    {"camera", "exposure", KNOB, AT(camera.controls.knob[CAMERA_EXPOSURE]), 0, 0, "",
     "of a v4l2 camera: auto, or microseconds, e.g. 4000 for 1/250 s; empty: left alone"},
    {"camera", "gain", KNOB, AT(camera.controls.knob[CAMERA_GAIN]), 0, 0, "",
     "of a v4l2 camera: auto, or the driver's number; empty: left alone"},
    {"camera", "focus", KNOB, AT(camera.controls.knob[CAMERA_FOCUS]), 0, 0, "",
     "of a v4l2 camera: auto, or the driver's number; empty: left alone"},
    {"trigger", "line", LINE, AT(trigger.line), 0, 0, "",
     "input that says a car is there: CHIP:LINE[:low][:up|:down], e.g. gpiochip0:17:low:up"},
    {"trigger", "debounce_ms", INT, AT(trigger.debounce_ms), 0, 10000, "50",
     "a level counts once it has stayed for so long"},
    {"trigger", "attend_s", SECONDS_NS, AT(trigger.attend_ns), 0.5, 600, "15",
     "every frame is looked at for so long after it"},
    {"lamp", "due", LINE, AT(lamp.due), 0, 0, "",
     "lamp or relay that is lit when a car with a due card arrives: CHIP:LINE[:low]"},
    {"lamp", "due_s", SECONDS_NS, AT(lamp.due_ns), 0.5, 3600, "30", "lit for so long"},
    {"lamp", "ir", LINE, AT(lamp.ir), 0, 0, "",
     "infrared lamp that follows the light: CHIP:LINE[:low]"},
    {"lamp", "ir_on_below", INT, AT(lamp.ir_on_below), 0, 254, "40",
     "mean brightness, 0 to 255, below which it is lit"},
    {"lamp", "ir_off_above", INT, AT(lamp.ir_off_above), 1, 255, "110",
     "and above which it goes off: more than the lamp itself brings"},
    {"lamp", "ir_dwell_s", SECONDS_NS, AT(lamp.ir_dwell_ns), 0, 3600, "60",
     "it stays as it is for so long at least"},
    {"watchdog", "frames_s", INT, AT(watchdog.frames_s), 0, 86400, "120",
     "no frame of a v4l2 camera for so long: the watchdog is not fed; 0: never"},
    {"watchdog", "device", TEXT, AT(watchdog.device), 0, 0, "",
     "/dev/watchdog where init does not feed it; empty under systemd, which does"},
    {"watchdog", "timeout_s", INT, AT(watchdog.timeout_s), 2, 3600, "60", "of that device"},
    {"visit", "same_car_gap_s", SECONDS_NS, AT(visit.same_car_gap_ns), 0, 86400, NULL,
     "the same plate back within this is the same visit"},
    {"visit", "gone_after_s", SECONDS_NS, AT(visit.gone_after_ns), 0.5, 600, NULL,
     "unseen for so long: gone"},
    {"visit", "hold_s", SECONDS_NS, AT(visit.hold_ns), 0.2, 60, NULL,
     "a car without a readable plate must hold still for so long"},
    {"visit", "certain", REAL, AT(visit.certain_threshold), 0.5, 1, NULL,
     "confidence from which a plate is shown as certain"},
    {"vision", "models", TEXT, AT(vision.models), 0, 0, "",
     "folder of the models; empty: installed"},
    {"vision", "threads", INT, AT(vision.threads), 1, 64, "1", "of the plate networks"},
    {"store", "dir", TEXT, AT(store.dir), 0, 0, "/var/lib/bayplate", "database and crops"},
    {"store", "evidence_mb", INT, AT(store.evidence_mb), 1, 1048576, "2048",
     "crops together at most; the oldest go first"},
    {"store", "reserve_mb", INT, AT(store.reserve_mb), 0, 1048576, "64",
     "of the disk kept free for the database"},
    {"http", "address", TEXT, AT(http.address), 0, 0, "127.0.0.1", "0.0.0.0 or ::: every network"},
    {"http", "port", INT, AT(http.port), -1, 65535, "8080",
     "of plain HTTP; 0: a free one; -1: none"},
    {"http", "tls_port", INT, AT(http.tls_port), -1, 65535, "-1",
     "of HTTPS, e.g. 8443; 0: a free one; -1: none"},
    {"http", "redirect", BOOL, AT(http.redirect), 0, 0, "no",
     "yes: plain HTTP only sends people on to HTTPS; /healthz and /metrics are answered all the "
     "same"},
    {"http", "port_file", TEXT, AT(http.port_file), 0, 0, "",
     "the bound ports are written here, a line each"},
    {"http", "tls_cert", TEXT, AT(http.tls_cert), 0, 0, "",
     "PEM files of HTTPS, read again by SIGHUP; empty: the board makes its own in [store] dir"},
    {"http", "tls_key", TEXT, AT(http.tls_key), 0, 0, "", "PEM"},
    {"policy", "base", TEXT, AT(policy.base), 0, 0, "", "https://host/path; empty: no look-ups"},
    {"policy", "url", TEXT, AT(policy.url), 0, 0, NULL, "template with {base} and {plate}"},
    {"policy", "method", TEXT, AT(policy.method), 0, 0, NULL, "GET or POST"},
    {"policy", "body", TEXT, AT(policy.body), 0, 0, NULL, "template with {plate}"},
    {"policy", "ca_file", TEXT, AT(policy.ca_file), 0, 0, NULL, "PEM; empty: the system's"},
    {"policy", "cert_file", TEXT, AT(policy.cert_file), 0, 0, NULL, "client certificate"},
    {"policy", "key_file", TEXT, AT(policy.key_file), 0, 0, NULL, "its key, mode 0600"},
    {"policy", "token_file", TEXT, AT(policy.token_file), 0, 0, NULL, "bearer token, mode 0600"},
    {"policy", "allow_plain_http", BOOL, AT(policy.allow_plain_http), 0, 0, NULL,
     "http:// beyond this machine"},
    {"policy", "connect_ms", INT, AT(policy.connect_ms), 50, 120000, NULL, "one attempt"},
    {"policy", "total_ms", INT, AT(policy.total_ms), 50, 600000, NULL, "one attempt"},
    {"policy", "max_bytes", INT, AT(policy.max_bytes), 256, POLICY_BYTES_LIMIT, NULL, "one answer"},
    {"policy", "max_parallel", INT, AT(policy.max_parallel), 1, POLICY_PARALLEL_MAX, NULL, ""},
    {"policy", "attempts", INT, AT(policy.attempts), 1, 20, NULL, "1: no retry"},
    {"policy", "retry_first_ms", INT, AT(policy.retry_first_ms), 1, 600000, NULL, ""},
    {"policy", "retry_max_ms", INT, AT(policy.retry_max_ms), 1, 3600000, NULL, ""},
    {"policy", "breaker_failures", INT, AT(policy.breaker_failures), 1, 1000, NULL,
     "failed attempts in a row that stop asking"},
    {"policy", "breaker_open_ms", INT, AT(policy.breaker_open_ms), 1, 3600000, NULL, ""},
    {"policy", "breaker_max_ms", INT, AT(policy.breaker_max_ms), 1, 3600000, NULL, ""},
    {"lookup", "found_hours", INT, AT(lookup.found_hours), 0, 8760, "24",
     "an answer older than this is asked for again"},
    {"lookup", "unknown_hours", INT, AT(lookup.unknown_hours), 0, 8760, "4",
     "so is an \"unknown plate\""},
    {"lookup", "retry_s", INT, AT(lookup.retry_s), 1, 86400, "60",
     "pause after a failed look-up while the car is here"},
    {"device", "file", TEXT, AT(device_file), 0, 0, "/data/bayplate/device.ini",
     "serial, model and first password of a flashed board; need not be there"},
    {"device", "update_file", TEXT, AT(update_file), 0, 0, "/data/bayplate/update/report.ini",
     "how the last system update went; need not be there"},
    {"device", "update_state", TEXT, AT(update_state), 0, 0, "/run/bayplate-boot/update.ini",
     "how far a system update is; need not be there"},
    {"device", "release_file", TEXT, AT(release_file), 0, 0, "/etc/bayplate-release",
     "version, date and support of the system image; need not be there"},
    {"device", "trouble_file", TEXT, AT(trouble_file), 0, 0, "/run/bayplate-boot/data-trouble",
     "why the data partition could not be used; there only then"},
    {"device", "recovery_file", TEXT, AT(recovery_file), 0, 0, "/run/bayplate-boot/recovery",
     "there while the recovery system runs, since both slots are lost"},
    {"device", "repair_file", TEXT, AT(repair_file), 0, 0, "/run/bayplate-boot/data-repaired",
     "that the data partition was damaged and repaired; there only then"},
    {"device", "encryption_file", TEXT, AT(encryption_file), 0, 0,
     "/run/bayplate-boot/data-encryption", "whether the data partition is encrypted"},
    {"device", "export_socket", TEXT, AT(export_socket), 0, 0, "/run/bayplate-boot/export.sock",
     "of bayplate-export, for a data partition that cannot be used; there only then"},
    {"device", "export_state", TEXT, AT(export_state), 0, 0, "/run/bayplate-export/state",
     "how far an export is; need not be there"},
    {"device", "export_device", TEXT, AT(export_device), 0, 0, "/run/bayplate-boot/data-device",
     "which partition that is, and its bytes, in two lines; there only then"},
    {"device", "time_file", TEXT, AT(time.file), 0, 0, "",
     "the time is kept in it over boots; empty: clock in [store] dir"},
    {"device", "time_every_min", INT, AT(time.every_min), 1, 1440, "30",
     "how often it is written at most, besides once at the end"},
    {"device", "time_mark", TEXT, AT(time.mark), 0, 0, "/run/bayplate-clock/restored",
     "made by bayplate-clock when the clock had to be guessed"},
    {"service", "socket", TEXT, AT(service.socket), 0, 0, "",
     "UNIX socket for bayplate-port, e.g. /run/bayplate/device.sock; empty: none"},
    {"service", "group", TEXT, AT(service.group), 0, 0, "",
     "that may use the socket; empty: bayplated's own"},
    {"calendar", "listed", INT, AT(calendar.listed), DAYS, NULL,
     "days left at which 建档提醒 begins"},
    {"calendar", "first_call", INT, AT(calendar.first_call), DAYS, NULL, "首拨"},
    {"calendar", "quote", INT, AT(calendar.quote), DAYS, NULL, "报价促成"},
    {"calendar", "follow", INT, AT(calendar.follow), DAYS, NULL, "跟进"},
    {"calendar", "push", INT, AT(calendar.push), DAYS, NULL, "强促"},
    {"calendar", "due_from", STAGE, AT(calendar.due_from), 0, 0, NULL,
     "cards stand out from this stage on: listed first_call quote follow push lapsed"},
};

#define OPTIONS ((int)(sizeof options / sizeof options[0]))
_Static_assert(sizeof options / sizeof options[0] <= CONFIG_OPTIONS_MAX,
               "raise CONFIG_OPTIONS_MAX");

int config_option_find(const char *section, const char *key) {
  for (int i = 0; i < OPTIONS; i++) {
    if (strcmp(options[i].section, section) == 0 && strcmp(options[i].key, key) == 0)
      return i;
  }
  return -1;
}

// Damerau's four slips: one letter too many, missing, wrong, or two swapped.
static bool one_slip(const char *a, const char *b) {
  while (*a && *a == *b) {
    a++;
    b++;
  }
  if (strcmp(a, b) == 0)
    return true;
  return (*a && strcmp(a + 1, b) == 0) || (*b && strcmp(a, b + 1) == 0) ||
         (*a && *b && strcmp(a + 1, b + 1) == 0) ||
         (a[0] && a[1] && b[0] && b[1] && a[0] == b[1] && a[1] == b[0] &&
          strcmp(a + 2, b + 2) == 0);
}

const char *config_option_near(const char *section, const char *key) {
  for (int i = 0; i < OPTIONS; i++) {
    if (strcmp(options[i].section, section) == 0 && one_slip(options[i].key, key))
      return options[i].key;
  }
  return NULL;
}

static bool set_number(const struct option *o, void *at, const char *value, struct err *e) {
  errno = 0;
  char *end = NULL;
  double d = strtod(value, &end);
  bool whole = o->type != INT || (d == floor(d) && strpbrk(value, ".eExX") == NULL);
  if (end == value || *end != '\0' || errno == ERANGE || !isfinite(d) || !whole)
    return err_set(e, ERR_ARG, "\"%.40s\" is not %s number", value,
                   o->type == INT ? "a whole" : "a");
  if (d < o->min || d > o->max)
    return err_set(e, ERR_ARG, "%.40s is outside %g to %g", value, o->min, o->max);
  if (o->type == INT)
    *(int *)at = (int)d;
  else if (o->type == REAL)
    *(float *)at = (float)d;
  else
    *(int64_t *)at = (int64_t)(d * 1e9);
  return true;
}

static bool set_bool(bool *at, const char *value, struct err *e) {
  static const char *const yes[] = {"yes", "true", "on", "1"};
  static const char *const no[] = {"no", "false", "off", "0"};
  for (int i = 0; i < 4; i++) {
    if (strcmp(value, yes[i]) == 0 || strcmp(value, no[i]) == 0) {
      *at = strcmp(value, yes[i]) == 0;
      return true;
    }
  }
  return err_set(e, ERR_ARG, "\"%.40s\" is neither yes nor no", value);
}

static bool set_zone(struct analyser_config *v, const char *value, struct err *e) {
  int n = 0;
  const char *at = value;
  for (;;) {
    while (*at == ' ')
      at++;
    if (*at == '\0')
      break;
    if (n == ZONE_POINTS_MAX)
      return err_set(e, ERR_ARG, "more than %d points", ZONE_POINTS_MAX);
    char *end = NULL;
    float x = strtof(at, &end);
    if (end == at || *end != ',')
      return err_set(e, ERR_ARG, "point %d is not written x,y", n + 1);
    at = end + 1;
    float y = strtof(at, &end);
    if (end == at || (*end != ' ' && *end != '\0'))
      return err_set(e, ERR_ARG, "point %d is not written x,y", n + 1);
    at = end;
    if (!(x >= 0 && x <= 1 && y >= 0 && y <= 1))
      return err_set(e, ERR_ARG, "point %d is outside the picture (0 to 1)", n + 1);
    v->zone[n++] = (struct point){x, y};
  }
  v->zone_points = n;
  return true;
}

static bool set_text(const struct option *o, char *at, const char *value, struct err *e) {
  size_t n = strlen(value);
  if (n >= o->size)
    return err_set(e, ERR_ARG, "longer than %zu bytes", o->size - 1);
  memcpy(at, value, n + 1);
  return true;
}

bool config_option_set(struct config *c, int i, const char *value, struct err *e) {
  const struct option *o = &options[i];
  void *at = (char *)c + o->offset;
  switch (o->type) {
  case TEXT:
    return set_text(o, at, value, e);
  case INT:
  case REAL:
  case SECONDS_NS:
    return set_number(o, at, value, e);
  case BOOL:
    return set_bool(at, value, e);
  case LEVEL:
    return log_level_parse(value, at) ||
           err_set(e, ERR_ARG, "\"%.40s\" is none of error, warn, info, debug", value);
  case ZONE:
    return set_zone(at, value, e);
  case LINE:
    return gpio_line_parse(value, at, e);
  case KNOB:
    return camera_wish_parse(value, at, e);
  case STAGE:
    return stage_parse(value, at) || err_set(e, ERR_ARG, "\"%.40s\" is no stage", value);
  }
  return err_set(e, ERR_ARG, "unknown type of key");
}

void config_option_defaults(struct config *c) {
  for (int i = 0; i < OPTIONS; i++) {
    // The table's own defaults are right by test_config.
    if (options[i].preset && !config_option_set(c, i, options[i].preset, NULL))
      abort();
  }
}

static void print_value(FILE *f, const struct option *o, const struct config *c) {
  const void *at = (const char *)c + o->offset;
  switch (o->type) {
  case TEXT:
    fprintf(f, "%s", (const char *)at);
    break;
  case INT:
    fprintf(f, "%d", *(const int *)at);
    break;
  case REAL:
    fprintf(f, "%g", (double)*(const float *)at);
    break;
  case SECONDS_NS:
    fprintf(f, "%g", (double)*(const int64_t *)at / 1e9);
    break;
  case BOOL:
    fprintf(f, "%s", *(const bool *)at ? "yes" : "no");
    break;
  case LEVEL:
    fprintf(f, "info");
    break;
  case STAGE:
    fprintf(f, "%s", stage_name(*(const enum stage *)at));
    break;
  case ZONE:
  case LINE:
  case KNOB:
    break; // empty
  }
}

void config_option_print(FILE *f) {
  struct config c;
  config_defaults(&c);
  const char *section = "";
  for (int i = 0; i < OPTIONS; i++) {
    const struct option *o = &options[i];
    if (strcmp(section, o->section) != 0)
      fprintf(f, "%s[%s]\n", i ? "\n" : "", o->section);
    section = o->section;
    if (o->help[0])
      fprintf(f, "# %s\n", o->help);
    fprintf(f, "#%s = ", o->key);
    print_value(f, o, &c);
    fprintf(f, "\n");
  }
}
