/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The tables of address maps find what a search through all maps finds, for every
 * address: thousands of random sets of maps in a space so small that
 * prefixes nest, touch and repeat. ICMPNATD_SEED=N repeats a run.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/addrmap.h"

#define SETS	   4000
#define ENTRIES	   40
#define INTERFACES 3
#define BOTH	   (1 << ADDRMAP_OUTER | 1 << ADDRMAP_INNER)
#define NPT	   (BOTH | ADDRMAP_NPT)

static uint64_t random_state;

/* xorshift64: the same numbers on every machine. */
static uint64_t random_number(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

static int seed(void **state)
{
	const char *text = getenv("ICMPNATD_SEED");

	(void)state;
	random_state = text ? strtoull(text, NULL, 0) : 20240817;
	print_message("ICMPNATD_SEED=%llu\n", (unsigned long long)random_state);
	random_state = random_state * 2 + 1;
	return 0;
}

static struct prefix prefix(uint64_t hi, uint64_t lo, unsigned length)
{
	const struct address mask = prefix_host_mask((uint8_t)length);

	return (struct prefix){{hi & ~mask.hi, lo & ~mask.lo}, (uint8_t)length};
}

static struct prefix v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, unsigned length)
{
	const uint8_t bytes[4] = {a, b, c, d};
	const struct address address = address_from_v4(bytes);

	return prefix(address.hi, address.lo, ADDRESS_V4_BITS + length);
}

static struct addrmap_entry entry(struct prefix private, struct prefix public, uint8_t outside, uint8_t parts)
{
	return (struct addrmap_entry){
		.private = private, .public = public, .outside = outside, .parts = parts};
}

/* One of 64 IPv4 addresses, of 64 at either end of IPv6, or of 64 around the
 * middle of its 128 bits. */
static struct address random_address(void)
{
	const uint64_t low = random_number(64);

	switch (random_number(5)) {
	case 0:
		return (struct address){0, low};
	case 1:
		return (struct address){UINT64_MAX, UINT64_MAX - low};
	case 2:
		return (struct address){UINT64_C(0xfd00) << 48 | low, random_number(2) ? 0 : UINT64_MAX};
	default:
		return (struct address){0, UINT64_C(0xffff0a000000) | low};
	}
}

static struct prefix random_prefix(void)
{
	const struct address a = random_address();
	const unsigned length =
		random_number(4) ? 122 + (unsigned)random_number(7) : (unsigned)random_number(129);

	return prefix(a.hi, a.lo, length);
}

static struct addrmap_entry random_entry(void)
{
	const struct prefix private = random_prefix();
	struct prefix public = prefix(UINT64_C(0x20010db8) << 32, 0, private.length);

	if (random_number(4) == 0)
	public.length = (uint8_t)(private.length + random_number(129 - private.length));
	return entry(private, public, random_number(2) ? (uint8_t)random_number(INTERFACES) : ADDRMAP_ANY,
		(uint8_t)(1 + random_number(3)));
}

/* Fills entries with maps that do not clash, sorted. */
static size_t random_entries(struct addrmap_entry *entries)
{
	const size_t wanted = (size_t)random_number(ENTRIES + 1);
	size_t n = 0;

	for (size_t tries = 0; tries < wanted; tries++) {
		bool clash = false;

		entries[n] = random_entry();
		entries[n].line = (uint32_t)tries;
		for (size_t i = 0; i < n; i++)
			clash |= addrmap_clashes(&entries[i], &entries[n]);
		n += !clash;
	}
	qsort(entries, n, sizeof(*entries), addrmap_compare);
	return n;
}

/* Whether map a beats map b: its own interface first, then the longest prefix. */
static bool beats(const struct addrmap_entry *a, const struct addrmap_entry *b)
{
	const bool own_a = a->outside != ADDRMAP_ANY, own_b = b->outside != ADDRMAP_ANY;

	return own_a != own_b ? own_a : a->private.length > b->private.length;
}

static uint32_t oracle(const struct addrmap_entry *entries, size_t n, enum addrmap_part part, uint8_t outside,
	struct address a)
{
	uint32_t best = ADDRMAP_NONE;

	for (uint32_t i = 0; i < n; i++) {
		const struct addrmap_entry *e = &entries[i];

		if (!(e->parts & 1 << part) || (e->outside != ADDRMAP_ANY && e->outside != outside) ||
			!prefix_contains(e->private, a))
			continue;
		if (best == ADDRMAP_NONE || beats(e, &entries[best]))
			best = i;
	}
	return best;
}

