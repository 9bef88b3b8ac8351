/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Checksums, addresses, headers and tuples: what the core consists of, but for its
 * maps (test_addrmap.c) and for what translate() does with all this (test_translate.c).
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/checksum.h"
#include "core/flow.h"
#include "core/icmp_error.h"
#include "core/transport.h"
#include "core/utf8.h"
#include "packets.h"

static const struct recipe v4 = {
	.version = 4, .outer_src = "192.168.42.1", .outer_dst = "203.0.113.10", .type = 3, .code = 3,
	.inner_src = "203.0.113.10", .inner_dst = "192.168.1.5", .protocol = IPPROTO_UDP,
	.sport = 40000, .dport = 53, .payload = 20,
};

static const struct recipe v6 = {
	.version = 6, .outer_src = "fd42::1", .outer_dst = "2001:db8:c::10", .type = 1, .code = 4,
	.inner_src = "2001:db8:c::10", .inner_dst = "fd00:1::5", .protocol = IPPROTO_UDP,
	.sport = 40000, .dport = 53, .payload = 20,
};

/* Any length and any bytes: the same sum as word by word. */
static void checksum_equals_reference(void **state)
{
	uint8_t bytes[300];

	(void)state;
	srand(1);
	for (size_t n = 0; n < sizeof(bytes); n++) {
		uint16_t reference, sum;

		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)rand();
		reference = htons(reference_sum(bytes, n, 0));
		sum = (uint16_t)~checksum_fold(checksum_add(0, bytes, n));
		assert_int_equal(sum, reference);
	}
}

