// SPDX-License-Identifier: Apache-2.0
#include "vision/crop.h"
#include "vision/visit_private.h"

#include <string.h>

void visit_clear_link(struct link *l) {
  l->track_id = 0;
  l->visit = 0;
  l->first_read_ns = 0;
  l->tried_ns = 0;
  l->blank = 0;
  l->blank_h = 0;
  for (int k = 0; k < SLOTS; k++) {
    l->slot[k].text[0] = 0;
    l->slot[k].weight = 0;
  }
}

void visit_keep_crop(struct visits *v, int track, const struct plate_read *read,
                     const struct visit_look *look) {
  struct link *l = &v->link[track];
  struct fuse_result r;
  fuse_result(&v->tracker.track[track].fuse, &r);
  struct slot *to = NULL;
  float weight = fuse_weight(read);
  for (int k = 0; k < SLOTS; k++)
    if (strcmp(l->slot[k].text, read->text) == 0)
      to = &l->slot[k];
  if (to != NULL && weight < to->weight * 1.1f)
    return; // cutting costs little, but not nothing
  for (int k = 0; k < SLOTS && to == NULL; k++)
    if (l->slot[k].text[0] == 0)
      to = &l->slot[k];
  for (int k = 0; k < SLOTS && to == NULL; k++)
    if (strcmp(l->slot[k].text, r.text) != 0)
      to = &l->slot[k];
  if (to == NULL)
    return;
  float x0, y0, x1, y1;
  quad_bounds(&read->quad, &x0, &y0, &x1, &y1);
  float mx = VISIT_CROP_X * (x1 - x0), my = VISIT_CROP_Y * (y1 - y0);
  struct crop_box box = {x0 - mx, y0 - my, x1 + mx, y1 + my};
  if (!crop_bgr(look->frame, box, EVIDENCE_WIDTH_MAX, EVIDENCE_HEIGHT_MAX, to->pixels,
                PLATE_CROP_BYTES, &to->crop))
    return;
  for (int i = 0; i < 4; i++)
    to->quad.corner[i] = crop_point(look->frame, box, &to->crop, read->quad.corner[i]);
  to->two_lines = read->type == PLATE_YELLOW2 || read->type == PLATE_WHITE2;
  memcpy(to->text, read->text, sizeof to->text);
  to->weight = weight;
  to->t_ns = look->t_ns;
}

const struct slot *visit_evidence(const struct visits *v, int track, const char *text) {
  if (track < 0)
    return NULL;
  for (int k = 0; k < SLOTS; k++)
    if (text[0] != 0 && strcmp(v->link[track].slot[k].text, text) == 0)
      return &v->link[track].slot[k];
  return NULL;
}

// The best crop there is, whatever was read from it.
static const struct slot *heaviest(const struct visits *v, int track) {
  const struct slot *best = NULL;
  for (int k = 0; k < SLOTS && track >= 0; k++) {
    const struct slot *s = &v->link[track].slot[k];
    if (s->text[0] != 0 && (best == NULL || s->weight > best->weight))
      best = s;
  }
  return best;
}

void visit_attach_evidence(struct visits *v, struct visit *visit, int track,
                           const struct visit_look *look, struct visit_event *event) {
  const struct slot *s = visit_evidence(v, track, visit->best.text);
  // Readers that waver between more texts than crops are kept: better a picture of this plate that
  // was read otherwise than none.
  if (s == NULL && visit->evidence_ns == 0 && visit->certainty != VISIT_UNREAD)
    s = heaviest(v, track);
  if (s != NULL) {
    bool other = strcmp(visit->evidence_text, s->text) != 0;
    if (!other && s->weight <= visit->evidence_weight)
      return;
    memcpy(visit->evidence_text, s->text, sizeof visit->evidence_text);
    visit->evidence_weight = s->weight;
    visit->evidence_ns = s->t_ns;
    visit->evidence_sent_ns = look->t_ns;
    event->evidence = s->crop;
    event->evidence_ns = s->t_ns;
  } else if (visit->certainty == VISIT_UNREAD && event->kind == VISIT_OPENED) {
    float w = (float)look->frame->width, h = (float)look->frame->height;
    struct crop_box box = {visit->area.x0 * w, visit->area.y0 * h, visit->area.x1 * w,
                           visit->area.y1 * h};
    uint8_t *pixels = v->pixels + (size_t)TRACKS_MAX * SLOTS * PLATE_CROP_BYTES;
    if (!crop_bgr(look->frame, box, EVIDENCE_CAR_MAX, EVIDENCE_CAR_MAX, pixels, CAR_CROP_BYTES,
                  &event->evidence))
      return;
    visit->evidence_ns = event->evidence_ns = look->t_ns;
    visit->evidence_sent_ns = look->t_ns;
  }
}
