// SPDX-License-Identifier: Apache-2.0
#include "vision/net_graph.h"

#include "vision/onnx.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

// A name in the file: a value, or an output seen through views.
struct name {
  struct onnx_text text;
  struct net_result is;
};

struct building {
  struct net_graph *g;
  const struct onnx_model *m;
  const char *file;
  int names;
  struct name name[NET_VALUES_MAX];
  struct err *e;
};

#define SHOWN(t) (int)((t).n > 80 ? 80 : (t).n), ((t).n ? (t).at : "")

static bool refuse(const struct building *b, const struct onnx_node *n, const char *why) {
  return err_set(b->e, ERR_FORMAT, "%s: %.*s that makes \"%.*s\": %s", b->file, SHOWN(n->op),
                 SHOWN(n->output), why);
}

static struct net_result *find(struct building *b, struct onnx_text text) {
  for (int i = 0; i < b->names && text.n > 0; i++) {
    if (onnx_same(b->name[i].text, text))
      return &b->name[i].is;
  }
  return NULL;
}

// Operand i as a plain value; counts the use.
static bool operand(struct building *b, const struct onnx_node *n, int i, int *value) {
  const struct net_result *r = i < n->inputs ? find(b, n->input[i]) : NULL;
  if (!r)
    return refuse(b, n, "its input is not made by a node before it");
  if (r->views > 0)
    return refuse(b, n, "takes a reshaped value, which only an output may be");
  *value = r->value;
  b->g->uses[r->value]++;
  return true;
}

static bool define(struct building *b, const struct onnx_node *n, struct onnx_text text,
                   const struct net_result *r) {
  if (text.n == 0 || find(b, text))
    return refuse(b, n, "its output has no name, or one that another has");
  if (b->names == NET_VALUES_MAX)
    return refuse(b, n, "too many values");
  b->name[b->names++] = (struct name){text, *r};
  return true;
}

static bool new_value(struct building *b, const struct onnx_node *n, int channels, int *value) {
  struct net_graph *g = b->g;
  if (g->values == NET_VALUES_MAX)
    return refuse(b, n, "too many values");
  *value = g->values++;
  g->channels[*value] = channels;
  return define(b, n, n->output, &(struct net_result){.value = *value});
}

static struct net_op *new_op(struct building *b, enum net_op_kind kind) {
  struct net_op *op = &b->g->op[b->g->ops++]; // one a node at most, as many as nodes are there
  *op = (struct net_op){.kind = kind, .a = -1, .b = -1, .out = -1};
  return op;
}

// A constant: an initializer. Constant nodes are looked up where they are used.
static const struct onnx_tensor *constant(const struct building *b, struct onnx_text name) {
  const struct onnx_tensor *t = onnx_tensor(b->m, name);
  for (int i = 0; i < b->m->nodes && !t; i++) {
    const struct onnx_node *n = &b->m->node[i];
    if (!onnx_is(n->op, "Constant") || !onnx_same(n->output, name))
      continue;
    const struct onnx_attribute *a = onnx_attribute(n, "value");
    t = a && a->has_tensor ? &a->tensor : NULL;
    if (!t)
      return NULL;
  }
  return t;
}

// Up to `n` numbers of an attribute, each within low..high; `all` where it is not there.
static bool ints(const struct onnx_node *node, const char *name, int n, int all, int low, int high,
                 int *out) {
  const struct onnx_attribute *a = onnx_attribute(node, name);
  for (int i = 0; i < n; i++)
    out[i] = all;
  if (!a)
    return true;
  if (a->ints != n)
    return false;
  for (int i = 0; i < n; i++) {
    if (a->v[i] < low || a->v[i] > high)
      return false;
    out[i] = (int)a->v[i];
  }
  return true;
}