/* Intact is what folds to 0xffff; a sum of 0 is that of zeros alone. */
static void checksums_verify_as_they_fold(void **state)
{
	(void)state;
	srand(3);
	assert_false(checksum_verifies(0));
	assert_true(checksum_verifies(UINT64_MAX) && checksum_verifies(UINT16_MAX));
	for (int round = 0; round < 100000; round++) {
		uint64_t sum = ((uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand()) >> rand() % 64;

		if (round % 2)
			sum -= sum % UINT16_MAX;
		assert_int_equal(checksum_verifies(sum), checksum_fold(sum) == UINT16_MAX);
	}
}

/* An increment gives the same field as a sum over the changed bytes. */
static void checksum_update_equals_reference(void **state)
{
	(void)state;
	srand(2);
	for (int round = 0; round < 100000; round++) {
		uint8_t bytes[20], with[4];
		uint16_t reference;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = rand() % 4 ? (uint8_t)rand() : rand() % 2 ? 0xff : 0;
		bytes[0] = 0x45;
		for (size_t i = 0; i < sizeof(with); i++)
			with[i] = rand() % 4 ? (uint8_t)rand() : rand() % 2 ? 0xff : 0;
		memset(bytes + 10, 0, 2);
		reference = htons(reference_sum(bytes, 20, 0));
		memcpy(bytes + 10, &reference, 2);
		checksum_update(bytes + 10, checksum_replace(bytes + 12, with, 4));
		assert_int_equal(reference_sum(bytes, 20, 0), 0);
	}
}

/* As IANA's registries of special purpose addresses have it in their column "globally reachable". */
static void private_addresses(void **state)
{
	static const char *const private[] = {"10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255",
		"192.168.0.0", "192.168.255.255", "100.64.0.0", "100.127.255.255", "169.254.0.1", "0.0.0.0",
		"0.255.255.255", "127.0.0.1", "192.0.0.0", "192.0.0.8", "192.0.0.11", "192.0.0.170",
		"192.0.0.255", "192.88.99.2", "198.18.0.0", "198.19.255.255", "240.0.0.0", "240.127.1.1",
		"255.255.255.255",
		"fc00::", "fdff:ffff::1", "fe80::1", "febf::1", "fec0::1", "feff::1", "::", "::1",
		"64:ff9b:1::", "64:ff9b:1:ffff::1", "100::1", "100:0:0:1::1", "2001:1::", "2001:1::4",
		"2001:2::1", "2001:4::1", "2001:4:113::1", "2001:10::1", "2001:1f:ffff::1", "2001:40::1",
		"2001:1ff:ffff::1", "5f00::1", "5f00:ffff::1"};
	static const char *const public[] = {"9.255.255.255", "11.0.0.0", "172.15.255.255", "172.32.0.0",
		"192.167.255.255", "192.169.0.0", "100.63.255.255", "100.128.0.0", "169.253.0.1",
		"169.255.0.1", "1.0.0.0", "1.2.3.4", "126.255.255.255", "128.0.0.0", "191.255.255.255",
		"192.0.0.9", "192.0.0.10", "192.0.1.0", "192.88.99.1", "192.88.99.3", "198.17.255.255",
		"198.20.0.0",
		"192.0.2.1", "198.51.100.1", "203.0.113.1", "223.255.255.255", "224.0.0.1", "239.255.255.255",
		"2001:db8::1", "3fff::1", "fbff::1", "fe00::1", "fe7f::1", "ff02::1", "::2",
		"64:ff9b::102:304", "64:ff9b:2::", "100:0:0:2::", "2000::", "2001::1", "2001:0:ffff::1",
		"2001:1::1", "2001:1::3", "2001:3::1", "2001:4:112::1", "2001:20::1", "2001:2f::1",
		"2001:3f::1", "2001:200::1", "2002:c000:201::1", "5eff::1", "5f01::", "2620:fe::9"};

	(void)state;
	for (size_t i = 0; i < sizeof(private) / sizeof(private[0]); i++)
		assert_true(address_is_private(parse_address(private[i])));
	for (size_t i = 0; i < sizeof(public) / sizeof(public[0]); i++)
		assert_false(address_is_private(parse_address(public[i])));
}

static void loopback_addresses(void **state)
{
	(void)state;
	assert_true(address_is_loopback(parse_address("127.0.0.1")));
	assert_true(address_is_loopback(parse_address("127.255.0.1")));
	assert_true(address_is_loopback(parse_address("::1")));
	assert_false(address_is_loopback(parse_address("128.0.0.1")));
	assert_false(address_is_loopback(parse_address("::")));
	assert_false(address_is_loopback(parse_address("1::1")));
}

/* The ends of each range, and their neighbours where these are in no range; the ranges are sorted. */
static void assert_ranges(const struct address_range *range)
{
	struct address behind = {0, 0}; /* the range before */

	for (bool first = true; range->name; range++, first = false) {
		const struct address last = range->last;
		const struct address before = {range->first.hi - (range->first.lo == 0), range->first.lo - 1};

		assert_true(address_compare(range->first, last) <= 0);
		assert_true(first || address_compare(behind, range->first) <= 0);
		if (!first && !address_equal(behind, range->first))
			assert_false(address_is_private(behind) || address_is_private(before));
		behind = (struct address){last.hi + (last.lo == UINT64_MAX), last.lo + 1};
		if (range->kind == ADDRESS_MAPPED) /* it is IPv4 */
			continue;
		assert_int_equal(address_is_private(range->first), range->kind == ADDRESS_PRIVATE);
		assert_int_equal(address_is_private(last), range->kind == ADDRESS_PRIVATE);
	}
}

static void private_ranges_end_where_they_should(void **state)
{
	(void)state;
	assert_ranges(address_ranges(4));
	assert_ranges(address_ranges(6));
}

static void addresses_survive_a_round_trip(void **state)
{
	uint8_t bytes[16], back[16];

	(void)state;
	inet_pton(AF_INET6, "2001:db8:1234:5678:9abc:def0:1:2", bytes);
	address_to_v6(address_from_v6(bytes), back);
	assert_memory_equal(bytes, back, 16);
	address_to_v4(address_from_v4(bytes), back);
	assert_memory_equal(bytes, back, 4);
	assert_true(address_is_v4(parse_address("1.2.3.4")));
	assert_false(address_is_v4(parse_address("2001:db8::")));
	assert_int_equal(address_compare(parse_address("1.2.3.4"), parse_address("1.2.3.5")), -1);
	assert_int_equal(address_compare(parse_address("2001:db8::"), parse_address("1.2.3.5")), 1);
}

static void addresses_of_sockets_are_read(void **state)
{
	const struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x01020304)};
	const struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr.s6_addr = {0x20, 1, [15] = 9}};
	const struct sockaddr other = {.sa_family = AF_UNIX};
	struct address a;

	(void)state;
	assert_true(address_from_socket(&a, (const struct sockaddr *)&in4));
	assert_true(a.hi == 0 && a.lo == 0xffff01020304);
	assert_true(address_from_socket(&a, (const struct sockaddr *)&in6));
	assert_true(a.hi == 0x2001000000000000 && a.lo == 9);
	assert_false(address_from_socket(&a, &other));
	assert_false(address_from_socket(&a, NULL));
}

