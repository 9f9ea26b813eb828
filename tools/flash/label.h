// SPDX-License-Identifier: Apache-2.0
// The label that is stuck on a board: who it is, its secrets, and a QR code to its own page.
#ifndef BAYPLATE_TOOLS_FLASH_LABEL_H
#define BAYPLATE_TOOLS_FLASH_LABEL_H

#include "tools/flash/identity.h"

#define LABEL_MM_WIDTH 70.0
#define LABEL_MM_HEIGHT 42.0
#define LABEL_DPI 300.0 // of the PNG

// What the QR code says: http://bayplate-SERIAL.local/ (docs/service-port.md).
#define LABEL_URL_MAX 80
void label_url(const struct identity *i, char out[LABEL_URL_MAX]);

// Writes FOLDER/bayplate-SERIAL.png and .pdf, mode 0600: whoever reads them can sign in first.
// Both or none. ERR_IO, ERR_FULL, ERR_NOMEM.
BP_CHECK bool label_write(const struct identity *i, const char *version, const char *folder,
                          struct err *e);
// Takes them away again, after a board that was not finished.
void label_remove(const struct identity *i, const char *folder);

#endif
