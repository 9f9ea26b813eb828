// SPDX-License-Identifier: Apache-2.0
#include "board/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ERR_STATE openssl_err_state // a type in OpenSSL's headers, a code in board/err.h
#include <openssl/cms.h>
#undef ERR_STATE

#define BLOCK 4096u
#define PER_BLOCK (BLOCK / BUNDLE_HASH)
#define LEVELS_MAX 8
#define TOLD_EVERY 512 // blocks: 2 MB
#define SQUASHFS_MAGIC "hsqs"
#define SQUASHFS_BYTES_USED 40 // offset in the superblock

static bool read_at(int fd, void *to, size_t len, uint64_t at) {
  size_t have = 0;
  while (have < len) {
    ssize_t n = pread(fd, (uint8_t *)to + have, len - have, (off_t)(at + have));
    if (n < 0 && errno == EINTR)
      continue;
    if (n == 0)
      errno = EIO; // shorter than it was
    if (n <= 0)
      return false;
    have += (size_t)n;
  }
  return true;
}

static uint64_t little(const uint8_t *p) {
  uint64_t v = 0;
  for (int i = 7; i >= 0; i--)
    v = v << 8 | p[i];
  return v;
}

static uint64_t big(const uint8_t *p) {
  uint64_t v = 0;
  for (int i = 0; i < 8; i++)
    v = v << 8 | p[i];
  return v;
}

// The value of "\nNAME=" in the manifest's text: up to the line's end, at most size - 1 bytes.
static bool value_of(const uint8_t *text, size_t len, const char *name, char *out, size_t size) {
  size_t name_len = strlen(name);
  out[0] = '\0';
  for (size_t i = 1; i + name_len + 1 < len; i++) {
    if (text[i - 1] != '\n' || memcmp(text + i, name, name_len) != 0 || text[i + name_len] != '=')
      continue;
    size_t at = i + name_len + 1, n = 0;
    while (at + n < len && text[at + n] >= 0x20 && text[at + n] < 0x7f)
      n++;
    if (n == 0 || n >= size)
      return false;
    memcpy(out, text + at, n);
    out[n] = '\0';
    return true;
  }
  return false;
}

static bool read_hex(const char *text, uint8_t *out, size_t max, size_t *len) {
  const char *end = NULL;
  return sodium_hex2bin(out, max, text, strlen(text), NULL, len, &end) == 0 && *end == '\0';
}

static bool read_text(const uint8_t *manifest, size_t len, struct bundle *out, struct err *e) {
  char text[2 * BUNDLE_SALT_MAX + 1];
  size_t n = 0;
  if (!value_of(manifest, len, "compatible", out->compatible, sizeof out->compatible) ||
      !value_of(manifest, len, "version", out->version, sizeof out->version))
    return err_set(e, ERR_FORMAT, "the manifest names no board or no version");
  (void)value_of(manifest, len, "build", out->build, sizeof out->build); // may be missing
  if (!value_of(manifest, len, "verity-hash", text, sizeof text) ||
      !read_hex(text, out->root, sizeof out->root, &n) || n != BUNDLE_HASH)
    return err_set(e, ERR_FORMAT, "the manifest has no verity-hash");
  if (!value_of(manifest, len, "verity-salt", text, sizeof text) ||
      !read_hex(text, out->salt, sizeof out->salt, &n))
    return err_set(e, ERR_FORMAT, "the manifest has no verity-salt");
  out->salt_len = (unsigned)n;
  char *end = NULL;
  if (!value_of(manifest, len, "verity-size", text, sizeof text))
    return err_set(e, ERR_FORMAT, "the manifest has no verity-size");
  out->tree = strtoull(text, &end, 10);
  if (*end != '\0' || out->tree == 0 || out->tree % BLOCK != 0 || out->tree > BUNDLE_SIZE_MAX)
    return err_set(e, ERR_FORMAT, "the manifest's verity-size \"%s\" is impossible", text);
  return true;
}

// Only what is signed counts: the same words elsewhere in the signature's bytes, where anybody can
// put them without making it invalid, are not looked at.
static bool read_manifest(const uint8_t *cms, size_t len, struct bundle *out, struct err *e) {
  CMS_ContentInfo *info = d2i_CMS_ContentInfo(NULL, &cms, (long)len);
  ASN1_OCTET_STRING **content = info ? CMS_get0_content(info) : NULL;
  const bool ok = content && *content ? read_text(ASN1_STRING_get0_data(*content),
                                                  (size_t)ASN1_STRING_length(*content), out, e)
                                      : err_set(e, ERR_FORMAT, "its signature holds no manifest");
  CMS_ContentInfo_free(info);
  return ok;
}

