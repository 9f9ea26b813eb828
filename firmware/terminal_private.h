// SPDX-License-Identifier: Apache-2.0
// Inside of the terminal*.c files: what the parts are wired to.
#ifndef BAYPLATE_FIRMWARE_TERMINAL_PRIVATE_H
#define BAYPLATE_FIRMWARE_TERMINAL_PRIVATE_H

#include "board/metrics.h"
#include "firmware/analysis.h"
#include "firmware/api.h"
#include "firmware/api_store.h"
#include "firmware/arrivals.h"
#include "firmware/auth.h"
#include "firmware/bay.h"
#include "firmware/commission.h"
#include "firmware/corrections.h"
#include "firmware/device_id.h"
#include "firmware/device_page.h"
#include "firmware/device_socket.h"
#include "firmware/evidence.h"
#include "firmware/golden.h"
#include "firmware/hardware.h"
#include "firmware/newest.h"
#include "firmware/settings.h"
#include "firmware/status.h"
#include "firmware/store.h"
#include "firmware/terminal.h"
#include "firmware/tls_identity.h"

#include <pthread.h>
#include <stdatomic.h>

struct terminal {
  struct config config; // with the settings of the commissioning page
  pthread_mutex_t base_lock;
  struct config base; // as the file has it; guarded by base_lock
  struct settings *settings;
  struct commission *commission;
  struct device_page *device_page;
  struct tls_identity *identity; // NULL: no HTTPS
  char host[DEVICE_ID_WORD_MAX + 16];
  char identity_dir[CONFIG_PATH_MAX + 8];
  struct hardware *hardware;
  int64_t started_ns;
  bool told_no_frames; // main's thread
  const struct bp_clock *clock;
  struct device_id id;
  struct store *store, *reader; // reader: for the pages
  struct evidence *evidence;
  struct corrections *corrections;
  struct golden *golden;
  struct camera_feed *feed;
  struct arrivals *arrivals;
  struct analysis *analysis;
  struct bay bay; // analysis thread only, once it runs
  struct newest *newest;
  struct device_socket *socket; // NULL: not configured
  struct auth *auth;
  struct api_store pages; // what the pages read from the store
  struct api *api;
  struct status_sources status;
  uint64_t digest; // of the last status told; arrivals thread only
  atomic_int_least64_t last_tick_ns;
  struct {
    struct metric *camera_up, *dropped, *store_ok;
    uint64_t seen_dropped;
  } metric;
};

// --- terminal.c

// Gives the newest configuration of the file, with the settings over it, to those that take it over
// while running. From any thread.
void terminal_take_over(struct terminal *t);

// --- terminal_pages.c: what the advisor's pages ask

BP_CHECK bool terminal_start_page(struct terminal *t, struct err *e);

// --- terminal_commission.c: what the technician's page asks

BP_CHECK bool terminal_start_commission(struct terminal *t, struct err *e);

// --- terminal_device.c: who this board is, and what its service port asks

// Without a readable file of its identity the set-up asks for the code in the log.
void terminal_identify(struct terminal *t);
BP_CHECK bool terminal_start_device_page(struct terminal *t, struct err *e);
BP_CHECK bool terminal_start_identity(struct terminal *t, struct err *e);
BP_CHECK bool terminal_start_socket(struct terminal *t, struct err *e);

#endif
