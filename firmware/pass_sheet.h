// SPDX-License-Identifier: Apache-2.0
// Pass sheets as folders DIR/ID/ with sheet.json and its pictures; bayplate-sheet draws sheet.png
// and sheet.pdf beside them. The drawing library and its font stay out of the daemon.
#ifndef BAYPLATE_FIRMWARE_PASS_SHEET_H
#define BAYPLATE_FIRMWARE_PASS_SHEET_H

#include "board/err.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define SHEET_ID_MAX 24 // "20260308-141502" and NUL
#define SHEET_FILE_MAX (8u << 20)
#define SHEET_DRAW_S 30 // longest drawing

struct sheet_picture {
  const char *name; // "scene.jpg", "car-9.jpg"
  const void *jpeg;
  size_t len;
};

// Writes the folder, durable on return: the pictures first. An id that is there is made one second
// later.
BP_CHECK bool sheet_write(const char *dir, int64_t wall_ms, json_t *content,
                          const struct sheet_picture *pictures, size_t n, char id[SHEET_ID_MAX],
                          struct err *e);
// Runs `program FOLDER` and waits for it, at most SHEET_DRAW_S; its last words are the error's.
BP_CHECK bool sheet_draw(const char *dir, const char *id, const char *program, struct err *e);
// Deletes the oldest beyond `max`.
void sheet_rotate(const char *dir, size_t max);
// [{"id","at","passed","state"}], newest first. Never NULL but without memory.
json_t *sheet_list(const char *dir);
// "ID.png", "ID.pdf", "ID.json". ERR_NOT_FOUND; ERR_ARG for any other name, which is never opened.
BP_CHECK bool sheet_read(const char *dir, const char *name, void **data, size_t *len,
                         const char **type, struct err *e);

#endif