static void prefixes(void **state)
{
	struct prefix v4_24 = {parse_address("1.2.3.0"), 120}, v6_48 = {parse_address("2001:db8:1::"), 48},
		      all = {{0, 0}, 0}, host = {parse_address("1.2.3.4"), 128};

	(void)state;
	assert_true(prefix_contains(v4_24, parse_address("1.2.3.255")));
	assert_false(prefix_contains(v4_24, parse_address("1.2.4.0")));
	assert_false(prefix_contains(v4_24, parse_address("1.2.2.255")));
	assert_true(prefix_contains(v6_48, parse_address("2001:db8:1:ffff:ffff:ffff:ffff:ffff")));
	assert_false(prefix_contains(v6_48, parse_address("2001:db8:2::")));
	assert_true(prefix_contains(all, parse_address("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")));
	assert_true(prefix_contains(host, parse_address("1.2.3.4")));
	assert_false(prefix_contains(host, parse_address("1.2.3.5")));
}

static enum outcome parse(struct icmp_error *error, const struct recipe *recipe, uint8_t *bytes)
{
	return icmp_error_parse(error, bytes, packet_build(bytes, recipe));
}

static void a_sound_error_is_read(void **state)
{
	uint8_t bytes[PACKET_ROOM];
	struct icmp_error error;

	(void)state;
	assert_int_equal(parse(&error, &v4, bytes), OUTCOME_UNDECIDED);
	assert_int_equal(error.type, ICMP_TYPE_V4_UNREACHABLE);
	assert_true(address_equal(error.outer.source, parse_address("192.168.42.1")));
	assert_true(address_equal(error.outer.destination, parse_address("203.0.113.10")));
	assert_true(address_equal(error.inner.source, parse_address("203.0.113.10")));
	assert_true(address_equal(error.inner.destination, parse_address("192.168.1.5")));
	assert_int_equal(error.inner.transport, 48);
	assert_int_equal(parse(&error, &v6, bytes), OUTCOME_UNDECIDED);
	assert_int_equal(error.type, ICMP_TYPE_V6_UNREACHABLE);
	assert_true(address_equal(error.inner.destination, parse_address("fd00:1::5")));
	assert_int_equal(error.inner.transport, 88);
}

/* Each type that quotes a packet, and its neighbours. */
static void types_that_are_ours(void **state)
{
	uint8_t bytes[PACKET_ROOM];
	struct icmp_error error;

	(void)state;
	for (int type = 0; type < 256; type++) {
		struct recipe r = v4, r6 = v6;
		bool ours = type == 3 || type == 11 || type == 12, ours6 = type >= 1 && type <= 4;

		r.type = r6.type = (uint8_t)type;
		assert_int_equal(parse(&error, &r, bytes), ours ? OUTCOME_UNDECIDED : OUTCOME_NOT_ERROR);
		assert_int_equal(parse(&error, &r6, bytes), ours6 ? OUTCOME_UNDECIDED : OUTCOME_NOT_ERROR);
	}
}

/* Flips one byte at a time: no damage to headers or message goes unnoticed. */
static void damage_is_noticed(void **state)
{
	uint8_t bytes[PACKET_ROOM];
	struct icmp_error error;
	size_t length = packet_build(bytes, &v4);

	(void)state;
	for (size_t i = 0; i < length; i++) {
		bytes[i] ^= 0x10;
		assert_int_not_equal(icmp_error_parse(&error, bytes, length), OUTCOME_UNDECIDED);
		bytes[i] ^= 0x10;
	}
	assert_int_equal(icmp_error_parse(&error, bytes, length), OUTCOME_UNDECIDED);
}

