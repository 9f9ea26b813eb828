// SPDX-License-Identifier: Apache-2.0
#include "net/service/service_dhcp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

// After the headers that it needs.
#include <cmocka.h>

static const uint8_t laptop[6] = {0x02, 1, 2, 3, 4, 5};
static const uint8_t phone[6] = {0x02, 9, 9, 9, 9, 9};
static const uint8_t ours[4] = {10, 213, 77, 1};
static const uint8_t given[4] = {10, 213, 77, 2};

struct talk {
  struct service_dhcp d;
  uint32_t now;
  enum service_dhcp_event event;
  uint8_t reply[SERVICE_DHCP_REPLY];
};

static struct talk begin(void) {
  struct talk t = {.now = 1000};
  service_dhcp_init(&t.d, UINT32_C(0x0ad54d00));
  return t;
}

// Sends one message; options 50 and 54 and ciaddr where not NULL.
static size_t say(struct talk *t, const uint8_t mac[6], uint8_t type, const uint8_t *requested,
                  const uint8_t *server, const uint8_t *ciaddr) {
  uint8_t m[280] = {1, 1, 6, 0, 0xca, 0xfe, 0xba, 0xbe};
  m[10] = 0x80;
  if (ciaddr)
    memcpy(m + 12, ciaddr, 4);
  memcpy(m + 28, mac, 6);
  memcpy(m + 236, (const uint8_t[]){99, 130, 83, 99}, 4);
  uint8_t *at = m + 240;
  memcpy(at, (const uint8_t[]){53, 1, type}, 3);
  at += 3;
  if (requested) {
    memcpy(at, (const uint8_t[]){50, 4}, 2);
    memcpy(at + 2, requested, 4);
    at += 6;
  }
  if (server) {
    memcpy(at, (const uint8_t[]){54, 4}, 2);
    memcpy(at + 2, server, 4);
    at += 6;
  }
  *at++ = 255;
  return service_dhcp_answer(&t->d, t->now, m, (size_t)(at - m), t->reply, &t->event);
}

// An option of the reply, NULL when it is not there.
static const uint8_t *option(const struct talk *t, uint8_t code, size_t n) {
  for (size_t i = 240; i < SERVICE_DHCP_REPLY && t->reply[i] != 255;
       i += 2 + (size_t)t->reply[i + 1]) {
    if (t->reply[i] == code) {
      assert_int_equal(t->reply[i + 1], n);
      return t->reply + i + 2;
    }
  }
  return NULL;
}

static void take_lease(struct talk *t, const uint8_t mac[6]) {
  assert_int_equal(say(t, mac, 1, NULL, NULL, NULL), SERVICE_DHCP_REPLY);
  assert_int_equal(say(t, mac, 3, given, ours, NULL), SERVICE_DHCP_REPLY);
  assert_int_equal(t->event, SERVICE_DHCP_BOUND);
}

static void a_lease_has_these_bytes(void **state) {
  (void)state;
  struct talk t = begin();
  assert_int_equal(say(&t, laptop, 1, NULL, NULL, NULL), SERVICE_DHCP_REPLY);
  static const uint8_t head[] = {2, 1, 6, 0, 0xca, 0xfe, 0xba, 0xbe, 0,  0,   0x80, 0,
                                 0, 0, 0, 0, 10,   213,  77,   2,    10, 213, 77,   1,
                                 0, 0, 0, 0, 0x02, 1,    2,    3,    4,  5,   0,    0};
  assert_memory_equal(t.reply, head, sizeof head);
  static const uint8_t options[] = {99, 130, 83, 99, 53, 1,  2,  54,  4,   10,  213, 77, 1,
                                    51, 4,   0,  0,  0,  60, 58, 4,   0,   0,   0,   30, 59,
                                    4,  0,   0,  0,  52, 1,  4,  255, 255, 255, 248, 255};
  assert_memory_equal(t.reply + 236, options, sizeof options);
  assert_int_equal(t.event, SERVICE_DHCP_NOTHING);
  assert_int_equal(say(&t, laptop, 3, given, ours, NULL), SERVICE_DHCP_REPLY);
  assert_int_equal(*option(&t, 53, 1), 5); // ACK
  assert_memory_equal(t.reply + 16, given, 4);
  assert_int_equal(t.event, SERVICE_DHCP_BOUND);
}

static void nothing_leads_the_laptop_elsewhere(void **state) {
  (void)state;
  struct talk t = begin();
  take_lease(&t, laptop);
  assert_null(option(&t, 3, 4));   // router
  assert_null(option(&t, 6, 4));   // name server
  assert_null(option(&t, 121, 4)); // routes
}

static void a_second_laptop_hears_nothing_until_the_first_is_gone(void **state) {
  (void)state;
  struct talk t = begin();
  take_lease(&t, laptop);
  assert_int_equal(say(&t, phone, 1, NULL, NULL, NULL), 0);
  assert_int_equal(say(&t, phone, 3, given, ours, NULL), 0);
  assert_int_equal(say(&t, phone, 7, NULL, ours, given), 0); // nor can it release the other's
  assert_true(t.d.bound);
  t.now += SERVICE_DHCP_LEASE_S * 1000;
  take_lease(&t, phone);
  assert_memory_equal(t.d.mac, phone, 6);
}

