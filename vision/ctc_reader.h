// SPDX-License-Identifier: Apache-2.0
// The reader whose network gives CTC logits (vision/models/reader.md).
#ifndef BAYPLATE_VISION_CTC_READER_H
#define BAYPLATE_VISION_CTC_READER_H

#include "vision/reader.h"

// Loads reader.json and reader.onnx of a directory and runs the network once.
BP_CHECK bool ctc_reader_new(struct reader **out, const char *model_dir, struct err *e);

#endif
