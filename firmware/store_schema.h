// SPDX-License-Identifier: Apache-2.0
// The database's tables, by numbered migrations. A published migration is never changed: what is
// wrong with it is put right by the next one.
#ifndef BAYPLATE_FIRMWARE_STORE_SCHEMA_H
#define BAYPLATE_FIRMWARE_STORE_SCHEMA_H

#include "board/err.h"

#include <sqlite3.h>

#define STORE_SCHEMA_VERSION 5
#define STORE_APPLICATION_ID 0x42504c54 // "BPLT" in the file's header

// Brings an open database from any older version to STORE_SCHEMA_VERSION, one transaction a step,
// so that a power cut leaves a whole version. Leaves foreign keys on. A newer program's file is
// worked with as it is where it says that this is possible (setting schema_needs). ERR_STATE: it
// does not, or the file is not bayplate's. ERR_FORMAT: damaged. Else as SQLite says: ERR_FULL,
// ERR_DENIED, ERR_BUSY, ERR_IO.
BP_CHECK bool store_schema_migrate(sqlite3 *db, struct err *e);

// Is it the present version, or a newer one as above? Same errors, ERR_STATE also for an older one.
BP_CHECK bool store_schema_check(sqlite3 *db, struct err *e);

// SQLite's last error on `db` as ours. Always false.
bool store_schema_error(sqlite3 *db, const char *what, struct err *e);

#endif
