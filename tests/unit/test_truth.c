/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The truth of words: what is said to be right, has no private address in it, wherever a header has a place
 * for one. SEED chooses other packets, PACKETS says how many; a failure says what repeats it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/decide.h"
#include "decoder.h"
#include "hider.h"

#define PACKETS_PER_WORLD 16

static uint64_t seed;
static unsigned long n_packets = 10000, number, alarms;

/* How many packets had a private address in a place; have addresses there, and are said to be right; had a
 * private one there, and are right now; have one, and are said to be right nevertheless. */
static unsigned long hidden[PLACES], right[PLACES], mended[PLACES], lies[PLACES], said[OUTCOME_COUNT];

static const struct {
	const char *name;
	enum outcome_fate fate;
} outcomes[OUTCOME_COUNT] = {
#define OUTCOME(name, text, fate, sentence) {text, FATE_##fate},
#include "core/outcome.def"
#undef OUTCOME
};

static bool finds_private(const struct decoded *found)
{
	bool any = false;

	for (unsigned place = 0; place < PLACES; place++)
		any |= found->private[place] > 0;
	return any;
}

static bool says_right(enum outcome outcome)
{
	return outcomes[outcome].fate == FATE_REWRITTEN || outcome == OUTCOME_ALREADY_RIGHT;
}

static void print_bytes(const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		print_error("%s%02x", i % 4 ? "" : " ", bytes[i]);
	print_error("\n");
}

static void show(
	const struct decision *d, const char *what, const uint8_t *input, size_t length, const uint8_t *bytes)
{
	print_error("packet %lu, %s, %s: SEED=%" PRIu64 " PACKETS=%lu shows it\n", number,
		outcomes[d->outcome].name, what, seed, number + 1);
	print_bytes(input, length);
	print_bytes(bytes, d->length);
}

/* Counts a private address in what is said to be right, and shows the first one of each place. */
static void judge(const struct decision *d, const struct decoded *found, const uint8_t *input, size_t length,
	const uint8_t *bytes)
{
	for (unsigned place = 0; place < PLACES; place++) {
		if (!found->private[place] || lies[place]++)
			continue;
		print_error("a private address (%s): ", decoder_places[place]);
		show(d, "is said to be right", input, length, bytes);
	}
}

/* A flow with NAT that the packet belongs to, between addresses at random. */
static struct flow flow_of(const struct decision *d, const struct world *world)
{
	const struct flow_tuple seen = d->seen;
	struct flow flow = {seen, {.source = seen.destination,
					  .destination = seen.source,
					  .source_port_be = seen.destination_port_be,
					  .destination_port_be = seen.source_port_be,
					  .protocol = seen.protocol}};
	const struct ip ip =
		random_below(4) ? world_stranger(world->version) : world_end(world, world->version);
	const struct address a = world->version == 4 ? address_from_v4(ip.bytes) : address_from_v6(ip.bytes);

	*(random_below(2) ? &flow.original.source : &flow.original.destination) = a;
	return flow;
}

static void decide(struct decision *d, const struct world *world, uint8_t *bytes, size_t length)
{
	const struct decide_rules rules = {.maps = world->tables[0],
		.lookup = LOOKUP_AUTO,
		.extensions = (enum extension_policy)random_below(5),
		.leaves_peers = random_below(2)};
	struct flow flow;
	bool known;

	decide_begin(d, &rules, bytes, length);
	known = d->outcome == OUTCOME_UNDECIDED && d->wants_flow && random_below(2);
	if (known)
		flow = flow_of(d, world);
	decide_finish(d, known ? &flow : NULL, bytes);
}

static void count(const struct decoded *before, const struct decoded *after, enum outcome outcome)
{
	said[outcome]++;
	for (unsigned place = 0; place < PLACES; place++) {
		hidden[place] += before->private[place] > 0;
		right[place] += after->addresses[place] > 0 && says_right(outcome);
		mended[place] +=
			before->private[place] > 0 && after->private[place] == 0 && says_right(outcome);
	}
}

static void try_one(const struct world *world)
{
	uint8_t input[GENERATOR_ROOM], *bytes;
	const size_t length = hider_build(input, world);
	struct decoded before, after;
	struct decision d;

	bytes = malloc(length); /* ends where the packet does, for the sanitizer */
	memcpy(bytes, input, length);
	decoder_look(&before, input, length);
	decide(&d, world, bytes, length);
	decoder_look(&after, bytes, d.length);
	if (says_right(d.outcome))
		judge(&d, &after, input, length, bytes);
	if (outcomes[d.outcome].fate == FATE_LEAKED && !finds_private(&after) && !alarms++)
		show(&d, "is said to leak, and has no private address", input, length, bytes);
	count(&before, &after, d.outcome);
	free(bytes);
}

static int try_packets(void **state)
{
	static struct world world;

	(void)state;
	random_seed(seed);
	for (number = 0; number < n_packets; number++) {
		if (number % PACKETS_PER_WORLD == 0)
			world_make(&world, false);
		try_one(&world);
	}
	return 0;
}

static void what_is_said_to_be_right_is_public(void **state)
{
	(void)state;
	for (unsigned place = 0; place < PLACES; place++)
		assert_int_equal(lies[place], 0);
}

static void what_is_said_to_leak_does(void **state)
{
	(void)state;
	assert_int_equal(alarms, 0);
}

static void every_place_occurs(void **state)
{
	(void)state;
	for (unsigned place = 0; place < PLACES; place++)
		print_message("%s: %lu packets with a private address, %lu right, %lu mended, %lu lies\n",
			decoder_places[place], hidden[place], right[place], mended[place], lies[place]);
	for (enum outcome outcome = 0; outcome < OUTCOME_COUNT; outcome++)
		if (said[outcome])
			print_message("%s: %lu packets\n", outcomes[outcome].name, said[outcome]);
	if (n_packets < 10000)
		skip();
	for (unsigned place = 0; place < PLACES; place++)
		assert_true(hidden[place] > n_packets / 500 && right[place] > n_packets / 500);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_said_to_be_right_is_public),
		cmocka_unit_test(what_is_said_to_leak_does),
		cmocka_unit_test(every_place_occurs),
	};

	random_choose_run(&seed, &n_packets);
	return cmocka_run_group_tests(tests, try_packets, NULL);
}
