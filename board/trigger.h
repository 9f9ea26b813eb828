// SPDX-License-Identifier: Apache-2.0
// A trigger input: a loop, a light barrier or a push button that says that a car is there. Waits on
// a thread of its own, swallows bouncing, tries again when the chip fails.
#ifndef BAYPLATE_BOARD_TRIGGER_H
#define BAYPLATE_BOARD_TRIGGER_H

#include "board/gpio.h"

#define TRIGGER_RETRY_MS 5000 // between tries to open a line that fails

// The bounce filter, without thread or clock: a level counts once it has stayed for `hold_ns`.
struct debounce {
  int64_t hold_ns;
  bool level;    // that counts
  bool raw;      // as last seen
  int64_t since; // when raw last changed
};
void debounce_init(struct debounce *d, int64_t hold_ns, bool level, int64_t t_ns);
void debounce_feed(struct debounce *d, bool level, int64_t t_ns);
// Time went on. true: d->level is another one now.
bool debounce_step(struct debounce *d, int64_t t_ns);

struct trigger;
struct trigger_options {
  struct gpio_line line;
  int debounce_ms;
  int retry_ms; // 0: TRIGGER_RETRY_MS
  // The input became active (on) or inactive. On the trigger's thread.
  void (*changed)(void *ctx, bool on);
  void *ctx;
};

BP_CHECK bool trigger_new(struct trigger **out, const struct trigger_options *o, struct err *e);
void trigger_free(struct trigger *t); // stops the thread. NULL is fine
// "" while it works, else why not. Any thread.
void trigger_fault(struct trigger *t, char text[ERR_TEXT_MAX]);

#endif
