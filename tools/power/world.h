// SPDX-License-Identifier: Apache-2.0
// The device's data in one folder: everything that bayplated and bayplate-port write, done once
// (power_work), and looked at after a cut (power_look).
#ifndef BAYPLATE_TOOLS_POWER_WORLD_H
#define BAYPLATE_TOOLS_POWER_WORLD_H

#include "board/err.h"

#include <stdio.h>

// One whole run: users, settings, counters, `visits` visits with crops that change and end,
// customers, look-ups, corrections, kept time, key and certificate of HTTPS, an upload. Marks what
// it promises (record.h).
BP_CHECK bool power_work(const char *root, int visits, struct err *e);

// Opens everything in `root` as a start does and prints one JSON line:
// {"ok":bool,"why":"...","found":{KEY:VALUE,...}} with the keys of power_work's marks. A start may
// change the folder.
void power_look(const char *root, int visits, FILE *to);

#endif
