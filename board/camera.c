// SPDX-License-Identifier: Apache-2.0
#include "board/camera.h"

#include <stdio.h>
#include <string.h>

static const struct {
  const char *prefix;
  const struct camera_ops *ops;
} drivers[] = {
    {"v4l2:", &camera_v4l2},      {"folder:", &camera_folder},  {"sim:", &camera_sim},
    {"rtsp://", &camera_stream},  {"rtsps://", &camera_stream}, {"http://", &camera_stream},
    {"https://", &camera_stream},
};

static bool begins(const char *text, const char *prefix) {
  return strncmp(text, prefix, strlen(prefix)) == 0;
}

const struct camera_ops *camera_driver(const char *source, struct err *e) {
  if (!source || source[0] == '\0') {
    err_set(e, ERR_ARG, "camera: no source; name a device, an address, a file or a folder");
    return NULL;
  }
  for (size_t i = 0; i < sizeof drivers / sizeof drivers[0]; i++) {
    if (begins(source, drivers[i].prefix))
      return drivers[i].ops;
  }
  const char *scheme = strstr(source, "://");
  const char *slash = strchr(source, '/');
  if (scheme && slash == scheme + 1) {
    err_set(
        e, ERR_ARG,
        "camera: \"%.*s://\" is not known; use v4l2:, rtsp://, http://, https://, folder:, sim: "
        "or a file's path",
        (int)(scheme - source), source);
    return NULL;
  }
  return &camera_file;
}

void camera_source_shown(const char *source, char *out, size_t size) {
  const char *scheme = strstr(source, "://");
  if (scheme) {
    const char *host = scheme + 3;
    const char *at = memchr(host, '@', strcspn(host, "/?"));
    // A password may hold '@' itself: the last one before the path parts it from the host.
    for (const char *next = at; next; next = memchr(at + 1, '@', strcspn(at + 1, "/?")))
      at = next;
    if (at) {
      (void)snprintf(out, size, "%.*s%s", (int)(host - source), source, at + 1); // cut is fine
      return;
    }
  }
  (void)snprintf(out, size, "%s", source);
}
