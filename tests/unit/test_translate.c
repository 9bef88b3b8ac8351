/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * translate(): which bytes change, that no other one does, and that every sum is
 * right afterwards for code that shares nothing with ours (packets.c).
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/translate.h"
#include "packets.h"

#define ALL_SUMS (SUM_OUTER | SUM_ICMP | SUM_INNER | SUM_TRANSPORT)

static struct addrmap_entry entry(const char *private, const char *public, uint8_t length, uint8_t parts)
{
	return (struct addrmap_entry){
		.private = {parse_address(private), length}, .public = {parse_address(public), length},
		.outside = ADDRMAP_ANY, .parts = parts};
}

#define BOTH (1 << ADDRMAP_OUTER | 1 << ADDRMAP_INNER)

/* The maps of the examples: the firewall and the DMZ, in both families. */
static struct addrmap_entry entries[4];
static struct addrmap_range ranges[ADDRMAP_PARTS][ADDRMAP_RANGES(4)];
static struct addrmap maps[ADDRMAP_PARTS], no_maps[ADDRMAP_PARTS];

static int make_maps(void **state)
{
	(void)state;
	entries[0] = entry("192.168.42.1", "1.2.3.1", 128, BOTH);
	entries[1] = entry("192.168.1.0", "1.2.3.0", 120, BOTH);
	entries[2] = entry("fd42::1", "2001:db8:1::1", 128, BOTH);
	entries[3] = entry("fd00:1::", "2001:db8:1::", 64, BOTH);
	qsort(entries, 4, sizeof(entries[0]), addrmap_compare);
	for (int part = 0; part < ADDRMAP_PARTS; part++)
		addrmap_build(&maps[part], entries, 4, (enum addrmap_part)part, ADDRMAP_ANY, ranges[part]);
	return 0;
}

static const struct recipe v4 = {
	.version = 4, .outer_src = "192.168.42.1", .outer_dst = "203.0.113.10", .type = 3, .code = 3,
	.inner_src = "203.0.113.10", .inner_dst = "192.168.1.20", .protocol = IPPROTO_UDP,
	.sport = 40000, .dport = 53, .payload = 20, .df = true,
};

static const struct recipe v6 = {
	.version = 6, .outer_src = "fd42::1", .outer_dst = "2001:db8:c::10", .type = 1, .code = 4,
	.inner_src = "2001:db8:c::10", .inner_dst = "fd00:1::20", .protocol = IPPROTO_UDP,
	.sport = 40000, .dport = 53, .payload = 20,
};

static enum outcome run(uint8_t *bytes, size_t length, const struct addrmap *with, const struct flow *flow)
{
	struct decision d = {.length = length, .extensions = EXTENSION_PASS};
	const struct flow_tuple *sent = NULL;
	enum outcome outcome = icmp_error_parse(&d.error, bytes, length);

	if (outcome != OUTCOME_UNDECIDED)
		return outcome;
	if (flow && flow_has_nat(flow) && flow_tuple_read(&d.seen, &d.error, bytes))
		sent = flow_as_sent(flow, &d.seen);
	translate_find_maps(&d, with);
	translate(&d, sent, bytes);
	return d.outcome;
}

/* Translates what the recipe says and expects it to be, byte for byte, what the
 * other recipe says; and to stay that if it is translated again. */
static void expect(const struct recipe *from, const struct flow *flow, const struct recipe *to, enum outcome outcome)
{
	uint8_t bytes[PACKET_ROOM], expected[PACKET_ROOM];
	size_t length = packet_build(bytes, from);

	assert_int_equal(packet_build(expected, to), length);
	assert_int_equal(run(bytes, length, maps, flow), outcome);
	assert_memory_equal(bytes, expected, length);
	run(bytes, length, maps, flow);
	assert_memory_equal(bytes, expected, length);
}

static struct recipe made_public(const struct recipe *from)
{
	struct recipe to = *from;

