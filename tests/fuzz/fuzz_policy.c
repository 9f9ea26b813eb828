// SPDX-License-Identifier: Apache-2.0
// Any bytes as a gateway's answer: through our own table and through tables of another shape.
#include "net/policy_map.h"
#include "net/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const struct policy_map_entry other_table[] = {
    {"plate?", "/0/kenteken"},
    {"found", "/0"},
    {"vehicle.model", "/0/merk"},
    {"vehicle.model", "/0/handelsbenaming"},
    {"policies?", ""},
    {"policy.kind", "=compulsory"},
    {"policy.end?", "/vervaldatum_apk"},
    {"policy.premium", "/p"},
    {"policy.claims", "/c"},
    {"policy.covers", "/v"},
    {"policy2.kind?", "/t"},
    {"policy2.end", "/e"},
    {"kind.commercial", "a|b"},
};

static void check_text(const char *text, size_t size) {
  size_t len = strnlen(text, size);
  if (len == size || utf8_valid_prefix(text, len) != len)
    abort();
}

static void check_answer(const struct policy_answer *a) {
  check_text(a->plate, sizeof a->plate);
  check_text(a->owner.name, sizeof a->owner.name);
  check_text(a->owner.phone, sizeof a->owner.phone);
  check_text(a->vehicle.model, sizeof a->vehicle.model);
  if (a->policies < 0 || a->policies > POLICY_POLICIES_MAX)
    abort();
  for (int i = 0; i < a->policies; i++) {
    const struct policy *p = &a->policy[i];
    // A policy without a day that exists must never come out.
    if (!policy_date_exists(p->end.year, p->end.month, p->end.day) || p->covers < 0 ||
        p->covers > POLICY_COVERS_MAX)
      abort();
    check_text(p->number, sizeof p->number);
    check_text(p->insurer, sizeof p->insurer);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct policy_map *maps[2];
  static struct policy_answer answer;
  struct err e;
  if (!maps[0] &&
      (!policy_map_new(&maps[0], NULL, 0, &e) ||
       !policy_map_new(&maps[1], other_table, sizeof other_table / sizeof *other_table, &e)))
    abort();
  for (int i = 0; i < 2; i++) {
    bool found;
    enum policy_fault fault =
        policy_map_read(maps[i], (const char *)data, size, "粤A12345", &answer, &found, &e);
    if (fault == POLICY_FAULT_NONE && found)
      check_answer(&answer);
  }
  return 0;
}
