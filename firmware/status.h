// SPDX-License-Identifier: Apache-2.0
// How the terminal is: for the page's status line, for /healthz and for the log when it changes.
#ifndef BAYPLATE_FIRMWARE_STATUS_H
#define BAYPLATE_FIRMWARE_STATUS_H

#include "board/camera_feed.h"
#include "board/clock.h"
#include "board/err.h"
#include "firmware/arrivals.h"
#include "firmware/store.h"
#include "firmware/update/update_state.h"
#include "firmware/update_report.h"

#include <jansson.h>

// What is looked at; all must outlive the calls.
struct status_sources {
  const struct bp_clock *clock;
  bool clock_need_sync;
  const char *camera_name;
  struct camera_feed *feed;
  struct store *store;
  struct arrivals *arrivals;
  const char *update_file;   // firmware/update_report.h
  const char *update_state;  // firmware/update/update_state.h
  const char *recovery_file; // there while the recovery system runs; NULL: it is not asked for
  const char *trouble_file;  // one line: why the data partition could not be used
  const char *shop;
  const char *serial, *model; // "" for a machine that was not flashed
};

// {"shop","cameras":[{"name","state","last_frame","error"}],"store":{"ok","error","unsaved","set_aside"},
//  "evidence":{"ok","error"},"clock_trusted","now","device":{"serial","model","version"},
//  "update":{"result","code","version","what","fine"}|null,
//  "updating":{"phase","percent","version","restart_s"}|null,"data_trouble":text|null,"recovery":b}.
//  *json is malloc'ed.
BP_CHECK bool status_json(const struct status_sources *s, char **json, struct err *e);

// {"ok","version","camera","store","evidence","clock_trusted"}: words only, no personal data. *ok
// is false when the camera is offline, visits are not saved or crops cannot be written.
BP_CHECK bool status_health(const struct status_sources *s, bool *ok, char **json, struct err *e);

// Parts of it that the device page shows, too.
bool status_recovery(const char *path); // is the file there, does the recovery system run
void status_trouble(const char *path, char out[ERR_TEXT_MAX]); // "": none
// A file's first line; "" and false when it is not there.
bool status_line(const char *path, char out[ERR_TEXT_MAX]);
void status_updating(const char *path, const struct bp_clock *clock, struct update_state *out,
                     int *restart_s);
json_t *status_report_json(const struct update_report *r);
json_t *status_updating_json(const struct update_state *s, int restart_s);

// A number that changes whenever something a person should see changes (not the time).
uint64_t status_digest(const struct status_sources *s);

#endif
