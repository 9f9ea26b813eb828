// SPDX-License-Identifier: Apache-2.0
// Fills policy-server's database: made-up customers for a demo, or a CSV file.
#ifndef BAYPLATE_TOOLS_POLICY_SERVER_SEED_H
#define BAYPLATE_TOOLS_POLICY_SERVER_SEED_H

#include "tools/policy_server_db.h"

// Writes `count` made-up customers, among them the plates of `plates_file` (NULL: none), with end
// dates around today so that every stage of the renewal calendar occurs. The file is JSON: an
// array, or an object whose "visits" or "plates" is one, of texts or
// {"plate":"粤A12345","days_left":12} (what tools/gate-clip writes is one). The same count gives
// the same customers on the same day.
BP_CHECK bool ps_seed_demo(struct ps_db *db, int count, const char *plates_file, struct err *e);

// Reads a CSV file with a header line; columns in any order: plate, owner_name, owner_phone, model,
// vin, color, first_registered, kind, insurer, number, start, end, premium, claims, covers (parted
// by
// ';'). One line a policy; a line without kind is a vehicle alone. All or nothing: ERR_FORMAT names
// file and line. *lines tells how many were read.
BP_CHECK bool ps_import_csv(struct ps_db *db, const char *path, int *lines, struct err *e);

#endif