/* Cut anywhere, with or without headers that know of the cut. */
static void every_truncation_is_survived(void **state)
{
	static const struct recipe *const recipes[] = {&v4, &v6};
	uint8_t bytes[PACKET_ROOM];
	struct icmp_error error;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		size_t length = packet_build(bytes, recipes[i]);
		struct recipe cut = *recipes[i];
		size_t header = recipes[i]->version == 4 ? 20 : 40;

		for (size_t n = 0; n < length; n++) {
			uint8_t *copy = malloc(n ? n : 1); /* so that a sanitizer sees the end */

			memcpy(copy, bytes, n);
			assert_int_not_equal(icmp_error_parse(&error, copy, n), OUTCOME_UNDECIDED);
			free(copy);
		}
		for (cut.quote = 1; cut.quote < length - header - 8; cut.quote++) {
			uint8_t *copy = malloc(PACKET_ROOM);
			size_t n = packet_build(copy, &cut);

			copy = realloc(copy, n);
			assert_int_equal(icmp_error_parse(&error, copy, n),
				cut.quote < header ? OUTCOME_INNER_HEADER : OUTCOME_UNDECIDED);
			free(copy);
		}
	}
}

/* Changes one byte of a sound error and makes the outer sums right again. */
static enum outcome parse_with(const struct recipe *recipe, size_t offset, uint8_t value)
{
	uint8_t bytes[PACKET_ROOM];
	struct icmp_error error;
	size_t length = packet_build(bytes, recipe), icmp = recipe->version == 4 ? 20 : 40;

	if (offset >= icmp)
		checksum_update(bytes + icmp + 2, checksum_replace(bytes + (offset & ~1ul),
			(uint8_t[2]){offset & 1 ? bytes[offset - 1] : value, offset & 1 ? value : bytes[offset + 1]}, 2));
	else if (recipe->version == 4)
		checksum_update(bytes + 10, checksum_replace(bytes + (offset & ~1ul),
			(uint8_t[2]){offset & 1 ? bytes[offset - 1] : value, offset & 1 ? value : bytes[offset + 1]}, 2));
	else
		bytes[offset] = value;
	return icmp_error_parse(&error, bytes, length);
}

static void each_mistake_has_its_outcome(void **state)
{
	struct recipe about_error = v4, about_error6 = v6;

	(void)state;
	assert_int_equal(parse_with(&v4, 0, 0x55), OUTCOME_OUTER_HEADER);
	assert_int_equal(parse_with(&v4, 0, 0x44), OUTCOME_OUTER_HEADER);
	assert_int_equal(parse_with(&v4, 3, 70), OUTCOME_OUTER_HEADER);
	assert_int_equal(parse_with(&v4, 6, 0x20), OUTCOME_FRAGMENT);
	assert_int_equal(parse_with(&v4, 7, 1), OUTCOME_FRAGMENT);
	assert_int_equal(parse_with(&v4, 9, IPPROTO_UDP), OUTCOME_NOT_ERROR);
	assert_int_equal(parse_with(&v4, 25, 40), OUTCOME_QUOTE_LENGTH);
	assert_int_equal(parse_with(&v4, 25, 4), OUTCOME_INNER_HEADER);
	assert_int_equal(parse_with(&v4, 28, 0x65), OUTCOME_INNER_VERSION);
	assert_int_equal(parse_with(&v4, 28, 0x44), OUTCOME_INNER_HEADER);
	assert_int_equal(parse_with(&v4, 31, 19), OUTCOME_INNER_HEADER);
	assert_int_equal(parse_with(&v4, 36, 60), OUTCOME_INNER_CHECKSUM);
	assert_int_equal(parse_with(&v6, 5, 90), OUTCOME_OUTER_HEADER);
	assert_int_equal(parse_with(&v6, 48, 0x45), OUTCOME_INNER_VERSION);
	assert_int_equal(parse_with(&v6, 44, 20), OUTCOME_QUOTE_LENGTH);
	about_error.protocol = IPPROTO_ICMP;
	about_error.sport = 11 << 8;
	assert_int_equal(parse(&(struct icmp_error){0}, &about_error, (uint8_t[PACKET_ROOM]){0}),
		OUTCOME_ERROR_ABOUT_ERROR);
	about_error6.protocol = IPPROTO_ICMPV6;
	about_error6.sport = 3 << 8;
	assert_int_equal(parse(&(struct icmp_error){0}, &about_error6, (uint8_t[PACKET_ROOM]){0}),
		OUTCOME_ERROR_ABOUT_ERROR);
}

