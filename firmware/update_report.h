// SPDX-License-Identifier: Apache-2.0
// How the last system update went, as bayplate-update and the image's verdict wrote it down.
#ifndef BAYPLATE_FIRMWARE_UPDATE_REPORT_H
#define BAYPLATE_FIRMWARE_UPDATE_REPORT_H

#include "board/err.h"

#include <stdint.h>

struct update_report {
  char result[32]; // a word: "good", "fell-back", "wrong-key", ...; empty: there was no update
  char version[64];
  char code[16]; // of a version that did not prove itself: "golden", "camera", ... (docs/device.md)
  char what[256]; // for people; longer ones are cut
  int64_t time_s; // when, since 1970 UTC; 0: not known
};

// No file, or "": an empty report. ERR_FORMAT: not such a file.
BP_CHECK bool update_report_load(struct update_report *out, const char *path, struct err *e);

// Did it end well, or was there none?
bool update_report_fine(const struct update_report *r);

#endif