static void an_offer_nobody_took_is_free_soon(void **state) {
  (void)state;
  struct talk t = begin();
  assert_int_equal(say(&t, phone, 1, NULL, NULL, NULL), SERVICE_DHCP_REPLY);
  assert_int_equal(say(&t, laptop, 1, NULL, NULL, NULL), 0);
  t.now += SERVICE_DHCP_OFFER_S * 1000;
  assert_int_equal(say(&t, laptop, 1, NULL, NULL, NULL), SERVICE_DHCP_REPLY);
}

static void renewing_keeps_the_lease(void **state) {
  (void)state;
  struct talk t = begin();
  take_lease(&t, laptop);
  for (int i = 0; i < 5; i++) {
    t.now += SERVICE_DHCP_LEASE_S * 500;
    assert_false(service_dhcp_expired(&t.d, t.now));
    assert_int_equal(say(&t, laptop, 3, NULL, NULL, given), SERVICE_DHCP_REPLY);
    assert_int_equal(*option(&t, 53, 1), 5);
    assert_memory_equal(t.reply + 12, given, 4); // where the answer goes
    assert_int_equal(t.event, SERVICE_DHCP_NOTHING);
  }
  t.now += SERVICE_DHCP_LEASE_S * 1000;
  assert_true(service_dhcp_expired(&t.d, t.now));
  assert_false(service_dhcp_expired(&t.d, t.now));
}

static void an_address_from_elsewhere_is_refused_at_once(void **state) {
  (void)state;
  struct talk t = begin();
  const uint8_t home[4] = {192, 168, 1, 20};
  assert_int_equal(say(&t, laptop, 3, home, NULL, NULL), SERVICE_DHCP_REPLY);
  assert_int_equal(*option(&t, 53, 1), 6); // NAK
  assert_memory_equal(t.reply + 16, (const uint8_t[4]){0}, 4);
  assert_false(t.d.bound);
}

static void another_servers_client_is_left_alone(void **state) {
  (void)state;
  struct talk t = begin();
  const uint8_t other[4] = {10, 0, 0, 1};
  assert_int_equal(say(&t, laptop, 1, NULL, NULL, NULL), SERVICE_DHCP_REPLY);
  assert_int_equal(say(&t, laptop, 3, given, other, NULL), 0);
  assert_false(t.d.held);
}

static void release_and_unplugging_free_it(void **state) {
  (void)state;
  struct talk t = begin();
  take_lease(&t, laptop);
  assert_int_equal(say(&t, laptop, 7, NULL, ours, given), 0);
  assert_int_equal(t.event, SERVICE_DHCP_FREED);
  take_lease(&t, phone);
  assert_true(service_dhcp_unplugged(&t.d));
  assert_false(service_dhcp_unplugged(&t.d));
  take_lease(&t, laptop);
}

static void a_declined_address_is_not_offered_again(void **state) {
  (void)state;
  struct talk t = begin();
  take_lease(&t, laptop);
  assert_int_equal(say(&t, laptop, 4, given, ours, NULL), 0);
  assert_int_equal(say(&t, laptop, 1, NULL, NULL, NULL), SERVICE_DHCP_REPLY);
  assert_int_equal(t.reply[19], 3);
  for (int i = 0; i < 20; i++) { // never the device's own, never beyond the network
    uint8_t now[4];
    service_dhcp_client(&t.d, now);
    assert_in_range(now[3], 2, 6);
    (void)say(&t, laptop, 1, NULL, NULL, NULL);
    (void)say(&t, laptop, 4, now, ours, NULL);
  }
}

static void broken_messages_are_not_answered(void **state) {
  (void)state;
  struct talk t = begin();
  uint8_t m[260] = {1, 1, 6, 0};
  memcpy(m + 28, laptop, 6);
  memcpy(m + 236, (const uint8_t[]){99, 130, 83, 99, 53, 1, 1, 255}, 8);
  assert_int_equal(service_dhcp_answer(&t.d, 0, m, 244, t.reply, &t.event), SERVICE_DHCP_REPLY);
  for (size_t n = 0; n < 243; n++) // cut anywhere before the type is whole
    assert_int_equal(service_dhcp_answer(&t.d, 0, m, n, t.reply, &t.event), 0);
  m[241] = 40; // longer than the message
  assert_int_equal(service_dhcp_answer(&t.d, 0, m, 244, t.reply, &t.event), 0);
  m[241] = 1;
  m[0] = 2; // a reply
  assert_int_equal(service_dhcp_answer(&t.d, 0, m, 244, t.reply, &t.event), 0);
  m[0] = 1;
  m[2] = 16; // not Ethernet
  assert_int_equal(service_dhcp_answer(&t.d, 0, m, 244, t.reply, &t.event), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_lease_has_these_bytes),
      cmocka_unit_test(nothing_leads_the_laptop_elsewhere),
      cmocka_unit_test(a_second_laptop_hears_nothing_until_the_first_is_gone),
      cmocka_unit_test(an_offer_nobody_took_is_free_soon),
      cmocka_unit_test(renewing_keeps_the_lease),
      cmocka_unit_test(an_address_from_elsewhere_is_refused_at_once),
      cmocka_unit_test(another_servers_client_is_left_alone),
      cmocka_unit_test(release_and_unplugging_free_it),
      cmocka_unit_test(a_declined_address_is_not_offered_again),
      cmocka_unit_test(broken_messages_are_not_answered),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