/* ::ffff:192.168.1.20 in an IPv6 header is not 192.168.1.20. */
static void mapped_addresses_are_left_alone(void **state)
{
	struct recipe inner = v6, outer = v6;
	uint8_t bytes[PACKET_ROOM];
	struct icmp_error error;

	(void)state;
	inner.inner_dst = "::ffff:192.168.1.20";
	assert_int_equal(parse(&error, &inner, bytes), OUTCOME_MAPPED_ADDRESS);
	outer.outer_src = "::ffff:192.168.1.20";
	assert_int_equal(parse(&error, &outer, bytes), OUTCOME_MAPPED_ADDRESS);
}

/* Two routing headers, the first of which is not used up: the destination is
 * not the last one, whatever the second says. */
static void a_route_that_is_left_is_seen(void **state)
{
	static const uint8_t headers[16] = {IPPROTO_ROUTING, 0, 4, 1, 0, 0, 0, 0, IPPROTO_UDP, 0, 4, 0};
	struct recipe r = v6;
	uint8_t bytes[PACKET_ROOM];
	struct packet packet;

	(void)state;
	r.options = 16;
	packet_build(bytes, &r);
	memcpy(bytes + 88, headers, sizeof(headers));
	bytes[48 + 6] = IPPROTO_ROUTING;
	assert_int_equal(packet_parse(&packet, bytes, 48, 48 + 40 + 16 + 8), PACKET_OK);
	assert_int_equal(packet.transport, 48 + 40 + 16);
	assert_true(packet.rerouted);
}

/* ICMPv6 in IPv4 has no tuple that conntrack could know. */
static void icmp_of_the_other_family_has_no_tuple(void **state)
{
	struct recipe r4 = v4, r6 = v6;
	uint8_t bytes[PACKET_ROOM];
	struct icmp_error error;
	struct flow_tuple t;

	(void)state;
	r4.protocol = IPPROTO_ICMPV6;
	r6.protocol = IPPROTO_ICMP;
	assert_int_equal(parse(&error, &r4, bytes), OUTCOME_UNDECIDED);
	assert_false(flow_tuple_read(&t, &error, bytes));
	assert_int_equal(parse(&error, &r6, bytes), OUTCOME_UNDECIDED);
	assert_false(flow_tuple_read(&t, &error, bytes));
}

static void options_and_extensions_are_walked(void **state)
{
	struct recipe with4 = v4, with6 = v6;
	uint8_t bytes[PACKET_ROOM];
	struct icmp_error error;

	(void)state;
	with4.options = 40;
	assert_int_equal(parse(&error, &with4, bytes), OUTCOME_UNDECIDED);
	assert_int_equal(error.inner.transport, 28 + 60);
	with6.options = 24;
	assert_int_equal(parse(&error, &with6, bytes), OUTCOME_UNDECIDED);
	assert_int_equal(error.inner.transport, 48 + 40 + 24);
	assert_int_equal(error.inner.protocol, IPPROTO_UDP);
	with6.quote = 40 + 12;
	assert_int_equal(parse(&error, &with6, bytes), OUTCOME_UNDECIDED);
	assert_int_equal(error.inner.transport, 0);
	with4.options = 0;
	with4.fragment = 0x2000;
	assert_int_equal(parse(&error, &with4, bytes), OUTCOME_UNDECIDED);
	assert_int_equal(error.inner.transport, 48);
	with4.fragment = 0x0010;
	assert_int_equal(parse(&error, &with4, bytes), OUTCOME_UNDECIDED);
	assert_int_equal(error.inner.transport, 0);
}

static struct flow_tuple tuple(const char *src, const char *dst, uint16_t sport, uint16_t dport)
{
	return (struct flow_tuple){.source = parse_address(src), .destination = parse_address(dst),
		.source_port_be = htons(sport), .destination_port_be = htons(dport), .protocol = IPPROTO_UDP};
}