static struct address neighbour(struct address a, int step)
{
	const struct address next = {a.hi, a.lo + (uint64_t)(int64_t)step};

	if (step > 0 && next.lo == 0)
		return (struct address){a.hi + 1, 0};
	if (step < 0 && a.lo == 0)
		return (struct address){a.hi - 1, next.lo};
	return next;
}

struct question {
	const struct addrmap *table;
	size_t n;
	enum addrmap_part part;
	uint8_t outside;
};

static void ask(const struct question *q, struct address a)
{
	const uint32_t expected = oracle(q->table->entries, q->n, q->part, q->outside, a);

	assert_int_equal(addrmap_find(q->table, a), expected);
}

/* Every edge of every map, one step to either side, and addresses at random. */
static void ask_everywhere(const struct question *q)
{
	for (size_t i = 0; i < q->n; i++) {
		const struct prefix p = q->table->entries[i].private;

		for (int step = -1; step <= 1; step++) {
			ask(q, neighbour(p.base, step));
			ask(q, neighbour(prefix_last(p), step));
		}
	}
	for (int i = 0; i < 20; i++)
		ask(q, random_address());
}

/* A table is what its contract says: sorted, from 0 on, and without a range
 * that continues its predecessor. */
static void check_table(const struct addrmap *table, size_t n_held)
{
	assert_true(table->n_ranges <= ADDRMAP_RANGES(n_held));
	for (size_t i = 1; i < table->n_ranges; i++) {
		assert_int_equal(address_compare(table->ranges[i - 1].first, table->ranges[i].first), -1);
		assert_int_not_equal(table->ranges[i - 1].map, table->ranges[i].map);
	}
	if (table->n_ranges > 0)
		assert_true(address_equal(table->ranges[0].first, (struct address){0, 0}));
}

/* Gives a table an index, in memory of exactly the size that was counted. */
static struct addrmap_index make_index(struct addrmap *table)
{
	struct addrmap_index counted = {0}, index = {0};

	addrmap_index(table, &counted);
	index.nodes = malloc(counted.n_nodes * sizeof(*index.nodes));
	index.slots = malloc(counted.n_slots * sizeof(*index.slots) + 1);
	addrmap_index(table, &index);
	assert_int_equal(index.n_nodes, counted.n_nodes);
	assert_int_equal(index.n_slots, counted.n_slots);
	return index;
}

static void free_index(struct addrmap_index *index)
{
	free(index->nodes);
	free(index->slots);
}

/* Asks of a table without an index, and with one. */
static void check_answers(struct addrmap *table, size_t n, enum addrmap_part part, uint8_t outside)
{
	const struct question question = {table, n, part, outside};
	struct addrmap_index index;

	ask_everywhere(&question);
	index = make_index(table);
	ask_everywhere(&question);
	free_index(&index);
}

static void table_agrees_with_oracle(void **state)
{
	static const uint8_t outsides[] = {0, 1, 2, ADDRMAP_ANY};

	(void)state;
	for (int set = 0; set < SETS; set++) {
		struct addrmap_entry entries[ENTRIES + 1];
		const size_t n = random_entries(entries);
		const enum addrmap_part part = set % 2 ? ADDRMAP_OUTER : ADDRMAP_INNER;
		const uint8_t outside = outsides[set / 2 % 4];
		const size_t held = addrmap_count(entries, n, part, outside);
		/* of exactly the promised size, so that a sanitizer sees one too many */
		struct addrmap_range *ranges = calloc(ADDRMAP_RANGES(held), sizeof(*ranges));
		struct addrmap table;

		addrmap_build(&table, entries, n, part, outside, ranges);
		check_table(&table, held);
		check_answers(&table, n, part, outside);
		free(ranges);
	}
}

/* The deepest nesting there is: every length, general and own. */
static void nesting_is_bounded(void **state)
{
	struct addrmap_entry entries[2 * 129];
	struct addrmap_range ranges[ADDRMAP_RANGES(2 * 129)];
	struct addrmap table;
	const size_t n = sizeof(entries) / sizeof(entries[0]);

	(void)state;
	for (unsigned i = 0; i < n; i++)
		entries[i] = entry(prefix(0, 0, i / 2), prefix(0, 0, i / 2), i % 2 ? 0 : ADDRMAP_ANY, BOTH);
	qsort(entries, n, sizeof(*entries), addrmap_compare);
	addrmap_build(&table, entries, n, ADDRMAP_OUTER, 0, ranges);
	check_table(&table, n);
	check_answers(&table, n, ADDRMAP_OUTER, 0);
	assert_int_equal(table.n_ranges, 129);
}

