// SPDX-License-Identifier: Apache-2.0
// Lamps and relays on output lines: one that is lit for a time, one that follows the light. A lamp
// that fails is told once and tried again at its next change. Thread-safe.
#ifndef BAYPLATE_BOARD_LAMP_H
#define BAYPLATE_BOARD_LAMP_H

#include "board/gpio.h"

// When an infrared lamp should be lit, without lamp or clock. Lit it brightens the picture itself,
// so it goes off only well above the level at which it goes on, and not before `dwell_ns`.
struct dusk {
  float on_below, off_above; // mean luma, 0..255
  int64_t dwell_ns;
  bool lit;
  int64_t changed_ns;
  int64_t past_ns; // since when the level has asked for the change; 0: it does not
};
#define DUSK_SETTLE_NS INT64_C(3000000000) // a headlamp's sweep is shorter
void dusk_init(struct dusk *d, float on_below, float off_above, int64_t dwell_ns, int64_t t_ns);
// true: d->lit is another one now.
bool dusk_step(struct dusk *d, float luma, int64_t t_ns);

struct lamp;
// `name` is a constant for log and metrics: "due", "ir". A line that cannot be opened does not fail
// it: it is tried again.
BP_CHECK bool lamp_new(struct lamp **out, const char *name, const struct gpio_line *line,
                       struct err *e);
void lamp_free(struct lamp *l);         // switches it off. NULL is fine
void lamp_set(struct lamp *l, bool on); // NULL is fine
// On until t_ns + for_ns; lamp_tick() switches it off then. NULL is fine.
void lamp_flash(struct lamp *l, int64_t t_ns, int64_t for_ns);
void lamp_tick(struct lamp *l, int64_t t_ns); // about once a second. NULL is fine
bool lamp_lit(struct lamp *l);
// "" while it works.
void lamp_fault(struct lamp *l, char text[ERR_TEXT_MAX]);

#endif
