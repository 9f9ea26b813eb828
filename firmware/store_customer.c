// SPDX-License-Identifier: Apache-2.0
#include "firmware/store_customer.h"
#include "firmware/calendar.h"
#include "firmware/store_private.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const SOURCE[] = {"lookup", "import", "person"};

static bool check_policy(const struct store_policy *p, struct err *e) {
  struct date start, end;
  if ((unsigned)p->kind > POLICY_COMMERCIAL)
    return err_set(e, ERR_ARG, "policy: kind %d does not exist", (int)p->kind);
  if (!date_parse(p->end, &end))
    return err_set(e, ERR_ARG, "policy: end is not a date YYYY-MM-DD");
  if (p->start[0] && (!date_parse(p->start, &start) || date_diff(start, end) < 0))
    return err_set(e, ERR_ARG, "policy: start is not a date, or after the end");
  if (!store_utf8_valid(p->insurer) || !store_utf8_valid(p->number) || !store_utf8_valid(p->covers))
    return err_set(e, ERR_ARG, "policy: a text is not UTF-8");
  return true;
}

static bool check(const struct store_record *r, struct err *e) {
  char plate[PLATE_TEXT_MAX];
  struct date d;
  if (!r->plate[0] || !store_plate_normalise(r->plate, plate, sizeof plate) ||
      strcmp(plate, r->plate) != 0)
    return err_set(e, ERR_ARG, "record: plate missing or not normalised");
  if (r->registered[0] && !date_parse(r->registered, &d))
    return err_set(e, ERR_ARG, "record: first registration is not a date YYYY-MM-DD");
  if (!store_utf8_valid(r->name) || !store_utf8_valid(r->phone) || !store_utf8_valid(r->model) ||
      !store_utf8_valid(r->vin) || !store_utf8_valid(r->color))
    return err_set(e, ERR_ARG, "record: a text is not UTF-8");
  if (r->policies > STORE_POLICIES_MAX)
    return err_set(e, ERR_ARG, "record: %u policies, at most %d", r->policies, STORE_POLICIES_MAX);
  for (unsigned i = 0; i < r->policies; i++)
    if (!check_policy(&r->policy[i], e))
      return err_prefix(e, "record: policy %u", i + 1);
  return true;
}

struct known {
  int64_t vehicle, customer; // row numbers, 0: none
  struct store_record r;
};

// 1 found, 0 not, -1 error.
static int read_known(struct store *s, const char *plate, struct known *k, struct err *e) {
  memset(k, 0, sizeof *k);
  (void)snprintf(k->r.plate, sizeof k->r.plate, "%s", plate);
  sqlite3_stmt *st = store_query(
      s,
      "SELECT v.id, coalesce(c.id, 0), c.name, c.phone, v.model, v.vin, v.color, v.registered,"
      " v.corrected | coalesce(c.corrected, 0) FROM vehicle v"
      " LEFT JOIN customer c ON c.id = v.customer_id WHERE v.plate = ?",
      e, "t", plate);
  int row = st ? store_row(s, st, e) : -1;
  if (row <= 0)
    return row;
  k->vehicle = sqlite3_column_int64(st, 0);
  k->customer = sqlite3_column_int64(st, 1);
  k->r.has_customer = k->customer != 0;
  store_column(st, 2, k->r.name, sizeof k->r.name);
  store_column(st, 3, k->r.phone, sizeof k->r.phone);
  store_column(st, 4, k->r.model, sizeof k->r.model);
  store_column(st, 5, k->r.vin, sizeof k->r.vin);
  store_column(st, 6, k->r.color, sizeof k->r.color);
  store_column(st, 7, k->r.registered, sizeof k->r.registered);
  k->r.corrected = (unsigned)sqlite3_column_int(st, 8);
  store_done(st);
  return 1;
}

static void read_policy(sqlite3_stmt *st, struct store_policy *p) {
  char word[16];
  store_column(st, 0, word, sizeof word);
  if (!policy_kind_parse(word, &p->kind))
    p->kind = POLICY_COMPULSORY; // the table's CHECK allows no other
  store_column(st, 1, p->insurer, sizeof p->insurer);
  store_column(st, 2, p->number, sizeof p->number);
  store_column(st, 3, p->start, sizeof p->start);
  store_column(st, 4, p->end, sizeof p->end);
  p->premium_cents = sqlite3_column_int64(st, 5);
  store_column(st, 6, p->covers, sizeof p->covers);
  p->claims = sqlite3_column_int(st, 7);
  store_column(st, 8, word, sizeof word);
  p->source = strcmp(word, "person") == 0   ? STORE_BY_PERSON
              : strcmp(word, "import") == 0 ? STORE_BY_IMPORT
                                            : STORE_BY_LOOKUP;
}

