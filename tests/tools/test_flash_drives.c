// SPDX-License-Identifier: Apache-2.0
// Which drives are offered, over a played /sys and /proc.
#include "tools/flash/drive_system.h"
#include "tools/flash/words.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// After the headers that it needs.
#include <cmocka.h>

static char root[64];
static struct drive_list list;

static void put(const char *path, const char *text) {
  char full[PATH_MAX];
  (void)snprintf(full, sizeof full, "%s/%s", root, path);
  for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); *p++ = '/') {
    *p = '\0';
    assert_true(mkdir(full, 0700) == 0 || errno == EEXIST);
  }
  FILE *f = fopen(full, "we");
  assert_non_null(f);
  assert_true(fputs(text, f) >= 0);
  assert_int_equal(fclose(f), 0);
}

static void link_to(const char *to, const char *path) {
  char full[PATH_MAX];
  (void)snprintf(full, sizeof full, "%s/%s", root, path);
  assert_int_equal(symlink(to, full), 0);
}

// A drive of `gigabytes` with one partition.
static void drive(const char *name, const char *number, int gigabytes, const char *removable) {
  char path[256], text[64];
  const struct {
    const char *name, *text;
  } files[] = {{"dev", number}, {"removable", removable}, {"ro", "0\n"}};
  for (size_t i = 0; i < 3; i++) {
    (void)snprintf(path, sizeof path, "sys/block/%s/%s", name, files[i].name);
    put(path, files[i].text);
  }
  (void)snprintf(path, sizeof path, "sys/block/%s/size", name);
  (void)snprintf(text, sizeof text, "%lld\n", gigabytes * 1000000000LL / 512);
  put(path, text);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
  (void)st;
  (void)type;
  (void)at;
  return remove(path);
}

