// SPDX-License-Identifier: Apache-2.0
// Trigger, lamps and sensors on simulated drivers, wired as the configuration says.
#include "firmware/hardware.h"

#include "board/gpio.h"
#include "tests/board/tool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#define S CLOCK_NS_PER_S

static char dir[TOOL_PATH_MAX];
static struct config config;
static struct clock_sim *sim;
static struct hardware *hw;
static atomic_llong attended;
static char complaints[1024];

static void attend(void *ctx, int64_t for_ns) {
  (void)ctx;
  atomic_store(&attended, (long long)for_ns);
}

static void complain(void *ctx, int line, const char *field, const char *text) {
  (void)ctx;
  const size_t n = strlen(complaints);
  (void)snprintf(complaints + n, sizeof complaints - n, "%d %s %s\n", line, field, text);
}

static bool load(const char *more) {
  char text[2048];
  complaints[0] = '\0';
  (void)snprintf(text, sizeof text, "[camera]\nsource = sim:\n[store]\ndir = %s\n%s", dir, more);
  return config_parse(&config, text, strlen(text), complain, NULL);
}

static void start(const char *more) {
  struct err e;
  if (!load(more))
    fail_msg("%s", complaints);
  const struct hardware_options o = {
      .config = &config, .clock = clock_sim_clock(sim), .root = dir, .attend = attend};
  assert_true(hardware_new(&hw, &o, &e));
}

static int setup(void **state) {
  (void)state;
  tool_folder(dir);
  sim = clock_sim_new(S, INT64_C(1800000000) * S);
  hw = NULL;
  return 0;
}

static int teardown(void **state) {
  (void)state;
  hardware_free(hw);
  clock_sim_free(sim);
  tool_remove(dir);
  return 0;
}

static void a_trigger_asks_for_attention(void **state) {
  (void)state;
  gpio_sim_put(1, false);
  atomic_store(&attended, 0);
  start("[trigger]\nline = sim:1\ndebounce_ms = 5\nattend_s = 20\n");
  gpio_sim_put(1, true);
  for (int i = 0; i < 10000 && atomic_load(&attended) == 0; i++)
    (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  assert_int_equal(atomic_load(&attended), 20 * S);
  json_t *all = hardware_json(hw);
  assert_true(json_is_true(json_object_get(json_object_get(all, "trigger"), "on")));
  json_decref(all);
}

static void a_due_card_lights_the_lamp_once(void **state) {
  (void)state;
  start("[lamp]\ndue = sim:2\ndue_s = 10\n");
  hardware_card(hw, "{\"visit\":\"7\",\"state\":\"open\",\"due\":false}");
  hardware_card(hw, "{\"visit\":\"8\",\"state\":\"closed\",\"due\":true}");
  hardware_card(hw, "not JSON");
  assert_false(gpio_sim_level(2));
  hardware_card(hw, "{\"visit\":\"7\",\"state\":\"open\",\"due\":true}"); // the look-up's answer
  assert_true(gpio_sim_level(2));
  clock_sim_advance(sim, 11 * S);
  hardware_tick(hw);
  assert_false(gpio_sim_level(2));
  hardware_card(hw, "{\"visit\":\"7\",\"state\":\"open\",\"due\":true}"); // told again
  assert_false(gpio_sim_level(2));
  hardware_card(hw, "{\"visit\":\"9\",\"state\":\"open\",\"due\":true}");
  assert_true(gpio_sim_level(2));
}

static void show(uint8_t luma, int64_t t_ns) {
  struct frame *f = NULL;
  assert_true(frame_new(&f, FRAME_GRAY8, 64, 36, NULL));
  for (int y = 0; y < 36; y++)
    memset(f->plane[0] + (ptrdiff_t)y * f->stride[0], luma, 64);
  f->mono_ns = t_ns;
  hardware_frame(hw, f);
  frame_unref(f);
}

static void the_infrared_lamp_follows_the_light(void **state) {
  (void)state;
  start("[lamp]\nir = sim:3:low\nir_on_below = 40\nir_off_above = 110\nir_dwell_s = 5\n");
  assert_true(gpio_sim_level(3)); // off is high
  for (int t = 1; t < 6; t++)
    show(20, t * S);
  assert_false(gpio_sim_level(3));
  for (int t = 6; t < 20; t++)
    show(90, t * S); // with its own light
  assert_false(gpio_sim_level(3));
  for (int t = 20; t < 26; t++)
    show(150, t * S);
  assert_true(gpio_sim_level(3));
}

static void sensors_are_read(void **state) {
  (void)state;
  char path[2 * TOOL_PATH_MAX];
  static const char *const folders[] = {"sys", "sys/class", "sys/class/thermal",
                                        "sys/class/thermal/thermal_zone0"};
  for (int i = 0; i < 4; i++) {
    (void)snprintf(path, sizeof path, "%s/%s", dir, folders[i]);
    assert_int_equal(mkdir(path, 0700), 0);
  }
  (void)snprintf(path, sizeof path, "%s/sys/class/thermal/thermal_zone0/temp", dir);
  tool_write(path, "52000\n", 6);
  start("");
  hardware_tick(hw);
  json_t *all = hardware_json(hw);
  const json_t *zone = json_array_get(json_object_get(all, "temperature"), 0);
  assert_int_equal(json_integer_value(json_object_get(zone, "celsius")), 52);
  assert_true(json_is_null(json_object_get(all, "trigger")));
  json_decref(all);
}

static void wrong_keys_are_told_by_line(void **state) {
  (void)state;
  assert_false(load("[trigger]\nline = gpiochip0\ndebounce_ms = -1\n"
                    "[lamp]\nir_on_below = 120\nir_off_above = 100\ndue = sim:1:high\n"
                    "[watchdog]\ntimeout_s = 0\n"));
  static const char *const words[] = {"6 trigger.line", "7 trigger.debounce_ms",
                                      "10 lamp.ir_off_above must be above", "11 lamp.due",
                                      "13 watchdog.timeout_s"};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    if (!strstr(complaints, words[i]))
      fail_msg("no \"%s\" in\n%s", words[i], complaints);
  }
  assert_false(load("[visit]\nhold_s = 1\n[camera]\nexposure = bright\n"));
  assert_non_null(strstr(complaints, "camera.exposure \"bright\" is neither auto"));
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
  const struct CMUnitTest tests[] = {
      CASE(a_trigger_asks_for_attention),        CASE(a_due_card_lights_the_lamp_once),
      CASE(the_infrared_lamp_follows_the_light), CASE(sensors_are_read),
      CASE(wrong_keys_are_told_by_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