// out x in x height x width to out x height x width x in.
static bool weights(struct building *b, const struct onnx_node *n, struct net_conv *c) {
  const struct onnx_tensor *k = constant(b, n->input[1]);
  const struct onnx_tensor *bias = n->inputs > 2 ? constant(b, n->input[2]) : NULL;
  if (!k || k->type != ONNX_FLOAT || k->dims != 4 || k->count == 0)
    return refuse(b, n, "its weights are no constant floats of four dimensions");
  if (n->inputs > 2 && (!bias || bias->type != ONNX_FLOAT || bias->dims != 1))
    return refuse(b, n, "its bias is no constant row of floats");
  c->out = k->dim[0];
  c->in = k->dim[1];
  c->height = k->dim[2];
  c->width = k->dim[3];
  if (c->out > NET_CHANNELS_MAX || c->in > NET_CHANNELS_MAX || c->height > NET_KERNEL_MAX ||
      c->width > NET_KERNEL_MAX || (bias && bias->dim[0] != c->out))
    return refuse(b, n, "its weights have an impossible shape");
  c->kernel = malloc(k->count * sizeof(float));
  c->bias = calloc((size_t)c->out, sizeof(float));
  if (!c->kernel || !c->bias)
    return err_set(b->e, ERR_NOMEM, "%s: out of memory", b->file);
  const size_t in = (size_t)c->in, area = (size_t)c->height * (size_t)c->width;
  for (size_t i = 0; i < k->count; i++) {
    const size_t o = i / (in * area), ch = i / area % in, at = i % area;
    c->kernel[(o * area + at) * in + ch] = onnx_float(k, i);
  }
  for (int i = 0; bias && i < c->out; i++)
    c->bias[i] = onnx_float(bias, (size_t)i);
  return true;
}

static bool conv(struct building *b, const struct onnx_node *n) {
  int a = 0, stride[2], pad[4], dilation[2];
  const struct onnx_attribute *group = onnx_attribute(n, "group");
  const struct onnx_attribute *automatic = onnx_attribute(n, "auto_pad");
  if (n->inputs < 2 || n->inputs > 3)
    return refuse(b, n, "has not two or three inputs");
  if (!operand(b, n, 0, &a))
    return false;
  if (!ints(n, "strides", 2, 1, 1, NET_KERNEL_MAX, stride) ||
      !ints(n, "pads", 4, 0, 0, NET_KERNEL_MAX, pad))
    return refuse(b, n, "its strides or padding are impossible");
  if (!ints(n, "dilations", 2, 1, 1, 1, dilation) || (group && group->i != 1) ||
      (automatic && !onnx_is(automatic->s, "NOTSET")))
    return refuse(b, n, "groups, dilation and automatic padding are not known here");
  struct net_op *op = new_op(b, NET_CONV);
  op->a = a;
  if (!weights(b, n, &op->conv))
    return false;
  struct net_conv *c = &op->conv;
  c->stride_y = stride[0];
  c->stride_x = stride[1];
  c->top = pad[0];
  c->left = pad[1];
  c->bottom = pad[2];
  c->right = pad[3];
  if (b->g->channels[a] != c->in)
    return refuse(b, n, "its weights are for another number of channels");
  return new_value(b, n, c->out, &op->out);
}

// Joins the operation that made its input; the name before it is gone.
static bool relu(struct building *b, const struct onnx_node *n) {
  struct net_graph *g = b->g;
  const struct net_result *r = n->inputs == 1 ? find(b, n->input[0]) : NULL;
  struct net_op *op = g->ops > 0 ? &g->op[g->ops - 1] : NULL;
  if (!r || !op || r->views > 0 || r->value != op->out || op->relu || g->uses[r->value] > 0 ||
      (op->kind != NET_CONV && op->kind != NET_ADD))
    return refuse(b, n, "must follow the convolution or addition that it limits, alone");
  for (int i = 0; i < g->outputs; i++) {
    if (onnx_same(b->m->output[i], n->input[0]))
      return refuse(b, n, "limits a value that is also an output");
  }
  op->relu = true;
  for (int i = 0; i < b->names; i++) {
    if (&b->name[i].is == r)
      b->name[i].text = (struct onnx_text){NULL, 0};
  }
  return define(b, n, n->output, &(struct net_result){.value = op->out});
}

static bool add(struct building *b, const struct onnx_node *n) {
  int x = 0, y = 0;
  if (n->inputs != 2)
    return refuse(b, n, "has not two inputs");
  if (!operand(b, n, 0, &x) || !operand(b, n, 1, &y))
    return false;
  if (b->g->channels[x] != b->g->channels[y])
    return refuse(b, n, "adds values of different numbers of channels");
  struct net_op *op = new_op(b, NET_ADD);
  op->a = x;
  op->b = y;
  return new_value(b, n, b->g->channels[x], &op->out);
}

