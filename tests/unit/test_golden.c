/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Each golden packet (tests/golden) becomes exactly what its file says, and for
 * each outcome there is a golden packet.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"
#include "packets.h"

/* Outcomes that no decision has, and the test that shows them. */
static const struct {
	enum outcome outcome;
	const char *file;
} elsewhere[] = {
	{OUTCOME_OVERSIZE, "tests/net/errors/test_oversize.py"},
};

static struct golden *goldens;
static size_t n_goldens;

static const char *source_folder(void)
{
	const char *folder = getenv("srcdir");

	return folder ? folder : ".";
}

/* A copy that ends where the packet does, so that a sanitizer sees what reads on. */
static uint8_t *exact_copy(const uint8_t *bytes, size_t length)
{
	uint8_t *copy = malloc(length + !length);

	memcpy(copy, bytes, length);
	return copy;
}

static void decide_and_compare(
	const struct golden *golden, const uint8_t *bytes, size_t length, struct decision *d)
{
	uint8_t *copy = exact_copy(bytes, length);

	golden_decide(d, golden, copy, length);
	assert_int_equal(d->length, golden->expected_length);
	assert_memory_equal(copy, golden->expected, golden->expected_length);
	assert_int_equal(d->modified, d->length != length || memcmp(copy, bytes, length) != 0);
	free(copy);
}

/* The whole packet and the outcome; and what came out, put in again, comes out. */
static void becomes_what_is_expected(void **state)
{
	const struct golden *golden = *state;
	struct decision d;

	decide_and_compare(golden, golden->input, golden->input_length, &d);
	assert_string_equal(golden_outcome_name(d.outcome), golden_outcome_name(golden->outcome));
	decide_and_compare(golden, golden->expected, golden->expected_length, &d);
	assert_false(d.modified);
}

/* Nothing is done to what is malformed where it will be dropped, and no map counts as used. */
static void what_will_be_dropped_is_not_edited(void **state)
{
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < n_goldens; i++) {
		const struct golden *golden = &goldens[i];
		const struct decide_rules rules = {.maps = golden->maps, .drop_malformed = true};
		struct decision d;
		uint8_t *copy;

		if (outcome_fate(golden->outcome) != FATE_MALFORMED)
			continue;
		copy = exact_copy(golden->input, golden->input_length);
		decide_begin(&d, &rules, copy, golden->input_length);
		decide_finish(&d, NULL, copy);
		assert_false(d.translated || d.modified);
		assert_memory_equal(copy, golden->input, golden->input_length);
		free(copy);
		n++;
	}
	assert_true(n > 20);
}

/* No sum that an independent judge calls right is wrong afterwards. */
static void no_sum_is_spoilt(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_goldens; i++) {
		const struct golden *golden = &goldens[i];
		struct decision d;
		uint8_t *copy = exact_copy(golden->input, golden->input_length);
		unsigned right;

		golden_decide(&d, golden, copy, golden->input_length);
		if (d.sound || d.outer_only) {
			right = packet_sums(golden->input, golden->input_length);
			assert_int_equal(packet_sums(copy, d.length) & right, right);
		}
		free(copy);
	}
}

static bool file_speaks_of(const char *name, const char *word)
{
	char path[4096], line[1024];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", source_folder(), name);
	file = fopen(path, "r");
	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, word) != NULL;
	if (file)
		fclose(file);
	return found;
}

static bool is_covered(enum outcome outcome)
{
	for (size_t i = 0; i < n_goldens; i++)
		if (goldens[i].outcome == outcome)
			return true;
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		if (elsewhere[i].outcome == outcome)
			return file_speaks_of(elsewhere[i].file, golden_outcome_name(outcome));
	return false;
}

static void every_outcome_has_a_golden_packet(void **state)
{
	unsigned missing = 0;

	(void)state;
	for (unsigned outcome = 0; outcome < OUTCOME_COUNT; outcome++)
		if (!is_covered((enum outcome)outcome)) {
			print_error("no golden packet: %s\n", golden_outcome_name((enum outcome)outcome));
			missing++;
		}
	assert_int_equal(missing, 0);
}

/* A test for each file, so that the one that fails is named. */
int main(void)
{
	static const struct CMUnitTest general[] = {
		cmocka_unit_test(no_sum_is_spoilt),
		cmocka_unit_test(what_will_be_dropped_is_not_edited),
		cmocka_unit_test(every_outcome_has_a_golden_packet),
	};
	struct CMUnitTest *tests;
	char folder[4096];
	int failed;

	snprintf(folder, sizeof(folder), "%s/tests/golden", source_folder());
	n_goldens = golden_read_all(folder, &goldens);
	tests = calloc(n_goldens, sizeof(*tests));
	for (size_t i = 0; i < n_goldens; i++)
		tests[i] = (struct CMUnitTest){.name = goldens[i].name,
			.test_func = becomes_what_is_expected,
			.initial_state = &goldens[i]};
	failed = _cmocka_run_group_tests("golden packets", tests, n_goldens, NULL, NULL);
	failed += cmocka_run_group_tests(general, NULL, NULL);
	free(tests);
	free(goldens);
	return failed != 0;
}