	to.outer_src = from->version == 4 ? "1.2.3.1" : "2001:db8:1::1";
	to.inner_dst = from->version == 4 ? "1.2.3.20" : "2001:db8:1::20";
	to.df = false;
	return to;
}

static void maps_translate_every_protocol(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_DCCP, IPPROTO_SCTP,
		IPPROTO_GRE, IPPROTO_ESP, IPPROTO_AH, IPPROTO_IPIP, 253};
	static const struct recipe *const recipes[] = {&v4, &v6};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(protocols); i++) {
		struct recipe from = *recipes[i % 2], to;

		from.protocol = protocols[i / 2];
		for (from.payload = 0; from.payload < 40; from.payload += 13) {
			to = made_public(&from);
			expect(&from, NULL, &to, OUTCOME_BOTH);
		}
	}
}

static void maps_translate_echo(void **state)
{
	struct recipe from4 = v4, from6 = v6, to;

	(void)state;
	from4.protocol = IPPROTO_ICMP;
	from4.sport = 8 << 8;
	to = made_public(&from4);
	expect(&from4, NULL, &to, OUTCOME_BOTH);
	from6.protocol = IPPROTO_ICMPV6;
	from6.sport = 128 << 8;
	to = made_public(&from6);
	expect(&from6, NULL, &to, OUTCOME_BOTH);
}

/* Half a checksum cannot be brought up to date: whether there is a carry is in
 * the other half. It stays. */
static bool splits_the_sum(const struct recipe *r)
{
	size_t header = r->version == 4 ? 20 : 40;

	return r->quote == header + (r->protocol == IPPROTO_TCP ? 17 : r->protocol == IPPROTO_UDP ? 7 : 3);
}

/* Cut at every byte of the quote: as if it had been quoted from the translated
 * packet. An 8-byte quote of TCP is normal (RFC 792). */
static void every_quote_is_translated(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP};

	(void)state;
	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct recipe from = v4, to;

		from.protocol = protocols[i];
		if (from.protocol == IPPROTO_ICMP)
			from.sport = 8 << 8;
		for (from.quote = 20; from.quote < 48; from.quote++) {
			to = made_public(&from);
			if (!splits_the_sum(&from))
				expect(&from, NULL, &to, OUTCOME_BOTH);
		}
	}
	for (struct recipe from = v6, to; from.quote < 66; from.quote++) {
		from.quote = from.quote ? from.quote : 40;
		to = made_public(&from);
		if (!splits_the_sum(&from))
			expect(&from, NULL, &to, OUTCOME_BOTH);
	}
}

static void options_and_fragments(void **state)
{
	struct recipe from = v4, to;

	(void)state;
	for (from.options = 4; from.options <= 40; from.options += 4) {
		to = made_public(&from);
		expect(&from, NULL, &to, OUTCOME_BOTH);
	}
	from.options = 0;
	from.fragment = 0x2000; /* the first fragment has its ports and its sum */
	to = made_public(&from);
	expect(&from, NULL, &to, OUTCOME_BOTH);
	from = v6;
	for (from.options = 8; from.options <= 64; from.options += 8) {
		to = made_public(&from);
		expect(&from, NULL, &to, OUTCOME_BOTH);
	}
}

/* A later fragment has no transport header: what stands in its place is data. */
static void a_later_fragment_keeps_its_data(void **state)
{
	struct recipe r = v4;
	uint8_t before[PACKET_ROOM], after[PACKET_ROOM];
	size_t length;

	(void)state;
	r.fragment = 0x0010;
	length = packet_build(before, &r);
	memcpy(after, before, length);
	assert_int_equal(run(after, length, maps, NULL), OUTCOME_BOTH);
	assert_memory_equal(after + 48, before + 48, length - 48);
	assert_int_equal(packet_sums(after, length) & 7, SUM_OUTER | SUM_ICMP | SUM_INNER);
}

static void udp_without_sum_stays_without(void **state)
{
	struct recipe from = v4, to;

	(void)state;
	from.no_udp_sum = true;
	to = made_public(&from);
	expect(&from, NULL, &to, OUTCOME_BOTH);
}

