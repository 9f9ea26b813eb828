// SPDX-License-Identifier: Apache-2.0
// One line of a GPIO chip, as input with edges or as output. Drivers: libgpiod, and a simulated
// chip for tests and machines without one.
#ifndef BAYPLATE_BOARD_GPIO_H
#define BAYPLATE_BOARD_GPIO_H

#include "board/err.h"

#include <stdbool.h>
#include <stdint.h>

#define GPIO_CHIP_MAX 32

enum gpio_bias { GPIO_BIAS_KEEP, GPIO_PULL_UP, GPIO_PULL_DOWN };

// "CHIP:LINE[:low][:up|:down]": chip by name ("gpiochip0"), label or number; low: active when the
// level is low; up, down: the chip's own resistor. Chip "sim": the simulated one.
struct gpio_line {
  char chip[GPIO_CHIP_MAX]; // "": none
  unsigned line;
  bool active_low;
  enum gpio_bias bias;
};

// "" gives no line. ERR_ARG in words.
BP_CHECK bool gpio_line_parse(const char *text, struct gpio_line *out, struct err *e);

enum gpio_got { GPIO_EDGE, GPIO_QUIET, GPIO_BROKEN };

struct gpio; // each driver's own

struct gpio_ops {
  const char *name;
  // output: begins off. ERR_NOT_FOUND: no such chip or line; ERR_BUSY: another program has it.
  bool (*open)(struct gpio **out, const struct gpio_line *line, bool output, struct err *e);
  bool (*get)(struct gpio *g, bool *on, struct err *e);
  bool (*set)(struct gpio *g, bool on, struct err *e);
  // Waits for an edge, at most timeout_ms; *on is what it became, *t_ns when, CLOCK_MONOTONIC.
  enum gpio_got (*wait)(struct gpio *g, int timeout_ms, bool *on, int64_t *t_ns, struct err *e);
  void (*close)(struct gpio *g);
};

const struct gpio_ops *gpio_driver(const struct gpio_line *line);

extern const struct gpio_ops gpio_gpiod, gpio_sim;

// --- the simulated chip: 32 lines, all off at first
#define GPIO_SIM_LINES 32
// Sets the level of a line from outside, as a wire would.
void gpio_sim_put(unsigned line, bool high);
// The level that an output has.
bool gpio_sim_level(unsigned line);
// The chip is pulled out: everything fails until it is back.
void gpio_sim_gone(bool gone);

#endif
