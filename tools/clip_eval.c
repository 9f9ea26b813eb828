// SPDX-License-Identifier: Apache-2.0
// Runs gate clips through the analyser as fast as it goes (time is the clip's own) and compares the
// visits with the truth that tools/gate-clip wrote beside each clip.
#include "vision/analyser.h"
#include "vision/detector.h"
#include "vision/grammar.h"
#include "vision/net.h"
#include "vision/reader.h"
#include "vision/tess_reader.h"

#include <jansson.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef BAYPLATE_MODEL_DIR
#define BAYPLATE_MODEL_DIR "vision/models"
#endif

#define CARS_IN_CLIP_MAX 256
#define VISITS_IN_CLIP_MAX 1024
#define SURE_TEXTS_MAX 8 // different texts a visit showed as certain; more are not told
#define SECOND_NS 1000000000.0

extern char **environ;

struct car {
  char plate[PLATE_TEXT_MAX];
  bool readable, stops, out;
  double from, to, readable_at; // seconds; readable_at < 0: never
  int visits;
  int best; // index of the visit that shows it
};

struct seen {
  uint64_t id;
  bool merged, closed;
  double opened_at, from, to; // event, first and last frame, seconds
  struct visit_event last;
  int car;
  int sures; // texts shown as certain, and for how long
  struct {
    char text[PLATE_TEXT_MAX];
    double seconds;
  } sure[SURE_TEXTS_MAX];
};

struct run {
  struct car car[CARS_IN_CLIP_MAX];
  struct seen visit[VISITS_IN_CLIP_MAX];
  int cars, visits, events;
  bool verbose;
  int width, height, frames, every;
  double fps, cpu_s, worst_ms;
  int zone_points;
  struct point zone[ZONE_POINTS_MAX];
  struct analyser_stats stats;
};

struct total {
  int clips, cars, one, missed, split, extra, readable, right, certain, certain_wrong, unread_ok,
      directions;
  int once_wrong; // cars that once showed a wrong text as certain, and for how long in all
  double once_wrong_s;
  int opened_n;
  double opened_sum, opened_max;
};

static struct seen *find(struct run *r, uint64_t id) {
  for (int i = 0; i < r->visits; i++)
    if (r->visit[i].id == id)
      return &r->visit[i];
  if (r->visits == VISITS_IN_CLIP_MAX)
    return NULL;
  struct seen *s = &r->visit[r->visits++];
  *s = (struct seen){.id = id, .car = -1};
  return s;
}

// What the visit showed since its last event was shown until now.
static void shown(struct seen *s, int64_t t_ns) {
  if (s->last.visit == 0 || s->last.certainty != VISIT_CERTAIN || s->last.kind == VISIT_CLOSED)
    return;
  int i = 0;
  while (i < s->sures && strcmp(s->sure[i].text, s->last.best.text) != 0)
    i++;
  if (i == SURE_TEXTS_MAX)
    return;
  if (i == s->sures) {
    s->sures++;
    memcpy(s->sure[i].text, s->last.best.text, sizeof s->sure[i].text);
  }
  s->sure[i].seconds += (double)(t_ns - s->last.t_ns) / SECOND_NS;
}

static void note(void *ctx, const struct visit_event *ev) {
  static const char *const kind[] = {"opened", "improved", "merged", "closed", "reopened"};
  static const char *const sure[] = {"unread", "unsure", "certain"};
  static const char *const way[] = {"-", "in", "out"};
  struct run *r = ctx;
  r->events++;
  if (r->verbose)
    fprintf(stderr, "%8.2f s  visit %llu %s %s %s %.3f %s reads %u%s\n",
            (double)ev->t_ns / SECOND_NS, (unsigned long long)ev->visit, kind[ev->kind],
            sure[ev->certainty], ev->best.text[0] ? ev->best.text : "-",
            (double)ev->best.confidence, way[ev->direction], ev->reads,
            ev->evidence.plane[0] ? " +evidence" : "");
  struct seen *s = find(r, ev->visit);
  if (s == NULL)
    return;
  if (ev->kind == VISIT_OPENED)
    s->opened_at = (double)ev->t_ns / SECOND_NS;
  s->from = (double)ev->opened_ns / SECOND_NS;
  s->to = (double)ev->last_seen_ns / SECOND_NS;
  s->merged |= ev->kind == VISIT_MERGED;
  s->closed = ev->kind == VISIT_CLOSED;
  shown(s, ev->t_ns);
  s->last = *ev;
}

