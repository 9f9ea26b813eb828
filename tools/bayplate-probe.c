// SPDX-License-Identifier: Apache-2.0
// bayplate-probe: tries one piece of a board's hardware with bayplated's own drivers, for a
// technician with wires in hand, and for the tests in a virtual board. One JSON object a line.
#include "board/camera_control.h"
#include "board/camera_v4l2_control.h"
#include "board/clock.h"
#include "board/gpio.h"
#include "board/trigger.h"
#include "board/watchdog_device.h"
#include "board/wear.h"

#include "board/camera.h"

#include <errno.h>
#include <getopt.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void usage(FILE *f) {
  fputs(
      "usage: bayplate-probe camera SOURCE [--exposure W] [--gain W] [--focus W] [--frames N]\n"
      "       bayplate-probe trigger CHIP:LINE[:low][:up|:down] [--debounce MS] [--seconds N]\n"
      "       bayplate-probe lamp CHIP:LINE[:low] [--seconds N]\n"
      "       bayplate-probe watchdog DEVICE [--timeout S] [--seconds N] [--hang]\n"
      "       bayplate-probe wear [FOLDER]\n"
      "Tries one piece of hardware with bayplated's own drivers; one JSON object a line.\n"
      "  camera    meets the wishes (W: auto or a number; exposure in microseconds), tells how "
      "the\n"
      "            camera's controls stand, then takes N pictures (default 5; 0: none)\n"
      "  trigger   tells every change that outlasts the bouncing, for N seconds (default 30)\n"
      "  lamp      lights it for N seconds (default 5)\n"
      "  watchdog  arms it, feeds it for N seconds (default 10), disarms it. --hang: ends without\n"
      "            disarming, so that THE MACHINE RESTARTS\n"
      "  wear      temperature, and the wear of the storage under FOLDER (default /)\n"
      "examples:\n"
      "  bayplate-probe camera v4l2:/dev/video0 --exposure 4000\n"
      "  bayplate-probe trigger gpiochip0:17:low:up\n"
      "  bayplate-probe wear /var/lib/bayplate\n"
      "exit status: 0 done, 1 something failed, 2 wrong use\n",
      f);
}

struct wishes {
  struct camera_controls controls;
  int frames, seconds, debounce_ms, timeout_s;
  bool hang;
};

static int fail(const struct err *e) {
  fprintf(stderr, "bayplate-probe: %s\n", e->text);
  return 1;
}

static void rest(int seconds) {
  struct timespec t = {.tv_sec = seconds};
  while (nanosleep(&t, &t) != 0 && errno == EINTR) {
  }
}

static unsigned mean_of(const struct frame *f) {
  uint64_t sum = 0;
  const int step = f->format == FRAME_BGR24 ? 3 : 1;
  for (int y = 0; y < f->height; y++) {
    for (int x = 0; x < f->width; x++)
      sum += f->plane[0][(ptrdiff_t)y * f->stride[0] + (ptrdiff_t)step * x];
  }
  return (unsigned)(sum / ((uint64_t)f->width * (uint64_t)f->height));
}

// FNV-1a of the luma: two machines that saw the same picture print the same.
static uint64_t hash_of(const struct frame *f) {
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  const int bytes = f->width * (f->format == FRAME_BGR24 ? 3 : 1);
  for (int y = 0; y < f->height; y++) {
    for (int x = 0; x < bytes; x++)
      h = (h ^ f->plane[0][(ptrdiff_t)y * f->stride[0] + x]) * UINT64_C(0x100000001b3);
  }
  return h;
}

