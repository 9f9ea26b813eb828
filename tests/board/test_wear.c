// SPDX-License-Identifier: Apache-2.0
// Temperature and wear from a folder that stands for the kernel's.
#include "board/wear.h"

#include "board/metrics.h"
#include "tool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

static char root[TOOL_PATH_MAX], dev[64];

static void put(const char *path, const char *text) {
  char all[2 * TOOL_PATH_MAX];
  (void)snprintf(all, sizeof all, "%s/%s", root, path);
  for (char *c = all + strlen(root) + 1; *c; c++) {
    if (*c == '/') {
      *c = '\0';
      (void)mkdir(all, 0700); // there already is fine
      *c = '/';
    }
  }
  tool_write(all, text, strlen(text));
}

static void link_device(const char *to) {
  char at[2 * TOOL_PATH_MAX];
  put("sys/dev/block/x", "");
  (void)snprintf(at, sizeof at, "%s/sys/dev/block/%s", root, dev);
  (void)unlink(at);
  assert_int_equal(symlink(to, at), 0);
}

static int setup(void **state) {
  (void)state;
  struct stat st;
  tool_folder(root);
  if (stat(root, &st) != 0)
    return -1;
  (void)snprintf(dev, sizeof dev, "%u:%u", major(st.st_dev), minor(st.st_dev));
  return 0;
}

static int teardown(void **state) {
  (void)state;
  tool_remove(root);
  return 0;
}

static void an_emmc_tells_its_life(void **state) {
  (void)state;
  struct wear w;
  put("sys/class/thermal/thermal_zone0/temp", "48312\n");
  put("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
  put("sys/class/thermal/thermal_zone1/temp", "-274000\n"); // a sensor that is off
  put("sys/class/thermal/thermal_zone3/temp", "61000\n");   // a gap, no type
  put("sys/block/mmcblk0/device/life_time", "0x02 0x04\n");
  put("sys/block/mmcblk0/device/pre_eol_info", "0x02\n");
  put("sys/block/mmcblk0/mmcblk0p5/partition", "5\n");
  put("sys/fs/ext4/mmcblk0p5/lifetime_write_kbytes", "2097152\n");
  link_device("../../block/mmcblk0/mmcblk0p5");
  wear_read(&w, root, root);
  assert_int_equal(w.zones, 2);
  assert_string_equal(w.zone[0].name, "cpu-thermal");
  assert_int_equal(w.zone[0].milli_c, 48312);
  assert_string_equal(w.zone[1].name, "zone3");
  assert_string_equal(w.disk, "mmcblk0");
  assert_true(w.has_life);
  assert_int_equal(w.life_used_percent, 40); // the worse of both kinds of memory
  assert_int_equal(w.pre_eol, 2);
  assert_true(w.has_written && w.written_is_lifetime);
  assert_int_equal(w.written_mb, 2048);
  wear_metrics(&w);
  size_t len = 0;
  char *text = metrics_text(&len);
  assert_non_null(text);
  static const char *const lines[] = {"bayplate_temperature_celsius{zone=\"cpu-thermal\"} 48\n",
                                      "bayplate_temperature_celsius{zone=\"zone3\"} 61\n",
                                      "bayplate_storage_life_used_percent 40\n",
                                      "bayplate_storage_pre_eol 2\n",
                                      "bayplate_storage_lifetime_written_megabytes 2048\n"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    if (!strstr(text, lines[i]))
      fail_msg("no line %s in\n%s", lines[i], text);
  }
  free(text);
}

static void a_card_that_tells_nothing_is_counted_by_what_was_written(void **state) {
  (void)state;
  struct wear w;
  put("sys/block/mmcblk1/device/life_time", "0x00 0x00\n"); // not told
  put("sys/block/mmcblk1/stat", "  10 0 80 5 200 3 409600 77 0 1 2\n");
  link_device("../../block/mmcblk1");
  wear_read(&w, root, root);
  assert_string_equal(w.disk, "mmcblk1");
  assert_false(w.has_life);
  assert_int_equal(w.pre_eol, 0);
  assert_true(w.has_written);
  assert_false(w.written_is_lifetime);
  assert_int_equal(w.written_mb, 200); // 409600 sectors of 512 bytes
}

static void nonsense_and_nothing_are_no_figures(void **state) {
  (void)state;
  struct wear w;
  wear_read(&w, root, root); // an empty folder
  assert_int_equal(w.zones, 0);
  assert_string_equal(w.disk, "");
  put("sys/class/thermal/thermal_zone0/temp", "warm\n");
  put("sys/class/thermal/thermal_zone1/temp", "45000\n");
  put("sys/class/thermal/thermal_zone1/type", "a\"} 7\nx");
  put("sys/block/sda/device/life_time", "0x63\n");
  put("sys/block/sda/device/pre_eol_info", "soon\n");
  put("sys/block/sda/stat", "1 2 3\n");
  link_device("../../block/sda");
  wear_read(&w, root, root);
  assert_int_equal(w.zones, 1);
  assert_null(strchr(w.zone[0].name, '"')); // a label's value must not end it
  assert_string_equal(w.disk, "sda");
  assert_false(w.has_life);
  assert_int_equal(w.pre_eol, 0);
  assert_false(w.has_written);
  wear_read(&w, root, "/no/such/folder");
  assert_string_equal(w.disk, "");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(an_emmc_tells_its_life, setup, teardown),
      cmocka_unit_test_setup_teardown(a_card_that_tells_nothing_is_counted_by_what_was_written,
                                      setup, teardown),
      cmocka_unit_test_setup_teardown(nonsense_and_nothing_are_no_figures, setup, teardown),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
