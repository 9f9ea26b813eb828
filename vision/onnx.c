// SPDX-License-Identifier: Apache-2.0
#include "vision/onnx.h"

#include "vision/protobuf.h"

#include <stdlib.h>
#include <string.h>

// Reading goes on while all is well; the first thing wrong is kept.
struct reading {
  const char *name;
  struct err *e;
};

static bool damaged(const struct reading *r, const char *where) {
  return err_set(r->e, ERR_FORMAT, "%s: damaged %s; it is no ONNX file, or was cut off", r->name,
                 where);
}

static bool too_many(const struct reading *r, const char *what, int most) {
  return err_set(r->e, ERR_LIMIT, "%s: more than %d %s", r->name, most, what);
}

static struct onnx_text text_of(const struct pb_field *f) {
  return (struct onnx_text){(const char *)f->bytes.at, (size_t)(f->bytes.end - f->bytes.at)};
}

static float float_bits(uint64_t v) {
  const uint32_t u = (uint32_t)v;
  float x;
  memcpy(&x, &u, sizeof x);
  return x;
}

bool onnx_is(struct onnx_text a, const char *b) {
  return a.n == strlen(b) && (a.n == 0 || memcmp(a.at, b, a.n) == 0);
}

bool onnx_same(struct onnx_text a, struct onnx_text b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.at, b.at, a.n) == 0);
}

// A field of whole numbers, packed or one by one; appends to v.
static bool numbers(const struct reading *r, const struct pb_field *f, int64_t *v, int *n, int most,
                    const char *what) {
  struct pb p = f->bytes;
  do {
    uint64_t x = f->value;
    if (f->wire == PB_BYTES && p.at == p.end)
      return true;
    if ((f->wire != PB_BYTES && f->wire != PB_VARINT) ||
        (f->wire == PB_BYTES && !pb_varint(&p, &x)))
      return damaged(r, what);
    if (*n == most)
      return too_many(r, what, most);
    v[(*n)++] = (int64_t)x;
  } while (f->wire == PB_BYTES);
  return true;
}

// TensorProto: dims 1, data_type 2, float_data 4, name 8, raw_data 9, data_location 14.
static bool tensor(const struct reading *r, struct pb p, struct onnx_tensor *t) {
  struct pb_field f;
  struct pb data = {NULL, NULL};
  int64_t dim[ONNX_DIMS_MAX];
  enum pb_step s;
  *t = (struct onnx_tensor){.count = 1};
  while ((s = pb_next(&p, &f)) == PB_FIELD) {
    if (f.number == 1 && !numbers(r, &f, dim, &t->dims, ONNX_DIMS_MAX, "dimensions of a constant"))
      return false;
    if (f.number == 2)
      t->type = f.value == ONNX_FLOAT   ? ONNX_FLOAT
                : f.value == ONNX_INT64 ? ONNX_INT64
                                        : ONNX_OTHER;
    if (f.number == 8 && f.wire == PB_BYTES)
      t->name = text_of(&f);
    if ((f.number == 4 || f.number == 9) && f.wire == PB_BYTES)
      data = f.bytes;
    if (f.number == 14 && f.value != 0)
      return err_set(r->e, ERR_FORMAT, "%s: keeps its weights in another file; export it as one",
                     r->name);
  }
  if (s == PB_DAMAGED)
    return damaged(r, "constant");
  for (int i = 0; i < t->dims; i++) {
    if (dim[i] < 0 || dim[i] > ONNX_DIM_MAX)
      return err_set(r->e, ERR_LIMIT, "%s: constant \"%.*s\" has a side of %lld", r->name,
                     (int)(t->name.n > 64 ? 64 : t->name.n), t->name.n ? t->name.at : "",
                     (long long)dim[i]);
    t->dim[i] = (int)dim[i];
    t->count *= (size_t)dim[i]; // at most 2^64 - 1: four sides of 2^16
    if (t->count > ONNX_BYTES_MAX)
      return too_many(r, "numbers in a constant", ONNX_BYTES_MAX);
  }
  if (t->type == ONNX_OTHER)
    return true; // refused where it is used
  const size_t each = t->type == ONNX_FLOAT ? 4 : 8;
  if ((size_t)(data.end - data.at) != t->count * each)
    return err_set(r->e, ERR_FORMAT, "%s: constant \"%.*s\" has %zu bytes instead of %zu", r->name,
                   (int)(t->name.n > 64 ? 64 : t->name.n), t->name.n ? t->name.at : "",
                   (size_t)(data.end - data.at), t->count * each);
  t->data = data.at;
  return true;
}

