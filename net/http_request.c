// SPDX-License-Identifier: Apache-2.0
#include "net/http_internal.h"

#include <string.h>

static int hex(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  if (c >= 'A' && c <= 'F') {
    return c - 'A' + 10;
  }
  return -1;
}

// Bytes of the UTF-8 sequence at s, 0 when it is none (Unicode 15, table 3-7).
static size_t utf8_length(const unsigned char *s) {
  if (s[0] < 0x80) {
    return 1;
  }
  size_t n = s[0] >= 0xC2 && s[0] <= 0xDF   ? 2
             : s[0] >= 0xE0 && s[0] <= 0xEF ? 3
             : s[0] >= 0xF0 && s[0] <= 0xF4 ? 4
                                            : 0;
  for (size_t i = 1; i < n; i++) {
    if ((s[i] & 0xC0) != 0x80) {
      return 0;
    }
  }
  if ((s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xED && s[1] > 0x9F) ||
      (s[0] == 0xF0 && s[1] < 0x90) || (s[0] == 0xF4 && s[1] > 0x8F)) {
    return 0;
  }
  return n;
}

bool http_text_clean(const char *s) {
  const unsigned char *p = (const unsigned char *)s;
  while (*p) {
    size_t n = utf8_length(p);
    if (n == 0 || (n == 1 && (*p < 0x20 || *p == 0x7F))) {
      return false;
    }
    p += n;
  }
  return true;
}

// Decodes %XX and '+' in place. False for a bad escape or %00.
static bool decode(char *s) {
  char *out = s;
  for (; *s; s++) {
    if (*s == '+') {
      *out++ = ' ';
    } else if (*s == '%') {
      int hi = hex(s[1]);
      int lo = hi < 0 ? -1 : hex(s[2]);
      if (lo < 0 || (hi == 0 && lo == 0)) {
        return false;
      }
      *out++ = (char)(hi * 16 + lo);
      s += 2;
    } else {
      *out++ = *s;
    }
  }
  *out = '\0';
  return true;
}

// None of our paths needs an escape, so any is a trick, and so is every way to climb.
static bool path_ok(const char *path) {
  static const char allowed[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-_.~";
  return path[0] == '/' && path[strspn(path, allowed)] == '\0' && !strstr(path, "..") &&
         !strstr(path, "//") && !strstr(path, "/.");
}

unsigned http_uri_parse(struct http_uri *u, const char *target) {
  memset(u, 0, sizeof *u);
  size_t len = strnlen(target, HTTP_URI_MAX + 1);
  if (len > HTTP_URI_MAX) {
    return MHD_HTTP_URI_TOO_LONG;
  }
  memcpy(u->text, target, len + 1);
  u->path = u->text;
  char *rest = strchr(u->text, '?');
  if (rest) {
    *rest++ = '\0';
  }
  if (!path_ok(u->path)) {
    return MHD_HTTP_BAD_REQUEST;
  }
  while (rest && *rest) {
    char *name = rest;
    rest = strchr(rest, '&');
    if (rest) {
      *rest++ = '\0';
    }
    if (*name == '\0') {
      continue;
    }
    if (u->query_count == HTTP_QUERY_MAX) {
      return MHD_HTTP_BAD_REQUEST;
    }
    char *value = strchr(name, '=');
    if (value) {
      *value++ = '\0';
    }
    if (!decode(name) || (value && !decode(value)) || !http_text_clean(name) ||
        (value && !http_text_clean(value))) {
      return MHD_HTTP_BAD_REQUEST;
    }
    u->query[u->query_count].name = name;
    u->query[u->query_count].value = value ? value : "";
    u->query_count++;
  }
  return 0;
}

enum http_method http_request_method(const struct http_request *q) {
  return q->method;
}

const char *http_request_path(const struct http_request *q) {
  return q->uri.path;
}

const char *http_request_tail(const struct http_request *q) {
  return q->tail;
}

const char *http_request_header(const struct http_request *q, const char *name) {
  return MHD_lookup_connection_value(q->connection, MHD_HEADER_KIND, name);
}

bool http_request_cookie(const struct http_request *q, const char *name, char *out, size_t size) {
  const char *p = http_request_header(q, MHD_HTTP_HEADER_COOKIE);
  size_t name_len = strlen(name);
  while (p && *p) {
    p += strspn(p, " \t;");
    size_t len = strcspn(p, ";");
    if (len > name_len && p[name_len] == '=' && memcmp(p, name, name_len) == 0) {
      size_t n = len - name_len - 1;
      if (n >= size) {
        return false;
      }
      memcpy(out, p + name_len + 1, n);
      out[n] = '\0';
      return true;
    }
    p += len;
  }
  return false;
}

const char *http_request_query(const struct http_request *q, const char *name) {
  for (size_t i = 0; i < q->uri.query_count; i++) {
    if (strcmp(q->uri.query[i].name, name) == 0) {
      return q->uri.query[i].value;
    }
  }
  return NULL;
}

const char *http_request_body(const struct http_request *q, size_t *len) {
  *len = q->body_len;
  return q->body ? q->body : "";
}

const char *http_request_peer(const struct http_request *q) {
  return q->peer;
}

bool http_request_tls(const struct http_request *q) {
  return q->tls;
}