#define CROWD 1000

/* Every other address from base on has a map. */
static void crowd(struct addrmap_entry *entries, struct address base)
{
	for (unsigned i = 0; i < CROWD; i++) {
		const struct prefix p = {{base.hi, base.lo + 2 * i}, 128};

		entries[i] = entry(p, p, ADDRMAP_ANY, BOTH);
	}
}

/* Wherever they are, addresses in a row cost a node for each row and one that
 * finds the row; where all are in one, each slot is the answer. */
static void rows_need_few_nodes(void **state)
{
	static const struct address rows[] = {{0, UINT64_C(0xffff0a000001)}, {0, UINT64_C(0xffffc0a80101)},
		{UINT64_C(0xfd42) << 48, 1}, {UINT64_C(0xfd42) << 48 | 5, UINT64_MAX - 2 * CROWD}};
	struct addrmap_entry entries[4 * CROWD];
	struct addrmap_range ranges[ADDRMAP_RANGES(4 * CROWD)];
	struct addrmap_index index;
	struct addrmap table;

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		crowd(&entries[i * CROWD], rows[i]);
	addrmap_build(&table, entries, CROWD, ADDRMAP_OUTER, ADDRMAP_ANY, ranges);
	index = make_index(&table);
	assert_int_equal(index.n_nodes, 1);
	for (size_t i = 0; i < index.n_slots; i++)
		assert_true(index.slots[i] < table.n_ranges);
	free_index(&index);
	addrmap_build(&table, entries, 4 * CROWD, ADDRMAP_OUTER, ADDRMAP_ANY, ranges);
	index = make_index(&table);
	assert_true(index.n_nodes >= 1 && index.n_nodes <= 8);
	assert_true(index.n_slots >= 1 && index.n_slots <= 2 * table.n_ranges);
	for (unsigned i = 0; i < 4 * CROWD; i += 9)
		assert_int_equal(addrmap_find(&table, entries[i].private.base), i);
	free_index(&index);
}

static void no_map_finds_nothing(void **state)
{
	struct addrmap_range ranges[ADDRMAP_RANGES(0)];
	struct addrmap table;

	(void)state;
	addrmap_build(&table, NULL, 0, ADDRMAP_OUTER, ADDRMAP_ANY, ranges);
	assert_int_equal(table.n_ranges, 0);
	assert_int_equal(addrmap_find(&table, (struct address){1, 2}), ADDRMAP_NONE);
	addrmap_index(&table, &(struct addrmap_index){0});
	assert_int_equal(addrmap_find(&table, (struct address){1, 2}), ADDRMAP_NONE);
}

/* An interface's own map wins over a longer one for all. */
static void own_map_beats_longer_general_one(void **state)
{
	struct addrmap_entry entries[] = {
		entry(v4(10, 0, 0, 0, 8), v4(198, 51, 100, 1, 32), 0, BOTH),
		entry(v4(10, 0, 0, 1, 32), v4(198, 51, 100, 2, 32), ADDRMAP_ANY, BOTH),
	};
	struct addrmap_range ranges[ADDRMAP_RANGES(2)];
	struct addrmap table;

	(void)state;
	addrmap_build(&table, entries, 2, ADDRMAP_OUTER, 0, ranges);
	assert_int_equal(addrmap_find(&table, v4(10, 0, 0, 1, 32).base), 0);
	assert_int_equal(table.n_ranges, 3);
	addrmap_build(&table, entries, 2, ADDRMAP_OUTER, 1, ranges);
	assert_int_equal(addrmap_find(&table, v4(10, 0, 0, 1, 32).base), 1);
	assert_int_equal(addrmap_find(&table, v4(10, 0, 0, 2, 32).base), ADDRMAP_NONE);
}

static void clash_needs_prefix_part_and_interface(void **state)
{
	const struct prefix p = v4(10, 0, 0, 0, 24), shorter = v4(10, 0, 0, 0, 16);
	const struct addrmap_entry both = entry(p, p, ADDRMAP_ANY, BOTH);
	const struct addrmap_entry outer = entry(p, p, ADDRMAP_ANY, 1 << ADDRMAP_OUTER);
	const struct addrmap_entry inner = entry(p, p, ADDRMAP_ANY, 1 << ADDRMAP_INNER);
	const struct addrmap_entry own = entry(p, p, 0, BOTH),
				   wide = entry(shorter, shorter, ADDRMAP_ANY, BOTH);

	(void)state;
	assert_true(addrmap_clashes(&both, &both));
	assert_true(addrmap_clashes(&both, &outer));
	assert_true(addrmap_clashes(&inner, &both));
	assert_false(addrmap_clashes(&inner, &outer));
	assert_false(addrmap_clashes(&both, &own));
	assert_false(addrmap_clashes(&both, &wide));
}