static int camera(const char *source, const struct wishes *w) {
  struct err e;
  const bool device = strncmp(source, "v4l2:", 5) == 0;
  const struct camera_ops *ops = device ? &camera_v4l2 : &camera_sim;
  struct camera_config c = {.clock = clock_system(), .open_ms = 5000, .read_ms = 5000};
  struct camera *cam = NULL;
  struct camera_knob_state state[CAMERA_KNOBS];
  if (!device && strncmp(source, "sim:", 4) != 0) {
    fprintf(stderr, "bayplate-probe: %s: v4l2:DEVICE or sim:\n", source);
    return 2;
  }
  (void)snprintf(c.source, sizeof c.source, "%s", source);
  if (!ops->open(&cam, &c, &e))
    return fail(&e);
  ops->control(cam, &w->controls, state);
  int rc = 0;
  for (int i = 0; i < CAMERA_KNOBS; i++) {
    const struct camera_knob_state *s = &state[i];
    printf("{\"control\":\"%s\",\"there\":%s,\"has_auto\":%s,\"auto\":%s,\"min\":%d,\"max\":%d,"
           "\"step\":%d,\"value\":%d,\"error\":\"%s\"}\n",
           camera_knob_name((enum camera_knob)i), s->there ? "true" : "false",
           s->has_auto ? "true" : "false", s->automatic ? "true" : "false", s->min, s->max, s->step,
           s->value, s->error);
    rc = s->error[0] ? 1 : rc;
  }
  for (int i = 0; i < w->frames; i++) {
    struct frame *f = NULL;
    if (ops->next(cam, &f, &e) != CAMERA_FRAME) {
      rc = fail(&e);
      break;
    }
    printf("{\"frame\":%llu,\"width\":%d,\"height\":%d,\"mean\":%u,\"hash\":\"%016llx\"}\n",
           (unsigned long long)f->seq, f->width, f->height, mean_of(f),
           (unsigned long long)hash_of(f));
    frame_unref(f);
  }
  ops->close(cam);
  return rc;
}

static void changed(void *ctx, bool on) {
  int64_t *begin = ctx;
  printf("{\"trigger\":\"%s\",\"ms\":%lld}\n", on ? "on" : "off",
         (long long)((clock_mono_ns(clock_system()) - *begin) / CLOCK_NS_PER_MS));
  fflush(stdout);
}

static int trigger(const char *text, const struct wishes *w) {
  struct err e;
  int64_t begin = clock_mono_ns(clock_system());
  struct trigger *t = NULL;
  char fault[ERR_TEXT_MAX];
  struct trigger_options o = {.debounce_ms = w->debounce_ms, .changed = changed, .ctx = &begin};
  if (!gpio_line_parse(text, &o.line, &e) || !trigger_new(&t, &o, &e))
    return fail(&e);
  rest(w->seconds);
  trigger_fault(t, fault);
  trigger_free(t);
  if (fault[0])
    fprintf(stderr, "bayplate-probe: %s\n", fault);
  return fault[0] != '\0';
}

static int lamp(const char *text, const struct wishes *w) {
  struct err e;
  struct gpio_line line;
  struct gpio *g = NULL;
  bool on = false;
  if (!gpio_line_parse(text, &line, &e))
    return fail(&e);
  const struct gpio_ops *ops = gpio_driver(&line);
  if (!ops->open(&g, &line, true, &e))
    return fail(&e);
  int rc = 0;
  for (int lit = 1; lit >= 0 && rc == 0; lit--) {
    if (!ops->set(g, lit == 1, &e) || !ops->get(g, &on, &e)) {
      rc = fail(&e);
    } else {
      printf("{\"lamp\":\"%s\"}\n", on ? "on" : "off"); // as the line says, not as it was told
      fflush(stdout);
      rc = on != (lit == 1);
    }
    if (lit == 1 && rc == 0)
      rest(w->seconds);
  }
  ops->close(g);
  return rc;
}

static int watchdog(const char *path, const struct wishes *w) {
  struct err e;
  struct watchdog_device *dog = NULL;
  if (!watchdog_device_open(&dog, path, w->timeout_s, NULL, &e))
    return fail(&e);
  for (int i = 0; i < w->seconds; i++) {
    watchdog_device_feed(dog);
    rest(1);
  }
  printf("{\"watchdog\":\"fed\",\"seconds\":%d}\n", w->seconds);
  fflush(stdout);
  if (w->hang)
    _Exit(0); // the kernel sees it closed without the magic word
  watchdog_device_close(dog);
  return 0;
}

