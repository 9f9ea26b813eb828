// SPDX-License-Identifier: Apache-2.0
// The files of firmware/page, written into the program by firmware/page/embed.py.
#ifndef BAYPLATE_FIRMWARE_PAGE_ASSETS_H
#define BAYPLATE_FIRMWARE_PAGE_ASSETS_H

#include <stddef.h>

struct page_asset {
  const char *path; // "/" or "/assets/..."; NULL ends the table
  const char *type;
  const char *etag; // with its quotes
  const unsigned char *data;
  size_t len;
};

extern const struct page_asset page_assets[];

#endif
