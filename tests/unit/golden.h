/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Reads golden packets: the files of tests/golden, whose README describes them.
 */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/decide.h"

#define GOLDEN_MAPS 8
#define GOLDEN_ROOM 2048

struct golden {
	char name[64];
	struct addrmap_entry entries[GOLDEN_MAPS];
	size_t n_entries;
	struct addrmap_range ranges[ADDRMAP_PARTS][ADDRMAP_RANGES(GOLDEN_MAPS)];
	struct addrmap maps[ADDRMAP_PARTS];
	struct flow flow;
	bool has_flow, outside;
	enum extension_policy extensions;
	enum decide_lookup lookup;
	bool leaves_peers;
	uint8_t input[GOLDEN_ROOM], expected[GOLDEN_ROOM];
	size_t input_length, expected_length;
	enum outcome outcome;
};

size_t golden_read_all(const char *folder, struct golden **goldens);
void golden_decide(struct decision *d, const struct golden *golden, uint8_t *bytes, size_t length);
const char *golden_outcome_name(enum outcome outcome);

#endif
