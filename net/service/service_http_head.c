// SPDX-License-Identifier: Apache-2.0
#include "net/service/service_http_head.h"

#include "net/service/service_text.h"

#include <string.h>

#define TARGET_MAX 512

size_t service_head_end(const char *bytes, size_t n) {
  for (size_t i = 3; i < n; i++) {
    if (bytes[i] == '\n' && memcmp(bytes + i - 3, "\r\n\r\n", 4) == 0)
      return i + 1;
  }
  return 0;
}

static struct service_span cut(struct service_span *rest, char at) {
  struct service_span first = *rest;
  const char *found = rest->n ? memchr(rest->at, at, rest->n) : NULL;
  if (!found) {
    *rest = (struct service_span){.at = rest->at + rest->n};
    return first;
  }
  first.n = (size_t)(found - rest->at);
  rest->at = found + 1;
  rest->n -= first.n + 1;
  return first;
}

static struct service_span trim(struct service_span s) {
  while (s.n > 0 && (*s.at == ' ' || *s.at == '\t')) {
    s.at++;
    s.n--;
  }
  while (s.n > 0 && (s.at[s.n - 1] == ' ' || s.at[s.n - 1] == '\t'))
    s.n--;
  return s;
}

static bool plain(struct service_span s) {
  for (size_t i = 0; i < s.n; i++) {
    uint8_t c = (uint8_t)s.at[i];
    if (c < 0x20 && c != '\t')
      return false;
  }
  return true;
}

static int request_line(struct service_head *h, struct service_span line) {
  h->method = cut(&line, ' ');
  struct service_span target = cut(&line, ' ');
  if (h->method.n == 0 || h->method.n > 16 || target.n == 0 || target.at[0] != '/')
    return 400;
  if (target.n > TARGET_MAX)
    return 414;
  for (size_t i = 0; i < target.n; i++) {
    uint8_t c = (uint8_t)target.at[i]; // char is signed on one board and not on the next
    if (c <= ' ' || c >= 0x7f)
      return 400;
  }
  if (line.n != 8 || memcmp(line.at, "HTTP/1.", 7) != 0)
    return line.n >= 5 && memcmp(line.at, "HTTP/", 5) == 0 ? 505 : 400;
  if (line.at[7] < '0' || line.at[7] > '9')
    return 400;
  h->path = cut(&target, '?');
  h->query = target;
  return 0;
}

// "bytes 0-9/20": the sender's last byte and total must agree with each other.
static bool content_range(struct service_head *h, struct service_span v) {
  struct service_span unit = cut(&v, ' ');
  struct service_span from = cut(&v, '-');
  struct service_span last = cut(&v, '/');
  return service_same(unit.at, unit.n, "bytes") && service_number(from.at, from.n, &h->from) &&
         service_number(last.at, last.n, &h->last) && service_number(v.at, v.n, &h->total) &&
         h->from <= h->last && h->last < h->total;
}

static bool header(struct service_head *h, struct service_span name, struct service_span value) {
  if (service_same(name.at, name.n, "content-length")) {
    if (h->has_length)
      return false;
    h->has_length = true;
    return service_number(value.at, value.n, &h->length);
  }
  if (service_same(name.at, name.n, "content-range")) {
    if (h->has_range)
      return false;
    h->has_range = true;
    return content_range(h, value);
  }
  if (service_same(name.at, name.n, "transfer-encoding")) {
    h->chunked = true;
  } else if (service_same(name.at, name.n, "expect")) {
    h->expects_continue = service_same(value.at, value.n, "100-continue");
  } else if (service_same(name.at, name.n, "content-type")) {
    h->content_type = value;
  } else if (service_same(name.at, name.n, "x-bayplate-claim")) {
    if (h->claim.n > 0)
      return false;
    h->claim = value;
  }
  return true;
}

int service_head_parse(struct service_head *h, const char *bytes, size_t n) {
  memset(h, 0, sizeof *h);
  if (n < 4 || service_head_end(bytes, n) != n)
    return 400;
  struct service_span rest = {.at = bytes, .n = n - 2}; // without the empty line
  for (bool first = true; rest.n > 0; first = false) {
    struct service_span line = cut(&rest, '\n');
    if (line.n == 0 || line.at[line.n - 1] != '\r')
      return 400;
    line.n--;
    if (!plain(line))
      return 400;
    if (first) {
      int status = request_line(h, line);
      if (status)
        return status;
      continue;
    }
    struct service_span value = line;
    struct service_span name = cut(&value, ':');
    if (name.n == 0 || name.n == line.n || name.at[0] == ' ' || name.at[0] == '\t' ||
        name.at[name.n - 1] == ' ' || !header(h, name, trim(value)))
      return 400;
  }
  return 0;
}

struct service_span service_query(const struct service_head *h, const char *key) {
  struct service_span rest = h->query;
  while (rest.n > 0) {
    struct service_span value = cut(&rest, '&');
    struct service_span name = cut(&value, '=');
    if (name.n == strlen(key) && memcmp(name.at, key, name.n) == 0)
      return value;
  }
  return (struct service_span){.at = rest.at};
}