/* Of 65,536 ports one makes the translated sum 0, which must be sent as 0xffff. */
static void a_computed_zero_becomes_ffff(void **state)
{
	struct recipe from = v4, to;
	uint8_t bytes[PACKET_ROOM];
	unsigned found = 0;

	(void)state;
	from.payload = 2;
	for (unsigned port = 0; port < 65536; port++) {
		from.sport = (uint16_t)port;
		to = made_public(&from);
		packet_build(bytes, &to);
		if (bytes[54] == 0xff && bytes[55] == 0xff) {
			expect(&from, NULL, &to, OUTCOME_BOTH);
			found++;
		}
	}
	assert_true(found >= 1 && found <= 2);
}

/* The same in UDP-Lite, where 0 is not even allowed (RFC 3828, 3.1). */
static void a_computed_zero_of_udplite_becomes_ffff(void **state)
{
	struct recipe from = v4, to;
	uint8_t bytes[PACKET_ROOM];
	unsigned found = 0;

	(void)state;
	from.protocol = IPPROTO_UDPLITE;
	for (unsigned port = 0; port < 65536; port++) {
		size_t length;

		from.sport = (uint16_t)port;
		to = made_public(&from);
		packet_build(bytes, &to);
		if (bytes[54] != 0 || bytes[55] != 0)
			continue;
		length = packet_build(bytes, &from);
		run(bytes, length, maps, NULL);
		assert_int_equal(bytes[54], 0xff);
		assert_int_equal(bytes[55], 0xff);
		found++;
	}
	assert_true(found >= 1 && found <= 2);
}

static struct flow_tuple tuple(uint8_t protocol, const char *src, const char *dst, uint16_t sport, uint16_t dport)
{
	return (struct flow_tuple){.source = parse_address(src), .destination = parse_address(dst),
		.source_port_be = htons(sport), .destination_port_be = htons(dport), .protocol = protocol};
}

/* A port-forwarded connection, on either side of the kernel's NAT. */
static void a_flow_with_nat_is_restored(void **state)
{
	const struct flow flow = {tuple(IPPROTO_UDP, "203.0.113.10", "198.51.100.7", 40000, 5353),
		tuple(IPPROTO_UDP, "192.168.1.20", "203.0.113.10", 53, 40000)};
	struct recipe from = v4, to = made_public(&v4);

	(void)state;
	to.inner_dst = "198.51.100.7";
	to.dport = 5353;
	expect(&from, &flow, &to, OUTCOME_BOTH);
	from = to;
	from.outer_src = v4.outer_src;
	expect(&from, &flow, &to, OUTCOME_OUTER);
}

/* SCTP with a forwarded port: the CRC is that of the packet that was sent, from
 * however little of it is quoted; of a fragment it stays. */
static void an_sctp_port_is_restored(void **state)
{
	const struct flow flow = {tuple(IPPROTO_SCTP, "203.0.113.10", "198.51.100.7", 40000, 5353),
		tuple(IPPROTO_SCTP, "192.168.1.20", "203.0.113.10", 53, 40000)};
	struct recipe from = v4, to;

	(void)state;
	from.protocol = IPPROTO_SCTP;
	for (from.payload = 0; from.payload < 1000; from.payload = from.payload * 3 + 4) {
		for (from.quote = 28; from.quote <= 32; from.quote += 4) {
			to = made_public(&from);
			to.inner_dst = "198.51.100.7";
			to.dport = 5353;
			expect(&from, &flow, &to, OUTCOME_BOTH);
		}
	}
}

/* An error about the answer to a connection that was made from inside. */
static void the_other_direction_is_restored(void **state)
{
	const struct flow flow = {tuple(IPPROTO_TCP, "192.168.1.20", "203.0.113.10", 40000, 80),
		tuple(IPPROTO_TCP, "203.0.113.10", "198.51.100.7", 80, 61000)};
	struct recipe from = v4, to;

	(void)state;
	from.protocol = IPPROTO_TCP;
	from.sport = 80;
	from.dport = 40000;
	to = made_public(&from);
	to.inner_dst = "198.51.100.7";
	to.dport = 61000;
	expect(&from, &flow, &to, OUTCOME_BOTH);
}

