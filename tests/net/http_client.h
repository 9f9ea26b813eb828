// SPDX-License-Identifier: Apache-2.0
// The smallest possible HTTP client for tests: sends bytes as given, reads what comes.
#ifndef BAYPLATE_TESTS_HTTP_CLIENT_H
#define BAYPLATE_TESTS_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#define TEST_WAIT_MS 8000 // how long a test waits for what must come

// A connected socket to 127.0.0.1, or -1.
int test_connect(int port);
// Sends all; false when the peer closed.
bool test_send(int fd, const char *data, size_t len);
// Reads until the peer closes, `size`-1 bytes are there or `until` (may be NULL) was seen; ends
// with NUL. Returns the bytes read, -1 when time ran out.
long test_read(int fd, char *buf, size_t size, const char *until);
// One exchange on its own connection ("Connection: close" must be in `text`). Returns the status, 0
// when the connection was closed without an answer, -1 without an end in time.
int test_exchange(int port, const char *text, char *answer, size_t size);
// A request with method, path, further header lines (each with \r\n; "" none) and body (NULL none).
int test_request(int port, const char *method, const char *path, const char *headers,
                 const char *body, char *answer, size_t size);
// Start of an answer's body, "" when there is none.
const char *test_body(const char *answer);

#endif