static void apply_keeps_host_bits(void **state)
{
	const struct addrmap_entry net = entry(v4(192, 168, 1, 0, 24), v4(1, 2, 3, 0, 24), ADDRMAP_ANY, BOTH);
	const struct addrmap_entry many =
		entry(v4(192, 168, 0, 0, 16), v4(1, 2, 3, 4, 32), ADDRMAP_ANY, BOTH);
	const struct addrmap_entry six = entry(prefix(UINT64_C(0xfd00000100000000), 0, 48),
		prefix(UINT64_C(0x20010db800010000), 0, 48), ADDRMAP_ANY, BOTH);
	const struct addrmap_entry pool =
		entry(v4(10, 0, 0, 0, 8), v4(203, 0, 113, 8, 29), ADDRMAP_ANY, 1 << ADDRMAP_OUTER);
	struct address a = addrmap_apply(&net, v4(192, 168, 1, 77, 32).base);

	(void)state;
	assert_true(address_equal(a, v4(1, 2, 3, 77, 32).base));
	a = addrmap_apply(&many, v4(192, 168, 9, 9, 32).base);
	assert_true(address_equal(a, v4(1, 2, 3, 4, 32).base));
	a = addrmap_apply(&pool, v4(10, 77, 3, 21, 32).base);
	assert_true(address_equal(a, v4(203, 0, 113, 13, 32).base));
	a = addrmap_apply(&six, (struct address){UINT64_C(0xfd0000010000abcd), 5});
	assert_true(address_equal(a, (struct address){UINT64_C(0x20010db80001abcd), 5}));
}

static struct address six(const char *text)
{
	uint8_t bytes[16];

	assert_int_equal(inet_pton(AF_INET6, text, bytes), 1);
	return address_from_v6(bytes);
}

