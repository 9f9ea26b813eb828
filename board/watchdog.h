// SPDX-License-Identifier: Apache-2.0
// Tells systemd that the daemon is ready, alive, stopping. Without systemd each call does nothing.
#ifndef BAYPLATE_BOARD_WATCHDOG_H
#define BAYPLATE_BOARD_WATCHDOG_H

struct watchdog;

struct watchdog *watchdog_new(void); // NULL without memory; the functions accept NULL
void watchdog_free(struct watchdog *w);
void watchdog_ready(struct watchdog *w);
void watchdog_feed(struct watchdog *w); // at most one message a quarter of WatchdogSec is sent
void watchdog_stopping(struct watchdog *w);
// One line for `systemctl status`.
void watchdog_status(struct watchdog *w, const char *text);

#endif