static void an_echo_identifier_is_restored(void **state)
{
	struct flow flow = {tuple(IPPROTO_ICMP, "203.0.113.10", "198.51.100.7", 77, 77),
		tuple(IPPROTO_ICMP, "192.168.1.20", "203.0.113.10", 99, 99)};
	struct recipe from = v4, to;

	(void)state;
	flow.original.icmp_type = 8;
	from.protocol = IPPROTO_ICMP;
	from.sport = 8 << 8;
	from.dport = 99;
	to = made_public(&from);
	to.inner_dst = "198.51.100.7";
	to.dport = 77;
	expect(&from, &flow, &to, OUTCOME_BOTH);
}

static void a_flow_without_nat_takes_the_maps(void **state)
{
	const struct flow flow = {tuple(IPPROTO_UDP, "203.0.113.10", "192.168.1.20", 40000, 53),
		tuple(IPPROTO_UDP, "192.168.1.20", "203.0.113.10", 53, 40000)};
	struct recipe to = made_public(&v4);

	(void)state;
	expect(&v4, &flow, &to, OUTCOME_BOTH);
}

/* Each outcome that translate() gives, and the copy's DF cleared whatever it is. */
static void every_outcome(void **state)
{
	struct recipe from = v4, to;
	uint8_t bytes[PACKET_ROOM], before[PACKET_ROOM];
	size_t length;

	(void)state;
	from.inner_dst = "1.2.3.20";
	to = made_public(&from);
	to.inner_dst = "1.2.3.20";
	expect(&from, NULL, &to, OUTCOME_OUTER);
	from = v4;
	from.outer_src = "1.2.3.9";
	to = made_public(&from);
	to.outer_src = "1.2.3.9";
	expect(&from, NULL, &to, OUTCOME_INNER);
	from.inner_dst = to.inner_dst;
	expect(&from, NULL, &to, OUTCOME_ALREADY_RIGHT);
	from = v4;
	from.df = false;
	length = packet_build(before, &from);
	memcpy(bytes, before, length);
	assert_int_equal(run(bytes, length, no_maps, NULL), OUTCOME_LEAKED_OUTER);
	assert_memory_equal(bytes, before, length);
	from.outer_src = "1.2.3.9";
	length = packet_build(before, &from);
	memcpy(bytes, before, length);
	assert_int_equal(run(bytes, length, no_maps, NULL), OUTCOME_LEAKED_INNER);
	assert_memory_equal(bytes, before, length);
}

static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % n;
}

static struct recipe random_recipe(void)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, IPPROTO_DCCP, IPPROTO_SCTP,
		IPPROTO_GRE, IPPROTO_ICMP, IPPROTO_ICMPV6, 253};
	struct recipe r = random_below(2) ? v4 : v6;

	r.protocol = protocols[random_below(sizeof(protocols))];
	r.type = r.version == 4 ? (uint8_t[]){3, 11, 12}[random_below(3)] : (uint8_t)(1 + random_below(4));
	r.sport = (uint16_t)random_below(65536);
	r.dport = (uint16_t)random_below(65536);
	r.payload = random_below(200);
	r.options = random_below(4) ? 0 : 8 * random_below(6);
	if (r.options > 40 && r.version == 4)
		r.options = 40;
	return r;
}

/* Damages a packet: flips, cuts, lies about lengths; and makes some of the sums
 * right again, so that the damage gets past them. */