// Resize (data, region, scales) or Upsample (data, scales), by doubling pixels only.
static bool up2(struct building *b, const struct onnx_node *n) {
  static const float want[4] = {1.0f, 1.0f, 2.0f, 2.0f};
  const struct onnx_attribute *mode = onnx_attribute(n, "mode");
  const struct onnx_attribute *place = onnx_attribute(n, "coordinate_transformation_mode");
  const struct onnx_attribute *nearest = onnx_attribute(n, "nearest_mode");
  int a = 0;
  if (n->inputs < 2 || n->inputs > 3)
    return refuse(b, n, "has not two or three inputs");
  const struct onnx_tensor *s = constant(b, n->input[n->inputs - 1]);
  if ((mode && !onnx_is(mode->s, "nearest")) || (place && !onnx_is(place->s, "asymmetric")) ||
      (nearest && !onnx_is(nearest->s, "floor")))
    return refuse(b, n, "only \"nearest\", \"asymmetric\", \"floor\" is known here");
  if (!s || s->type != ONNX_FLOAT || s->count != 4)
    return refuse(b, n, "its scales are not four constant floats");
  for (size_t i = 0; i < 4; i++) {
    const float v = onnx_float(s, i);
    if (!(v >= want[i] && v <= want[i])) // NaN is refused as well
      return refuse(b, n, "its scales are not 1, 1, 2, 2");
  }
  if (!operand(b, n, 0, &a))
    return false;
  struct net_op *op = new_op(b, NET_UP2);
  op->a = a;
  return new_value(b, n, b->g->channels[a], &op->out);
}

static bool mean(struct building *b, const struct onnx_node *n) {
  int a = 0, axes[2] = {2, 3};
  const struct onnx_attribute *keep = onnx_attribute(n, "keepdims");
  const bool reduces = onnx_is(n->op, "ReduceMean");
  if (n->inputs != 1 || (reduces && !onnx_attribute(n, "axes")) ||
      !ints(n, "axes", 2, 0, -2, 3, axes) ||
      (reduces && ((axes[0] + 4) % 4 != 2 || (axes[1] + 4) % 4 != 3)) || (keep && keep->i != 1))
    return refuse(b, n, "only the mean over height and width that keeps both is known here");
  if (!operand(b, n, 0, &a))
    return false;
  struct net_op *op = new_op(b, NET_MEAN);
  op->a = a;
  return new_value(b, n, b->g->channels[a], &op->out);
}

static bool view(struct building *b, const struct onnx_node *n) {
  const struct net_result *r = n->inputs > 0 ? find(b, n->input[0]) : NULL;
  if (!r)
    return refuse(b, n, "its input is not made by a node before it");
  if (r->views == NET_VIEWS_MAX)
    return refuse(b, n, "too many reshapes before an output");
  struct net_result out = *r;
  struct net_view *v = &out.view[out.views++];
  *v = (struct net_view){.transposes = onnx_is(n->op, "Transpose")};
  if (v->transposes) {
    const struct onnx_attribute *perm = onnx_attribute(n, "perm");
    unsigned seen = 0;
    v->n = perm ? perm->ints : 0;
    for (int i = 0; i < v->n && v->n <= NET_DIMS_MAX; i++) {
      if (perm->v[i] < 0 || perm->v[i] >= v->n)
        return refuse(b, n, "its permutation is impossible");
      v->v[i] = (int)perm->v[i];
      seen |= 1u << v->v[i];
    }
    if (v->n < 1 || v->n > NET_DIMS_MAX || seen != (1u << v->n) - 1)
      return refuse(b, n, "its permutation is impossible");
  } else {
    const struct onnx_tensor *t = n->inputs == 2 ? constant(b, n->input[1]) : NULL;
    if (!t || t->type != ONNX_INT64 || t->dims != 1 || t->count < 1 || t->count > NET_DIMS_MAX)
      return refuse(b, n, "its shape is no constant row of one to four numbers");
    v->n = (int)t->count;
    for (size_t i = 0; i < t->count; i++) {
      const int64_t x = onnx_int(t, i);
      if (x < -1 || x > ONNX_DIM_MAX)
        return refuse(b, n, "its shape is impossible");
      v->v[i] = (int)x;
    }
  }
  return define(b, n, n->output, &out);
}

static bool lower(struct building *b, const struct onnx_node *n) {
  static const struct {
    const char *op;
    bool (*make)(struct building *, const struct onnx_node *);
  } known[] = {{"Conv", conv},
               {"Relu", relu},
               {"Add", add},
               {"Resize", up2},
               {"Upsample", up2},
               {"ReduceMean", mean},
               {"GlobalAveragePool", mean},
               {"Reshape", view},
               {"Transpose", view}};
  if (onnx_is(n->op, "Constant"))
    return true;
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (onnx_is(n->op, known[i].op))
      return known[i].make(b, n);
  }
  return refuse(b, n, "this operator is not known here");
}

