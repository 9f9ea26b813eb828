// SPDX-License-Identifier: Apache-2.0
#include "tools/policy_server_seed.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_S 86400

// Days left in the order in which they are dealt out: each stage of the renewal calendar, the
// interesting ones first, and enough that are not due.
static const int days_dealt[] = {12, 48,  200, -9,   33, 55,  21, 90,
                                 3,  300, 150, -200, 27, 120, 0,  240};
static const char *const provinces[] = {"京", "沪", "粤", "苏", "浙", "皖", "鲁", "川", "鄂", "湘"};
static const char *const models[] = {"大众 朗逸 1.5L",    "丰田 卡罗拉 1.2T", "比亚迪 秦PLUS DM-i",
                                     "日产 轩逸 1.6L",    "吉利 帝豪 1.5L",   "特斯拉 Model 3",
                                     "本田 雅阁 锐·混动", "五菱 宏光 S"};
static const char *const colors[] = {"白", "黑", "银", "灰", "红", "蓝"};
static const char *const insurers[] = {"示例财险", "演示保险", "样本产险"};

// UTC noon of today's local date, so that days can be added without a daylight saving jump.
static time_t today_noon(void) {
  time_t now = time(NULL);
  struct tm tm;
  if (!localtime_r(&now, &tm))
    return now;
  struct tm noon = {
      .tm_year = tm.tm_year, .tm_mon = tm.tm_mon, .tm_mday = tm.tm_mday, .tm_hour = 12};
  return timegm(&noon);
}

static void date_text(time_t noon, int days, char out[16]) {
  time_t t = noon + (time_t)days * DAY_S;
  struct tm tm;
  if (!gmtime_r(&t, &tm) || strftime(out, 16, "%Y-%m-%d", &tm) == 0)
    out[0] = '\0';
}

static uint32_t mix(uint32_t v) { // xorshift32 (Marsaglia 2003): made-up, but the same every time
  v ^= v << 13;
  v ^= v >> 17;
  return v ^ (v << 5);
}

static void made_up_plate(int i, char out[24]) {
  static const char symbols[] = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"; // no I, no O
  uint32_t r = mix((uint32_t)i * 2654435761u + 12345u);
  char tail[6];
  for (int k = 0; k < 5; k++) {
    r = mix(r);
    tail[k] = symbols[k < 2 ? r % 34 : 24 + r % 10];
  }
  tail[5] = '\0';
  (void)snprintf(out, 24, "%s%c%s", provinces[(unsigned)i % 10], symbols[mix(r) % 8], tail);
}

static bool put_policies(struct ps_db *db, int i, const char *plate, int days, time_t noon,
                         struct err *e) {
  // The two contracts end apart for every third car; the earlier one decides.
  const int apart = i % 3 == 0 ? 18 : 0;
  for (int kind = 0; kind < 2; kind++) {
    char number[32], start[16], end[16];
    int left = days + (kind == 1 ? apart : 0);
    date_text(noon, left, end);
    date_text(noon, left - 364, start);
    (void)snprintf(number, sizeof number, "DEMO-%c-%06d", kind ? 'B' : 'J', i);
    struct ps_policy p = {.plate = plate,
                          .kind = kind ? "commercial" : "compulsory",
                          .insurer = insurers[(unsigned)i % 3],
                          .number = number,
                          .start = start,
                          .end = end,
                          .premium = kind ? 2400 + (i * 37) % 3000 + 0.5 : 950,
                          .claims = kind ? i % 3 : 0,
                          .covers = kind ? "车损;三者200万;车上人员" : "交强险"};
    if (kind == 1 && i % 7 == 6)
      continue; // compulsory cover only: there are such cars
    if (!ps_db_put_policy(db, &p, e))
      return false;
  }
  return true;
}

static bool put_customer(struct ps_db *db, int i, const char *plate, int days, time_t noon,
                         struct err *e) {
  char name[32], phone[24], vin[24], registered[16];
  (void)snprintf(name, sizeof name, "演示客户%03d", i % 100000);
  (void)snprintf(phone, sizeof phone, "138 0000 %04d", i % 10000);
  (void)snprintf(vin, sizeof vin, "DEMO%013d", i);
  date_text(noon, -400 - (i * 97) % 3000, registered);
  struct ps_vehicle v = {
      plate, name, phone, models[(unsigned)i % 8], vin, colors[(unsigned)i % 6], registered};
  return ps_db_put_vehicle(db, &v, e) && put_policies(db, i, plate, days, noon, e);
}

static int dealt(int i) {
  return days_dealt[(size_t)i % (sizeof days_dealt / sizeof *days_dealt)];
}

// Writes the file's plates as customers 0 and up; *n tells how many.
static bool put_file(struct ps_db *db, const char *path, time_t noon, int *n, struct err *e) {
  json_error_t why;
  json_t *root = json_load_file(path, 0, &why);
  if (!root)
    return err_set(e, ERR_FORMAT, "%s:%d: %s", path, why.line, why.text);
  json_t *list = root;
  if (json_is_object(root)) {
    list = json_object_get(root, "visits");
    list = list ? list : json_object_get(root, "plates");
  }
  bool ok = json_is_array(list) || err_set(e, ERR_FORMAT, "%s: holds no list of plates", path);
  for (size_t i = 0; ok && i < json_array_size(list); i++) {
    json_t *item = json_array_get(list, i);
    json_t *text = json_is_object(item) ? json_object_get(item, "plate") : item;
    json_t *left = json_is_object(item) ? json_object_get(item, "days_left") : NULL;
    if (json_is_null(text) || (json_is_string(text) && json_string_length(text) == 0))
      continue; // a car without a readable plate
    if (!json_is_string(text)) {
      ok = err_set(e, ERR_FORMAT, "%s: entry %zu: no plate", path, i);
    } else {
      int days = json_is_integer(left) ? (int)json_integer_value(left) : dealt((int)i);
      ok = put_customer(db, *n, json_string_value(text), days, noon, e);
      (*n)++;
    }
  }
  json_decref(root);
  return ok;
}

bool ps_seed_demo(struct ps_db *db, int count, const char *plates_file, struct err *e) {
  time_t noon = today_noon();
  int given = 0;
  if (!ps_db_begin(db, e))
    return false;
  if (plates_file && !put_file(db, plates_file, noon, &given, e))
    return false;
  for (int i = given; i < count; i++) {
    char plate[24];
    made_up_plate(i, plate);
    if (!put_customer(db, i, plate, dealt(i), noon, e))
      return false;
  }
  return ps_db_commit(db, e);
}