bool store_record_get(struct store *s, const char *plate, struct store_record *out, struct err *e) {
  struct known k;
  if (!store_enter(s, e))
    return false;
  int row = read_known(s, plate, &k, e);
  sqlite3_stmt *st = NULL;
  if (row > 0) {
    st = store_query(s,
                     "SELECT kind, insurer, number, start, \"end\", premium_cents, covers, claims,"
                     " source FROM policy WHERE vehicle_id = ? AND current = 1"
                     " ORDER BY kind = 'commercial', \"end\" DESC, id DESC",
                     e, "i", k.vehicle);
    int more = st ? 0 : -1;
    while (st && (more = store_row(s, st, e)) > 0) {
      struct store_policy p;
      read_policy(st, &p);
      if (k.r.policies > 0 && k.r.policy[k.r.policies - 1].kind == p.kind)
        continue; // ends earlier: renewed already
      k.r.policy[k.r.policies++] = p;
    }
    row = more < 0 ? -1 : 1;
  }
  store_leave(s);
  if (row == 0)
    return err_set(e, ERR_NOT_FOUND, "nothing is known about this plate");
  if (row > 0)
    *out = k.r;
  return row > 0;
}

// Texts of a record, for one rule over all of them.
static const struct {
  unsigned bit;
  size_t offset, size;
} TEXT[] = {
#define TEXT_FIELD(bit, name)                                                                      \
  { bit, offsetof(struct store_record, name), sizeof(((struct store_record *)0)->name) }
    TEXT_FIELD(STORE_FIELD_NAME, name),   TEXT_FIELD(STORE_FIELD_PHONE, phone),
    TEXT_FIELD(STORE_FIELD_MODEL, model), TEXT_FIELD(STORE_FIELD_VIN, vin),
    TEXT_FIELD(STORE_FIELD_COLOR, color), TEXT_FIELD(STORE_FIELD_REGISTERED, registered),
#undef TEXT_FIELD
};
#define CUSTOMER_FIELDS ((unsigned)STORE_FIELD_NAME | STORE_FIELD_PHONE)
#define TEXT_FIELDS 63u

static void merge_texts(struct store_record *to, const struct store_record *from,
                        enum store_source source, unsigned fields, struct store_change *change) {
  for (size_t i = 0; i < sizeof TEXT / sizeof *TEXT; i++) {
    unsigned bit = TEXT[i].bit;
    char *old = (char *)to + TEXT[i].offset;
    const char *new = (const char *)from + TEXT[i].offset;
    bool person = source == STORE_BY_PERSON;
    if (person && !(fields & bit))
      continue;
    if (person)
      to->corrected |= bit;
    if (strcmp(old, new) == 0 || (!person && !new[0]))
      continue;
    if (!person && (to->corrected & bit)) {
      change->kept |= bit;
      continue;
    }
    memcpy(old, new, TEXT[i].size);
    change->changed |= bit;
  }
}

static bool write_texts(struct store *s, struct known *k, int64_t now_ms, struct err *e) {
  const struct store_record *r = &k->r;
  int64_t corrected = r->corrected & CUSTOMER_FIELDS;
  if (k->customer == 0 && (r->name[0] || r->phone[0] || corrected)) {
    if (!store_run(s, "INSERT INTO customer(name, phone, corrected) VALUES(?, ?, ?)", e, "tti",
                   r->name, r->phone, corrected))
      return false;
    k->customer = sqlite3_last_insert_rowid(s->db);
  } else if (k->customer != 0 &&
             !store_run(s, "UPDATE customer SET name = ?, phone = ?, corrected = ? WHERE id = ?", e,
                        "ttii", r->name, r->phone, corrected, k->customer)) {
    return false;
  }
  if (!store_run(s,
                 "INSERT INTO vehicle(plate, customer_id, model, vin, color, registered, corrected,"
                 " updated_ms) VALUES(?1, nullif(?2, 0), ?3, ?4, ?5, ?6, ?7, ?8)"
                 " ON CONFLICT(plate) DO UPDATE SET customer_id = nullif(?2, 0), model = ?3,"
                 " vin = ?4, color = ?5, registered = ?6, corrected = ?7, updated_ms = ?8",
                 e, "tittttii", r->plate, k->customer, r->model, r->vin, r->color, r->registered,
                 (int64_t)(r->corrected & TEXT_FIELDS & ~CUSTOMER_FIELDS), now_ms))
    return false;
  if (k->vehicle == 0)
    k->vehicle = sqlite3_last_insert_rowid(s->db);
  return true;
}

static bool same_policy(const struct store_policy *a, const struct store_policy *b) {
  return strcmp(a->insurer, b->insurer) == 0 && strcmp(a->start, b->start) == 0 &&
         strcmp(a->end, b->end) == 0 && a->premium_cents == b->premium_cents &&
         strcmp(a->covers, b->covers) == 0 && a->claims == b->claims && a->source == b->source;
}

