// SPDX-License-Identifier: Apache-2.0
#include "firmware/device_page.h"

#include "board/file.h"
#include "board/log.h"
#include "firmware/calendar.h"
#include "firmware/export/export_state.h"
#include "firmware/release.h"
#include "firmware/status.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define BUNDLE_BYTES_MAX (UINT64_C(1) << 30) // as board/bundle.h
#define CMDLINE_BYTES 4096
#define EXPORT_DEVICE_BYTES 512

struct device_page {
  struct device_page_options o;
  struct release release;
  bool image; // this is a system image
  char slot[8];
  struct upload *upload;
  char reset_file[FILE_PATH_MAX];
  atomic_int exporting; // from here; the service port may, too
};

// The slot that runs stands on the kernel's command line, "rauc.slot=A"; "" elsewhere.
static void find_slot(char out[8]) {
  char line[CMDLINE_BYTES];
  out[0] = '\0';
  const int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
  const ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
  if (fd >= 0)
    (void)close(fd); // only read
  line[n > 0 ? n : 0] = '\0';
  const char *at = strstr(line, "rauc.slot=");
  if (at)
    (void)snprintf(out, 8, "%.*s", (int)strcspn(at + 10, " \n"), at + 10);
}

bool device_page_new(struct device_page **out, const struct device_page_options *o, struct err *e) {
  char folder[FILE_PATH_MAX];
  struct device_page *d = calloc(1, sizeof *d);
  *out = NULL;
  if (!d)
    return err_set(e, ERR_NOMEM, "no memory");
  d->o = *o;
  struct err why;
  d->image = release_load(&d->release, o->release_file, &why) && d->release.compatible[0];
  if (!d->image && why.code != ERR_NOT_FOUND)
    log_warn("device", "%s", why.text);
  find_slot(d->slot);
  (void)snprintf(folder, sizeof folder, "%s/update", o->store_dir);
  (void)snprintf(d->reset_file, sizeof d->reset_file, "%s/reset", o->store_dir);
  const struct upload_options uo = {
      .dir = folder, .max = BUNDLE_BYTES_MAX, .reserve = o->reserve_bytes};
  if (!upload_new(&d->upload, &uo, e)) {
    free(d);
    return false;
  }
  *out = d;
  return true;
}

void device_page_free(struct device_page *d) {
  if (!d)
    return;
  upload_free(d->upload);
  free(d);
}

// Are there security updates for it on this day? null: not told, or the clock cannot be trusted.
static json_t *supported(const struct device_page *d, const char *until) {
  struct date today = {0};
  char day[16];
  if (!until[0] || !clock_trusted(d->o.clock, d->o.clock_need_sync) ||
      !date_today(clock_wall_ns(d->o.clock), &today))
    return json_null();
  (void)snprintf(day, sizeof day, "%04d-%02d-%02d", today.year, today.month, today.day);
  return json_boolean(strcmp(day, until) <= 0);
}

static json_t *word(const char *text) {
  return text[0] ? json_string(text) : json_null();
}

static json_t *upload_json(struct device_page *d) {
  struct upload_state u;
  upload_get(d->upload, &u);
  if (!u.id[0] && !u.error[0])
    return json_null();
  return json_pack("{s:s, s:I, s:I, s:b, s:o}", "id", u.id, "size", (json_int_t)u.size, "have",
                   (json_int_t)u.have, "whole", u.whole, "error", word(u.error));
}

// The second line of the file: how large the partition is; 0 when there is none.
static uint64_t partition_bytes(const char *path) {
  void *text = NULL;
  size_t len = 0;
  if (!path || !path[0] || !file_get(path, EXPORT_DEVICE_BYTES, &text, &len, NULL))
    return 0;
  const char *second = strchr(text, '\n');
  const uint64_t bytes = second ? strtoull(second + 1, NULL, 10) : 0;
  free(text);
  return bytes;
}

static bool exporting(struct device_page *d) {
  return atomic_load(&d->exporting) || export_running(d->o.trouble_file);
}

