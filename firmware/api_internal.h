// SPDX-License-Identifier: Apache-2.0
// Shared by the files of the API only.
#ifndef BAYPLATE_FIRMWARE_API_INTERNAL_H
#define BAYPLATE_FIRMWARE_API_INTERNAL_H

#include "firmware/api.h"

#include <jansson.h>
#include <stdatomic.h>

struct api {
  struct api_options o;
  char shop_name[128];
  struct http_server *server;
  struct sse_hub *hub;
  atomic_bool status_changed;
  _Atomic int64_t status_ns; // monotonic time of the last status event
};

// Who asks? False: the answer is 401 already.
BP_CHECK bool api_person(struct api *a, const struct http_request *q, struct http_response *r,
                         struct auth_person *out);
// The same for a request that changes something: also from this page and with the person's token,
// else 403.
BP_CHECK bool api_person_write(struct api *a, const struct http_request *q, struct http_response *r,
                               struct auth_person *out);
// Pages for who tends the device, technicians and managers: 403 for others, 404 where this terminal
// has no such page.
bool api_may_tend(bool page_is_there, const struct auth_person *p, struct http_response *r);
// A browser tells where a request comes from: it must be this server. Others send no Origin.
bool api_same_origin(const struct http_request *q);
// The body as a JSON object, else the answer is 400 or 415 already. Caller: json_decref.
json_t *api_body(const struct http_request *q, struct http_response *r);
// A string member, or "".
const char *api_text(const json_t *object, const char *name);
// Takes `json` over (NULL: 500).
void api_send(struct http_response *r, unsigned status, json_t *json);
// Answers an error of the terminal: 400, 404, 503 by its code.
void api_send_error(struct http_response *r, const struct err *e);
// Does the role see customers' data as it is?
bool api_sees_customers(enum auth_role role);
// The card without what a technician has no need to know: malloc'ed, NULL when it cannot be made.
char *api_mask_card(const char *json);
void api_mask_card_object(json_t *card);
// "粤A12345" → "粤A1**45": the fourth and fifth characters.
void api_mask_plate(const char *plate, char *out, size_t size);

http_handler api_identity_get, api_identity_certificate_get, api_identity_certificate_put;
http_handler api_identity_request_get, api_identity_request_post;
http_handler api_session_get, api_session_post, api_session_delete, api_setup_post, api_people_post;
http_handler api_cards_get, api_visits_get, api_evidence_get, api_status_get, api_corrections_post;
http_handler api_commission_get, api_commission_picture_get, api_commission_car_get;
http_handler api_commission_sheets_get, api_commission_post;
http_handler api_device_get, api_device_begin, api_device_piece, api_device_drop, api_device_reset;
http_handler api_device_export;
http_handler api_events_get, api_health_get, api_metrics_get, api_page_get;
// For the hub.
bool api_replay(void *ctx, uint64_t since, struct sse_replay *to);

#endif
