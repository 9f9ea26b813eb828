// SPDX-License-Identifier: Apache-2.0
// The same customers in the shape of two public registers, to prove that a gateway is joined by
// configuration alone (net/gateways.md). Both tell when a periodic inspection ends.
#ifndef BAYPLATE_TOOLS_POLICY_SERVER_SHAPES_H
#define BAYPLATE_TOOLS_POLICY_SERVER_SHAPES_H

#include <jansson.h>

// Dutch RDW open data "Gekentekende voertuigen" (m9d7-ebf2): an array of objects whose values are
// all texts; an unknown plate is an empty array. `own` is our answer or NULL for an unknown plate.
json_t *ps_shape_rdw(const json_t *own);

// British DVLA Vehicle Enquiry Service 1.2: one object; `own` must be an answer.
json_t *ps_shape_dvla(const json_t *own);
// Its body for an unknown plate, sent with 404.
json_t *ps_shape_dvla_unknown(void);

#endif
