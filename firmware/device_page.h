// SPDX-License-Identifier: Apache-2.0
// What the device page shows and does: what system runs, how long it is supported, how updates
// went and go, an upload of one, the way back to factory state. This program may not touch slots or
// partitions: it leaves a bundle or a wish in a folder of its own, where the system's services find
// it.
#ifndef BAYPLATE_FIRMWARE_DEVICE_PAGE_H
#define BAYPLATE_FIRMWARE_DEVICE_PAGE_H

#include "board/clock.h"
#include "board/err.h"
#include "firmware/device_id.h"
#include "firmware/upload.h"

#include <stdatomic.h>

struct device_page;

struct device_page_options {
  const struct bp_clock *clock;
  bool clock_need_sync;
  const struct device_id *id;
  // As in [device] of the configuration; none of them need be there.
  const char *release_file, *report_file, *state_file, *recovery_file, *trouble_file, *repair_file,
      *encryption_file, *export_socket, *export_state, *export_device;
  const char *store_dir;  // updates go to store_dir/update, the wish for a reset to store_dir/reset
  uint64_t reserve_bytes; // of the disk that an upload must leave
};

// All in options must outlive the page. ERR_NOMEM, ERR_ARG.
BP_CHECK bool device_page_new(struct device_page **out, const struct device_page_options *o,
                              struct err *e);
void device_page_free(struct device_page *d); // NULL is fine

// {"serial","model","board","version","slot","built","supported_until","supported":b|null,
//  "image":b (is this a system image, so that it can be updated),"report","updating" as in the
//  status,"upload":{"id","size","have","whole","error"}|null,"data_trouble","data_repaired",
//  "encryption","resetting":b,"recovery":b (it runs from no slot),"export"}; texts or null.
//  "export": null where nothing can be exported, else
//  {"running":b,"phase","what","partition","read","size","sent","files","bad", "sha256","error"},
//  numbers in bytes as in firmware/export/export_state.h, "partition": its bytes.
BP_CHECK bool device_page_json(struct device_page *d, char **json, struct err *e);

// The upload of the next bundle. ERR_STATE: this is no system image.
BP_CHECK bool device_page_upload(struct device_page *d, struct upload **out, struct err *e);

// May an export begin now? *socket: who gives it; *going is to be 1 while it is passed on.
// ERR_STATE: the data partition works. ERR_NOT_FOUND: there is nothing to export, or nobody who
// could. ERR_BUSY: one is going on.
BP_CHECK bool device_page_export(struct device_page *d, const char **socket, atomic_int **going,
                                 struct err *e);
// "bayplate-SERIAL-WHAT.tar.gz", for a header.
void device_page_export_name(const struct device_page *d, const char *what, char *out, size_t size);

// Asks the system to erase everything but who the board is, and to restart. `word` must be the
// serial (or DEVICE_PAGE_RESET_WORD where there is none): a person has to mean it. ERR_ARG: it is
// not; ERR_STATE: this is no system image.
#define DEVICE_PAGE_RESET_WORD "RESET"
BP_CHECK bool device_page_reset(struct device_page *d, const char *word, struct err *e);

#endif
