// SPDX-License-Identifier: Apache-2.0
// Reads the text of a plate whose corners are known. One ops table for every kind of reader.
// Not thread-safe: one thread uses one reader.
#ifndef BAYPLATE_VISION_READER_H
#define BAYPLATE_VISION_READER_H

#include "board/err.h"
#include "vision/detector.h"
#include "vision/image.h"
#include "vision/plate.h"

struct reader;

// What a reader implements. `self` is its own state.
struct reader_ops {
  const char *name; // "ctc", ...; for logs and errors
  // Fills out->type, text, confidence and alternatives (the rest is already set). Not readable:
  // empty text and confidence 0, which is no error.
  bool (*read)(void *self, const struct image_view *frame, const struct detection *plate,
               struct plate_read *out, struct err *e);
  void (*free)(void *self);
};

// Takes `self` over: reader_free() frees it by ops->free. On an error self is left to the caller.
BP_CHECK bool reader_from_ops(struct reader **out, const struct reader_ops *ops, void *self,
                              struct err *e);

// The reader of a model directory (reader.json, reader.onnx), warmed up. A file that is missing,
// damaged, or of another format is named in the error.
BP_CHECK bool reader_new(struct reader **out, const char *model_dir, struct err *e);
void reader_free(struct reader *r); // NULL is fine
const char *reader_name(const struct reader *r);

// Reads one plate of a frame. out is filled wholly (quad and detection are copied from `plate`).
BP_CHECK bool reader_read(struct reader *r, const struct image_view *frame,
                          const struct detection *plate, struct plate_read *out, struct err *e);

// Reads a picture that is one plate already cut out. Double-line plates are told by the picture's
// shape.
BP_CHECK bool reader_read_crop(struct reader *r, const struct image_view *picture,
                               struct plate_read *out, struct err *e);

#endif
