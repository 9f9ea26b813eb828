// SPDX-License-Identifier: Apache-2.0
#include "tools/flash/options.h"

#include "tools/flash/file.h"
#include "tools/flash/identity.h"
#include "tools/flash/words.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

void flash_usage(FILE *to) {
  (void)fputs(
      "usage: bayplate-flash --list [--json]\n"
      "       bayplate-flash --keyring FILE --board BOARD [--drive NAME] IMAGE\n"
      "       bayplate-flash --keyring FILE --net ADDRESS --claim CODE BUNDLE\n"
      "Writes a signed image to a card or drive (检查 check, 写入 write, 校核 verify), gives the "
      "board "
      "its\n"
      "serial, first password and claim code, and prints its label; or sends an update bundle "
      "through the\n"
      "service port. IMAGE is .img or .img.zst with its .manifest and .manifest.sig beside it.\n"
      "  --list             drives that can be written, and why others cannot\n"
      "  --drive NAME       sdb, /dev/sdb or mmcblk0; without it the only possible one is "
      "proposed\n"
      "  --keyring FILE     certificates that may sign, PEM ($BAYPLATE_KEYRING)\n"
      "  --board BOARD      the board it is for; an image of another one is refused\n"
      "  --version-is V     only this version        --min-version V  this version or a newer one\n"
      "  --serial S         instead of one made by chance (BP-XXXXXXXX)\n"
      "  --model M          on the label (bayplate-BOARD)   --mac AA:BB:CC:DD:EE:FF  the board's "
      "own\n"
      "  --labels DIR       where bayplate-SERIAL.png and .pdf go (.)\n"
      "  --bare             the image as it is: no serial, no secrets, no label\n"
      "  --fixed            also drives that are not removable     --loops  also loop devices\n"
      "  --net ADDRESS      the board's name or address, e.g. bayplate-BP-0001.local\n"
      "  --claim CODE       of the label; --claim-file FILE keeps it out of the list of processes\n"
      "  --older            send a bundle older than what the board runs\n"
      "  --yes              ask nothing; --drive is needed then\n"
      "  --json             one JSON object a line    --lang zh|en  instead of $LANG's\n"
      "  --simulate DIR     simulated drives, for tests and for showing it "
      "(tools/flash/drive_sim.h)\n"
      "  -h, --help         this text                 --version     the version\n"
      "examples:\n"
      "  bayplate-flash --list\n"
      "  sudo bayplate-flash --keyring rel.pem --board rpi4 --drive sdb "
      "bayplate-rpi4-1.2.0.img.zst\n"
      "  bayplate-flash --keyring rel.pem --net bayplate-BP-7K3MQ2ZD.local --claim "
      "ABCD-EFGH-JKLM-NPQR \\\n"
      "      bayplate-rpi4-1.3.0.raucb\n"
      "exit status: 0 done, 1 failed or refused (nothing was written before the word \"write\"), 2 "
      "wrong use\n",
      to);
}

enum {
  O_LIST = 1,
  O_JSON,
  O_YES,
  O_FIXED,
  O_LOOPS,
  O_BARE,
  O_OLDER,
  O_DRIVE,
  O_SIMULATE,
  O_KEYRING,
  O_BOARD,
  O_IS,
  O_MIN,
  O_SERIAL,
  O_MODEL,
  O_LABELS,
  O_MAC,
  O_NET,
  O_CLAIM,
  O_CLAIM_FILE,
  O_LANG,
  O_VERSION
};

static const struct option longs[] = {{"list", no_argument, NULL, O_LIST},
                                      {"json", no_argument, NULL, O_JSON},
                                      {"yes", no_argument, NULL, O_YES},
                                      {"fixed", no_argument, NULL, O_FIXED},
                                      {"loops", no_argument, NULL, O_LOOPS},
                                      {"bare", no_argument, NULL, O_BARE},
                                      {"older", no_argument, NULL, O_OLDER},
                                      {"drive", required_argument, NULL, O_DRIVE},
                                      {"simulate", required_argument, NULL, O_SIMULATE},
                                      {"keyring", required_argument, NULL, O_KEYRING},
                                      {"board", required_argument, NULL, O_BOARD},
                                      {"version-is", required_argument, NULL, O_IS},
                                      {"min-version", required_argument, NULL, O_MIN},
                                      {"serial", required_argument, NULL, O_SERIAL},
                                      {"model", required_argument, NULL, O_MODEL},
                                      {"labels", required_argument, NULL, O_LABELS},
                                      {"mac", required_argument, NULL, O_MAC},
                                      {"net", required_argument, NULL, O_NET},
                                      {"claim", required_argument, NULL, O_CLAIM},
                                      {"claim-file", required_argument, NULL, O_CLAIM_FILE},
                                      {"lang", required_argument, NULL, O_LANG},
                                      {"version", no_argument, NULL, O_VERSION},
                                      {"help", no_argument, NULL, 'h'},
                                      {NULL, 0, NULL, 0}};