static void tuples_are_read(void **state)
{
	struct recipe echo = v4, echo6 = v6, cut = v4, esp = v4;
	struct flow_tuple expected = tuple("203.0.113.10", "192.168.1.5", 40000, 53), t;
	uint8_t bytes[PACKET_ROOM];
	struct icmp_error error;

	(void)state;
	parse(&error, &v4, bytes);
	assert_true(flow_tuple_read(&t, &error, bytes));
	assert_true(flow_tuple_equal(&t, &expected));
	echo.protocol = IPPROTO_ICMP;
	echo.sport = 8 << 8;
	echo.dport = 4711;
	parse(&error, &echo, bytes);
	assert_true(flow_tuple_read(&t, &error, bytes));
	assert_int_equal(t.icmp_type, 8);
	assert_int_equal(ntohs(t.source_port_be), 4711);
	assert_int_equal(flow_tuple_inverse(&t).icmp_type, 0);
	echo6.protocol = IPPROTO_ICMPV6;
	echo6.sport = 129 << 8;
	parse(&error, &echo6, bytes);
	assert_true(flow_tuple_read(&t, &error, bytes));
	assert_int_equal(flow_tuple_inverse(&t).icmp_type, 128);
	cut.quote = 23;
	parse(&error, &cut, bytes);
	assert_false(flow_tuple_read(&t, &error, bytes));
	cut.quote = 0;
	cut.fragment = 1;
	parse(&error, &cut, bytes);
	assert_false(flow_tuple_read(&t, &error, bytes));
	esp.protocol = IPPROTO_ESP;
	parse(&error, &esp, bytes);
	assert_true(flow_tuple_read(&t, &error, bytes));
	assert_int_equal(t.source_port_be, 0);
}

static void icmp_queries_have_their_answers(void **state)
{
	static const uint8_t pairs[][2] = {{8, 0}, {13, 14}, {15, 16}, {17, 18}};
	struct flow_tuple t = tuple("1.2.3.4", "5.6.7.8", 1, 1);

	(void)state;
	t.protocol = IPPROTO_ICMP;
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < 2; j++) {
			t.icmp_type = pairs[i][j];
			assert_int_equal(flow_tuple_inverse(&t).icmp_type, pairs[i][!j]);
		}
}

/* Whichever side of the NAT a packet was seen on, in either direction. */
static void the_sent_tuple_is_found(void **state)
{
	const struct flow dnat = {tuple("203.0.113.10", "1.2.3.4", 5, 53), tuple("192.168.1.4", "203.0.113.10", 5353, 5)};
	const struct flow snat = {tuple("192.168.1.4", "203.0.113.10", 5, 80), tuple("203.0.113.10", "1.2.3.4", 80, 999)};
	const struct flow plain = {tuple("203.0.113.10", "1.2.3.4", 5, 53), tuple("1.2.3.4", "203.0.113.10", 53, 5)};
	struct flow_tuple inside = flow_tuple_inverse(&dnat.reply), back = flow_tuple_inverse(&snat.original);
	struct flow_tuple answer = flow_tuple_inverse(&dnat.original), stranger = tuple("1.1.1.1", "2.2.2.2", 1, 2);

	(void)state;
	assert_true(flow_has_nat(&dnat) && flow_has_nat(&snat));
	assert_false(flow_has_nat(&plain));
	assert_ptr_equal(flow_as_sent(&dnat, &inside), &dnat.original);
	assert_ptr_equal(flow_as_sent(&dnat, &dnat.original), &dnat.original);
	assert_ptr_equal(flow_as_sent(&dnat, &dnat.reply), &dnat.reply);
	assert_ptr_equal(flow_as_sent(&dnat, &answer), &dnat.reply);
	assert_ptr_equal(flow_as_sent(&snat, &back), &snat.reply);
	assert_ptr_equal(flow_as_sent(&snat, &snat.reply), &snat.reply);
	assert_null(flow_as_sent(&dnat, &stranger));
}

/* Writes a character in so many bytes, right or wrong. */
static void encode(char text[5], uint32_t character, size_t length)
{
	static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};

	memset(text, 0, 5);
	for (size_t i = length - 1; i > 0; i--, character >>= 6)
		text[i] = (char)(0x80 | (character & 0x3f));
	text[0] = (char)(marks[length] | character);
}

