// SPDX-License-Identifier: Apache-2.0
#include "net/policy_map.h"

#include "net/json_pointer.h"
#include "net/policy_map_value.h"
#include "net/utf8.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum field {
  F_PLATE,
  F_FOUND,
  F_OWNER_NAME,
  F_OWNER_PHONE,
  F_MODEL,
  F_VIN,
  F_COLOR,
  F_REGISTERED,
  F_POLICIES,
  F_KIND_COMPULSORY,
  F_KIND_COMMERCIAL,
  F_FIRST_OF_POLICY, // those below belong to one policy
  F_KIND = F_FIRST_OF_POLICY,
  F_INSURER,
  F_NUMBER,
  F_START,
  F_END,
  F_PREMIUM,
  F_CLAIMS,
  F_COVERS,
  F_COUNT
};

static const char *const field_names[F_COUNT] = {
    [F_PLATE] = "plate",
    [F_FOUND] = "found",
    [F_OWNER_NAME] = "owner.name",
    [F_OWNER_PHONE] = "owner.phone",
    [F_MODEL] = "vehicle.model",
    [F_VIN] = "vehicle.vin",
    [F_COLOR] = "vehicle.color",
    [F_REGISTERED] = "vehicle.first_registered",
    [F_POLICIES] = "policies",
    [F_KIND_COMPULSORY] = "kind.compulsory",
    [F_KIND_COMMERCIAL] = "kind.commercial",
    [F_KIND] = "policy.kind",
    [F_INSURER] = "policy.insurer",
    [F_NUMBER] = "policy.number",
    [F_START] = "policy.start",
    [F_END] = "policy.end",
    [F_PREMIUM] = "policy.premium",
    [F_CLAIMS] = "policy.claims",
    [F_COVERS] = "policy.covers",
};

static const struct policy_map_entry own_api[] = {
    {"plate", "/plate"},
    {"owner.name", "/owner/name"},
    {"owner.phone", "/owner/phone"},
    {"vehicle.model", "/vehicle/model"},
    {"vehicle.vin", "/vehicle/vin"},
    {"vehicle.color", "/vehicle/color"},
    {"vehicle.first_registered", "/vehicle/first_registered"},
    {"policies", "/policies"},
    {"policy.kind", "/kind"},
    {"policy.insurer", "/insurer"},
    {"policy.number", "/number"},
    {"policy.start", "/start"},
    {"policy.end", "/end"},
    {"policy.premium", "/premium"},
    {"policy.claims", "/claims"},
    {"policy.covers", "/covers"},
};

struct rule {
  enum field field;
  int group; // 0: relative to an item of "policies", or no policy's; 1..4: policyN.*
  bool optional;
  bool literal;
  char value[POLICY_POINTER_MAX]; // pointer or text, without the '='
};

struct policy_map {
  int count;
  bool grouped[POLICY_MAP_GROUPS + 1]; // which policyN are used
  struct rule rule[POLICY_MAP_MAX];
};

// One reading of one answer.
struct reading {
  const struct policy_map *map;
  struct policy_answer *out;
  struct err *e;
};

static bool allows_optional(enum field f) {
  return f == F_PLATE || f == F_POLICIES || f == F_KIND || f == F_END;
}

static bool parse_field(const char *name, struct rule *r) {
  char plain[POLICY_FIELD_MAX] = {0};
  size_t n = strlen(name);
  r->optional = n > 0 && name[n - 1] == '?';
  n -= r->optional;
  if (n >= sizeof plain)
    return false;
  memcpy(plain, name, n);
  plain[n] = '\0';
  r->group = 0;
  static const char prefix[] = "policy";
  size_t at = sizeof prefix - 1;
  if (strncmp(plain, prefix, at) == 0 && plain[at] >= '1' && plain[at] <= '0' + POLICY_MAP_GROUPS &&
      plain[at + 1] == '.') {
    r->group = plain[at] - '0';
    memmove(plain + at, plain + at + 1, n - at); // with the NUL
  }
  for (int f = 0; f < F_COUNT; f++) {
    if (strcmp(plain, field_names[f]) == 0) {
      r->field = (enum field)f;
      return (!r->optional || allows_optional(r->field)) &&
             (r->group == 0 || f >= F_FIRST_OF_POLICY);
    }
  }
  return false;
}

static const struct rule *find(const struct policy_map *m, enum field f, int group) {
  for (int i = 0; i < m->count; i++) {
    if (m->rule[i].field == f && m->rule[i].group == group)
      return &m->rule[i];
  }
  return NULL;
}

static bool joins(enum field f) {
  return f == F_OWNER_NAME || f == F_MODEL || f == F_COLOR || f == F_INSURER;
}