static double number(const json_t *o, const char *key, double otherwise) {
  const json_t *v = json_object_get(o, key);
  return json_is_number(v) ? json_number_value(v) : otherwise;
}

static bool load_truth(struct run *r, const char *path, struct err *e) {
  json_error_t why;
  json_t *root = json_load_file(path, 0, &why);
  if (root == NULL)
    return err_set(e, ERR_FORMAT, "%s:%d: %s", path, why.line, why.text);
  r->width = (int)number(root, "width", 1280);
  r->height = (int)number(root, "height", 720);
  r->fps = number(root, "fps", 25);
  size_t i;
  json_t *v;
  json_array_foreach(json_object_get(root, "zone"), i, v) {
    if (r->zone_points < ZONE_POINTS_MAX)
      r->zone[r->zone_points++] = (struct point){(float)json_number_value(json_array_get(v, 0)),
                                                 (float)json_number_value(json_array_get(v, 1))};
  }
  json_array_foreach(json_object_get(root, "visits"), i, v) {
    if (r->cars == CARS_IN_CLIP_MAX)
      break;
    struct car *c = &r->car[r->cars++];
    const char *plate = json_string_value(json_object_get(v, "plate"));
    const char *way = json_string_value(json_object_get(v, "direction"));
    (void)snprintf(c->plate, sizeof c->plate, "%s", plate ? plate : "");
    grammar_spell_text(c->plate);
    c->readable = json_is_true(json_object_get(v, "readable"));
    c->stops = json_is_true(json_object_get(v, "stops"));
    c->out = way != NULL && strcmp(way, "out") == 0;
    c->from = number(v, "in_s", 0);
    c->to = number(v, "out_s", 0);
    double frame = number(v, "first_readable_frame", -1);
    c->readable_at = frame < 0 ? -1 : frame / r->fps;
    c->best = -1;
  }
  json_decref(root);
  return true;
}

// ffmpeg decoding the clip to raw I420 on a pipe.
static bool start_decoder(const char *clip, const struct run *r, int *fd, pid_t *pid,
                          struct err *e) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return err_errno(e, errno, "pipe");
  char size[32];
  (void)snprintf(size, sizeof size, "%dx%d", r->width, r->height);
  char *argv[] = {"ffmpeg",   "-v",         "error", "-nostdin", "-threads", "1",
                  "-i",       (char *)clip, "-f",    "rawvideo", "-vsync",   "passthrough",
                  "-pix_fmt", "yuv420p",    "-s",    size,       "-",        NULL};
  posix_spawn_file_actions_t io;
  posix_spawn_file_actions_init(&io);
  posix_spawn_file_actions_adddup2(&io, ends[1], STDOUT_FILENO);
  int rc = posix_spawnp(pid, "ffmpeg", &io, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&io);
  close(ends[1]);
  if (rc != 0) {
    close(ends[0]);
    return err_errno(e, rc, "starting ffmpeg");
  }
  *fd = ends[0];
  return true;
}

static bool read_all(int fd, uint8_t *to, size_t n) {
  for (size_t at = 0; at < n;) {
    ssize_t got = read(fd, to + at, n - at);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return false;
    at += (size_t)got;
  }
  return true;
}

static double cpu_seconds(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / SECOND_NS;
}

