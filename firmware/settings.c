// SPDX-License-Identifier: Apache-2.0
#include "firmware/settings.h"

#include "board/file.h"
#include "board/log.h"
#include "firmware/config_option.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (64u << 10)

const char *const settings_keys[] = {"camera.zone",     "camera.in_direction_deg",
                                     "camera.exposure", "camera.gain",
                                     "camera.focus",    NULL};

struct settings {
  pthread_mutex_t lock;
  char path[FILE_PATH_MAX];
  json_t *values; // object: key to text
};

static bool known(const char *key) {
  for (int i = 0; settings_keys[i]; i++) {
    if (strcmp(settings_keys[i], key) == 0)
      return true;
  }
  return false;
}

// Puts a value into a configuration as its own file would.
static bool set(struct config *c, const char *key, const char *value, struct err *e) {
  char section[64];
  const char *dot = strchr(key, '.');
  if (!known(key) || !dot || (size_t)(dot - key) >= sizeof section)
    return err_set(e, ERR_ARG, "%.40s cannot be set here", key);
  memcpy(section, key, (size_t)(dot - key));
  section[dot - key] = '\0';
  const int i = config_option_find(section, dot + 1);
  struct zone zone;
  if (i < 0)
    return err_set(e, ERR_ARG, "%.40s: no such key", key);
  return config_option_set(c, i, value, e) &&
         zone_init(&zone, c->visit.zone, c->visit.zone_points, e);
}

static void load(struct settings *s) {
  void *text = NULL;
  size_t len = 0;
  struct err e;
  if (!file_get(s->path, FILE_MAX, &text, &len, &e)) {
    if (e.code != ERR_NOT_FOUND)
      log_error("settings", "not read: %s", e.text);
    return;
  }
  json_error_t je;
  json_t *all = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je);
  free(text);
  if (!json_is_object(all)) {
    char aside[FILE_PATH_MAX + 16];
    (void)snprintf(aside, sizeof aside, "%s.damaged", s->path);
    const bool moved = rename(s->path, aside) == 0;
    log_error("settings", "%s is damaged (%s)%s%s; the configuration holds", s->path, je.text,
              moved ? "; set aside as " : "", moved ? aside : "");
    json_decref(all);
    return;
  }
  const char *key;
  json_t *value;
  json_object_foreach(all, key, value) {
    struct config c;
    config_defaults(&c);
    const char *t = json_string_value(value);
    if (!t || strlen(t) >= SETTINGS_VALUE_MAX || !set(&c, key, t, &e))
      log_error("settings", "%.60s is left out: %s", key, t ? e.text : "no text");
    else if (json_object_set(s->values, key, value) != 0)
      log_error("settings", "%.60s is left out: no memory", key);
  }
  json_decref(all);
}

bool settings_open(struct settings **out, const char *path, struct err *e) {
  struct settings *s = calloc(1, sizeof *s);
  if (!s)
    return err_set(e, ERR_NOMEM, "no memory for the settings");
  const int n = snprintf(s->path, sizeof s->path, "%s", path);
  s->values = json_object();
  const bool fits = n > 0 && (size_t)n + 16 < sizeof s->path;
  if (!fits || !s->values || pthread_mutex_init(&s->lock, NULL) != 0) {
    json_decref(s->values);
    free(s);
    return fits ? err_set(e, ERR_NOMEM, "no memory for the settings")
                : err_set(e, ERR_LIMIT, "%.60s...: the path is too long", path);
  }
  load(s);
  *out = s;
  return true;
}

void settings_free(struct settings *s) {
  if (!s)
    return;
  json_decref(s->values);
  (void)pthread_mutex_destroy(&s->lock); // nobody holds it
  free(s);
}

void settings_apply(struct settings *s, struct config *config) {
  const char *key;
  json_t *value;
  (void)pthread_mutex_lock(&s->lock);
  json_object_foreach(s->values, key, value) {
    struct config with = *config;
    struct err e;
    if (set(&with, key, json_string_value(value), &e))
      *config = with;
    else
      log_error("settings", "%s is left out: %s", key, e.text);
  }
  (void)pthread_mutex_unlock(&s->lock);
}

bool settings_put(struct settings *s, const char *key, const char *value, struct err *e) {
  struct config c;
  config_defaults(&c);
  if (value && strlen(value) >= SETTINGS_VALUE_MAX)
    return err_set(e, ERR_ARG, "%.40s: longer than %d bytes", key, SETTINGS_VALUE_MAX - 1);
  if (!known(key))
    return err_set(e, ERR_ARG, "%.40s cannot be set here", key);
  if (value && !set(&c, key, value, e))
    return false;
  (void)pthread_mutex_lock(&s->lock);
  json_t *next = json_copy(s->values);
  bool ok = next != NULL;
  if (ok && value)
    ok = json_object_set_new(next, key, json_string(value)) == 0;
  else if (ok)
    (void)json_object_del(next, key); // not there is fine
  char *text = ok ? json_dumps(next, JSON_INDENT(1) | JSON_SORT_KEYS) : NULL;
  ok = text ? file_put(s->path, text, strlen(text), e)
            : err_set(e, ERR_NOMEM, "no memory for the settings");
  free(text);
  if (ok) {
    json_decref(s->values);
    s->values = next;
  } else {
    json_decref(next);
  }
  (void)pthread_mutex_unlock(&s->lock);
  return ok;
}

bool settings_get(struct settings *s, const char *key, char value[SETTINGS_VALUE_MAX]) {
  (void)pthread_mutex_lock(&s->lock);
  const char *t = json_string_value(json_object_get(s->values, key));
  (void)snprintf(value, SETTINGS_VALUE_MAX, "%s", t ? t : "");
  (void)pthread_mutex_unlock(&s->lock);
  return t != NULL;
}
