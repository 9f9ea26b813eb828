// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/port_options.h"

#include "firmware/port/port_ops.h"
#include "net/service/service.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

void port_options_usage(FILE *to) {
  (void)fprintf(
      to,
      "usage: bayplate-port (--interface NAME | --tap NAME) (--device-ini FILE | --serial S "
      "--claim-file FILE)\n"
      "                     --spool DIR\n"
      "                     [--model M] [--slot A|B] [--device SOCKET] [--recovery DIR]\n"
      "                     [--spool-mb N] [--reserve-mb N]\n"
      "Serves a technician's laptop on an isolated link: addresses, the name bayplate-S.local, "
      "HTTP on\n"
      "port 80, TFTP of recovery files. The kernel must have no address where it runs; it refuses\n"
      "otherwise. docs/service-port.md tells more.\n"
      "  --interface NAME   the Ethernet or USB interface of the service port (CAP_NET_RAW)\n"
      "  --tap NAME         a TAP device instead, whose kernel end is the laptop (CAP_NET_ADMIN)\n"
      "  --serial S         of the device: letters, digits and '-'\n"
      "  --claim-file FILE  the claim code of the label, at least %d letters and digits, mode "
      "0600\n"
      "  --device-ini FILE  serial, model and the claim code's hash of a flashed board "
      "(docs/flash.md)\n"
      "  --spool DIR        where uploads are kept until they are installed\n"
      "  --spool-mb N       the largest upload (512)   --reserve-mb N  disk left free (64)\n"
      "  --device SOCKET    bayplated's [service] socket, for state, logs and pictures\n"
      "  --export SOCKET    bayplate-export's, for a data partition that cannot be used\n"
      "  --recovery DIR     files that TFTP gives\n"
      "  --reset FILE       made when somebody with the claim code wants factory state; without "
      "it\n"
      "                     nobody can\n"
      "For tests: --wire-fd N (frames on an inherited descriptor), --faults "
      "LOST,DOUBLED,SWAPPED,SEED\n"
      "(in 100 frames), --clock-speed N (lwIP's clock, 1 to 100).\n"
      "examples:\n"
      "  ip netns exec service bayplate-port --interface usb0 --serial BP-0001 \\\n"
      "      --claim-file /etc/bayplate/claim --spool /var/lib/bayplate-port/spool\n"
      "  bayplate-port --tap svc0 --serial TEST-1 --claim-file claim --spool /tmp/spool\n"
      "exit status: 0 stopped by a signal, 1 it could not start or lost its wire, 2 wrong use\n",
      PORT_CLAIM_MIN);
}

static bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *out) {
  char *end = NULL;
  errno = 0;
  unsigned long long v = strtoull(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || v < min || v > max)
    return false;
  *out = v;
  return true;
}

static bool parse_faults(const char *text, struct wire_faults *f) {
  char buf[64];
  uint64_t v[4];
  int n = snprintf(buf, sizeof buf, "%s", text);
  if (n < 0 || (size_t)n >= sizeof buf)
    return false;
  char *save = NULL;
  char *word = strtok_r(buf, ",", &save);
  for (int i = 0; i < 4; i++, word = strtok_r(NULL, ",", &save)) {
    if (!word || !parse_number(word, 0, i < 3 ? 100 : UINT64_MAX, &v[i]))
      return false;
  }
  *f = (struct wire_faults){
      .lost = (unsigned)v[0], .doubled = (unsigned)v[1], .swapped = (unsigned)v[2], .seed = v[3]};
  return word == NULL && v[0] + v[1] + v[2] <= 100;
}

enum {
  O_INTERFACE = 1,
  O_TAP,
  O_WIRE,
  O_SERIAL,
  O_MODEL,
  O_SLOT,
  O_DEVICE,
  O_CLAIM,
  O_DEVICE_INI,
  O_SPOOL,
  O_RECOVERY,
  O_SPOOL_MB,
  O_RESERVE_MB,
  O_SPEED,
  O_FAULTS,
  O_RESET,
  O_EXPORT
};