// AttributeProto: name 1, f 2, i 3, s 4, t 5, ints 8.
static bool attribute(const struct reading *r, struct pb p, struct onnx_attribute *a) {
  struct pb_field f;
  enum pb_step s;
  *a = (struct onnx_attribute){.ints = 0};
  while ((s = pb_next(&p, &f)) == PB_FIELD) {
    if (f.number == 1 && f.wire == PB_BYTES)
      a->name = text_of(&f);
    if (f.number == 2 && f.wire == PB_FIXED32)
      a->f = float_bits(f.value);
    if (f.number == 3 && f.wire == PB_VARINT)
      a->i = (int64_t)f.value;
    if (f.number == 4 && f.wire == PB_BYTES)
      a->s = text_of(&f);
    if (f.number == 5 && f.wire == PB_BYTES) {
      if (!tensor(r, f.bytes, &a->tensor))
        return false;
      a->has_tensor = true;
    }
    if (f.number == 8 && !numbers(r, &f, a->v, &a->ints, ONNX_INTS_MAX, "numbers in an attribute"))
      return false;
  }
  return s == PB_END ? true : damaged(r, "attribute");
}

// NodeProto: input 1, output 2, op_type 4, attribute 5.
static bool node(const struct reading *r, struct pb p, struct onnx_node *n) {
  struct pb_field f;
  enum pb_step s;
  int outputs = 0;
  *n = (struct onnx_node){.inputs = 0};
  while ((s = pb_next(&p, &f)) == PB_FIELD) {
    if (f.wire != PB_BYTES)
      continue;
    if (f.number == 1) {
      if (n->inputs == ONNX_INPUTS_MAX)
        return too_many(r, "inputs of a node", ONNX_INPUTS_MAX);
      n->input[n->inputs++] = text_of(&f);
    }
    if (f.number == 2) {
      if (outputs++ == 1)
        return too_many(r, "outputs of a node", 1);
      n->output = text_of(&f);
    }
    if (f.number == 4)
      n->op = text_of(&f);
    if (f.number == 5) {
      if (n->attributes == ONNX_ATTRIBUTES_MAX)
        return too_many(r, "attributes of a node", ONNX_ATTRIBUTES_MAX);
      if (!attribute(r, f.bytes, &n->attribute[n->attributes++]))
        return false;
    }
  }
  return s == PB_END ? true : damaged(r, "node");
}

// ValueInfoProto: name 1.
static bool value_name(const struct reading *r, struct pb p, struct onnx_text *out) {
  struct pb_field f;
  enum pb_step s;
  while ((s = pb_next(&p, &f)) == PB_FIELD) {
    if (f.number == 1 && f.wire == PB_BYTES)
      *out = text_of(&f);
  }
  return s == PB_END ? true : damaged(r, "name of an input or output");
}

// GraphProto: node 1, initializer 5, input 11, output 12.
static bool count(const struct reading *r, struct pb p, struct onnx_model *m) {
  struct pb_field f;
  enum pb_step s;
  while ((s = pb_next(&p, &f)) == PB_FIELD) {
    if (f.wire != PB_BYTES)
      continue;
    if (f.number == 1 && m->nodes++ == ONNX_NODES_MAX)
      return too_many(r, "nodes", ONNX_NODES_MAX);
    if (f.number == 5 && m->tensors++ == ONNX_TENSORS_MAX)
      return too_many(r, "constants", ONNX_TENSORS_MAX);
  }
  return s == PB_END ? true : damaged(r, "graph");
}

