// SPDX-License-Identifier: Apache-2.0
// Commissioning: what a technician sees and does while aiming a camera. Meters are computed on a
// thread of its own, and only while a page asks for them; otherwise a frame costs one look at a
// flag.
#ifndef BAYPLATE_FIRMWARE_COMMISSION_H
#define BAYPLATE_FIRMWARE_COMMISSION_H

#include "board/clock.h"
#include "board/err.h"
#include "board/frame.h"
#include "firmware/settings.h"
#include "firmware/trial.h"
#include "vision/visit_event.h"

#define COMMISSION_OPEN_NS (INT64_C(5) * 1000000000)   // after the last question: nobody looks
#define COMMISSION_PICTURE_NS (INT64_C(250) * 1000000) // between two pictures
#define COMMISSION_SIDE_MAX 960                        // of the picture's longer side, pixels
#define COMMISSION_READS_MAX 16
#define COMMISSION_SHEETS_MAX 50 // kept; the oldest goes

struct commission;

// What stands around the camera, as the rest of the terminal knows it. JSON object, owned by the
// caller.
typedef json_t *commission_world_fn(void *ctx);

struct commission_options {
  const struct bp_clock *clock;
  struct settings *settings;                    // must outlive it
  const char *dir;                              // trial and sheets are kept in DIR/commission
  const char *shop, *camera, *serial, *version; // copied
  const char *sheet_program;                    // draws a sheet's PNG and PDF; copied
  commission_world_fn *world; // {"clock_trusted","now","network":[...],"policy":{...},...}
  // A setting was changed and kept: take it over. On the caller's thread.
  void (*changed)(void *ctx);
  // Ask the policy gateway whether it answers. False with e: not possible.
  bool (*probe)(void *ctx, struct err *e);
  void *ctx;
};

BP_CHECK bool commission_new(struct commission **out, const struct commission_options *o,
                             struct err *e);
void commission_free(struct commission *c); // nobody may be calling. NULL is fine

// --- the analysis thread

// A frame was analysed: its n plates (-1: it was not looked at), and whether a car is in view. The
// frame stays the caller's. `c` NULL: does nothing.
void commission_frame(struct commission *c, struct frame *f, const struct plate_read *reads, int n,
                      bool occupied);
// A visit changed. NULL is fine.
void commission_visit(struct commission *c, const struct visit_event *event);

// --- the page's thread

// Somebody looks: meters run for COMMISSION_OPEN_NS from now.
void commission_wake(struct commission *c);
// The zone that meters hold for, in parts of the frame; also told at start and after a reload.
void commission_set_zone(struct commission *c, const struct analyser_config *visit);

// {"meters":{...},"trial":{...},"region":{"zone":[[x,y],...],"direction":deg,"own":bool},"world":...,
//  "camera":name,"picture":number of the newest picture,"open":[what a pass still wants],"passed",
//  "sheet":{"state":"none"|"working"|"ready"|"failed","id","error"}}. malloc'ed.
BP_CHECK bool commission_json(struct commission *c, char **json, struct err *e);
// The newest picture as JPEG, malloc'ed. ERR_NOT_FOUND: none yet.
BP_CHECK bool commission_picture(struct commission *c, uint8_t **jpeg, size_t *len, struct err *e);
BP_CHECK bool commission_car(struct commission *c, uint64_t visit, uint8_t **jpeg, size_t *len,
                             struct err *e);

// zone: "x,y x,y ..." as in the configuration; "": the whole picture; NULL: back to the
// configuration's. Kept and taken over at once. ERR_ARG in words for a person.
BP_CHECK bool commission_set(struct commission *c, const char *key, const char *value,
                             struct err *e);
BP_CHECK bool commission_trial(struct commission *c, bool begin, struct err *e);
BP_CHECK bool commission_expect(struct commission *c, enum visit_direction d, struct err *e);
BP_CHECK bool commission_judge(struct commission *c, uint64_t visit, enum trial_word word,
                               struct err *e);
BP_CHECK bool commission_probe(struct commission *c, struct err *e);

// Asks for a pass sheet of what is shown now; it is written and drawn on the commissioning thread,
// and commission_json() tells when it is done. sign: the technician saw the notice at the camera.
// ERR_BUSY: one is being made.
BP_CHECK bool commission_sheet(struct commission *c, const char *person, const char *note,
                               bool sign, struct err *e);
// {"sheets":[{"id","at","passed","drawn"}]}, newest first.
BP_CHECK bool commission_sheets(struct commission *c, char **json, struct err *e);
// "ID.png", "ID.pdf" or "ID.json". ERR_NOT_FOUND; ERR_ARG for any other name.
BP_CHECK bool commission_sheet_file(struct commission *c, const char *name, void **data,
                                    size_t *len, const char **type, struct err *e);

#endif