static bool play(struct run *r, const char *clip, struct detector *d, struct reader *rd,
                 struct reader *second, const struct opinion_table *opinions, struct err *e) {
  struct analyser_config config;
  analyser_config_default(&config);
  config.zone_points = r->zone_points;
  memcpy(config.zone, r->zone, sizeof config.zone);
  struct analyser *a = NULL;
  size_t w = (size_t)r->width, h = (size_t)r->height, cw = (w + 1) / 2, ch = (h + 1) / 2;
  uint8_t *px = malloc(w * h + 2 * cw * ch);
  int fd = -1, status = 0;
  pid_t pid = 0;
  bool ok = false;
  if (px == NULL) {
    (void)err_set(e, ERR_NOMEM, "no memory for a frame");
    goto done;
  }
  if (!analyser_new(&a, &config, d, rd, e) || !start_decoder(clip, r, &fd, &pid, e))
    goto done;
  if (second)
    analyser_set_second(a, second, opinions);
  const struct image_view frame = {.format = IMAGE_I420,
                                   .width = r->width,
                                   .height = r->height,
                                   .plane = {px, px + w * h, px + w * h + cw * ch},
                                   .stride = {r->width, (int)cw, (int)cw}};
  int64_t t = 0;
  while (read_all(fd, px, w * h + 2 * cw * ch)) {
    if (r->frames % r->every != 0) { // a slower board drops frames
      r->frames++;
      continue;
    }
    t = (int64_t)((double)r->frames / r->fps * SECOND_NS);
    double before = cpu_seconds();
    if (!analyser_step(a, &frame, t, note, r, e))
      goto done;
    double took = cpu_seconds() - before;
    r->cpu_s += took;
    r->worst_ms = took * 1000 > r->worst_ms ? took * 1000 : r->worst_ms;
    r->frames++;
  }
  analyser_idle(a, t + 4 * config.gone_after_ns, note, r);
  analyser_get_stats(a, &r->stats);
  ok = r->frames > 0 || err_set(e, ERR_FORMAT, "%s: no frame could be decoded", clip);
done:
  if (fd >= 0)
    close(fd);
  if (pid > 0)
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
      ;
  analyser_free(a);
  free(px);
  return ok;
}

// Gives each visit to the car that was there meanwhile, first of all one of the same plate.
static void compare(struct run *r, struct total *t) {
  t->clips++;
  for (int i = 0; i < r->visits; i++) {
    struct seen *s = &r->visit[i];
    if (s->merged)
      continue;
    double most = 0.2;
    for (int k = 0; k < r->cars; k++) {
      const struct car *c = &r->car[k];
      double both = (s->to < c->to ? s->to : c->to) - (s->from > c->from ? s->from : c->from);
      if (c->readable && strcmp(c->plate, s->last.best.text) == 0)
        both += 1000;
      if (both > most)
        most = both, s->car = k;
    }
    if (s->car < 0) {
      t->extra++;
      continue;
    }
    struct car *c = &r->car[s->car];
    c->visits++;
    double wrong = 0;
    for (int k = 0; k < s->sures; k++)
      if (strcmp(s->sure[k].text, c->plate) != 0)
        wrong += s->sure[k].seconds;
    t->once_wrong += wrong > 0;
    t->once_wrong_s += wrong;
    if (c->best < 0 || strcmp(c->plate, s->last.best.text) == 0)
      c->best = i;
    if (s->last.certainty == VISIT_CERTAIN) {
      t->certain++;
      t->certain_wrong += strcmp(c->plate, s->last.best.text) != 0;
    }
  }
  for (int k = 0; k < r->cars; k++) {
    const struct car *c = &r->car[k];
    t->cars++;
    t->one += c->visits == 1;
    t->missed += c->visits == 0;
    t->split += c->visits > 1;
    t->readable += c->readable;
    const struct seen *s = c->best >= 0 ? &r->visit[c->best] : NULL;
    if (s == NULL)
      continue;
    t->right += c->readable && strcmp(c->plate, s->last.best.text) == 0;
    t->unread_ok += !c->readable && s->last.certainty != VISIT_CERTAIN;
    t->directions += s->last.direction == (c->out ? DIRECTION_OUT : DIRECTION_IN);
    if (c->readable && c->readable_at >= 0) {
      double late = (s->opened_at - c->readable_at) * r->fps;
      t->opened_n++;
      t->opened_sum += late;
      t->opened_max = t->opened_n == 1 || late > t->opened_max ? late : t->opened_max;
    }
  }
}

