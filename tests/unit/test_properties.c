/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What must hold of every translation holds for packets, maps and flows at random.
 * SEED chooses others, PACKETS says how many; a failure says what repeats it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/decide.h"
#include "oracle.h"
#include "packets.h"

#define PACKETS_PER_WORLD 16

static uint64_t seed;
static unsigned long n_packets = 10000, number;

static void print_bytes(const char *what, const uint8_t *bytes, size_t length)
{
	print_error("%s:", what);
	for (size_t i = 0; i < length; i++)
		print_error("%s%02x", i % 4 ? "" : " ", bytes[i]);
	print_error("\n");
}

/* Translates bytes in place; returns the new length. */
static size_t translate_bytes(const struct addrmap *maps, const struct flow *flow,
	enum extension_policy policy, uint8_t *bytes, size_t length)
{
	const struct decide_rules rules = {.maps = maps, .lookup = LOOKUP_ALWAYS, .extensions = policy};
	struct decision d;

	decide_begin(&d, &rules, bytes, length);
	decide_finish(&d, flow, bytes);
	return d.length;
}

/* What the packets are judged by, and how many broke it. */
enum property { ORACLE, MASK, TWICE, BACKWARDS, SUMS, PROPERTIES };

static unsigned long broken[PROPERTIES];

/* Counts a breach; shows the packet if it is the first of its kind. */
static void breach(enum property property, const struct trial *t, const uint8_t *bytes, size_t length)
{
	if (broken[property]++)
		return;
	print_error("property %d, packet %lu: SEED=%" PRIu64 " PACKETS=%lu shows it\n", property, number,
		seed, number + 1);
	print_bytes("input", t->input, t->layout.length);
	print_bytes("expected", t->expected, t->expected_layout.length);
	print_bytes("is", bytes, length);
}

static const struct flow *known_flow(const struct trial *t)
{
	return t->kind == FLOW_NONE ? NULL : &t->flow;
}

/* A copy that ends where the packet does, so that a sanitizer sees what reads on. */
static uint8_t *exact_copy(const uint8_t *bytes, size_t length)
{
	uint8_t *copy = malloc(length);

	memcpy(copy, bytes, length);
	return copy;
}

static void allow(uint8_t *mask, size_t at, size_t n)
{
	memset(mask + at, 0xff, n);
}

/* The bits that a translation may change. */
static void make_mask(uint8_t *mask, const struct trial *t, bool is_shorter)
{
	const struct layout *l = &t->layout;
	size_t n = t->shape.version == 4 ? 4 : 16;

	memset(mask, 0, t->layout.length);
	allow(mask, t->shape.version == 4 ? 12 : 8, n);
	allow(mask, l->icmp + 2, 2);
	allow(mask, l->source, n);
	allow(mask, l->destination, n);
	if (l->hops && l->hops + l->hops_size < l->length)
		allow(mask, l->hops, l->hops_size);
	else if (l->hops && l->hops < l->length)
		allow(mask, l->hops, l->length - l->hops);
	if (t->shape.version == 4) {
		allow(mask, 10, 2);
		allow(mask, l->inner + 10, 2);
		mask[6] = 0x40;		       /* DF */
		allow(mask, 20, l->icmp - 20); /* options */
		allow(mask, l->inner + 20,
			t->shape.options < l->length - l->inner - 20 ? t->shape.options
								     : l->length - l->inner - 20);
	}
	if (l->transport && shape_has_ports(&t->shape))
		allow(mask, l->transport, 4);
	if (l->transport && shape_is_query(&t->shape))
		allow(mask, l->transport + 4, 2);
	if (l->sum)
		allow(mask, l->sum, l->sum_size);
	if (is_shorter) {
		allow(mask, t->shape.version == 4 ? 2 : 4, 2);
		allow(mask, l->icmp + (t->shape.version == 4 ? 5 : 4), 1);
	}
}

/* Only what may change did, as far as both go and what is no extension; shorter is only what had one. */
static bool keeps_to_the_mask(const struct trial *t, const uint8_t *bytes, size_t length)
{
	uint8_t mask[GENERATOR_ROOM];
	bool is_shorter = length < t->layout.length;
	bool may_differ = is_shorter || (t->layout.extension && t->policy != EXTENSION_PASS);
	size_t end = may_differ && length > t->layout.extension ? t->layout.extension : length;

	if (length > t->layout.length || (is_shorter && !t->layout.extension))
		return false;
	make_mask(mask, t, is_shorter);
	for (size_t i = 0; i < end; i++)
		if ((bytes[i] ^ t->input[i]) & ~mask[i])
			return false;
	return true;
}

static void try_twice(const struct trial *t, const uint8_t *once, size_t length)
{
	uint8_t *bytes = exact_copy(once, length);
	size_t again = translate_bytes(t->world->tables[0], known_flow(t), t->policy, bytes, length);

	if (again != length || memcmp(bytes, once, length) != 0)
		breach(TWICE, t, bytes, again);
	free(bytes);
}

/* Whether the extension, if there is one, is what it was. */
static bool has_same_extension(const struct trial *t, const uint8_t *bytes, size_t length)
{
	const size_t at = t->layout.extension;

	return length == t->layout.length &&
	       (!at || memcmp(bytes + at, t->input + at, t->layout.length - at) == 0);
}

/* Only where there is a way back: one to one, nothing removed, no DF cleared,
 * and the packet was behind the NAT of its flow if it has any. */
