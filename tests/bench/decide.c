/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Prints the processor time of the whole decision about an error, in nanoseconds:
 * what the daemon does between receiving its bytes and writing its verdict. The
 * errors are of 88 bytes, as those of the drain, and go to 1,024 strangers.
 *
 *   decide MAPS ERRORS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/addrmap.h"
#include "core/decide.h"
#include "packets.h"

#define STRANGERS 1024
#define LENGTH	  88

static uint8_t errors[STRANGERS][PACKET_ROOM];

static struct prefix host(uint32_t v4)
{
	return (struct prefix){{0, UINT64_C(0xffff) << 32 | v4}, 128};
}

/* One map of the errors' source, and others of hosts with gaps between them. */
static struct addrmap_entry *make_entries(size_t n)
{
	struct addrmap_entry *entries = calloc(n, sizeof(*entries));

	for (uint32_t i = 0; entries && i < n; i++)
		entries[i] = (struct addrmap_entry){
			.private = host(i ? 0x0a000000 + 2 * i : 0xc0a82a01), /* 10.0.0.0, 192.168.42.1 */
			.public = host(i ? 0x0b000000 + 2 * i : 0x01020301),  /* 11.0.0.0, 1.2.3.1 */
			.outside = ADDRMAP_ANY,
			.parts = 1 << ADDRMAP_OUTER | 1 << ADDRMAP_INNER,
		};
	if (entries)
		qsort(entries, n, sizeof(*entries), addrmap_compare);
	return entries;
}

/* Builds the tables and their index; the latter is counted first, then filled. */
static void make_maps(struct addrmap maps[ADDRMAP_PARTS], const struct addrmap_entry *entries, size_t n)
{
	struct addrmap_index index = {0};

	for (unsigned part = 0; part < ADDRMAP_PARTS; part++) {
		struct addrmap_range *ranges = calloc(ADDRMAP_RANGES(n), sizeof(*ranges));

		addrmap_build(&maps[part], entries, n, (enum addrmap_part)part, ADDRMAP_ANY, ranges);
		addrmap_index(&maps[part], &index);
	}
	index.nodes = calloc(index.n_nodes + 1, sizeof(*index.nodes));
	index.slots = calloc(index.n_slots + 1, sizeof(*index.slots));
	index.n_nodes = index.n_slots = 0;
	for (unsigned part = 0; part < ADDRMAP_PARTS; part++)
		addrmap_index(&maps[part], &index);
}

static void make_errors(void)
{
	for (unsigned i = 0; i < STRANGERS; i++) {
		char stranger[32];
		const struct recipe recipe = {.version = 4,
			.outer_src = "192.168.42.1",
			.outer_dst = stranger,
			.type = 11,
			.inner_src = stranger,
			.inner_dst = "1.2.3.4",
			.protocol = 17,
			.sport = 40000,
			.dport = 33434,
			.payload = 32};

		snprintf(stranger, sizeof(stranger), "%u.%d.%d.%d", 20 + i % 64, rand() % 256, rand() % 256,
			rand() % 256);
		if (packet_build(errors[i], &recipe) != LENGTH)
			abort();
	}
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void decide(const struct decide_rules *rules, unsigned long count)
{
	uint8_t bytes[LENGTH];
	struct decision d;

	for (unsigned long i = 0; i < count; i++) {
		memcpy(bytes, errors[i % STRANGERS], LENGTH);
		decide_begin(&d, rules, bytes, LENGTH);
		decide_finish(&d, NULL, bytes);
		if (d.outcome != OUTCOME_OUTER)
			abort();
	}
}

int main(int argc, char **argv)
{
	const size_t n = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
	const unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	struct addrmap maps[ADDRMAP_PARTS];
	const struct decide_rules rules = {.maps = maps};
	struct addrmap_entry *entries = make_entries(n);
	double start;

	if (n == 0 || count == 0 || !entries)
		return 2;
	make_maps(maps, entries, n);
	make_errors();
	decide(&rules, STRANGERS);
	start = seconds();
	decide(&rules, count);
	printf("%.2f\n", (seconds() - start) * 1e9 / (double)count);
	return 0;
}