static void print_clip(const struct run *r, const char *clip, bool json) {
  if (json) {
    json_t *list = json_array();
    for (int i = 0; i < r->visits; i++) {
      const struct seen *s = &r->visit[i];
      if (s->merged)
        continue;
      json_array_append_new(
          list, json_pack("{s:I, s:s, s:i, s:f, s:f, s:f, s:f, s:i, s:s}", "visit",
                          (json_int_t)s->id, "plate", s->last.best.text, "certainty",
                          (int)s->last.certainty, "confidence", (double)s->last.best.confidence,
                          "opened", s->opened_at, "from", s->from, "to", s->to, "reads",
                          (int)s->last.reads, "truth", s->car >= 0 ? r->car[s->car].plate : ""));
    }
    json_t *o = json_pack("{s:s, s:i, s:i, s:f, s:f, s:i, s:o}", "clip", clip, "cars", r->cars,
                          "frames", r->frames, "cpu_ms_per_frame",
                          r->frames ? r->cpu_s * 1000 / r->frames : 0.0, "worst_ms", r->worst_ms,
                          "detector_runs", (int)r->stats.detector_runs, "visits", list);
    char *text = json_dumps(o, JSON_COMPACT);
    if (text != NULL)
      puts(text);
    free(text);
    json_decref(o);
    return;
  }
  printf("%s: %d cars, %d frames, %.1f ms CPU a frame (worst %.1f)\n", clip, r->cars, r->frames,
         r->frames ? r->cpu_s * 1000 / r->frames : 0.0, r->worst_ms);
  const struct analyser_stats *st = &r->stats;
  printf("  car in view in %" PRIu64 " frames, %" PRIu64 " of them looked at; whole looks %" PRIu64
         ", near looks %" PRIu64 ", plates given to the reader %" PRIu64 "\n",
         st->car_frames, st->car_looked, st->detector_runs, st->near_looks, st->reader_runs);
  for (int k = 0; k < r->cars; k++) {
    const struct car *c = &r->car[k];
    const struct seen *s = c->best >= 0 ? &r->visit[c->best] : NULL;
    printf("  %6.1f s %-12s %d visit%s", c->from, c->readable ? c->plate : "(unreadable)",
           c->visits, c->visits == 1 ? " " : "s");
    if (s != NULL)
      printf("  %s %.3f %s opened %.2f s", s->last.best.text[0] ? s->last.best.text : "-",
             (double)s->last.best.confidence,
             s->last.certainty == VISIT_CERTAIN  ? "certain"
             : s->last.certainty == VISIT_UNSURE ? "unsure"
                                                 : "unread",
             s->opened_at);
    puts("");
  }
  for (int i = 0; i < r->visits; i++)
    if (!r->visit[i].merged && r->visit[i].car < 0)
      printf("  extra visit at %.1f s: %s\n", r->visit[i].opened_at,
             r->visit[i].last.best.text[0] ? r->visit[i].last.best.text : "unread");
}

static void print_total(const struct total *t, bool json) {
  double mean = t->opened_n ? t->opened_sum / t->opened_n : 0;
  if (json)
    printf("{\"clips\":%d,\"cars\":%d,\"one_visit\":%d,\"missed\":%d,\"split\":%d,\"extra\":%d,"
           "\"readable\":%d,"
           "\"right\":%d,\"certain\":%d,\"certain_wrong\":%d,\"once_certain_wrong\":%d,"
           "\"once_certain_wrong_s\":%.2f,\"direction_right\":%d,\"open_frames_"
           "mean\":%.1f,"
           "\"open_frames_max\":%.1f}\n",
           t->clips, t->cars, t->one, t->missed, t->split, t->extra, t->readable, t->right,
           t->certain, t->certain_wrong, t->once_wrong, t->once_wrong_s, t->directions, mean,
           t->opened_max);
  else
    printf("%d clips, %d cars: one visit %d, none %d, several %d; extra visits %d\n"
           "right plate %d of %d readable; certain %d, of them wrong %d; direction right %d\n"
           "wrong and certain for a while: %d visits, %.2f s in all\n"
           "opened after the plate was 60 pixels wide: mean %.1f frames, worst %.1f\n",
           t->clips, t->cars, t->one, t->missed, t->split, t->extra, t->right, t->readable,
           t->certain, t->certain_wrong, t->directions, t->once_wrong, t->once_wrong_s, mean,
           t->opened_max);
}

