// SPDX-License-Identifier: Apache-2.0
// Times every step of vision on one frame, many times over, the way a frame goes through them.
#ifndef BAYPLATE_TOOLS_BENCH_STAGES_H
#define BAYPLATE_TOOLS_BENCH_STAGES_H

#include "board/err.h"
#include "vision/image.h"
#include "vision/plate.h"

#include <stddef.h>

#define BENCH_RUNS_MAX 10000

enum bench_stage {
  BENCH_DECODE, // the picture's file to pixels
  BENCH_MOTION,
  BENCH_DETECT,         // whole, with the three below
  BENCH_DETECT_SCALE,   // frame to the network's input
  BENCH_DETECT_NETWORK, // without finding peaks
  BENCH_REFINE,         // a plate's second look, whole
  BENCH_REFINE_NETWORK,
  BENCH_READ,    // a plate, whole: as many looks as it takes
  BENCH_RECTIFY, // one look's
  BENCH_READ_NETWORK,
  BENCH_TEXT,      // one look's columns to texts
  BENCH_FRAME,     // detect, refine and read: sum of one run's
  BENCH_NETWORKS,  // of that; processor time only
  BENCH_REFERENCE, // resize and blur: what the others are held against
  BENCH_STAGES
};

struct bench_options {
  const char *picture; // file
  const char *models;  // folder
  bool bgr;            // frames as BGR24 instead of I420, which cameras give
  int threads, runs;
};

struct bench_stage_result {
  double median, best, p95; // ms of wall clock
  double processor;         // ms, median, of the calling thread
  double multiply_adds;     // 0: not a network's
};

struct bench_result {
  int width, height;
  const char *engine;
  struct bench_stage_result stage[BENCH_STAGES];
  double first_ms;           // of processor: detect, refine and read of the very first frame
  int looks;                 // of the reader at this plate
  char text[PLATE_TEXT_MAX]; // "": nothing found or read
  float confidence;
};

const char *bench_stage_name(enum bench_stage s);

// ERR_FORMAT and others as the picture and the networks give them.
BP_CHECK bool bench_run(const struct bench_options *o, struct bench_result *out, struct err *e);

#endif
