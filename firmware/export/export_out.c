// SPDX-License-Identifier: Apache-2.0
#include "firmware/export/export_out.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#define PACKED 65536
#define BLOCK 512
#define OCTAL_MAX UINT64_C(077777777777) // of ustar's eleven digits
#define LEVEL 1 // most of a card is empty or JPEG: more effort costs time and gains nothing

// POSIX.1-1988 ustar, as tar(5) has it.
struct header {
  char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100];
  char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a tar header is a block");

struct export_out {
  export_put *put;
  void *ctx;
  z_stream z;
  bool open;     // z must be ended
  uint64_t left; // bytes that the member still wants
  uint64_t size; // of the member
  uint64_t sent;
  crypto_hash_sha256_state hash;
  uint8_t sum[EXPORT_HASH];
  uint8_t packed[PACKED];
};

bool export_out_new(struct export_out **out, export_put *put, void *ctx, struct err *e) {
  struct export_out *o = calloc(1, sizeof *o);
  *out = NULL;
  if (!o || sodium_init() < 0) {
    free(o);
    return err_set(e, ERR_NOMEM, "no memory for the export");
  }
  o->put = put;
  o->ctx = ctx;
  (void)crypto_hash_sha256_init(&o->hash); // never fails, says libsodium
  // 15 + 16: a gzip header and end, which holds length and CRC-32.
  if (deflateInit2(&o->z, LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    free(o);
    return err_set(e, ERR_NOMEM, "no memory for the compression");
  }
  o->open = true;
  *out = o;
  return true;
}

void export_out_free(struct export_out *o) {
  if (!o)
    return;
  if (o->open)
    (void)deflateEnd(&o->z); // says that data were not written out: so it is
  free(o);
}

// zlib's input is not const, though it only reads.
static Bytef *unconst(const void *p) {
  union {
    const void *from;
    Bytef *to;
  } u = {.from = p};
  return u.to;
}

static bool pack(struct export_out *o, const void *bytes, size_t n, int flush, struct err *e) {
  o->z.next_in = unconst(bytes);
  o->z.avail_in = (uInt)n;
  do {
    o->z.next_out = o->packed;
    o->z.avail_out = PACKED;
    if (deflate(&o->z, flush) == Z_STREAM_ERROR)
      return err_set(e, ERR_STATE, "the export is over");
    size_t got = PACKED - o->z.avail_out;
    if (got == 0)
      break;
    (void)crypto_hash_sha256_update(&o->hash, o->packed, got);
    if (!o->put(o->ctx, o->packed, got))
      return err_set(e, ERR_NET, "nobody takes the export any more");
    o->sent += got;
  } while (o->z.avail_out == 0);
  return true;
}

// `value` in `digits` octal digits and a NUL; larger ones as GNU and BSD tar do, in binary with the
// first bit set.
static void number(char *field, size_t digits, uint64_t value) {
  if (value <= OCTAL_MAX) {
    (void)snprintf(field, digits + 1, "%0*llo", (int)digits, (unsigned long long)value);
    return;
  }
  memset(field, 0, digits + 1);
  field[0] = (char)0x80;
  for (size_t i = 0; i < 8; i++)
    field[digits - i] = (char)(uint8_t)(value >> (8 * i));
}

// Into name, or prefix and name, cut at a '/'.
static bool place_name(struct header *h, const char *name) {
  size_t n = strlen(name);
  if (n <= sizeof h->name) {
    memcpy(h->name, name, n);
    return n > 0;
  }
  for (size_t i = n - sizeof h->name - 1; i < n && i <= sizeof h->prefix; i++) {
    if (name[i] == '/' && i + 1 < n) {
      memcpy(h->prefix, name, i);
      memcpy(h->name, name + i + 1, n - i - 1);
      return true;
    }
  }
  return false;
}

bool export_out_member(struct export_out *o, const char *name, uint64_t size, int64_t mtime,
                       struct err *e) {
  struct header h = {.type = '0', .magic = "ustar", .version = {'0', '0'}};
  if (o->left > 0)
    return err_set(e, ERR_STATE, "the member before is not whole");
  if (!place_name(&h, name))
    return err_set(e, ERR_LIMIT, "%s: too long a name", name);
  number(h.mode, 7, 0600);
  number(h.uid, 7, 0);
  number(h.gid, 7, 0);
  number(h.size, 11, size);
  number(h.mtime, 11, mtime > 0 ? (uint64_t)mtime : 0);
  memset(h.sum, ' ', sizeof h.sum);
  unsigned sum = 0;
  for (size_t i = 0; i < sizeof h; i++)
    sum += ((const uint8_t *)&h)[i];
  number(h.sum, 6, sum);
  o->left = o->size = size;
  return pack(o, &h, sizeof h, Z_NO_FLUSH, e);
}

static bool pad(struct export_out *o, struct err *e) {
  static const uint8_t zeros[BLOCK];
  size_t rest = (size_t)(o->size % BLOCK);
  return rest == 0 || pack(o, zeros, BLOCK - rest, Z_NO_FLUSH, e);
}

bool export_out_bytes(struct export_out *o, const void *bytes, size_t n, struct err *e) {
  if (n > o->left || n > UINT32_MAX)
    return err_set(e, ERR_STATE, "more bytes than the member has");
  if (n == 0)
    return true;
  if (!pack(o, bytes, n, Z_NO_FLUSH, e))
    return false;
  o->left -= n;
  return o->left > 0 || pad(o, e);
}

bool export_out_text(struct export_out *o, const char *name, const char *text, size_t n,
                     struct err *e) {
  return export_out_member(o, name, n, (int64_t)time(NULL), e) && export_out_bytes(o, text, n, e);
}

bool export_out_flush(struct export_out *o, struct err *e) {
  return pack(o, "", 0, Z_SYNC_FLUSH, e);
}

bool export_out_finish(struct export_out *o, struct err *e) {
  static const uint8_t end[2 * BLOCK];
  if (o->left > 0)
    return err_set(e, ERR_STATE, "the last member is not whole");
  if (!pack(o, end, sizeof end, Z_FINISH, e))
    return false;
  (void)crypto_hash_sha256_final(&o->hash, o->sum);
  return true;
}

uint64_t export_out_sent(const struct export_out *o) {
  return o->sent;
}

void export_out_hash(const struct export_out *o, uint8_t out[EXPORT_HASH]) {
  memcpy(out, o->sum, EXPORT_HASH);
}