static bool add_rule(struct policy_map *m, const struct policy_map_entry *entry, struct err *e) {
  struct rule *r = &m->rule[m->count];
  if (!parse_field(entry->field, r))
    return err_set(e, ERR_FORMAT, "map[%s]: no such field", entry->field);
  if (find(m, r->field, r->group) && !joins(r->field))
    return err_set(e, ERR_FORMAT, "map[%s]: stands twice", entry->field);
  bool words = r->field == F_KIND_COMPULSORY || r->field == F_KIND_COMMERCIAL;
  r->literal = words || entry->value[0] == '=';
  const char *value = entry->value + (entry->value[0] == '=');
  if (!utf8_copy(r->value, sizeof r->value, value))
    return err_set(e, ERR_LIMIT, "map[%s]: longer than %zu bytes", entry->field,
                   sizeof r->value - 1);
  struct err why;
  if (!r->literal && !json_pointer_check(r->value, &why))
    return err_set(e, ERR_FORMAT, "map[%s]: %s", entry->field, why.text);
  m->grouped[r->group] = m->grouped[r->group] || r->field >= F_FIRST_OF_POLICY;
  m->count++;
  return true;
}

// What can only be seen of the table as a whole.
static bool check_table(const struct policy_map *m, struct err *e) {
  bool any = false;
  for (int g = 0; g <= POLICY_MAP_GROUPS; g++) {
    if (!m->grouped[g])
      continue;
    any = true;
    char number[2] = {g == 0 ? '\0' : (char)('0' + g), '\0'};
    if (!find(m, F_END, g))
      return err_set(e, ERR_FORMAT, "map[policy%s.end]: missing; nothing can be told without it",
                     number);
    if (!find(m, F_KIND, g))
      return err_set(e, ERR_FORMAT,
                     "map[policy%s.kind]: missing; write \"=compulsory\" or \"=commercial\" if the "
                     "gateway knows one kind only",
                     number);
  }
  if (m->grouped[0] && !find(m, F_POLICIES, 0))
    return err_set(e, ERR_FORMAT, "map[policies]: missing; where do the policies stand?");
  if (!any)
    return err_set(e, ERR_FORMAT,
                   "map: no policy is mapped (policies and policy.end, or "
                   "policy1.end)");
  return true;
}

bool policy_map_new(struct policy_map **out, const struct policy_map_entry *entries, int count,
                    struct err *e) {
  if (count == 0) {
    entries = own_api;
    count = sizeof own_api / sizeof *own_api;
  }
  if (count > POLICY_MAP_MAX)
    return err_set(e, ERR_LIMIT, "map: more than %d lines", POLICY_MAP_MAX);
  struct policy_map *m = calloc(1, sizeof *m);
  if (!m)
    return err_set(e, ERR_NOMEM, "map: out of memory");
  bool ok = true;
  for (int i = 0; i < count && ok; i++)
    ok = add_rule(m, &entries[i], e);
  if (!ok || !check_table(m, e)) {
    free(m);
    return false;
  }
  *out = m;
  return true;
}

void policy_map_free(struct policy_map *m) {
  free(m);
}

// The value of a rule, NULL when missing or null. A literal is answered through *text instead.
static const json_t *value_of(const struct rule *r, const json_t *root, const char **text) {
  *text = r->literal ? r->value : NULL;
  const json_t *v = r->literal ? NULL : json_pointer_get(root, r->value);
  return json_is_null(v) ? NULL : v;
}

// Reads the text of every line of a field into out, joined by a space; empty when none is there.
static enum policy_fault read_text(struct reading *r, enum field f, int group, const json_t *root,
                                   char *out, size_t size) {
  out[0] = '\0';
  for (int i = 0; i < r->map->count; i++) {
    const struct rule *rule = &r->map->rule[i];
    if (rule->field != f || rule->group != group)
      continue;
    const char *literal;
    const json_t *v = value_of(rule, root, &literal);
    if (!v && !literal)
      continue;
    size_t at = strlen(out);
    if (at > 0 && at + 1 < size)
      out[at++] = ' ';
    enum policy_fault fault = POLICY_FAULT_NONE;
    if (literal)
      (void)utf8_copy(out + at, size - at, literal); // a long text may be cut
    else
      fault = map_value_text(v, rule->value, joins(f), out + at, size - at, r->e);
    if (fault != POLICY_FAULT_NONE)
      return fault;
  }
  return POLICY_FAULT_NONE;
}

static enum policy_fault read_date(struct reading *r, enum field f, int group, const json_t *root,
                                   struct policy_date *out) {
  *out = (struct policy_date){0, 0, 0};
  const struct rule *rule = find(r->map, f, group);
  const char *literal;
  const json_t *v = rule ? value_of(rule, root, &literal) : NULL;
  return v ? map_value_date(v, rule->value, out, r->e) : POLICY_FAULT_NONE;
}