static bool take(struct port_options *o, int option, const char *value) {
  uint64_t n = 0;
  switch (option) {
  case O_INTERFACE:
    o->interface = value;
    return true;
  case O_TAP:
    o->tap = value;
    return true;
  case O_SERIAL:
    o->serial = value;
    return strlen(value) < SERVICE_WORD_MAX;
  case O_MODEL:
    o->model = value;
    return strlen(value) < SERVICE_WORD_MAX;
  case O_SLOT:
    o->slot = value;
    return strlen(value) < SERVICE_WORD_MAX;
  case O_DEVICE:
    o->device = value;
    return true;
  case O_CLAIM:
    o->claim_file = value;
    return true;
  case O_DEVICE_INI:
    o->device_ini = value;
    return value[0] != '\0';
  case O_SPOOL:
    o->spool = value;
    return true;
  case O_RECOVERY:
    o->recovery = value;
    return true;
  case O_RESET:
    o->reset = value;
    return true;
  case O_EXPORT:
    o->export_socket = value;
    return true;
  case O_SPOOL_MB:
    return parse_number(value, 1, 1 << 20, &o->spool_mb);
  case O_RESERVE_MB:
    return parse_number(value, 0, 1 << 20, &o->reserve_mb);
  case O_WIRE:
    o->wire_fd = parse_number(value, 0, 1 << 20, &n) ? (long)n : -1;
    return o->wire_fd >= 0;
  case O_SPEED:
    o->speed = parse_number(value, 1, 100, &n) ? (long)n : -1;
    return o->speed > 0;
  case O_FAULTS:
    o->faulty = true;
    return parse_faults(value, &o->faults);
  default:
    return false;
  }
}

bool port_options_parse(struct port_options *o, int argc, char **argv) {
  *o = (struct port_options){.wire_fd = -1,
                             .model = "",
                             .serial = "",
                             .claim_file = "",
                             .device_ini = "",
                             .slot = "",
                             .device = "",
                             .recovery = "",
                             .reset = "",
                             .export_socket = "",
                             .spool_mb = 512,
                             .reserve_mb = 64,
                             .speed = 1};
  static const struct option longs[] = {{"interface", required_argument, NULL, O_INTERFACE},
                                        {"tap", required_argument, NULL, O_TAP},
                                        {"wire-fd", required_argument, NULL, O_WIRE},
                                        {"serial", required_argument, NULL, O_SERIAL},
                                        {"model", required_argument, NULL, O_MODEL},
                                        {"slot", required_argument, NULL, O_SLOT},
                                        {"device", required_argument, NULL, O_DEVICE},
                                        {"claim-file", required_argument, NULL, O_CLAIM},
                                        {"device-ini", required_argument, NULL, O_DEVICE_INI},
                                        {"spool", required_argument, NULL, O_SPOOL},
                                        {"recovery", required_argument, NULL, O_RECOVERY},
                                        {"reset", required_argument, NULL, O_RESET},
                                        {"export", required_argument, NULL, O_EXPORT},
                                        {"spool-mb", required_argument, NULL, O_SPOOL_MB},
                                        {"reserve-mb", required_argument, NULL, O_RESERVE_MB},
                                        {"clock-speed", required_argument, NULL, O_SPEED},
                                        {"faults", required_argument, NULL, O_FAULTS},
                                        {NULL, 0, NULL, 0}};
  int option, at = 0;
  while ((option = getopt_long(argc, argv, "", longs, &at)) != -1) {
    if (option == '?')
      return false;
    if (!take(o, option, optarg ? optarg : "")) { // getopt gives one: all need it
      (void)fprintf(stderr, "bayplate-port: --%s: \"%s\" is not possible\n", longs[at].name,
                    optarg);
      return false;
    }
  }
  int wires = (o->interface != NULL) + (o->tap != NULL) + (o->wire_fd >= 0);
  bool known = o->device_ini[0] ? !o->claim_file[0] : o->serial[0] && o->claim_file[0];
  if (wires != 1 || !known || !o->spool || optind != argc) {
    (void)fprintf(stderr,
                  "bayplate-port: one wire, --device-ini or --serial with --claim-file, and "
                  "--spool are needed; see --help\n");
    return false;
  }
  return true;
}
