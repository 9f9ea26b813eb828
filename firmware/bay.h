// SPDX-License-Identifier: Apache-2.0
// Tells other programs of the device whether a car is in the bay, by a file that is there
// meanwhile: an update waits for it.
#ifndef BAYPLATE_FIRMWARE_BAY_H
#define BAYPLATE_FIRMWARE_BAY_H

#include "board/err.h"
#include "vision/visit_event.h"

#define BAY_PATH_MAX 256

struct bay {
  char path[BAY_PATH_MAX]; // empty: nobody is told
  int cars;
};

// The file is `folder`/car; one that an earlier run left is removed. NULL: nobody is told.
// ERR_LIMIT: the folder's name is too long.
BP_CHECK bool bay_init(struct bay *b, const char *folder, struct err *e);
// One visit event, in their order, on one thread.
void bay_event(struct bay *b, enum visit_event_kind kind);
void bay_finish(struct bay *b); // removes the file

#endif