bool device_page_export(struct device_page *d, const char **socket, atomic_int **going,
                        struct err *e) {
  *socket = d->o.export_socket;
  *going = &d->exporting;
  if (!d->o.trouble_file || access(d->o.trouble_file, F_OK) != 0)
    return err_set(e, ERR_STATE, "the data partition is in use: there is nothing to export");
  if (partition_bytes(d->o.export_device) == 0 || access(d->o.export_socket, F_OK) != 0)
    return err_set(e, ERR_NOT_FOUND, "this terminal has no data partition to export");
  if (exporting(d))
    return err_set(e, ERR_BUSY, "an export is going on: one at a time");
  return true;
}

void device_page_export_name(const struct device_page *d, const char *what, char *out,
                             size_t size) {
  (void)snprintf(out, size, "bayplate-%s-%s.tar.gz", d->o.id->serial[0] ? d->o.id->serial : "data",
                 what);
}

static json_t *export_json(struct device_page *d) {
  const char *socket = NULL;
  atomic_int *going = NULL;
  struct export_state s;
  struct err e;
  if (!device_page_export(d, &socket, &going, &e) && e.code != ERR_BUSY)
    return json_null();
  if (!export_state_load(&s, d->o.export_state, NULL))
    s = (struct export_state){0}; // it is written again in a moment
  const bool running = exporting(d);
  // One that ended without a word: its program died.
  if (s.phase == EXPORT_RUNS && !running)
    s.phase = EXPORT_FAILED;
  return json_pack("{s:b, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "running", running,
                   "phase", export_phase_name(s.phase), "what", s.what, "partition",
                   (json_int_t)partition_bytes(d->o.export_device), "read", (json_int_t)s.read,
                   "size", (json_int_t)s.size, "sent", (json_int_t)s.sent, "files",
                   (json_int_t)s.files, "bad", (json_int_t)s.bad, "sha256", word(s.sha256), "error",
                   word(s.error));
}

bool device_page_json(struct device_page *d, char **json, struct err *e) {
  struct update_report report;
  struct update_state updating;
  int restart_s = -1;
  char until[11], built[11], trouble[ERR_TEXT_MAX], repaired[ERR_TEXT_MAX],
      encryption[ERR_TEXT_MAX];
  if (!update_report_load(&report, d->o.report_file, NULL))
    report = (struct update_report){0}; // whoever wrote it has logged it
  status_updating(d->o.state_file, d->o.clock, &updating, &restart_s);
  status_trouble(d->o.trouble_file, trouble);
  status_line(d->o.repair_file, repaired);
  status_line(d->o.encryption_file, encryption);
  release_supported_until(&d->release, until);
  release_built(&d->release, built);
  const char *version = d->release.version[0] ? d->release.version : BAYPLATE_VERSION;
  json_t *root = json_pack(
      "{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o}",
      "serial", word(d->o.id->serial), "model", word(d->o.id->model), "board",
      word(d->release.board), "version", version, "slot", word(d->slot), "built", word(built),
      "supported_until", word(until), "supported", supported(d, until), "image", d->image, "report",
      status_report_json(&report), "updating", status_updating_json(&updating, restart_s), "upload",
      upload_json(d), "data_trouble", word(trouble), "data_repaired", word(repaired), "encryption",
      word(encryption), "resetting", access(d->reset_file, F_OK) == 0, "recovery",
      status_recovery(d->o.recovery_file), "export", export_json(d));
  *json = root ? json_dumps(root, JSON_COMPACT) : NULL;
  json_decref(root);
  return *json ? true : err_set(e, ERR_NOMEM, "no memory");
}

bool device_page_upload(struct device_page *d, struct upload **out, struct err *e) {
  *out = d->upload;
  return d->image || err_set(e, ERR_STATE, "this is no system image: it is updated as a package");
}

bool device_page_reset(struct device_page *d, const char *said, struct err *e) {
  const char *want = d->o.id->serial[0] ? d->o.id->serial : DEVICE_PAGE_RESET_WORD;
  if (!d->image)
    return err_set(e, ERR_STATE, "this is no system image: remove its data by hand");
  if (strcasecmp(said, want) != 0)
    return err_set(e, ERR_ARG, "the word is not %s", want);
  log_warn("device", "reset to factory state was asked for on the page");
  return file_put(d->reset_file, "page\n", 5, e);
}
