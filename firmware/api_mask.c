// SPDX-License-Identifier: Apache-2.0
// What a technician sees of a customer: enough to judge the camera, not who was here.
#include "firmware/api_internal.h"

#include <string.h>

void api_mask_plate(const char *plate, char *out, size_t size) {
  size_t n = 0;
  unsigned character = 0;
  for (const char *p = plate; *p && n + 5 < size; character++) {
    bool hidden = character == 3 || character == 4;
    do { // a character and the bytes that continue it
      if (!hidden) {
        out[n++] = *p;
      }
      p++;
    } while (((unsigned char)*p & 0xC0) == 0x80 && n + 5 < size);
    if (hidden) {
      out[n++] = '*';
    }
  }
  out[n] = '\0';
}

static bool set(json_t *object, const char *name, json_t *value) {
  return !json_object_get(object, name) || json_object_set_new(object, name, value) == 0;
}

void api_mask_card_object(json_t *card) {
  json_t *plate = json_object_get(card, "plate");
  bool ok = true;
  if (json_is_object(plate)) {
    char masked[64];
    api_mask_plate(api_text(plate, "text"), masked, sizeof masked);
    ok = set(plate, "text", json_string(masked)) && set(plate, "alternatives", json_array());
    (void)json_object_del(plate, "picture"); // a plate as well; most cards have none
  }
  ok = ok && set(card, "customer", json_null()) && set(card, "evidence", json_null());
  json_t *vehicle = json_object_get(card, "vehicle");
  ok = ok && (!json_is_object(vehicle) || set(vehicle, "vin", json_null()));
  size_t i;
  json_t *policy;
  json_array_foreach(json_object_get(card, "policies"), i, policy) {
    ok = ok && set(policy, "number", json_null()) && set(policy, "premium", json_null());
  }
  if (!ok) {
    json_object_clear(card); // nothing rather than half
  }
}

char *api_mask_card(const char *json) {
  json_t *card = json_loads(json, 0, NULL);
  if (!json_is_object(card)) {
    json_decref(card);
    return NULL;
  }
  api_mask_card_object(card);
  char *text = json_dumps(card, JSON_COMPACT);
  json_decref(card);
  return text;
}
