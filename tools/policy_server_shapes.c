// SPDX-License-Identifier: Apache-2.0
#include "tools/policy_server_shapes.h"

#include <stdio.h>
#include <string.h>

// The earliest end of any policy, "" when there is none.
static const char *first_end(const json_t *own) {
  const char *first = "";
  size_t i;
  json_t *p;
  json_array_foreach(json_object_get(own, "policies"), i, p) {
    const char *end = json_string_value(json_object_get(p, "end"));
    if (end && (!first[0] || strcmp(end, first) < 0))
      first = end;
  }
  return first;
}

static const char *vehicle(const json_t *own, const char *name) {
  const char *text = json_string_value(json_object_get(json_object_get(own, "vehicle"), name));
  return text ? text : "";
}

json_t *ps_shape_rdw(const json_t *own) {
  if (!own)
    return json_array();
  const char *end = first_end(own);
  char compact[16], stamp[40];
  (void)snprintf(compact, sizeof compact, "%.4s%.2s%.2s", end, end[0] ? end + 5 : "",
                 end[0] ? end + 8 : "");
  (void)snprintf(stamp, sizeof stamp, "%.10sT00:00:00.000", end);
  json_t *row =
      json_pack("{ss ss ss ss ss ss ss}", "kenteken",
                json_string_value(json_object_get(own, "plate")), "voertuigsoort", "Personenauto",
                "merk", "VOORBEELD", "handelsbenaming", vehicle(own, "model"), "eerste_kleur",
                "GRIJS", "wam_verzekerd", "Ja", "aantal_zitplaatsen", "5");
  if (row && end[0] &&
      (json_object_set_new(row, "vervaldatum_apk", json_string(compact)) != 0 ||
       json_object_set_new(row, "vervaldatum_apk_dt", json_string(stamp)) != 0)) {
    json_decref(row);
    row = NULL;
  }
  return row ? json_pack("[o]", row) : NULL;
}

json_t *ps_shape_dvla(const json_t *own) {
  const char *end = first_end(own);
  json_t *o = json_pack("{ss ss ss ss ss si ss}", "registrationNumber",
                        json_string_value(json_object_get(own, "plate")), "make",
                        vehicle(own, "model"), "colour", "GREY", "taxStatus", "Taxed", "motStatus",
                        end[0] ? "Valid" : "No details held by DVLA", "yearOfManufacture", 2021,
                        "monthOfFirstRegistration", "2021-12");
  if (o && end[0] && json_object_set_new(o, "motExpiryDate", json_string(end)) != 0) {
    json_decref(o);
    o = NULL;
  }
  return o;
}

json_t *ps_shape_dvla_unknown(void) {
  return json_pack("{s[{ssssssss}]}", "errors", "status", "404", "code", "404", "title",
                   "Vehicle Not Found", "detail", "Record for vehicle not found");
}
