// SPDX-License-Identifier: Apache-2.0
#include "board/gpio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINE_NUMBER_MAX 1023

static bool word(struct gpio_line *out, const char *at, size_t n, struct err *e) {
  if (n == 3 && memcmp(at, "low", 3) == 0)
    out->active_low = true;
  else if (n == 2 && memcmp(at, "up", 2) == 0)
    out->bias = GPIO_PULL_UP;
  else if (n == 4 && memcmp(at, "down", 4) == 0)
    out->bias = GPIO_PULL_DOWN;
  else
    return err_set(e, ERR_ARG, "\"%.*s\" is none of low, up, down", (int)(n < 20 ? n : 20), at);
  return true;
}

bool gpio_line_parse(const char *text, struct gpio_line *out, struct err *e) {
  *out = (struct gpio_line){.chip = ""};
  if (text[0] == '\0')
    return true;
  const char *colon = strchr(text, ':');
  const size_t n = colon ? (size_t)(colon - text) : 0;
  if (n == 0 || n >= sizeof out->chip)
    return err_set(e, ERR_ARG, "\"%.40s\" is not written CHIP:LINE, e.g. gpiochip0:17", text);
  char *end = NULL;
  errno = 0;
  const unsigned long line = strtoul(colon + 1, &end, 10);
  if (end == colon + 1 || colon[1] == '-' || colon[1] == '+' || errno != 0 ||
      line > LINE_NUMBER_MAX || (*end != '\0' && *end != ':'))
    return err_set(e, ERR_ARG, "\"%.40s\": the line is a number from 0 to %d", text,
                   LINE_NUMBER_MAX);
  while (*end == ':') {
    const char *at = end + 1;
    const size_t len = strcspn(at, ":");
    if (!word(out, at, len, e))
      return false;
    end = (char *)at + len;
  }
  memcpy(out->chip, text, n);
  out->line = (unsigned)line;
  return true;
}

const struct gpio_ops *gpio_driver(const struct gpio_line *line) {
  return strcmp(line->chip, "sim") == 0 ? &gpio_sim : &gpio_gpiod;
}