static enum policy_fault missing(struct reading *r, const char *pointer, const char *what) {
  err_set(r->e, ERR_FORMAT, "%s: %s is missing", pointer, what);
  return POLICY_FAULT_SHAPE;
}

// Is `word` one of "a|b|c"?
static bool word_in(const char *words, const char *word) {
  size_t n = strlen(word);
  for (const char *p = words; n > 0;) {
    size_t len = strcspn(p, "|");
    if (len == n && strncmp(p, word, n) == 0)
      return true;
    if (p[len] == '\0')
      break;
    p += len + 1;
  }
  return false;
}

static bool kind_of(const struct policy_map *m, const char *word, enum policy_kind *out) {
  const struct rule *compulsory = find(m, F_KIND_COMPULSORY, 0);
  const struct rule *commercial = find(m, F_KIND_COMMERCIAL, 0);
  if (compulsory && word_in(compulsory->value, word))
    *out = POLICY_COMPULSORY;
  else if (commercial && word_in(commercial->value, word))
    *out = POLICY_COMMERCIAL;
  else
    return policy_kind_parse(word, out);
  return true;
}

static enum policy_fault read_numbers(struct reading *r, int group, const json_t *root,
                                      struct policy *p) {
  p->premium_fen = POLICY_UNKNOWN_NUMBER;
  p->claims = POLICY_UNKNOWN_NUMBER;
  const char *literal;
  const struct rule *rule = find(r->map, F_PREMIUM, group);
  const json_t *v = rule ? value_of(rule, root, &literal) : NULL;
  enum policy_fault fault = POLICY_FAULT_NONE;
  if (v)
    fault = map_value_money(v, rule->value, &p->premium_fen, r->e);
  rule = find(r->map, F_CLAIMS, group);
  v = rule ? value_of(rule, root, &literal) : NULL;
  if (v && fault == POLICY_FAULT_NONE)
    fault = map_value_count(v, rule->value, &p->claims, r->e);
  return fault;
}

static enum policy_fault read_covers(struct reading *r, int group, const json_t *root,
                                     struct policy *p) {
  p->covers = 0;
  const struct rule *rule = find(r->map, F_COVERS, group);
  const char *literal;
  const json_t *v = rule ? value_of(rule, root, &literal) : NULL;
  if (!v)
    return POLICY_FAULT_NONE;
  size_t n = json_is_array(v) ? json_array_size(v) : 1;
  if (n > POLICY_COVERS_MAX) {
    err_set(r->e, ERR_LIMIT, "%s: more than %d covers", rule->value, POLICY_COVERS_MAX);
    return POLICY_FAULT_TOO_LARGE;
  }
  for (size_t i = 0; i < n; i++) {
    const json_t *item = json_is_array(v) ? json_array_get(v, i) : v;
    enum policy_fault fault =
        map_value_text(item, rule->value, true, p->cover[i], sizeof p->cover[i], r->e);
    if (fault != POLICY_FAULT_NONE)
      return fault;
    p->covers++;
  }
  return POLICY_FAULT_NONE;
}

// One policy, if there is one.
static enum policy_fault read_policy(struct reading *r, int group, const json_t *root) {
  const struct rule *end = find(r->map, F_END, group), *kind = find(r->map, F_KIND, group);
  const char *literal;
  bool has_end = value_of(end, root, &literal) != NULL;
  bool has_kind = value_of(kind, root, &literal) != NULL || literal;
  if ((!has_end && end->optional) || (!has_kind && kind->optional))
    return POLICY_FAULT_NONE;
  if (!has_end)
    return missing(r, end->value, "the policy's last day");
  if (!has_kind)
    return missing(r, kind->value, "the policy's kind");
  if (r->out->policies == POLICY_POLICIES_MAX) {
    err_set(r->e, ERR_LIMIT, "more than %d policies for one plate", POLICY_POLICIES_MAX);
    return POLICY_FAULT_TOO_LARGE;
  }
  struct policy *p = &r->out->policy[r->out->policies];
  char word[POLICY_ID_MAX];
  enum policy_fault fault = read_text(r, F_KIND, group, root, word, sizeof word);
  if (fault == POLICY_FAULT_NONE && !kind_of(r->map, word, &p->kind)) {
    r->out->skipped++;
    return POLICY_FAULT_NONE;
  }
  if (fault == POLICY_FAULT_NONE)
    fault = read_text(r, F_INSURER, group, root, p->insurer, sizeof p->insurer);
  if (fault == POLICY_FAULT_NONE)
    fault = read_text(r, F_NUMBER, group, root, p->number, sizeof p->number);
  if (fault == POLICY_FAULT_NONE)
    fault = read_date(r, F_START, group, root, &p->start);
  if (fault == POLICY_FAULT_NONE)
    fault = read_date(r, F_END, group, root, &p->end);
  if (fault == POLICY_FAULT_NONE && p->end.year == 0) { // written as ""
    memset(p, 0, sizeof *p);
    return end->optional ? POLICY_FAULT_NONE : missing(r, end->value, "the policy's last day");
  }
  if (fault == POLICY_FAULT_NONE)
    fault = read_numbers(r, group, root, p);
  if (fault == POLICY_FAULT_NONE)
    fault = read_covers(r, group, root, p);
  if (fault != POLICY_FAULT_NONE)
    return fault;
  int start = (p->start.year * 100 + p->start.month) * 100 + p->start.day;
  if (p->start.year && start > (p->end.year * 100 + p->end.month) * 100 + p->end.day) {
    err_set(r->e, ERR_FORMAT, "%s: the policy ends before it starts", end->value);
    return POLICY_FAULT_DATE;
  }
  r->out->policies++;
  return POLICY_FAULT_NONE;
}

