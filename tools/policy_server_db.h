// SPDX-License-Identifier: Apache-2.0
// policy-server's customers, vehicles and policies in SQLite. Calls are serialised inside.
#ifndef BAYPLATE_TOOLS_POLICY_SERVER_DB_H
#define BAYPLATE_TOOLS_POLICY_SERVER_DB_H

#include "board/err.h"

#include <jansson.h>
#include <stdint.h>

struct ps_db;

struct ps_vehicle {
  const char *plate, *owner_name, *owner_phone, *model, *vin, *color, *first_registered;
};

struct ps_policy {
  const char *plate, *kind, *insurer, *number, *start, *end;
  double premium;
  int claims;
  const char *covers; // parted by ';'
};

// Opens or makes the database; ":memory:" is one that is gone afterwards.
BP_CHECK bool ps_db_open(struct ps_db **out, const char *path, struct err *e);
void ps_db_close(struct ps_db *db); // NULL is fine

// Everything between is written at once or not at all.
BP_CHECK bool ps_db_begin(struct ps_db *db, struct err *e);
BP_CHECK bool ps_db_commit(struct ps_db *db, struct err *e);

// Writes a vehicle, replacing what stood there (its policies stay). NULL texts become empty.
BP_CHECK bool ps_db_put_vehicle(struct ps_db *db, const struct ps_vehicle *v, struct err *e);
// Writes a policy of a known vehicle, replacing one of the same kind and number.
BP_CHECK bool ps_db_put_policy(struct ps_db *db, const struct ps_policy *p, struct err *e);

// The answer of the policy API (net/policy-api.yaml) as an object the caller json_decrefs; NULL
// with e->code ERR_NOT_FOUND for an unknown plate, another code for a failure. Spaces and dots in
// `plate` do not count.
json_t *ps_db_answer(struct ps_db *db, const char *plate, struct err *e);

// How many vehicles there are, -1 on failure.
int64_t ps_db_count(struct ps_db *db);

#endif