static int wear(const char *dir) {
  struct wear w;
  wear_read(&w, "", dir);
  for (int i = 0; i < w.zones; i++)
    printf("{\"zone\":\"%s\",\"celsius\":%.1f}\n", w.zone[i].name, w.zone[i].milli_c / 1000.0);
  printf("{\"disk\":\"%s\",\"life_used_percent\":%d,\"pre_eol\":%d,\"written_mb\":%lld,"
         "\"over_its_life\":%s}\n",
         w.disk, w.has_life ? w.life_used_percent : -1, w.pre_eol,
         w.has_written ? (long long)w.written_mb : -1, w.written_is_lifetime ? "true" : "false");
  return 0;
}

static bool whole(const char *text, int min, int max, int *out) {
  char *end = NULL;
  errno = 0;
  const long v = strtol(text, &end, 10);
  if (end == text || *end != '\0' || errno != 0 || v < min || v > max) {
    fprintf(stderr, "bayplate-probe: \"%s\" is no number from %d to %d\n", text, min, max);
    return false;
  }
  *out = (int)v;
  return true;
}

static bool option(struct wishes *w, int o) {
  struct err e;
  switch (o) {
  case 'e':
  case 'g':
  case 'f': {
    const enum camera_knob k = o == 'e' ? CAMERA_EXPOSURE : o == 'g' ? CAMERA_GAIN : CAMERA_FOCUS;
    return camera_wish_parse(optarg, &w->controls.knob[k], &e) || fail(&e) == 0;
  }
  case 'n':
    return whole(optarg, 0, 100000, &w->frames);
  case 's':
    return whole(optarg, 0, 86400, &w->seconds);
  case 'd':
    return whole(optarg, 0, 10000, &w->debounce_ms);
  case 't':
    return whole(optarg, 1, 3600, &w->timeout_s);
  case 'H':
    w->hang = true;
    return true;
  default:
    return false;
  }
}

int main(int argc, char **argv) {
  static const struct option longs[] = {
      {"exposure", required_argument, NULL, 'e'}, {"gain", required_argument, NULL, 'g'},
      {"focus", required_argument, NULL, 'f'},    {"frames", required_argument, NULL, 'n'},
      {"seconds", required_argument, NULL, 's'},  {"debounce", required_argument, NULL, 'd'},
      {"timeout", required_argument, NULL, 't'},  {"hang", no_argument, NULL, 'H'},
      {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0}};
  struct wishes w = {.frames = 5, .seconds = -1, .debounce_ms = 50, .timeout_s = 30};
  int o;
  while ((o = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
    if (o == 'h') {
      usage(stdout);
      return 0;
    }
    if (!option(&w, o)) {
      usage(stderr);
      return 2;
    }
  }
  const char *what = optind < argc ? argv[optind] : "",
             *of = optind + 1 < argc ? argv[optind + 1] : NULL;
  const bool is_wear = strcmp(what, "wear") == 0;
  if (is_wear && optind + 2 >= argc)
    return wear(of ? of : "/");
  if (optind + 2 != argc || !of) {
    usage(stderr);
    return 2;
  }
  const int given = w.seconds;
  if (strcmp(what, "camera") == 0)
    return camera(of, &w);
  w.seconds = given >= 0 ? given : 30;
  if (strcmp(what, "trigger") == 0)
    return trigger(of, &w);
  w.seconds = given >= 0 ? given : 5;
  if (strcmp(what, "lamp") == 0)
    return lamp(of, &w);
  w.seconds = given >= 0 ? given : 10;
  if (strcmp(what, "watchdog") == 0)
    return watchdog(of, &w);
  usage(stderr);
  return 2;
}
