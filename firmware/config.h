// SPDX-License-Identifier: Apache-2.0
// bayplated's configuration: one INI file, checked as a whole before anything is started.
#ifndef BAYPLATE_FIRMWARE_CONFIG_H
#define BAYPLATE_FIRMWARE_CONFIG_H

#include "board/camera_control.h"
#include "board/err.h"
#include "board/gpio.h"
#include "board/log.h"
#include "firmware/calendar.h"
#include "net/policy_config.h"
#include "vision/analyser.h"

#include <stdbool.h>
#include <stddef.h>

#define CONFIG_PATH_MAX 512
#define CONFIG_TEXT_MAX 128
#define CONFIG_LINE_MAX 200        // inih's own bound on a line, its end included
#define CONFIG_FILE_MAX (64 << 10) // bytes

struct config {
  struct {
    char name[CONFIG_TEXT_MAX];
    char timezone[CONFIG_TEXT_MAX]; // as in /usr/share/zoneinfo
    bool clock_need_sync;           // believe the clock only once NTP has set it
  } shop;
  enum log_level log_level;
  struct {
    char name[CONFIG_TEXT_MAX];
    char source[CONFIG_PATH_MAX]; // what camera_open takes
    bool fast;                    // files and folders: as fast as they can be analysed
    bool loop;                    // files and folders: begin again at the end
    int offline_ms;               // no frame, or the same bytes, for so long: offline
    struct camera_controls controls;
  } camera;
  struct {
    struct gpio_line line; // chip "": none
    int debounce_ms;
    int64_t attend_ns; // every frame is looked at for so long
  } trigger;
  struct {
    struct gpio_line due, ir;
    int64_t due_ns;                // lit for so long
    int ir_on_below, ir_off_above; // mean luma, 0 to 255
    int64_t ir_dwell_ns;
  } lamp;
  struct {
    int frames_s;                 // no frame of a local camera for so long: not fed. 0: never
    char device[CONFIG_PATH_MAX]; // fed by bayplated itself; empty: by init
    int timeout_s;
  } watchdog;
  struct analyser_config visit; // zone, gaps, thresholds
  struct {
    char models[CONFIG_PATH_MAX];
    int threads;
  } vision;
  struct {
    char dir[CONFIG_PATH_MAX]; // database and evidence
    int evidence_mb, reserve_mb;
  } store;
  struct {
    char address[CONFIG_TEXT_MAX];
    int port, tls_port; // of plain HTTP, of HTTPS; 0: a free one, -1: none
    bool redirect;      // plain HTTP sends people on to HTTPS
    char tls_cert[CONFIG_PATH_MAX], tls_key[CONFIG_PATH_MAX]; // empty: the board makes its own
    char port_file[CONFIG_PATH_MAX]; // the ports really bound are written here; empty: nowhere
  } http;
  bool policy_enabled; // a [policy] base is set
  struct policy_config policy;
  struct {
    int found_hours, unknown_hours; // ages after which an answer is asked for again
    int retry_s;                    // pause after a failed look-up while the car is here
  } lookup;
  struct calendar_config calendar;
  struct {
    char file[CONFIG_PATH_MAX]; // the time is kept in it; empty: DIR/clock of [store] dir
    char mark[CONFIG_PATH_MAX]; // exists when bayplate-clock had to set the clock
    int every_min;
  } time;
  char release_file[CONFIG_PATH_MAX];    // what system this is (firmware/release.h)
  char update_state[CONFIG_PATH_MAX];    // how far an update is (firmware/update/update_state.h)
  char recovery_file[CONFIG_PATH_MAX];   // there while the recovery system runs
  char trouble_file[CONFIG_PATH_MAX];    // why the data partition is not there; there only then
  char repair_file[CONFIG_PATH_MAX];     // that it was damaged and repaired; there only then
  char encryption_file[CONFIG_PATH_MAX]; // whether it is encrypted, in one line
  char export_socket[CONFIG_PATH_MAX];   // who gives a lost data partition away (firmware/export/)
  char export_state[CONFIG_PATH_MAX];    // how far that is
  char export_device[CONFIG_PATH_MAX];   // which partition, and its bytes, in two lines
  char update_file[CONFIG_PATH_MAX];     // how the last update went (firmware/update_report.h)
  char device_file[CONFIG_PATH_MAX]; // who the board is (firmware/device_id.h); need not be there
  struct {
    char socket[CONFIG_PATH_MAX]; // for bayplate-port; empty: none
    char group[CONFIG_TEXT_MAX];  // that may use it; empty: bayplated's own
  } service;
};

// One thing wrong. line 0: of the whole file. field is "section.key" or "".
typedef void config_report_fn(void *ctx, int line, const char *field, const char *text);

void config_defaults(struct config *c);

// Reads and checks `path` over the defaults. Every error is reported, not only the first; unknown
// sections and keys, keys set twice, wrong types and impossible values are errors. False if there
// was any.
BP_CHECK bool config_load(struct config *c, const char *path, config_report_fn *report, void *ctx);

// The same from memory, for tests and fuzzing.
BP_CHECK bool config_parse(struct config *c, const char *text, size_t len, config_report_fn *report,
                           void *ctx);

#endif