static bool is_character(uint32_t c, size_t length)
{
	const size_t least = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	return length == least && (c < 0xd800 || c > 0xdfff) && c < 0x110000;
}

/* Every character and some that are none, in every length that can hold them. */
static void only_utf8_is_read(void **state)
{
	static const uint32_t most[] = {0, 0x7f, 0x7ff, 0xffff, 0x1fffff};
	char text[5];

	(void)state;
	for (size_t length = 1; length <= 4; length++)
		for (uint32_t c = 1; c <= most[length]; c++) {
			encode(text, c, length);
			assert_int_equal(utf8_length(text), is_character(c, length) ? length : 0);
			text[length - 1] = '\0';
			if (length > 1)
				assert_int_equal(utf8_length(text), 0);
		}
	assert_int_equal(utf8_length("\x80"), 0);
	assert_int_equal(utf8_length("\xf8\x88\x80\x80\x80"), 0);
}

static void terminals_are_not_acted_on(void **state)
{
	static const char *const texts[][2] = {{"", ""}, {" ~ \xc3\xa9 \xe2\x82\xac", " ~ \xc3\xa9 \xe2\x82\xac"},
		{"\x1b[2J\t\n", "?[2J??"}, {"\x7f\xc2\x80\xc2\x9f\xc2\xa0", "???\xc2\xa0"},
		{"\x9b\xff\xc3", "???"}};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const char *rest = texts[i][0];
		char shown[32] = "";

		for (size_t length; *rest;) {
			const char *next = utf8_visible(&rest, &length);

			strncat(shown, next, length);
		}
		assert_string_equal(shown, texts[i][1]);
	}
}

/* A packet that differs in a single field is not the flow's. */
static void every_field_of_a_tuple_counts(void **state)
{
	const struct flow_tuple sent = tuple("203.0.113.10", "1.2.3.4", 5, 53);
	const struct flow flow = {sent, tuple("192.168.1.4", "203.0.113.10", 5353, 5)};
	struct flow_tuple others[7];

	(void)state;
	for (size_t i = 0; i < 7; i++)
		others[i] = sent;
	others[0].source.lo ^= 1;
	others[1].destination.lo ^= 1;
	others[2].source_port_be ^= 1;
	others[3].destination_port_be ^= 1;
	others[4].protocol ^= 1;
	others[5].icmp_type ^= 1;
	others[6].icmp_code ^= 1;
	assert_true(flow_tuple_equal(&sent, &flow.original));
	assert_ptr_equal(flow_as_sent(&flow, &sent), &flow.original);
	for (size_t i = 0; i < 7; i++) {
		assert_false(flow_tuple_equal(&sent, &others[i]));
		assert_null(flow_as_sent(&flow, &others[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum_equals_reference),
		cmocka_unit_test(checksums_verify_as_they_fold),
		cmocka_unit_test(checksum_update_equals_reference),
		cmocka_unit_test(private_addresses),
		cmocka_unit_test(loopback_addresses),
		cmocka_unit_test(private_ranges_end_where_they_should),
		cmocka_unit_test(only_utf8_is_read),
		cmocka_unit_test(terminals_are_not_acted_on),
		cmocka_unit_test(addresses_survive_a_round_trip),
		cmocka_unit_test(addresses_of_sockets_are_read),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(a_sound_error_is_read),
		cmocka_unit_test(types_that_are_ours),
		cmocka_unit_test(damage_is_noticed),
		cmocka_unit_test(every_truncation_is_survived),
		cmocka_unit_test(each_mistake_has_its_outcome),
		cmocka_unit_test(mapped_addresses_are_left_alone),
		cmocka_unit_test(a_route_that_is_left_is_seen),
		cmocka_unit_test(icmp_of_the_other_family_has_no_tuple),
		cmocka_unit_test(options_and_extensions_are_walked),
		cmocka_unit_test(tuples_are_read),
		cmocka_unit_test(icmp_queries_have_their_answers),
		cmocka_unit_test(the_sent_tuple_is_found),
		cmocka_unit_test(every_field_of_a_tuple_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
