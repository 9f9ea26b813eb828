// SPDX-License-Identifier: Apache-2.0
// What a person says the plate is: it stays the visit's text for good, whatever the camera reads
// afterwards.
#ifndef BAYPLATE_FIRMWARE_SAID_H
#define BAYPLATE_FIRMWARE_SAID_H

#include "firmware/store_visit.h"

// The type as seen where the text can stand on it, else the first one that it can stand on, else
// the type as seen.
enum plate_type said_type(enum plate_type seen, const char *text);

// Makes `plate` (canonical, valid) the visit's text, certain; v->picture keeps what the picture
// alone said. by: the person's number in the store, not 0.
void said_apply(struct store_visit *v, const char *plate, int64_t by);

// `into` goes on as the visit of the same car: what was said of `from` holds for it, too, unless
// somebody spoke of `into` itself.
void said_merge(struct store_visit *into, const struct store_visit *from);

#endif