static int usage(FILE *to) {
  fputs("clip-eval: runs gate clips through vision and compares the visits with their truth (CLIP "
        "with .json)\n\n"
        "usage: clip-eval [--json] [--verbose] [--alone] [--models DIR] [--truth FILE] [--every N] "
        "CLIP...\n"
        "  --truth FILE   the truth, if it does not stand beside the clip\n"
        "  --alone        without the second reader\n"
        "  --every N      only one of N frames, as a slow board would\n"
        "  --verbose      each event on standard error\n\n"
        "examples:\n"
        "  tools/gate-clip --rendered /tmp/gate.mp4 && build/tools/clip-eval /tmp/gate.mp4\n"
        "  build/tools/clip-eval --json clips/*.mp4\n\n"
        "exit status: 0 every car has exactly one visit, 1 not so, 2 wrong use or a file that "
        "cannot be read\n",
        to);
  return to == stdout ? 0 : 2;
}

int main(int argc, char **argv) {
  static const struct option options[] = {
      {"json", no_argument, NULL, 'j'},         {"verbose", no_argument, NULL, 'v'},
      {"models", required_argument, NULL, 'm'}, {"truth", required_argument, NULL, 't'},
      {"every", required_argument, NULL, 'n'},  {"alone", no_argument, NULL, 'a'},
      {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
  bool json = false, verbose = false, alone = false;
  const char *models = BAYPLATE_MODEL_DIR, *truth = NULL;
  int every = 1;
  for (int o; (o = getopt_long(argc, argv, "jvm:t:n:h", options, NULL)) != -1;) {
    switch (o) {
    case 'j':
      json = true;
      break;
    case 'v':
      verbose = true;
      break;
    case 'a':
      alone = true;
      break;
    case 'm':
      models = optarg;
      break;
    case 't':
      truth = optarg;
      break;
    case 'n':
      every = (int)strtol(optarg, NULL, 10);
      if (every < 1 || every > 100) {
        fputs("clip-eval: --every takes 1 to 100\n", stderr);
        return 2;
      }
      break;
    case 'h':
      return usage(stdout);
    default:
      return usage(stderr);
    }
  }
  if (optind == argc)
    return usage(stderr);
  struct err e = {0};
  struct detector *d = NULL;
  struct reader *rd = NULL, *second = NULL;
  struct opinion_table opinions;
  struct run *r = malloc(sizeof *r);
  struct total total = {0};
  int status = 2;
  if (r == NULL || !net_set_threads(1, &e) || !detector_new(&d, models, &e) ||
      !reader_new(&rd, models, &e) ||
      (!alone && !tess_reader_new(&second, models, &opinions, &e))) {
    fprintf(stderr, "clip-eval: %s\n", r ? e.text : "no memory");
    goto done;
  }
  for (int i = optind; i < argc; i++) {
    char path[4096];
    const char *dot = strrchr(argv[i], '.');
    int stem = dot ? (int)(dot - argv[i]) : (int)strlen(argv[i]);
    int length = snprintf(path, sizeof path, "%.*s.json", stem, argv[i]);
    *r = (struct run){.verbose = verbose, .every = every};
    if (length < 0 || length >= (int)sizeof path || !load_truth(r, truth ? truth : path, &e) ||
        !play(r, argv[i], d, rd, second, &opinions, &e)) {
      fprintf(stderr, "clip-eval: %s\n", e.text);
      goto done;
    }
    compare(r, &total);
    print_clip(r, argv[i], json);
  }
  print_total(&total, json);
  status = total.one == total.cars && total.extra == 0 ? 0 : 1;
done:
  free(r);
  reader_free(second);
  reader_free(rd);
  detector_free(d);
  return status;
}