static enum bundle_shape look(int fd, struct bundle *out, struct err *e) {
  struct stat st;
  uint8_t head[96], tail[8], cms[BUNDLE_SIGNATURE_MAX];
  if (fstat(fd, &st) != 0) {
    (void)err_errno(e, errno, "size");
    return BUNDLE_UNREADABLE;
  }
  uint64_t size = (uint64_t)st.st_size;
  if (size >= sizeof head && !read_at(fd, head, sizeof head, 0)) {
    (void)err_errno(e, errno, "reading its beginning");
    return BUNDLE_UNREADABLE;
  }
  if (size > BUNDLE_SIZE_MAX || size < sizeof head || memcmp(head, SQUASHFS_MAGIC, 4) != 0) {
    (void)err_set(e, ERR_FORMAT, "it does not begin as a bundle does");
    return BUNDLE_NOT_ONE;
  }
  uint64_t used = little(head + SQUASHFS_BYTES_USED);
  uint64_t padded = (used + BLOCK - 1) / BLOCK * BLOCK;
  if (used > size || used == 0) {
    (void)err_set(e, ERR_FORMAT, "%" PRIu64 " bytes are there of more than %" PRIu64, size, used);
    return BUNDLE_TRUNCATED;
  }
  if (size <= padded) {
    (void)err_set(e, ERR_FORMAT, "nothing follows its contents");
    return BUNDLE_UNSIGNED;
  }
  if (!read_at(fd, tail, sizeof tail, size - sizeof tail)) {
    (void)err_errno(e, errno, "reading its end");
    return BUNDLE_UNREADABLE;
  }
  uint64_t signature = big(tail);
  if (signature == 0 || signature > sizeof cms || size - sizeof tail < padded + signature ||
      !read_at(fd, cms, (size_t)signature, size - sizeof tail - signature) || cms[0] != 0x30) {
    (void)err_set(e, ERR_FORMAT, "no signature ends it");
    return BUNDLE_TRUNCATED;
  }
  if (!read_manifest(cms, (size_t)signature, out, e))
    return BUNDLE_NOT_ONE;
  if (size - sizeof tail - signature < padded + out->tree) {
    (void)err_set(e, ERR_FORMAT, "its hash tree is not whole");
    return BUNDLE_TRUNCATED;
  }
  out->payload = size - sizeof tail - signature - out->tree;
  out->signature = signature;
  if (out->payload % BLOCK != 0) {
    (void)err_set(e, ERR_FORMAT, "its parts do not fit together");
    return BUNDLE_TRUNCATED;
  }
  return BUNDLE_WHOLE;
}

enum bundle_shape bundle_open(const char *path, struct bundle *out, struct err *e) {
  memset(out, 0, sizeof *out);
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) {
    (void)err_errno(e, errno, "%s", path);
    return BUNDLE_UNREADABLE;
  }
  enum bundle_shape shape = look(fd, out, e);
  (void)close(fd);
  return shape;
}

static void hash_block(const struct bundle *b, const uint8_t *block, uint8_t *out) {
  crypto_hash_sha256_state s;
  (void)crypto_hash_sha256_init(&s);
  (void)crypto_hash_sha256_update(&s, b->salt, b->salt_len);
  (void)crypto_hash_sha256_update(&s, block, BLOCK);
  (void)crypto_hash_sha256_final(&s, out);
}

// Blocks and first byte of each level, the one above the data first; how many levels. 0: too many.
static unsigned lay_levels(uint64_t data_blocks, uint64_t *blocks, uint64_t *at, uint64_t *total) {
  unsigned n = 0;
  *total = 0;
  for (uint64_t below = data_blocks; n < LEVELS_MAX; n++) {
    blocks[n] = (below + PER_BLOCK - 1) / PER_BLOCK;
    *total += blocks[n] * BLOCK;
    below = blocks[n];
    if (below == 1) {
      n++;
      break;
    }
  }
  if (blocks[n - 1] != 1)
    return 0;
  uint64_t place = 0; // stored from the top down
  for (unsigned i = n; i-- > 0;) {
    at[i] = place;
    place += blocks[i] * BLOCK;
  }
  return n;
}

static bool check(int fd, const struct bundle *b, uint8_t *tree,
                  void (*told)(void *ctx, int percent), void *ctx, struct err *e) {
  uint64_t blocks[LEVELS_MAX], at[LEVELS_MAX], total = 0, data = b->payload / BLOCK;
  uint8_t block[BLOCK], root[BUNDLE_HASH];
  unsigned levels = lay_levels(data, blocks, at, &total);
  if (levels == 0 || total != b->tree)
    return err_set(e, ERR_FORMAT, "the hash tree has %" PRIu64 " bytes, not %" PRIu64, b->tree,
                   total);
  for (uint64_t i = 0; i < data; i++) {
    if (told && i % TOLD_EVERY == 0)
      told(ctx, (int)(i * 100 / data));
    if (!read_at(fd, block, BLOCK, i * BLOCK))
      return err_errno(e, errno, "reading byte %" PRIu64, i * BLOCK);
    hash_block(b, block, tree + at[0] + i * BUNDLE_HASH);
  }
  for (unsigned l = 1; l < levels; l++)
    for (uint64_t i = 0; i < blocks[l - 1]; i++)
      hash_block(b, tree + at[l - 1] + i * BLOCK, tree + at[l] + i * BUNDLE_HASH);
  // Held against the stored tree first: it names the place. The root alone decides.
  for (uint64_t i = 0; i < b->tree; i += BLOCK) {
    if (!read_at(fd, block, BLOCK, b->payload + i))
      return err_errno(e, errno, "reading byte %" PRIu64, b->payload + i);
    if (memcmp(block, tree + i, BLOCK) != 0)
      return err_set(e, ERR_FORMAT,
                     "block %" PRIu64 " of its hash tree is not that of its contents", i / BLOCK);
  }
  hash_block(b, tree, root);
  if (sodium_memcmp(root, b->root, sizeof root) != 0)
    return err_set(e, ERR_FORMAT, "its contents are not what was signed");
  return true;
}

bool bundle_check_body(const char *path, const struct bundle *b,
                       void (*told)(void *ctx, int percent), void *ctx, struct err *e) {
  if (sodium_init() < 0)
    return err_set(e, ERR_STATE, "libsodium did not start");
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0)
    return err_errno(e, errno, "%s", path);
  uint8_t *tree = calloc(1, (size_t)b->tree);
  bool ok = tree ? check(fd, b, tree, told, ctx, e)
                 : err_set(e, ERR_NOMEM, "no memory for the hash tree");
  free(tree);
  (void)close(fd);
  return ok;
}
