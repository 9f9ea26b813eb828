// SPDX-License-Identifier: Apache-2.0
// Crops of this site's own past whose text is known: what a new version must read no worse than the
// one before (the image's `verdict`). A folder of DIR/labels.csv
// ("file,plate,type,hour,by,time_ms") and DIR/<visit>.jpg, the plate cut out of its evidence, mode
// 0600. Thread-safe.
#ifndef BAYPLATE_FIRMWARE_GOLDEN_H
#define BAYPLATE_FIRMWARE_GOLDEN_H

#include "board/err.h"
#include "firmware/golden_choice.h"

#include <stddef.h>

#define GOLDEN_BYTES_MAX (48u << 10) // one crop; GOLDEN_MAX of them are under 3 MB

struct golden;

// The folder is made by the first crop; its parent must exist. A labels.csv that is damaged is
// begun anew, which is logged: it is made again out of the next cars. ERR_ARG, ERR_NOMEM.
BP_CHECK bool golden_open(struct golden **out, const char *dir, struct err *e);
void golden_free(struct golden *g); // NULL is fine

struct golden_crop {
  uint64_t visit;
  const char *plate; // canonical and valid, else it is not taken
  enum plate_type type;
  bool by_person;
  int64_t wall_ms;      // when the car was here, by a clock that is trusted
  const void *evidence; // JPEG: the plate with what visit.h says around it
  size_t len;
};

// Offers one; *taken (may be NULL) says whether the set keeps it, durable on return. False: the
// disk. Errors as careful_write().
BP_CHECK bool golden_offer(struct golden *g, const struct golden_crop *crop, bool *taken,
                           struct err *e);

// Takes out what is too old. Cheap when nothing is. Only with a clock that is trusted.
BP_CHECK bool golden_expire(struct golden *g, int64_t now_ms, struct err *e);

#endif