// An addition whose doubled operand nobody else needs doubles it on the way.
static void join_doubling(struct net_graph *g) {
  int kept = 0;
  for (int i = 0; i < g->ops; i++) {
    struct net_op *up = &g->op[i], *to = NULL;
    for (int k = i + 1; k < g->ops && up->kind == NET_UP2 && g->uses[up->out] == 1; k++) {
      if (g->op[k].kind == NET_ADD && g->op[k].a != g->op[k].b &&
          (g->op[k].a == up->out || g->op[k].b == up->out))
        to = &g->op[k];
    }
    if (to) {
      to->a = to->a == up->out ? to->b : to->a;
      to->b = up->a;
      to->kind = NET_ADD_UP2;
      g->uses[up->out] = 0;
    } else {
      g->op[kept++] = *up;
    }
  }
  g->ops = kept;
}

static bool finish(struct building *b, const struct net_config *c) {
  struct net_graph *g = b->g;
  for (int i = 0; i < c->outputs; i++) {
    const struct onnx_text name = {c->output[i], strlen(c->output[i])};
    const struct net_result *r = find(b, name);
    if (!r)
      return err_set(b->e, ERR_FORMAT, "%s: has no output named \"%s\"", b->file, c->output[i]);
    g->output[g->outputs++] = *r;
    g->uses[r->value]++;
  }
  join_doubling(g);
  for (int i = 0; i < g->ops; i++) {
    g->last_use[g->op[i].a] = i;
    if (g->op[i].b >= 0)
      g->last_use[g->op[i].b] = i;
  }
  for (int i = 0; i < g->outputs; i++)
    g->last_use[g->output[i].value] = g->ops;
  return true;
}

static bool build(struct building *b, const struct net_config *c) {
  struct net_graph *g = b->g;
  g->op = calloc((size_t)b->m->nodes, sizeof *g->op);
  if (!g->op)
    return err_set(b->e, ERR_NOMEM, "%s: out of memory", b->file);
  if (!onnx_is(b->m->input, c->input))
    return err_set(b->e, ERR_FORMAT, "%s: its input is \"%.*s\" instead of \"%s\"", b->file,
                   SHOWN(b->m->input), c->input);
  g->values = 1;
  g->channels[NET_INPUT] = 3;
  b->name[b->names++] = (struct name){b->m->input, {.value = NET_INPUT}};
  for (int i = 0; i < b->m->nodes; i++) {
    if (!lower(b, &b->m->node[i]))
      return false;
  }
  return finish(b, c);
}

bool net_graph_new(struct net_graph **out, const void *onnx, size_t bytes,
                   const struct net_config *config, struct err *e) {
  *out = NULL;
  struct onnx_model *m = NULL;
  if (!onnx_parse(&m, onnx, bytes, config->name, e))
    return false;
  struct building *b = calloc(1, sizeof *b);
  struct net_graph *g = calloc(1, sizeof *g);
  bool ok = b && g;
  if (ok) {
    b->g = g;
    b->m = m;
    b->file = config->name;
    b->e = e;
    ok = build(b, config);
  } else {
    (void)err_set(e, ERR_NOMEM, "%s: out of memory", config->name);
  }
  free(b);
  onnx_free(m);
  if (!ok) {
    net_graph_free(g);
    return false;
  }
  *out = g;
  return true;
}

void net_graph_free(struct net_graph *g) {
  if (!g)
    return;
  for (int i = 0; i < g->ops; i++) {
    free(g->op[i].conv.kernel);
    free(g->op[i].conv.bias);
  }
  free(g->op);
  free(g);
}

static bool shape_of(const struct net_op *op, const struct net_shape *s, struct net_shape *out) {
  const struct net_shape a = s[op->a];
  switch (op->kind) {
  case NET_CONV: {
    const struct net_conv *c = &op->conv;
    const int h = a.height + c->top + c->bottom - c->height;
    const int w = a.width + c->left + c->right - c->width;
    *out = (struct net_shape){h / c->stride_y + 1, w / c->stride_x + 1};
    return h >= 0 && w >= 0;
  }
  case NET_ADD:
    *out = a;
    return a.height == s[op->b].height && a.width == s[op->b].width;
  case NET_ADD_UP2:
    *out = a;
    return a.height == 2 * s[op->b].height && a.width == 2 * s[op->b].width;
  case NET_UP2:
    *out = (struct net_shape){2 * a.height, 2 * a.width};
    return true;
  case NET_MEAN:
    *out = (struct net_shape){1, 1};
    return true;
  }
  return false;
}