static void try_backwards(const struct trial *t, const uint8_t *there, size_t length)
{
	struct flow flow = trial_flow_backwards(t);
	uint8_t *bytes;

	if (!t->world->invertible || t->for_peer || t->shape.df || !has_same_extension(t, there, length) ||
		(trial_uses_flow(t) && t->kind != FLOW_NAT))
		return;
	bytes = exact_copy(there, length);
	translate_bytes(
		t->world->tables[1], trial_uses_flow(t) ? &flow : NULL, EXTENSION_PASS, bytes, length);
	if (memcmp(bytes, t->input, length) != 0)
		breach(BACKWARDS, t, bytes, length);
	free(bytes);
}

/* How many packets there were of each kind: a property of packets that do not
 * occur would say nothing. */
static struct {
	unsigned long peer, left_alone, flow, sctp, rerouted, recorded, stripped, public, old, cut, changed,
		right, invertible, npt;
} seen;

static bool has_npt(const struct world *w)
{
	bool has = false;

	for (size_t i = 0; i < w->n_maps; i++)
		has |= w->maps[i].npt;
	return has;
}

static void count(const struct trial *t, const uint8_t *bytes, size_t length, unsigned right)
{
	bool is_shorter = length < t->layout.length;

	seen.peer += t->for_peer;
	seen.left_alone += t->left_alone;
	seen.flow += trial_uses_flow(t);
	seen.sctp += trial_uses_flow(t) && t->shape.protocol == IPPROTO_SCTP && t->layout.sum;
	seen.rerouted += t->shape.rerouted && t->layout.sum;
	seen.recorded += t->shape.record.filled > 0 || t->shape.outer_record.filled > 0;
	seen.stripped += is_shorter;
	seen.public += length > t->layout.extension && !has_same_extension(t, bytes, length);
	seen.old += is_shorter && t->shape.form == FORM_OLD;
	seen.cut += t->layout.sum > t->layout.quote_end;
	seen.changed += memcmp(bytes, t->input, length) != 0;
	seen.right += right == (SUM_OUTER | SUM_ICMP | SUM_INNER | SUM_TRANSPORT | SUM_EXTENSION);
	seen.npt += has_npt(t->world);
	seen.invertible += t->world->invertible && !t->shape.df && !is_shorter;
}

static void try_all(const struct trial *t)
{
	uint8_t *bytes = exact_copy(t->input, t->layout.length);
	size_t length =
		translate_bytes(t->world->tables[0], known_flow(t), t->policy, bytes, t->layout.length);
	unsigned right = packet_sums(t->input, t->layout.length);

	if (length != t->expected_layout.length || memcmp(bytes, t->expected, length) != 0)
		breach(ORACLE, t, bytes, length);
	if (!keeps_to_the_mask(t, bytes, length))
		breach(MASK, t, bytes, length);
	if ((packet_sums(bytes, length) & right) != right)
		breach(SUMS, t, bytes, length);
	try_twice(t, bytes, length);
	try_backwards(t, bytes, length);
	count(t, bytes, length, right);
	free(bytes);
}

/* Makes the packets and tries all of it on each. */
static int try_packets(void **state)
{
	static struct world world;
	static struct trial trial;

	(void)state;
	random_seed(seed);
	for (number = 0; number < n_packets; number++) {
		if (number % PACKETS_PER_WORLD == 0)
			world_make(&world, random_below(2));
		trial_make(&trial, &world);
		try_all(&trial);
	}
	return 0;
}

/* Whole packets: as if the error had quoted what the sender sent, and had been
 * sent from the public address. */
static void output_is_what_an_oracle_expects(void **state)
{
	(void)state;
	assert_int_equal(broken[ORACLE], 0);
}

static void nothing_changes_but_addresses_ports_and_sums(void **state)
{
	(void)state;
	assert_int_equal(broken[MASK], 0);
}

static void twice_is_once(void **state)
{
	(void)state;
	assert_int_equal(broken[TWICE], 0);
}

static void swapped_maps_restore_the_input(void **state)
{
	(void)state;
	assert_int_equal(broken[BACKWARDS], 0);
}

static void right_sums_stay_right(void **state)
{
	(void)state;
	assert_int_equal(broken[SUMS], 0);
}

static void every_kind_occurs(void **state)
{
	(void)state;
	if (n_packets < 10000)
		skip();
	assert_true(seen.right > n_packets * 9 / 10 && seen.changed > n_packets / 2);
	assert_true(seen.flow > n_packets / 10 && seen.invertible > n_packets / 10);
	assert_true(seen.stripped > n_packets / 20 && seen.old > n_packets / 200);
	assert_true(seen.cut > n_packets / 50 && seen.public > n_packets / 200 && seen.npt > n_packets / 10);
	assert_true(seen.left_alone > n_packets / 50 && seen.peer > seen.left_alone + n_packets / 50);
	assert_true(seen.recorded > n_packets / 50);
	assert_true(seen.sctp > n_packets / 500 && seen.rerouted > n_packets / 500);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_is_what_an_oracle_expects),
		cmocka_unit_test(nothing_changes_but_addresses_ports_and_sums),
		cmocka_unit_test(twice_is_once),
		cmocka_unit_test(swapped_maps_restore_the_input),
		cmocka_unit_test(right_sums_stay_right),
		cmocka_unit_test(every_kind_occurs),
	};

	random_choose_run(&seed, &n_packets);
	return cmocka_run_group_tests(tests, try_packets, NULL);
}