static bool graph(const struct reading *r, struct pb p, struct onnx_model *m) {
  if (!count(r, p, m))
    return false;
  m->node = calloc((size_t)m->nodes + 1, sizeof *m->node);
  m->tensor = calloc((size_t)m->tensors + 1, sizeof *m->tensor);
  if (!m->node || !m->tensor)
    return err_set(r->e, ERR_NOMEM, "%s: out of memory", r->name);
  struct pb_field f;
  int nodes = 0, tensors = 0;
  while (pb_next(&p, &f) == PB_FIELD) { // walked once already: undamaged
    if (f.wire != PB_BYTES)
      continue;
    bool ok = true;
    if (f.number == 1)
      ok = node(r, f.bytes, &m->node[nodes++]);
    if (f.number == 5)
      ok = tensor(r, f.bytes, &m->tensor[tensors++]);
    if (f.number == 11) {
      m->inputs++;
      ok = value_name(r, f.bytes, &m->input);
    }
    if (f.number == 12) {
      if (m->outputs == ONNX_OUTPUTS_MAX)
        return too_many(r, "outputs", ONNX_OUTPUTS_MAX);
      ok = value_name(r, f.bytes, &m->output[m->outputs++]);
    }
    if (!ok)
      return false;
  }
  return true;
}

// ModelProto: graph 7.
bool onnx_parse(struct onnx_model **out, const void *file, size_t bytes, const char *name,
                struct err *e) {
  const struct reading r = {name, e};
  *out = NULL;
  if (bytes == 0 || bytes > ONNX_BYTES_MAX)
    return err_set(e, ERR_LIMIT, "%s: %zu bytes, must be 1 to %u", name, bytes, ONNX_BYTES_MAX);
  struct onnx_model *m = calloc(1, sizeof *m);
  if (!m)
    return err_set(e, ERR_NOMEM, "%s: out of memory", name);
  struct pb p = {file, (const uint8_t *)file + bytes};
  struct pb_field f;
  enum pb_step s;
  bool ok = true, found = false;
  while (ok && (s = pb_next(&p, &f)) != PB_END) {
    if (s == PB_DAMAGED) {
      ok = damaged(&r, "outermost layer");
    } else if (f.number == 7 && f.wire == PB_BYTES) {
      ok = !found ? graph(&r, f.bytes, m) : damaged(&r, "file: two networks");
      found = true;
    }
  }
  if (ok && (!found || m->nodes == 0))
    ok = err_set(e, ERR_FORMAT, "%s: holds no network", name);
  if (!ok) {
    onnx_free(m);
    return false;
  }
  *out = m;
  return true;
}

void onnx_free(struct onnx_model *m) {
  if (!m)
    return;
  free(m->node);
  free(m->tensor);
  free(m);
}

const struct onnx_attribute *onnx_attribute(const struct onnx_node *n, const char *name) {
  for (int i = 0; i < n->attributes; i++) {
    if (onnx_is(n->attribute[i].name, name))
      return &n->attribute[i];
  }
  return NULL;
}

const struct onnx_tensor *onnx_tensor(const struct onnx_model *m, struct onnx_text name) {
  for (int i = 0; i < m->tensors; i++) {
    if (onnx_same(m->tensor[i].name, name))
      return &m->tensor[i];
  }
  return NULL;
}

static uint64_t little_endian(const uint8_t *p, size_t n) {
  uint64_t v = 0;
  for (size_t i = 0; i < n; i++)
    v |= (uint64_t)p[i] << (8 * i);
  return v;
}

float onnx_float(const struct onnx_tensor *t, size_t i) {
  return float_bits(little_endian(t->data + 4 * i, 4));
}

int64_t onnx_int(const struct onnx_tensor *t, size_t i) {
  return (int64_t)little_endian(t->data + 8 * i, 8);
}