static enum policy_fault read_policies(struct reading *r, const json_t *root) {
  for (int g = 1; g <= POLICY_MAP_GROUPS; g++) {
    enum policy_fault fault = r->map->grouped[g] ? read_policy(r, g, root) : POLICY_FAULT_NONE;
    if (fault != POLICY_FAULT_NONE)
      return fault;
  }
  const struct rule *rule = find(r->map, F_POLICIES, 0);
  if (!rule)
    return POLICY_FAULT_NONE;
  const char *literal;
  const json_t *v = value_of(rule, root, &literal);
  if (!v)
    return rule->optional ? POLICY_FAULT_NONE : missing(r, rule->value, "the list of policies");
  if (json_is_object(v))
    return read_policy(r, 0, v);
  if (!json_is_array(v)) {
    err_set(r->e, ERR_FORMAT, "%s: policies must be an array or an object", rule->value);
    return POLICY_FAULT_SHAPE;
  }
  for (size_t i = 0; i < json_array_size(v); i++) {
    const json_t *item = json_array_get(v, i);
    enum policy_fault fault = POLICY_FAULT_SHAPE;
    if (json_is_object(item))
      fault = read_policy(r, 0, item);
    else
      err_set(r->e, ERR_FORMAT, "not an object");
    if (fault != POLICY_FAULT_NONE) {
      err_prefix(r->e, "%s/%zu", rule->value, i);
      return fault;
    }
  }
  return POLICY_FAULT_NONE;
}

// The plate, then everything about owner and vehicle.
static enum policy_fault read_head(struct reading *r, const json_t *root, const char *plate) {
  struct policy_answer *o = r->out;
  const struct rule *rule = find(r->map, F_PLATE, 0);
  enum policy_fault fault = read_text(r, F_PLATE, 0, root, o->plate, sizeof o->plate);
  if (fault != POLICY_FAULT_NONE)
    return fault;
  if (rule && o->plate[0] == '\0' && !rule->optional)
    return missing(r, rule->value, "the plate");
  if (o->plate[0] && !policy_plate_same(o->plate, plate)) {
    err_set(r->e, ERR_FORMAT, "%s: the answer is for another plate than the one asked for",
            rule->value);
    return POLICY_FAULT_PLATE;
  }
  const struct {
    enum field field;
    char *out;
    size_t size;
  } texts[] = {
      {F_OWNER_NAME, o->owner.name, sizeof o->owner.name},
      {F_OWNER_PHONE, o->owner.phone, sizeof o->owner.phone},
      {F_MODEL, o->vehicle.model, sizeof o->vehicle.model},
      {F_VIN, o->vehicle.vin, sizeof o->vehicle.vin},
      {F_COLOR, o->vehicle.color, sizeof o->vehicle.color},
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts && fault == POLICY_FAULT_NONE; i++)
    fault = read_text(r, texts[i].field, 0, root, texts[i].out, texts[i].size);
  if (fault == POLICY_FAULT_NONE)
    fault = read_date(r, F_REGISTERED, 0, root, &o->vehicle.first_registered);
  return fault;
}

enum policy_fault policy_map_read(const struct policy_map *m, const char *data, size_t len,
                                  const char *plate, struct policy_answer *out, bool *found,
                                  struct err *e) {
  memset(out, 0, sizeof *out);
  *found = false;
  json_t *root = NULL;
  enum policy_fault fault = map_value_parse(data, len, &root, e);
  if (fault != POLICY_FAULT_NONE)
    return fault;
  const struct rule *rule = find(m, F_FOUND, 0);
  const char *literal;
  struct reading r = {m, out, e};
  if (!rule || value_of(rule, root, &literal)) {
    *found = true;
    fault = read_head(&r, root, plate);
    if (fault == POLICY_FAULT_NONE)
      fault = read_policies(&r, root);
    if (fault != POLICY_FAULT_NONE) {
      *found = false;
      err_prefix(e, "policy answer");
    }
  }
  json_decref(root);
  return fault;
}
