// SPDX-License-Identifier: Apache-2.0
#include "board/camera.h"
#include "board/camera_option.h"
#include "board/camera_pace.h"
#include "board/jpeg.h"
#include "board/log.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILES_MAX 100000
#define FILE_BYTES_MAX (64 << 20)
#define PATH_BYTES (CAMERA_SOURCE_MAX + 257)
#define FPS 5

struct camera {
  struct camera_config config;
  char dir[CAMERA_SOURCE_MAX];
  double fps;
  char **names; // sorted
  size_t count, at;
  struct jpeg_decoder *jpeg;
  struct camera_pace pace;
  uint64_t seq, seq_loop;
};

static bool is_jpeg(const char *name) {
  const char *dot = strrchr(name, '.');
  return dot && (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0);
}

static bool is_picture(const char *name) {
  const char *dot = strrchr(name, '.');
  return is_jpeg(name) || (dot && (strcasecmp(dot, ".png") == 0 || strcasecmp(dot, ".bmp") == 0));
}

static int by_name(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add(struct camera *c, size_t *room, const char *name, struct err *e) {
  if (c->count == FILES_MAX)
    return err_set(e, ERR_LIMIT, "folder %s: more than %d pictures", c->dir, FILES_MAX);
  if (c->count == *room) {
    size_t more = *room ? *room * 2 : 64;
    char **grown = realloc(c->names, more * sizeof *grown);
    if (!grown)
      return err_set(e, ERR_NOMEM, "folder %s: no memory", c->dir);
    c->names = grown;
    *room = more;
  }
  c->names[c->count] = strdup(name);
  if (!c->names[c->count])
    return err_set(e, ERR_NOMEM, "folder %s: no memory", c->dir);
  c->count++;
  return true;
}

static bool list(struct camera *c, struct err *e) {
  DIR *d = opendir(c->dir);
  if (!d)
    return err_errno(e, errno, "folder %s", c->dir);
  size_t room = 0;
  bool ok = true;
  for (const struct dirent *entry = readdir(d); ok && entry; entry = readdir(d)) {
    if (is_picture(entry->d_name))
      ok = add(c, &room, entry->d_name, e);
  }
  (void)closedir(d); // only read from
  if (ok && c->count == 0)
    return err_set(e, ERR_NOT_FOUND, "folder %s: no .jpg, .png or .bmp picture in it", c->dir);
  if (ok)
    qsort(c->names, c->count, sizeof *c->names, by_name);
  return ok;
}

static void folder_close(struct camera *c) {
  if (!c)
    return;
  for (size_t i = 0; i < c->count; i++)
    free(c->names[i]);
  free(c->names);
  jpeg_decoder_free(c->jpeg);
  free(c);
}

static bool folder_open(struct camera **out, const struct camera_config *config, struct err *e) {
  struct camera *c = calloc(1, sizeof *c);
  if (!c)
    return err_set(e, ERR_NOMEM, "folder: no memory");
  c->config = *config;
  c->fps = FPS;
  const struct camera_option options[] = {{"fps", CAMERA_REAL, 0.01, 1000, &c->fps}};
  if (!camera_option_parse(config->source, c->dir, options, 1, e) || !list(c, e) ||
      !jpeg_decoder_new(&c->jpeg, e)) {
    folder_close(c);
    return false;
  }
  *out = c;
  return true;
}

static bool read_all(FILE *in, const char *path, uint8_t **data, size_t *len, struct err *e) {
  struct stat st;
  if (fstat(fileno(in), &st) != 0)
    return err_errno(e, errno, "%s", path);
  if (!S_ISREG(st.st_mode))
    return err_set(e, ERR_FORMAT, "%s: not a regular file", path);
  if (st.st_size > FILE_BYTES_MAX)
    return err_set(e, ERR_LIMIT, "%s: larger than %d bytes", path, FILE_BYTES_MAX);
  *len = (size_t)st.st_size;
  *data = malloc(*len + 1);
  if (!*data)
    return err_set(e, ERR_NOMEM, "%s: no memory", path);
  if (fread(*data, 1, *len, in) != *len) {
    free(*data);
    return err_set(e, ERR_IO, "%s: cannot be read as a whole", path);
  }
  return true;
}

static bool load_jpeg(struct camera *c, const char *path, struct frame **out, struct err *e) {
  FILE *in = fopen(path, "rbe");
  if (!in)
    return err_errno(e, errno, "%s", path);
  uint8_t *data = NULL;
  size_t len = 0;
  bool ok = read_all(in, path, &data, &len, e);
  (void)fclose(in); // only read from
  if (!ok)
    return false;
  ok = jpeg_decode(c->jpeg, data, len, out, e) || err_prefix(e, "%s", path);
  free(data);
  return ok;
}

// Other kinds are rare here: FFmpeg opens each as a video of one picture.
static bool load_other(struct camera *c, const char *path, struct frame **out, struct err *e) {
  struct camera_config one = c->config;
  one.fast = true;
  one.loop = false;
  if (strlen(path) >= sizeof one.source)
    return err_set(e, ERR_LIMIT, "%s: path too long", path);
  memcpy(one.source, path, strlen(path) + 1);
  struct camera *file = NULL;
  if (!camera_file.open(&file, &one, e))
    return false;
  enum camera_next got = camera_file.next(file, out, e);
  camera_file.close(file);
  if (got == CAMERA_END)
    err_set(e, ERR_FORMAT, "%s: holds no picture", path);
  return got == CAMERA_FRAME;
}

static bool load(struct camera *c, const char *name, struct frame **out, struct err *e) {
  char path[PATH_BYTES];
  int n = snprintf(path, sizeof path, "%s/%s", c->dir, name);
  if (n < 0 || (size_t)n >= sizeof path)
    return err_set(e, ERR_LIMIT, "%s: path too long", c->dir);
  return is_jpeg(name) ? load_jpeg(c, path, out, e) : load_other(c, path, out, e);
}

// A picture that cannot be decoded is told and passed over, but a folder of nothing else is a
// fault.
static enum camera_next folder_next(struct camera *c, struct frame **out, struct err *e) {
  for (;;) {
    if (c->at == c->count) {
      if (c->seq == c->seq_loop) {
        err_set(e, ERR_FORMAT, "folder %s: none of its %zu pictures can be decoded", c->dir,
                c->count);
        return CAMERA_ERROR;
      }
      if (!c->config.loop)
        return CAMERA_END;
      c->at = 0;
      c->seq_loop = c->seq;
    }
    if (camera_cancelled(&c->config)) {
      err_set(e, ERR_STATE, "folder: told to stop");
      return CAMERA_ERROR;
    }
    struct err why = {0};
    struct frame *f = NULL;
    if (!load(c, c->names[c->at++], &f, &why)) {
      log_warn("camera", "picture passed over: %s", why.text);
      continue;
    }
    if (!camera_pace(&c->pace, &c->config, (int64_t)((double)c->seq * 1e9 / c->fps), f, e)) {
      frame_unref(f);
      return CAMERA_ERROR;
    }
    f->seq = c->seq++;
    *out = f;
    return CAMERA_FRAME;
  }
}

const struct camera_ops camera_folder = {"folder",    false,        folder_open,
                                         folder_next, folder_close, NULL};