static bool write_policy(struct store *s, int64_t vehicle, const struct store_policy *p,
                         enum store_source source, int64_t batch, struct store_change *change,
                         struct err *e) {
  struct store_policy old, new = *p;
  int64_t id = 0, current = 0;
  new.source = source;
  sqlite3_stmt *st = store_query(
      s,
      "SELECT kind, insurer, number, start, \"end\", premium_cents, covers, claims, source, id,"
      " current FROM policy WHERE vehicle_id = ?1 AND kind = ?2 AND number = ?3"
      " AND (?3 <> '' OR start = ?4) ORDER BY source = 'person' DESC, id DESC",
      e, "ittt", vehicle, policy_kind_name(p->kind), p->number, p->start);
  int row = st ? store_row(s, st, e) : -1;
  if (row < 0)
    return false;
  if (row > 0) {
    read_policy(st, &old);
    id = sqlite3_column_int64(st, 9);
    current = sqlite3_column_int64(st, 10);
    store_done(st);
    if (old.source == STORE_BY_PERSON && source != STORE_BY_PERSON) {
      new.source = old.source;
      if (!same_policy(&old, &new))
        change->kept |= STORE_FIELD_POLICIES;
      return true;
    }
    if (current && same_policy(&old, &new))
      return store_run(s, "UPDATE policy SET batch = ? WHERE id = ?", e, "ii", batch, id);
  }
  change->changed |= STORE_FIELD_POLICIES;
  if (id != 0)
    return store_run(s,
                     "UPDATE policy SET insurer = ?, start = ?, \"end\" = ?, premium_cents = ?,"
                     " covers = ?, claims = ?, source = ?, current = 1, batch = ? WHERE id = ?",
                     e, "tttititii", p->insurer, p->start, p->end, p->premium_cents, p->covers,
                     (int64_t)p->claims, SOURCE[source], batch, id);
  return store_run(s,
                   "INSERT INTO policy(vehicle_id, kind, insurer, number, start, \"end\","
                   " premium_cents, covers, claims, source, current, batch)"
                   " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)",
                   e, "itttttititi", vehicle, policy_kind_name(p->kind), p->insurer, p->number,
                   p->start, p->end, p->premium_cents, p->covers, (int64_t)p->claims,
                   SOURCE[source], batch);
}

static bool write_policies(struct store *s, int64_t vehicle, const struct store_record *r,
                           enum store_source source, struct store_change *change, struct err *e) {
  sqlite3_stmt *st = store_query(
      s, "SELECT coalesce(max(batch), 0) + 1 FROM policy WHERE vehicle_id = ?", e, "i", vehicle);
  int row = st ? store_row(s, st, e) : -1;
  if (row <= 0)
    return false;
  int64_t batch = sqlite3_column_int64(st, 0);
  store_done(st);
  for (unsigned i = 0; i < r->policies; i++)
    if (!write_policy(s, vehicle, &r->policy[i], source, batch, change, e))
      return false;
  // A look-up names all there is; an import without policies knows nothing about them.
  if (source == STORE_BY_PERSON || (source == STORE_BY_IMPORT && r->policies == 0))
    return true;
  if (!store_run(s,
                 "UPDATE policy SET current = 0 WHERE vehicle_id = ? AND current = 1"
                 " AND batch <> ? AND source <> 'person'",
                 e, "ii", vehicle, batch))
    return false;
  if (sqlite3_changes(s->db) > 0)
    change->changed |= STORE_FIELD_POLICIES;
  return true;
}

bool store_record_put(struct store *s, const struct store_record *r, enum store_source source,
                      unsigned fields, int64_t now_ms, struct store_change *change, struct err *e) {
  struct store_change here = {0};
  struct known k;
  if (!check(r, e))
    return false;
  if (!store_begin(s, e))
    return false;
  int row = read_known(s, r->plate, &k, e);
  bool ok = row >= 0;
  here.created = row == 0;
  if (ok) {
    unsigned before = k.r.corrected;
    merge_texts(&k.r, r, source, fields, &here);
    if (row == 0 || here.changed || k.r.corrected != before)
      ok = write_texts(s, &k, now_ms, e);
  }
  if (ok && (source != STORE_BY_PERSON || (fields & STORE_FIELD_POLICIES)))
    ok = write_policies(s, k.vehicle, r, source, &here, e);
  if (change)
    *change = here;
  if (ok)
    return store_commit(s, e);
  store_rollback(s);
  return false;
}

bool store_record_count(struct store *s, int64_t *vehicles, struct err *e) {
  *vehicles = 0;
  if (!store_enter(s, e))
    return false;
  sqlite3_stmt *st = store_query(s, "SELECT count(*) FROM vehicle", e, "");
  int row = st ? store_row(s, st, e) : -1;
  if (row > 0) {
    *vehicles = sqlite3_column_int64(st, 0);
    store_done(st);
  }
  store_leave(s);
  return row > 0;
}

bool store_record_erase(struct store *s, const char *plate, struct err *e) {
  struct known k;
  if (!store_begin(s, e))
    return false;
  int row = read_known(s, plate, &k, e);
  bool ok = row > 0;
  if (row == 0)
    ok = err_set(e, ERR_NOT_FOUND, "nothing is known about this plate");
  ok = ok && store_run(s, "DELETE FROM lookup WHERE plate = ?", e, "t", plate) &&
       store_run(s, "DELETE FROM vehicle WHERE id = ?", e, "i", k.vehicle) &&
       store_run(s,
                 "DELETE FROM customer WHERE id = ?1"
                 " AND NOT EXISTS(SELECT 1 FROM vehicle WHERE customer_id = ?1)",
                 e, "i", k.customer);
  if (ok)
    return store_commit(s, e);
  store_rollback(s);
  return false;
}