static int set_up(void **state) {
  (void)state;
  (void)snprintf(root, sizeof root, "/tmp/bayplate-drives-XXXXXX");
  assert_non_null(mkdtemp(root));
  // The laptop's disk: LVM inside LUKS, which holds / and the swap.
  drive("nvme0n1", "259:0\n", 512, "0\n");
  put("sys/block/nvme0n1/nvme0n1p1/dev", "259:1\n");
  put("sys/block/nvme0n1/nvme0n1p2/dev", "259:2\n");
  put("sys/block/nvme0n1/nvme0n1p2/holders/dm-0", "");
  put("sys/class/block/dm-0/dev", "253:0\n");
  put("sys/class/block/dm-0/dm/name", "crypt");
  put("sys/class/block/dm-0/holders/dm-1", "");
  put("sys/class/block/dm-1/dev", "253:1\n");
  put("sys/class/block/dm-1/dm/name", "vg-root");
  put("sys/class/block/dm-1/holders/none-such", "");
  drive("sda", "8:0\n", 32, "1\n"); // a stick, mounted
  put("sys/block/sda/sda1/dev", "8:1\n");
  put("sys/block/sda/device/vendor", "SanDisk \n");
  put("sys/block/sda/device/model", "Ultra           \n");
  drive("sdb", "8:16\n", 0, "1\n");       // a reader without a card
  drive("sdc", "8:32\n", 8, "1\n");       // free
  drive("mmcblk0", "179:0\n", 16, "0\n"); // a card in the laptop's slot
  put("sys/block/mmcblk0/device/type", "SD\n");
  put("sys/block/mmcblk0/device/name", "SC16G\n");
  drive("mmcblk1", "179:8\n", 32, "0\n"); // soldered
  put("sys/block/mmcblk1/device/type", "MMC\n");
  drive("sdd", "8:48\n", 100, "0\n"); // btrfs shows a number of its own
  put("sys/block/sdd/sdd1/dev", "8:49\n");
  drive("loop0", "7:0\n", 1, "0\n");
  drive("dm-0", "253:0\n", 500, "0\n");
  drive("sr0", "11:0\n", 1, "1\n");
  // A disk in a USB case: only the way to it tells.
  put("sys/devices/pci0/usb2/2-1/block/sde/dev", "8:64\n");
  put("sys/devices/pci0/usb2/2-1/block/sde/size", "2000000\n");
  put("sys/devices/pci0/usb2/2-1/block/sde/removable", "0\n");
  link_to("../devices/pci0/usb2/2-1/block/sde", "sys/block/sde");
  put("proc/self/mountinfo", "22 1 253:1 / / rw,relatime shared:1 - ext4 /dev/mapper/vg-root rw\n"
                             "23 22 259:1 / /boot/efi rw shared:2 - vfat /dev/nvme0n1p1 rw\n"
                             "30 22 8:1 / /media/me/MY\\040STICK rw - vfat /dev/sda1 rw\n"
                             "31 22 0:44 /@home /home rw - btrfs /dev/sdd1 rw\n");
  put("proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n/dev/mapper/crypt partition 1 0 -2\n");
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const struct drive_info *seen(const char *name, bool loops) {
  struct drive_system s = {root, loops};
  struct err e;
  if (!drive_system_ops.list(&s, &list, &e))
    fail_msg("%s", e.text);
  return drive_find(&list, name);
}

static void expect(const char *name, enum err_code code, const char *word) {
  const struct drive_info *d = seen(name, true);
  struct err e = {0};
  assert_non_null(d);
  bool ok = drive_allowed(d, UINT64_C(900000000), false, &e);
  if (ok != (code == ERR_NONE) || (!ok && e.code != code) || (!ok && !strstr(e.text, word)))
    fail_msg("%s: %s \"%s\"", name, err_name(e.code), e.text);
}

static void the_computers_own_drives_are_never_written(void **state) {
  (void)state;
  expect("nvme0n1", ERR_DENIED, "this computer's own system");
  expect("sdd", ERR_DENIED, "/home");
  const struct drive_info *d = seen("nvme0n1", false);
  assert_true(d->system);
  assert_non_null(strstr(d->held, "swap"));
  struct err e;
  assert_false(drive_allowed(d, 0, true, &e)); // --fixed does not open it
}

static void a_mounted_drive_says_how_to_unmount(void **state) {
  (void)state;
  expect("sda", ERR_BUSY, "umount /media/me/MY STICK");
  assert_string_equal(seen("sda", false)->model, "SanDisk Ultra");
}

static void what_can_be_pulled_out_is_allowed(void **state) {
  (void)state;
  expect("sdc", ERR_NONE, "");
  expect("mmcblk0", ERR_NONE, "");
  expect("sde", ERR_NONE, "");
  expect("loop0", ERR_NONE, "");
  assert_string_equal(seen("mmcblk0", false)->model, "SC16G");
  assert_int_equal(seen("sdc", false)->size, INT64_C(8000000000));
}

static void what_is_built_in_needs_to_be_meant(void **state) {
  (void)state;
  expect("mmcblk1", ERR_DENIED, "--fixed");
  struct err e;
  assert_true(drive_allowed(seen("mmcblk1", false), 0, true, &e));
}

static void no_card_no_mapped_no_optical_drive_is_shown(void **state) {
  (void)state;
  assert_null(seen("sdb", true));
  assert_null(seen("dm-0", true));
  assert_null(seen("sr0", true));
  assert_null(seen("loop0", false));
}

static void a_small_or_locked_drive_is_told(void **state) {
  (void)state;
  put("sys/block/sdc/ro", "1\n");
  expect("sdc", ERR_STATE, "write-protect");
  put("sys/block/sdc/ro", "0\n");
  put("sys/block/sdc/size", "1000000\n");
  expect("sdc", ERR_LIMIT, "512 MB, the image needs 900 MB");
}

static void what_is_built_on_a_drive_holds_it(void **state) {
  (void)state;
  put("sys/block/sdc/holders/md127", "");
  put("sys/class/block/md127/dev", "9:127\n");
  expect("sdc", ERR_BUSY, "LVM/RAID/LUKS");
}

static void not_knowing_what_is_mounted_forbids_all(void **state) {
  (void)state;
  char path[PATH_MAX];
  (void)snprintf(path, sizeof path, "%s/proc/self/mountinfo", root);
  assert_int_equal(unlink(path), 0);
  expect("sdc", ERR_DENIED, "");
}

static void the_words_are_chinese_when_wished(void **state) {
  (void)state;
  assert_true(words_choose("zh"));
  expect("nvme0n1", ERR_DENIED, "系统盘");
  expect("sda", ERR_BUSY, "请先卸载：umount");
  assert_true(words_choose("en"));
  assert_false(words_choose("de"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_computers_own_drives_are_never_written),
      TEST(a_mounted_drive_says_how_to_unmount),
      TEST(what_can_be_pulled_out_is_allowed),
      TEST(what_is_built_in_needs_to_be_meant),
      TEST(no_card_no_mapped_no_optical_drive_is_shown),
      TEST(a_small_or_locked_drive_is_told),
      TEST(what_is_built_on_a_drive_holds_it),
      TEST(not_knowing_what_is_mounted_forbids_all),
      TEST(the_words_are_chinese_when_wished),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
