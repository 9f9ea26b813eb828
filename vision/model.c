// SPDX-License-Identifier: Apache-2.0
#include "vision/model.h"

#include "vision/net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool read_stream(FILE *f, const char *path, size_t max, uint8_t **data, size_t *bytes,
                        struct err *e) {
  struct stat st;
  if (fstat(fileno(f), &st) != 0)
    return err_errno(e, errno, "%s", path);
  if (!S_ISREG(st.st_mode))
    return err_set(e, ERR_FORMAT, "%s: is no file", path);
  if (st.st_size <= 0)
    return err_set(e, ERR_FORMAT, "%s: is empty; install the models again", path);
  if ((unsigned long long)st.st_size > max)
    return err_set(e, ERR_LIMIT, "%s: %lld bytes, at most %zu are read", path,
                   (long long)st.st_size, max);
  const size_t n = (size_t)st.st_size;
  uint8_t *d = malloc(n);
  if (!d)
    return err_set(e, ERR_NOMEM, "%s: out of memory for %zu bytes", path, n);
  if (fread(d, 1, n, f) != n) {
    free(d);
    return err_set(e, ERR_IO, "%s: cannot be read whole", path);
  }
  *data = d;
  *bytes = n;
  return true;
}

bool model_read_file(const char *dir, const char *name, size_t max, uint8_t **data, size_t *bytes,
                     struct err *e) {
  *data = NULL;
  *bytes = 0;
  char path[MODEL_PATH_MAX];
  const int n = snprintf(path, sizeof path, "%s/%s", dir, name);
  if (n < 0 || (size_t)n >= sizeof path)
    return err_set(e, ERR_LIMIT, "model directory: its name is longer than %d bytes",
                   MODEL_PATH_MAX);
  FILE *f = fopen(path, "rbe");
  if (!f)
    return err_errno(e, errno, "%s", path);
  const bool ok = read_stream(f, path, max, data, bytes, e);
  (void)fclose(f); // only read from
  return ok;
}

bool model_load_net(struct net **out, const char *dir, const char *file, const char *const *outputs,
                    int n, struct err *e) {
  *out = NULL;
  uint8_t *data = NULL;
  size_t bytes = 0;
  char path[MODEL_PATH_MAX];
  if (n < 1 || n > NET_OUTPUTS_MAX)
    return err_set(e, ERR_ARG, "%s: %d outputs", file, n);
  if (!model_read_file(dir, file, NET_BYTES_MAX, &data, &bytes, e))
    return false;
  (void)snprintf(path, sizeof path, "%s/%s", dir, file); // it fitted above
  struct net_config c = {.version = NET_VERSION, .name = path, .input = "image", .outputs = n};
  for (int i = 0; i < n; i++)
    c.output[i] = outputs[i];
  const bool ok = net_new(out, data, bytes, &c, e);
  free(data);
  return ok;
}

uint64_t model_sum(const void *data, size_t bytes) {
  const uint8_t *p = data;
  uint64_t h = UINT64_C(14695981039346656037);
  for (size_t i = 0; i < bytes; i++)
    h = (h ^ p[i]) * UINT64_C(1099511628211);
  return h;
}
