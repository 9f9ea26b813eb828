// SPDX-License-Identifier: Apache-2.0
// bayplate-port: the service port as a program of its own, so that it runs in a network namespace
// that holds nothing but its cable, and still takes an update when bayplated is broken.
#include "board/log.h"
#include "board/watchdog.h"
#include "board/wire.h"
#include "firmware/device_id.h"
#include "firmware/port/port_ops.h"
#include "firmware/port/port_options.h"
#include "net/lwip/linux/lwip_clock.h"
#include "net/service/service.h"

#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static bool open_wire(struct wire **out, uint8_t mac[6], const struct port_options *o,
                      struct err *e) {
  bool ok;
  device_id_mac(o->serial, mac);
  if (o->interface)
    ok = wire_interface_mac(o->interface, mac, e) && wire_open_packet(out, o->interface, e);
  else if (o->tap)
    ok = wire_open_tap(out, o->tap, e);
  else
    ok = wire_open_fd(out, (int)o->wire_fd, e);
  return ok && (!o->faulty || wire_open_lossy(out, *out, &o->faults, e));
}

// Everything that needs a right is open by now.
static void drop_rights(void) {
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[2] = {{0}, {0}};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_capset, &head, none) != 0)
    log_warn("port", "rights could not be dropped: %s", strerror(errno));
}

static void on_send(void *wire, const uint8_t *frame, size_t n) {
  (void)wire_send(wire, frame, n); // a frame that does not go out is as good as lost on the way
}

static atomic_bool stop, lost;

static void *receive(void *arg) {
  uint8_t frame[WIRE_FRAME_MAX + 1];
  while (!atomic_load(&stop)) {
    int n = wire_recv(arg, frame, sizeof frame, 500);
    if (n > 0)
      service_input(frame, (size_t)n);
    if (n < 0) {
      atomic_store(&lost, true);
      break;
    }
  }
  return NULL;
}

// Until a signal comes or the wire is gone.
static void run(struct wire *wire, struct watchdog *dog, const sigset_t *signals) {
  bool up = true;
  while (!atomic_load(&lost)) {
    const struct timespec second = {.tv_sec = 1};
    if (sigtimedwait(signals, NULL, &second) > 0)
      return;
    bool now = wire_link(wire);
    if (now != up) {
      log_info("port", "cable %s", now ? "plugged in" : "pulled");
      service_link(now);
    }
    up = now;
    watchdog_feed(dog);
  }
  log_error("port", "the wire is gone");
}

static int serve(const struct port_options *o, struct wire *wire, struct service_config *config,
                 struct port_device *device, const sigset_t *signals) {
  config->ops = port_ops();
  config->ctx = device;
  config->send = on_send;
  config->wire = wire;
  lwip_clock_speed((unsigned)o->speed);
  int rc = service_start(config);
  pthread_t receiver;
  if (rc != SERVICE_OK || pthread_create(&receiver, NULL, receive, wire) != 0) {
    log_error("port", "not started: %s",
              rc == SERVICE_INVALID ? "the serial is no name" : "no memory");
    return 1;
  }
  struct watchdog *dog = watchdog_new();
  drop_rights();
  watchdog_ready(dog);
  log_info("port", "ready name=bayplate-%s.local", o->serial);
  run(wire, dog, signals);
  watchdog_stopping(dog);
  watchdog_free(dog);
  atomic_store(&stop, true);
  (void)pthread_join(receiver, NULL);
  struct err e;
  // lwIP's threads cannot be ended; what they may still be writing is made safe as far as it came.
  if (!port_spool_pause(device->spool, &e))
    log_error("port", "%s", e.text);
  log_info("port", "stopping");
  _exit(atomic_load(&lost) ? 1 : 0); // no tidying up under threads that still run
}

// A flashed board knows who it is; what the command line says counts more.
static bool identify(struct port_options *o, struct port_device *device) {
  static struct device_id id;
  struct err e;
  bool ok = device_id_load(&id, o->device_ini, &e);
  if (ok && o->device_ini[0] && !id.claim_hash[0])
    ok = err_set(&e, ERR_NOT_FOUND, "%s: not there, or without claim_hash", o->device_ini);
  if (!ok) {
    log_error("port", "not started: %s", e.text);
    return false;
  }
  device->claim_hash = id.claim_hash;
  if (!o->serial[0])
    o->serial = id.serial;
  if (!o->model[0])
    o->model = id.model[0] ? id.model : "bayplate";
  return true;
}

int main(int argc, char **argv) {
  // For ever: lwIP's threads use them until the process ends.
  static struct port_options o;
  static struct service_config config;
  static struct port_device device;
  if (argc == 2 && strcmp(argv[1], "--help") == 0) {
    port_options_usage(stdout);
    return 0;
  }
  if (argc == 2 && strcmp(argv[1], "--version") == 0)
    return printf("bayplate-port %s\n", BAYPLATE_VERSION) > 0 ? 0 : 1;
  if (!port_options_parse(&o, argc, argv))
    return 2;
  if (!identify(&o, &device))
    return 1;
  sigset_t signals;
  (void)sigemptyset(&signals);
  (void)sigaddset(&signals, SIGTERM);
  (void)sigaddset(&signals, SIGINT);
  if (pthread_sigmask(SIG_BLOCK, &signals, NULL) != 0)
    return 1;
  struct err e;
  struct wire *wire = NULL;
  const struct port_spool_options so = {
      .dir = o.spool, .max = o.spool_mb << 20, .reserve = o.reserve_mb << 20};
  if (!open_wire(&wire, config.mac, &o, &e) || !port_spool_open(&device.spool, &so, &e)) {
    log_error("port", "not started: %s", e.text);
    return 1;
  }
  (void)snprintf(config.serial, sizeof config.serial, "%s", o.serial);
  (void)snprintf(config.model, sizeof config.model, "%s", o.model);
  (void)snprintf(config.slot, sizeof config.slot, "%s", o.slot);
  (void)snprintf(config.version, sizeof config.version, "%s", BAYPLATE_VERSION);
  config.upload_max = so.max;
  device.socket = o.device;
  device.claim_file = o.claim_file;
  device.recovery = o.recovery;
  device.reset = o.reset;
  device.export_socket = o.export_socket;
  return serve(&o, wire, &config, &device, &signals);
}
