// SPDX-License-Identifier: Apache-2.0
#include "net/retry.h"

#include "board/clock.h"

#include <curl/curl.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

void retry_rng_seed(struct retry_rng *r) {
  uint64_t seed = 0;
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != (ssize_t)sizeof seed)
    seed = (uint64_t)clock_mono_ns(clock_system()); // early boot: the moment is random enough
  r->state = seed ? seed : 1;
}

// splitmix64 (Steele, Lea, Flood 2014): full period, one word of state.
static uint64_t next(struct retry_rng *r) {
  uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

int64_t retry_pause_ns(struct retry_rng *r, int attempt, int64_t first_ns, int64_t max_ns) {
  int64_t pause = first_ns < max_ns ? first_ns : max_ns;
  for (int i = 1; i < attempt && pause < max_ns; i++)
    pause = pause > max_ns / 2 ? max_ns : pause * 2;
  int64_t half = pause / 2;
  return pause - half + (int64_t)(next(r) % ((uint64_t)half + 1));
}

bool retry_after_parse(const char *value, int64_t wall_ns, int64_t *pause_ns) {
  const int64_t max = RETRY_AFTER_MAX_S * CLOCK_NS_PER_S;
  while (*value == ' ' || *value == '\t')
    value++;
  size_t digits = strspn(value, "0123456789");
  size_t blanks = strspn(value + digits, " \t\r\n");
  if (digits > 0 && value[digits + blanks] == '\0') {
    int64_t s = 0;
    for (size_t i = 0; i < digits && s < RETRY_AFTER_MAX_S; i++)
      s = s * 10 + (value[i] - '0');
    *pause_ns = s < RETRY_AFTER_MAX_S ? s * CLOCK_NS_PER_S : max;
    return true;
  }
  // curl_getdate knows all three forms that RFC 9110 makes a client accept, but also bare numbers
  // and words; an HTTP-date always begins with the name of a day.
  static const char days[] = "MonTueWedThuFriSatSun";
  bool day = false;
  for (size_t i = 0; i + 3 < sizeof days && !day; i += 3)
    day = strncmp(value, days + i, 3) == 0;
  time_t t = day ? curl_getdate(value, NULL) : (time_t)-1;
  if (t == (time_t)-1)
    return false;
  if (t > wall_ns / CLOCK_NS_PER_S + RETRY_AFTER_MAX_S) {
    *pause_ns = max;
    return true;
  }
  int64_t left = (int64_t)t * CLOCK_NS_PER_S - wall_ns;
  *pause_ns = left > 0 ? left : 0;
  return true;
}
