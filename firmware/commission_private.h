// SPDX-License-Identifier: Apache-2.0
// Inside of the commission*.c files: the state they share.
#ifndef BAYPLATE_FIRMWARE_COMMISSION_PRIVATE_H
#define BAYPLATE_FIRMWARE_COMMISSION_PRIVATE_H

#include "firmware/commission.h"
#include "firmware/meters.h"
#include "firmware/pass_sheet.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>

#define COMMISSION_ARRIVALS 32 // visit events waiting
#define COMMISSION_PERSON_MAX 128
#define COMMISSION_NOTE_MAX 512

struct ocv_work;

struct commission_look {
  struct frame *frame;
  struct plate_read reads[COMMISSION_READS_MAX];
  int n; // -1: not looked at
  bool occupied;
};

struct commission_arrival {
  struct visit_event event;
  int64_t wall_ms;
  uint8_t *jpeg;
  size_t len;
};

enum sheet_state { SHEET_NONE, SHEET_WORKING, SHEET_READY, SHEET_FAILED };

struct commission {
  struct commission_options o;
  char shop[128], camera[128], serial[64], program[CONFIG_PATH_MAX];
  char sheets[CONFIG_PATH_MAX + 32];
  atomic_int_least64_t open_until_ns;
  atomic_bool trial_on;
  pthread_t thread;
  struct ocv_work *ocv; // the thread's
  int64_t picture_ns;   // the thread's
  pthread_mutex_t lock; // guards what the analysis hands over; held for moments
  pthread_cond_t work;
  struct commission_look next;
  struct commission_arrival arrival[COMMISSION_ARRIVALS];
  int arrivals;
  bool stop, sheet_wanted;
  pthread_mutex_t state; // guards what is shown. Never taken while `lock` is held
  struct meters meters;
  struct trial trial;
  struct zone zone;
  float direction;
  uint8_t *picture;
  size_t picture_len;
  uint64_t picture_number;
  enum sheet_state sheet;
  char sheet_id[SHEET_ID_MAX], sheet_error[ERR_TEXT_MAX];
  char person[COMMISSION_PERSON_MAX], note[COMMISSION_NOTE_MAX];
  bool sign;
};

// Everything but the sheet's state; `state` is held.
json_t *commission_shown(struct commission *c);
// On the commissioning thread: writes and draws the sheet that was asked for.
void commission_make_sheet(struct commission *c);

#endif
