// SPDX-License-Identifier: Apache-2.0
// One export: what all kinds of it share. How far it is, and the words that go with it.
#ifndef BAYPLATE_FIRMWARE_EXPORT_EXPORT_JOB_H
#define BAYPLATE_FIRMWARE_EXPORT_EXPORT_JOB_H

#include "firmware/export/export_out.h"
#include "firmware/export/export_state.h"

#define EXPORT_FOLDER "bayplate-export/" // all members are in it
#define EXPORT_REPORT_MAX 32768

struct export_job {
  struct export_out *out;
  const char *state_file; // "" for none
  char trouble[160];      // why the partition cannot be used; "" not told
  char encryption[160];   // whether it is encrypted; "" not told
  struct export_state state;
  int64_t told_ms, heard_ms; // monotonic: last write of the state file, last byte that went out
  uint64_t heard;            // bytes that had gone out then
  char report[EXPORT_REPORT_MAX]; // grows while it goes on; the last member
  size_t report_len;
  unsigned left_out; // lines that did not fit
};

// A line for the report; what does not fit is counted.
void export_job_note(struct export_job *j, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

// What somebody who opens the archive reads first. state.what is set.
BP_CHECK bool export_job_begin(struct export_job *j, struct err *e);
// To be called now and then: writes the state file once a second, and lets something go out every
// two. ERR_NET.
BP_CHECK bool export_job_step(struct export_job *j, struct err *e);
// The report and the end. Its last line says that it is whole.
BP_CHECK bool export_job_end(struct export_job *j, struct err *e);
// Notes how it ended, `why` NULL: well. `out` may be NULL.
void export_job_over(struct export_job *j, const struct err *why);

#endif
