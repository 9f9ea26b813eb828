// SPDX-License-Identifier: Apache-2.0
// The second reader: Tesseract 5 with an LSTM model of plates (vision/models/plate.md). Another
// kind of network, other training, grey pictures: it fails on other plates than the first reader.
// Slower, and less often right; meant for the best picture of a visit, not for every frame.
#ifndef BAYPLATE_VISION_TESS_READER_H
#define BAYPLATE_VISION_TESS_READER_H

#include "vision/opinion.h"
#include "vision/reader.h"

// Loads plate.json and plate.traineddata of a directory and reads one line, so that the first read
// is as fast as any. Runs on the calling thread alone. `opinion` (may be NULL) gets the table that
// weighs its word. A file that is missing, damaged, or of another format is named in the error.
BP_CHECK bool tess_reader_new(struct reader **out, const char *model_dir,
                              struct opinion_table *opinion, struct err *e);

#endif
