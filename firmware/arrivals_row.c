// SPDX-License-Identifier: Apache-2.0
#include "firmware/arrivals_row.h"

#include "board/jpeg.h"

#include <stdlib.h>
#include <string.h>

bool arrival_init(struct arrival *a, const struct visit_event *event, const struct bp_clock *clock,
                  struct err *e) {
  memset(a, 0, sizeof *a);
  a->event = *event;
  memset(&a->event.evidence, 0, sizeof a->event.evidence);
  a->now_mono_ns = clock_mono_ns(clock);
  a->now_wall_ns = clock_wall_ns(clock);
  const struct image_view *crop = &event->evidence;
  if (!crop->plane[0])
    return true;
  return jpeg_encode_bgr(crop->plane[0], crop->width, crop->height, crop->stride[0],
                         EVIDENCE_JPEG_QUALITY, &a->jpeg, &a->jpeg_len, e);
}

void arrival_finish(struct arrival *a) {
  free(a->jpeg);
  a->jpeg = NULL;
}

static int64_t to_wall_ms(int64_t t_ns, int64_t now_mono_ns, int64_t now_wall_ns) {
  return (now_wall_ns - (now_mono_ns - t_ns)) / CLOCK_NS_PER_MS;
}

void arrivals_row(const struct visit_event *event, int64_t now_mono_ns, int64_t now_wall_ns,
                  const char *camera, struct store_visit *v) {
  bool known = v->id != 0;
  if (!known) {
    v->id = event->visit;
    v->opened_ms = to_wall_ms(event->opened_ns, now_mono_ns, now_wall_ns);
    memcpy(v->camera, camera, strnlen(camera, sizeof v->camera - 1));
  }
  v->phase = event->kind == VISIT_CLOSED ? STORE_VISIT_CLOSED : STORE_VISIT_OPEN;
  v->last_seen_ms = to_wall_ms(event->last_seen_ns, now_mono_ns, now_wall_ns);
  v->closed_ms = event->kind == VISIT_CLOSED ? v->last_seen_ms : 0;
  if (v->frame_ms == 0 && event->first_read_ns != 0)
    v->frame_ms = to_wall_ms(event->first_read_ns, now_mono_ns, now_wall_ns);
  // A visit of the run before whose car was not seen again: what the log knows of it stays.
  if (known && event->kind == VISIT_CLOSED && event->reads == 0)
    return;
  v->direction = event->direction;
  if (v->said_by != 0) { // a person's word stays; what is read goes on beside it
    memcpy(v->picture, event->best.text, sizeof v->picture);
    return;
  }
  v->certainty = event->certainty;
  v->type = event->best.type;
  memcpy(v->text, event->best.text, sizeof v->text);
  v->picture[0] = '\0';
  v->confidence = (double)event->best.confidence;
  v->alternatives = event->best.alternatives;
  memcpy(v->alternative, event->best.alternative, sizeof v->alternative);
}

const char *arrivals_kind_name(enum visit_event_kind kind) {
  switch (kind) {
  case VISIT_OPENED:
    return "opened";
  case VISIT_IMPROVED:
    return "improved";
  case VISIT_MERGED:
    return "merged";
  case VISIT_CLOSED:
    return "closed";
  case VISIT_REOPENED:
    return "reopened";
  }
  return "unknown";
}