/* The expected addresses were worked out by hand from RFC 6296, 3.1 to 3.6; the first is its example. */
static void npt_adjusts_a_word(void **state)
{
	static const struct {
		const char *from, *to;
		unsigned length;
		const char *private, *public;
	} cases[] = {
		{"fd01:203:405::", "2001:db8:1::", 48, "fd01:203:405:1::1234", "2001:db8:1:d550::1234"},
		{"2001:db8:1::", "fd01:203:405::", 48, "2001:db8:1:d550::1234", "fd01:203:405:1::1234"},
		{"fd00:1::", "2001:db8:1::", 48, "fd00:1:0:0:8::20", "2001:db8:1:cf47:8::20"},
		{"fd00:1::", "2001:db8:1::", 48, "fd00:1:0:30b8::20", "2001:db8:1::20"},     /* 0xffff is 0 */
		{"fd00:1::", "2001:db8:1::", 48, "fd00:1:0:ffff::20", "2001:db8:1:cf47::20"}, /* and here, too */
		{"fd00::", "2001:db8::", 32, "fd00:0:7:1::9", "2001:db8:7:cf48::9"},
		{"fd00:1::", "2001:db8:1::", 49, "fd00:1:0:7fff::1", "2001:db8:1:7fff:cf47::1"},
		{"fd00:1::", "2001:db8:1::", 56, "fd00:1:0:aa::1", "2001:db8:1:aa:cf47::1"},
		{"fd00:1::", "2001:db8:1::", 64, "fd00:1::ffff:0:0:1", "2001:db8:1:0:ffff:cf47:0:1"},
		{"fd00:1::", "2001:db8:1::", 64, "fd00:1::ffff:ffff:1:1", "2001:db8:1:0:ffff:ffff:cf48:1"},
		{"fd00:1::", "2001:db8:1::", 64, "fd00:1::ffff:ffff:ffff:1", "2001:db8:1:0:ffff:ffff:ffff:cf48"},
		{"fd00:1::", "2001:db8:1::", 64, "fd00:1::30b8:0:0:1", "2001:db8:1::1"},
		{"fd00:1::", "2001:db8:1::", 64, "fd00:1::ffff:ffff:ffff:ffff", "fd00:1::ffff:ffff:ffff:ffff"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct address from = six(cases[i].from), to = six(cases[i].to);
		const struct addrmap_entry map = entry(prefix(from.hi, from.lo, cases[i].length),
			prefix(to.hi, to.lo, cases[i].length), ADDRMAP_ANY, NPT);

		print_message("%s\n", cases[i].private);
		assert_true(address_equal(addrmap_apply(&map, six(cases[i].private)), six(cases[i].public)));
	}
}

/* The sum of an address, word by word. */
static uint32_t sum_of(struct address a)
{
	uint8_t bytes[16];
	uint32_t sum = 0;

	address_to_v6(a, bytes);
	for (size_t i = 0; i < 16; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	return sum % 0xffff;
}

/* Any checksum stays, and the way back leads back, but to an all-ones word. */
static void npt_is_neutral(void **state)
{
	(void)state;
	for (int i = 0; i < 100000; i++) {
		const unsigned length = 8 + (unsigned)random_number(57);
		const struct prefix from = prefix(random_number(UINT64_MAX), 0, length),
				    to = prefix(random_number(UINT64_MAX), 0, length);
		const struct address mask = prefix_host_mask((uint8_t)length),
				     host = {random_number(UINT64_MAX), random_number(UINT64_MAX)},
				     a = {from.base.hi | (host.hi & mask.hi), host.lo};
		const struct addrmap_entry there = entry(from, to, 0, NPT), back = entry(to, from, 0, NPT);
		const struct address b = addrmap_apply(&there, a);

		assert_true(prefix_contains(to, b));
		assert_int_equal(sum_of(b), sum_of(a));
		if (length > 48 || (a.hi & 0xffff) != 0xffff)
			assert_true(address_equal(addrmap_apply(&back, b), a));
	}
}

/* With public sides that no map covers, twice is once. */
static void twice_is_once(void **state)
{
	(void)state;
	for (int set = 0; set < SETS; set++) {
		struct addrmap_entry entries[ENTRIES + 1];
		size_t n = random_entries(entries);
		struct addrmap_range ranges[ADDRMAP_RANGES(ENTRIES)];
		struct addrmap table;

		for (size_t i = n; i-- > 0;) /* short prefixes reach the public sides */
			if (entries[i].private.length < 64)
				memmove(&entries[i], &entries[i + 1], (--n - i) * sizeof(*entries));
		addrmap_build(&table, entries, n, ADDRMAP_OUTER, 1, ranges);
		for (int i = 0; i < 50; i++) {
			const struct address a = random_address();
			const uint32_t map = addrmap_find(&table, a);

			if (map != ADDRMAP_NONE)
				assert_int_equal(
					addrmap_find(&table, addrmap_apply(&entries[map], a)), ADDRMAP_NONE);
		}
	}
}

/* Sorted like this, the sweep meets a prefix before what it contains. */
static void order_is_total(void **state)
{
	const struct prefix p = v4(10, 0, 0, 0, 24), longer = v4(10, 0, 0, 0, 25), next = v4(10, 0, 1, 0, 24);
	const struct addrmap_entry general = entry(p, p, ADDRMAP_ANY, BOTH), own = entry(p, p, 2, BOTH);
	const struct addrmap_entry deep = entry(longer, p, ADDRMAP_ANY, BOTH), last = entry(next, p, 0, BOTH);
	struct addrmap_entry later = general;

	(void)state;
	later.line = 5;
	assert_true(addrmap_compare(&general, &later) < 0);
	assert_true(addrmap_compare(&later, &own) < 0);
	assert_true(addrmap_compare(&own, &deep) < 0);
	assert_true(addrmap_compare(&deep, &last) < 0);
	assert_int_equal(addrmap_compare(&own, &own), 0);
	assert_true(addrmap_compare(&last, &general) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_agrees_with_oracle),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(rows_need_few_nodes),
		cmocka_unit_test(no_map_finds_nothing),
		cmocka_unit_test(own_map_beats_longer_general_one),
		cmocka_unit_test(clash_needs_prefix_part_and_interface),
		cmocka_unit_test(apply_keeps_host_bits),
		cmocka_unit_test(npt_adjusts_a_word),
		cmocka_unit_test(npt_is_neutral),
		cmocka_unit_test(twice_is_once),
		cmocka_unit_test(order_is_total),
	};

	return cmocka_run_group_tests_name("addrmap", tests, seed, NULL);
}