static void flag(struct flash_options *o, int option) {
  bool *const flags[] = {
      [O_LIST] = &o->list,   [O_JSON] = &o->json, [O_YES] = &o->yes,    [O_FIXED] = &o->fixed,
      [O_LOOPS] = &o->loops, [O_BARE] = &o->bare, [O_OLDER] = &o->older};
  *flags[option] = true;
}

static bool take_text(struct flash_options *o, int option, const char *value) {
  const char **const texts[] = {
      [O_DRIVE] = &o->drive,   [O_SIMULATE] = &o->simulate,    [O_KEYRING] = &o->keyring,
      [O_BOARD] = &o->board,   [O_IS] = &o->version,           [O_MIN] = &o->min_version,
      [O_SERIAL] = &o->serial, [O_MODEL] = &o->model,          [O_LABELS] = &o->labels,
      [O_NET] = &o->net,       [O_CLAIM_FILE] = &o->claim_file};
  *texts[option] = value;
  return value[0] != '\0';
}

static bool take(struct flash_options *o, int option, char *value) {
  switch (option) {
  case O_MAC:
    o->has_mac = identity_mac_parse(value, o->mac);
    return o->has_mac;
  case O_LANG:
    return words_choose(value);
  case O_CLAIM: {
    size_t n = strlen(value);
    if (n == 0 || n >= sizeof o->claim)
      return false;
    memcpy(o->claim, value, n + 1);
    explicit_bzero(value, n); // out of the list of processes as soon as may be
    return true;
  }
  default:
    return take_text(o, option, value);
  }
}

static bool read_claim(struct flash_options *o) {
  char *text = NULL;
  size_t n = 0;
  struct err e;
  if (!o->claim_file[0])
    return true;
  bool ok = file_read(o->claim_file, sizeof o->claim - 1, &text, &n, &e);
  if (ok) {
    n = strcspn(text, "\r\n");
    memcpy(o->claim, text, n);
    o->claim[n] = '\0';
  } else {
    (void)fprintf(stderr, "bayplate-flash: --claim-file: %s\n", e.text);
  }
  free(text);
  return ok;
}

static const char *missing(const struct flash_options *o, int files) {
  if (o->list)
    return files == 0 ? NULL : "--list takes no file";
  if (files != 1)
    return "one image (or, with --net, one bundle) is needed";
  if (!o->keyring[0])
    return "--keyring FILE (or $BAYPLATE_KEYRING) is needed: whose signature counts?";
  if (o->net[0])
    return o->claim[0] ? NULL : "--net needs --claim CODE or --claim-file FILE";
  if (!o->board[0])
    return "--board BOARD is needed: which board is it for?";
  if (o->yes && !o->drive[0])
    return "--yes needs --drive NAME";
  return NULL;
}

int flash_options_parse(struct flash_options *o, int argc, char **argv) {
  const char *keyring = getenv("BAYPLATE_KEYRING");
  *o = (struct flash_options){.file = "",
                              .drive = "",
                              .simulate = "",
                              .keyring = keyring ? keyring : "",
                              .board = "",
                              .version = "",
                              .min_version = "",
                              .serial = "",
                              .model = "",
                              .labels = ".",
                              .net = "",
                              .claim_file = ""};
  words_by_environment();
  int option, at = 0;
  while ((option = getopt_long(argc, argv, "h", longs, &at)) != -1) {
    if (option == '?')
      return 3;
    if (option == 'h' || option == O_VERSION) {
      if (option == 'h')
        flash_usage(stdout);
      else
        (void)printf("bayplate-flash %s\n", BAYPLATE_VERSION);
      return 1;
    }
    if (option <= O_OLDER) {
      flag(o, option);
    } else if (!take(o, option, optarg)) {
      (void)fprintf(stderr, "bayplate-flash: --%s: not possible\n", longs[at].name);
      return 3;
    }
  }
  if (!read_claim(o))
    return 3;
  const char *wrong = missing(o, argc - optind);
  if (wrong) {
    (void)fprintf(stderr, "bayplate-flash: %s; see --help\n", wrong);
    return 3;
  }
  if (!o->list)
    o->file = argv[optind];
  return 0;
}
