// SPDX-License-Identifier: Apache-2.0
// Bundles are made here byte by byte, with a hash tree computed another way (recursively) than the
// module does.
#include "board/bundle.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BLOCK 4096u
#define BLOCKS 300u // two levels of hashes above them
#define TREE_BLOCKS 4u

static uint8_t *file;
static size_t size;
static char path[64];

static void hash(const uint8_t *block, uint8_t *out) {
  uint8_t text[32 + BLOCK];
  memset(text, 7, 32);
  memcpy(text + 32, block, BLOCK);
  crypto_hash_sha256(out, text, sizeof text);
}

// One DER element; returns its length.
static size_t element(uint8_t *out, uint8_t tag, const void *body, size_t n) {
  size_t at = 0;
  out[at++] = tag;
  if (n >= 128) {
    out[at++] = 0x82;
    out[at++] = (uint8_t)(n >> 8);
  }
  out[at++] = (uint8_t)n;
  memmove(out + at, body, n);
  return at + n;
}

// CMS SignedData (RFC 5652) nobody signed, with other words where anybody may put them: in the
// parameters of a digest's name, before the manifest.
static size_t signed_data(uint8_t *out, const char *manifest, const char *decoy) {
  static const uint8_t is_signed[] = {6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2};
  static const uint8_t is_data[] = {6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1};
  static const uint8_t sha256[] = {6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1};
  uint8_t a[4096], b[4096];
  size_t n = sizeof sha256, m;
  memcpy(a, sha256, n);
  n += element(a + n, 0x04, decoy, strlen(decoy));
  m = element(b, 0x30, a, n);
  uint8_t body[4096] = {2, 1, 1};
  size_t len = 3 + element(body + 3, 0x31, b, m); // version 1, digests
  n = element(a, 0x04, manifest, strlen(manifest));
  m = sizeof is_data;
  memcpy(b, is_data, m);
  m += element(b + m, 0xa0, a, n);
  len += element(body + len, 0x30, b, m);  // content
  len += element(body + len, 0x31, "", 0); // signers
  n = element(a, 0x30, body, len);
  m = sizeof is_signed;
  memcpy(b, is_signed, m);
  m += element(b + m, 0xa0, a, n);
  return element(out, 0x30, b, m);
}

static void put(void) {
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  assert_int_equal(fwrite(file, 1, size, f), size);
  assert_int_equal(fclose(f), 0);
}

static int make(void **state) {
  (void)state;
  assert_true(sodium_init() >= 0);
  size_t payload = BLOCKS * BLOCK, tree = TREE_BLOCKS * BLOCK;
  file = calloc(1, payload + tree + 4096);
  assert_non_null(file);
  for (size_t i = 0; i < payload; i++)
    file[i] = (uint8_t)(i * 31 + i / 4096);
  memcpy(file, "hsqs", 4);
  uint64_t used = payload - 100;
  for (int i = 0; i < 8; i++)
    file[40 + i] = (uint8_t)(used >> (8 * i));
  // Root block first, then three blocks of hashes of the data.
  uint8_t *top = file + payload, *low = top + BLOCK, root[32];
  for (size_t i = 0; i < BLOCKS; i++)
    hash(file + i * BLOCK, low + i * 32);
  for (size_t i = 0; i < 3; i++)
    hash(low + i * BLOCK, top + i * 32);
  hash(top, root);
  char hex[65], salt[65], manifest[1024];
  uint8_t sevens[32];
  memset(sevens, 7, sizeof sevens);
  sodium_bin2hex(hex, sizeof hex, root, 32);
  sodium_bin2hex(salt, sizeof salt, sevens, 32);
  int written = snprintf(manifest, sizeof manifest,
                         "[update]\ncompatible=bayplate-x\nversion=1.2.3\n\n[bundle]\n"
                         "format=verity\nverity-hash=%s\nverity-salt=%s\nverity-size=%zu\n",
                         hex, salt, tree);
  assert_true(written > 0 && (size_t)written < sizeof manifest);
  size_t n = signed_data(top + tree, manifest, "\ncompatible=bayplate-y\nversion=9.9.9\n");
  size = payload + tree + n;
  for (int i = 0; i < 8; i++)
    file[size++] = (uint8_t)((uint64_t)n >> (56 - 8 * i));
  (void)snprintf(path, sizeof path, "/tmp/bundle-XXXXXX");
  int fd = mkstemp(path);
  assert_true(fd >= 0);
  assert_int_equal(close(fd), 0);
  put();
  return 0;
}

static int drop(void **state) {
  (void)state;
  free(file);
  return unlink(path);
}

static void whole(void **state) {
  (void)state;
  struct bundle b;
  struct err e;
  assert_int_equal(bundle_open(path, &b, &e), BUNDLE_WHOLE);
  assert_string_equal(b.compatible, "bayplate-x");
  assert_string_equal(b.version, "1.2.3");
  assert_string_equal(b.build, "");
  assert_int_equal(b.payload, BLOCKS * BLOCK);
  assert_true(bundle_check_body(path, &b, NULL, NULL, &e));
}

static void every_block_counts(void **state) {
  (void)state;
  struct bundle b;
  struct err e;
  assert_int_equal(bundle_open(path, &b, &e), BUNDLE_WHOLE);
  // One bit in each block of contents and tree, the last byte of each.
  for (size_t i = 100; i < BLOCKS + TREE_BLOCKS; i += 29) {
    file[i * BLOCK + BLOCK - 1] ^= 1;
    put();
    assert_false(bundle_check_body(path, &b, NULL, NULL, &e));
    assert_int_equal(e.code, ERR_FORMAT);
    file[i * BLOCK + BLOCK - 1] ^= 1;
  }
}

static void other_contents_with_their_own_tree(void **state) {
  (void)state;
  struct bundle b;
  struct err e;
  assert_int_equal(bundle_open(path, &b, &e), BUNDLE_WHOLE);
  b.root[5] ^= 1; // as a manifest that signs something else
  assert_false(bundle_check_body(path, &b, NULL, NULL, &e));
  assert_non_null(strstr(e.text, "not what was signed"));
}

static void shapes(void **state) {
  (void)state;
  struct bundle b;
  struct err e;
  size_t all = size;
  size = BLOCKS * BLOCK;
  put();
  assert_int_equal(bundle_open(path, &b, &e), BUNDLE_UNSIGNED);
  size = all - 1;
  put();
  assert_int_equal(bundle_open(path, &b, &e), BUNDLE_TRUNCATED);
  size = all / 2;
  put();
  assert_int_equal(bundle_open(path, &b, &e), BUNDLE_TRUNCATED);
  size = 50;
  put();
  assert_int_equal(bundle_open(path, &b, &e), BUNDLE_NOT_ONE);
  size = all;
  file[0] = 'x';
  put();
  assert_int_equal(bundle_open(path, &b, &e), BUNDLE_NOT_ONE);
  file[0] = 'h';
  assert_int_equal(bundle_open("/nonexistent/bundle", &b, &e), BUNDLE_UNREADABLE);
  assert_int_equal(bundle_open("/usr/bin", &b, &e), BUNDLE_UNREADABLE); // opens, and cannot be read
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(whole, make, drop),
      cmocka_unit_test_setup_teardown(every_block_counts, make, drop),
      cmocka_unit_test_setup_teardown(other_contents_with_their_own_tree, make, drop),
      cmocka_unit_test_setup_teardown(shapes, make, drop),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