static size_t damage(uint8_t *bytes, size_t length)
{
	size_t header = bytes[0] >> 4 == 4 ? 20 : 40;

	for (uint32_t n = random_below(4); n > 0; n--)
		bytes[random_below((uint32_t)length)] = (uint8_t)random_below(256);
	if (random_below(3) == 0)
		length = random_below((uint32_t)length + 1);
	if (length >= header + 8 && random_below(4)) {
		bytes[0] = header == 20 ? 0x45 : 0x60;
		if (header == 20) {
			bytes[2] = (uint8_t)(length >> 8);
			bytes[3] = (uint8_t)length;
			bytes[6] = bytes[7] = bytes[10] = bytes[11] = 0;
			bytes[9] = IPPROTO_ICMP;
			*(uint16_t *)(void *)(bytes + 10) = htons(reference_sum(bytes, 20, 0));
		} else {
			bytes[4] = (uint8_t)((length - 40) >> 8);
			bytes[5] = (uint8_t)(length - 40);
			bytes[6] = IPPROTO_ICMPV6;
		}
		for (int i = 0; i < 2 && !(packet_sums(bytes, length) & SUM_ICMP); i++) {
			uint32_t start = 0;

			if (header == 40)
				start = (uint16_t)~reference_sum(bytes + 8, 32, (uint32_t)(length - 40) + 58);
			bytes[header + 2] = bytes[header + 3] = 0;
			*(uint16_t *)(void *)(bytes + header + 2) =
				htons(reference_sum(bytes + header, length - header, start));
		}
	}
	return length;
}

/* 50,000 damaged packets: each has an outcome, none is read beyond its end (the
 * sanitizers watch), nothing that is not sound is touched, no sum that was right
 * is wrong after, and a second translation changes nothing. */
static void damaged_packets_do_no_harm(void **state)
{
	const char *seed = getenv("SEED");
	unsigned counts[OUTCOME_COUNT] = {0}, sound = 0;

	(void)state;
	random_state = seed ? strtoull(seed, NULL, 0) : 20240811;
	printf("seed %" PRIu64 " (set SEED to choose another)\n", random_state);
	for (int i = 0; i < 50000; i++) {
		uint8_t room[PACKET_ROOM], *bytes, *before;
		struct recipe r = random_recipe();
		size_t length = damage(room, packet_build(room, &r));
		struct icmp_error error;
		enum outcome outcome;
		bool readable;

		bytes = malloc(length + !length);
		before = malloc(length + !length);
		memcpy(bytes, room, length);
		memcpy(before, room, length);
		readable = icmp_error_parse(&error, bytes, length) == OUTCOME_UNDECIDED;
		outcome = run(bytes, length, maps, NULL);
		assert_true(outcome < OUTCOME_COUNT);
		counts[outcome]++;
		if (readable) {
			unsigned right = packet_sums(before, length);

			sound++;
			assert_int_equal(packet_sums(bytes, length) & right, right);
			memcpy(before, bytes, length);
			run(bytes, length, maps, NULL);
		}
		assert_memory_equal(bytes, before, length);
		free(bytes);
		free(before);
	}
	printf("%u of 50000 were sound enough to translate\n", sound);
	assert_true(sound > 5000 && counts[OUTCOME_ICMP_CHECKSUM] > 500 && counts[OUTCOME_INNER_HEADER] > 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_translate_every_protocol),
		cmocka_unit_test(maps_translate_echo),
		cmocka_unit_test(every_quote_is_translated),
		cmocka_unit_test(options_and_fragments),
		cmocka_unit_test(a_later_fragment_keeps_its_data),
		cmocka_unit_test(udp_without_sum_stays_without),
		cmocka_unit_test(a_computed_zero_becomes_ffff),
		cmocka_unit_test(a_computed_zero_of_udplite_becomes_ffff),
		cmocka_unit_test(a_flow_with_nat_is_restored),
		cmocka_unit_test(an_sctp_port_is_restored),
		cmocka_unit_test(the_other_direction_is_restored),
		cmocka_unit_test(an_echo_identifier_is_restored),
		cmocka_unit_test(a_flow_without_nat_takes_the_maps),
		cmocka_unit_test(every_outcome),
		cmocka_unit_test(damaged_packets_do_no_harm),
	};

	return cmocka_run_group_tests(tests, make_maps, NULL);
}