bool net_graph_shapes(const struct net_graph *g, int width, int height, struct net_shape *shape,
                      struct err *e) {
  if (width < 1 || height < 1 || width > NET_SIDE_MAX || height > NET_SIDE_MAX)
    return err_set(e, ERR_ARG, "input of %dx%d pixels impossible", width, height);
  shape[NET_INPUT] = (struct net_shape){height, width};
  for (int i = 0; i < g->ops; i++) {
    struct net_shape *o = &shape[g->op[i].out];
    if (!shape_of(&g->op[i], shape, o))
      return err_set(e, ERR_ARG, "the network cannot take an input of %dx%d pixels", width, height);
    // Sides are at most 2^12 at first and doubled a few times: no overflow in 64 bits.
    if (o->height > 4 * NET_SIDE_MAX || o->width > 4 * NET_SIDE_MAX ||
        (uint64_t)o->height * (uint64_t)o->width * (uint64_t)g->channels[g->op[i].out] >
            NET_FLOATS_MAX)
      return err_set(e, ERR_LIMIT, "the network needs too much memory for %dx%d pixels", width,
                     height);
  }
  return true;
}

static bool reshape(const struct net_view *v, struct net_layout *l) {
  struct net_layout to = {.dims = v->n};
  size_t count = 1, known = 1;
  int open = -1;
  for (int i = 0; i < l->dims; i++)
    count *= (size_t)l->shape[i];
  for (int i = 0; i < v->n; i++) {
    to.shape[i] = i < l->dims && v->v[i] == 0 ? l->shape[i] : v->v[i];
    if (to.shape[i] < 0) {
      if (open >= 0)
        return false;
      open = i;
    } else {
      known *= (size_t)to.shape[i];
      if (known == 0 || known > count)
        return false;
    }
  }
  if (open >= 0)
    to.shape[open] = (int)(count / known);
  // Sides of 1 come and go; the others must stay as they are, or the order in memory would change.
  int k = 0;
  for (int i = 0; i < to.dims; i++) {
    while (k < l->dims && l->shape[k] == 1)
      k++;
    if (to.shape[i] == 1)
      continue;
    if (k == l->dims || l->shape[k] != to.shape[i])
      return false;
    to.stride[i] = l->stride[k++];
  }
  while (k < l->dims && l->shape[k] == 1)
    k++;
  if (k < l->dims)
    return false;
  *l = to;
  return true;
}

bool net_graph_layout(const struct net_graph *g, int output, const struct net_shape *shape,
                      struct net_layout *out, struct err *e) {
  const struct net_result *r = &g->output[output];
  const struct net_shape s = shape[r->value];
  const int c = g->channels[r->value];
  struct net_layout l = {.dims = 4,
                         .shape = {1, c, s.height, s.width},
                         .stride = {0, 1, (size_t)s.width * (size_t)c, (size_t)c}};
  for (int i = 0; i < r->views; i++) {
    const struct net_view *v = &r->view[i];
    if (v->transposes) {
      struct net_layout to = {.dims = v->n};
      if (v->n != l.dims)
        return err_set(e, ERR_ARG, "output %d: transposes %d dimensions of %d", output, v->n,
                       l.dims);
      for (int k = 0; k < v->n; k++) {
        to.shape[k] = l.shape[v->v[k]];
        to.stride[k] = l.stride[v->v[k]];
      }
      l = to;
    } else if (!reshape(v, &l)) {
      return err_set(e, ERR_ARG, "output %d: cannot be reshaped for this size of the input",
                     output);
    }
  }
  *out = l;
  return true;
}

double net_graph_multiply_adds(const struct net_graph *g, const struct net_shape *shape) {
  double sum = 0.0;
  for (int i = 0; i < g->ops; i++) {
    const struct net_op *op = &g->op[i];
    if (op->kind == NET_CONV)
      sum += (double)op->conv.height * op->conv.width * op->conv.in * op->conv.out *
             shape[op->out].height * shape[op->out].width;
  }
  return sum;
}
