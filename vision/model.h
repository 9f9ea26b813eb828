// SPDX-License-Identifier: Apache-2.0
// Model directories: reader.json and detector.json say what the networks beside them want and give.
#ifndef BAYPLATE_VISION_MODEL_H
#define BAYPLATE_VISION_MODEL_H

#include "board/err.h"
#include "vision/calibration.h"
#include "vision/grammar.h"
#include "vision/opinion.h"
#include "vision/plate.h"

#include <stddef.h>
#include <stdint.h>

struct net;

#define MODEL_FORMAT 1 // "format" that this build reads
#define MODEL_NAME_MAX 64
#define MODEL_PATH_MAX 1024
#define MODEL_JSON_BYTES_MAX (1u << 20)
#define MODEL_CLASSES_MAX 128 // symbols of a reader, the blank among them
#define MODEL_TYPES_MAX 16
#define MODEL_STEPS_MAX 64 // time steps of a reader
#define MODEL_WIDTHS_MAX 8 // scales of the detector's pyramid

struct reader_model {
  char version[MODEL_NAME_MAX];
  int width, height;             // of its input, pixels
  int symbols;                   // without the blank, which is class 0
  int symbol[MODEL_CLASSES_MAX]; // class 1 + i is grammar symbol symbol[i]; -1: one the grammar
                                 // does not know
  int types;
  enum plate_type type[MODEL_TYPES_MAX];
  float temperature; // of the text's logits
  struct calibration calibration;
  float upper;       // share of a double-line plate's height that is its upper line
  int upper_width;   // columns of the input that the upper line gets
  float upper_inset; // share of the width left out on both sides of the upper line
};

struct detector_model {
  char version[MODEL_NAME_MAX];
  int stride;   // input pixels a cell
  int multiple; // the input's sides are multiples of it
  float unit;   // input pixels: width of a plate whose log_width is 0
  float log_min, log_max;
  float threshold;           // smallest score reported
  float candidate_threshold; // of a still's first look, whose second look decides
  float overlap;             // intersection over union of two quads that are one plate
  float inside;              // part of the smaller one that lies in the better one
  int input;                 // longest side for video, pixels
  int pad;                   // grey of the padding
  int widths;                // pyramid for stills: longest sides, pixels
  int width[MODEL_WIDTHS_MAX];
};

// Of the second reader, plate.json beside plate.traineddata.
struct plate_model {
  char version[MODEL_NAME_MAX];
  int width, height; // of a line, pixels
  float upper;       // as above
  int upper_width;
  float upper_inset;
  float scale, offset; // confidence = logistic(scale * log odds of the text + offset)
  uint64_t sum;        // FNV-1a of plate.traineddata
  struct opinion_table opinion;
};

// All read DIR/<name>.json. Errors name the file and the field; another format is refused by its
// number.
BP_CHECK bool model_load_reader(struct reader_model *m, const char *dir, struct err *e);
BP_CHECK bool model_load_detector(struct detector_model *m, const char *dir, struct err *e);
BP_CHECK bool model_load_plate(struct plate_model *m, const char *dir, struct err *e);

// FNV-1a, 64 bit: tells a damaged or foreign file, no more (Noll, Fowler, Vo).
uint64_t model_sum(const void *data, size_t bytes);

// Reads DIR/name whole. *data is the caller's to free(). Empty files and files over max are errors.
BP_CHECK bool model_read_file(const char *dir, const char *name, size_t max, uint8_t **data,
                              size_t *bytes, struct err *e);

// Loads DIR/file as a network with the input "image" and these outputs; errors name the file.
BP_CHECK bool model_load_net(struct net **out, const char *dir, const char *file,
                             const char *const *outputs, int n, struct err *e);

#endif
