// SPDX-License-Identifier: Apache-2.0
// The hardware around the camera: trigger input, lamps, temperature and wear. Each is optional; one
// that fails is told and tried again, and stops nothing else.
#ifndef BAYPLATE_FIRMWARE_HARDWARE_H
#define BAYPLATE_FIRMWARE_HARDWARE_H

#include "board/clock.h"
#include "board/err.h"
#include "board/frame.h"
#include "firmware/config.h"

#include <jansson.h>

#define HARDWARE_WEAR_NS (INT64_C(60) * 1000000000) // between two looks at temperature and wear
#define HARDWARE_LIGHT_NS (INT64_C(1) * 1000000000) // between two looks at the light

struct hardware;

struct hardware_options {
  const struct config *config; // read during the call only
  const struct bp_clock *clock;
  const char *root; // before /sys; "" on a device
  // The trigger went on: look at every frame for so long. On the trigger's thread.
  void (*attend)(void *ctx, int64_t for_ns);
  void *ctx;
};

BP_CHECK bool hardware_new(struct hardware **out, const struct hardware_options *o, struct err *e);
void hardware_free(struct hardware *h); // lamps go off. NULL is fine

// A frame came: the infrared lamp follows its light. On one thread. NULL is fine.
void hardware_frame(struct hardware *h, const struct frame *f);
// A card of a car that is here was told (its JSON): the lamp of due cards is lit for a new one. On
// one thread. NULL is fine.
void hardware_card(struct hardware *h, const char *json);
// About every two seconds, on one thread. NULL is fine.
void hardware_tick(struct hardware *h);

// {"trigger":{"on","fault"}|null,"lamps":[{"name","lit","fault"}],"temperature":[{"name","celsius"}],
//  "storage":{"disk","life_used_percent"|null,"pre_eol"|null,"written_mb"|null}}. Any thread.
json_t *hardware_json(struct hardware *h);

#endif
