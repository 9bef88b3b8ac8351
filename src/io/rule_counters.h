/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What the capture rules count: the named counters of nft's tables icmpnatd, whoever has loaded them.
 */
#ifndef IO_RULE_COUNTERS_H
#define IO_RULE_COUNTERS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RULE_COUNTERS_ROWS 64 /* a reload leaves the counters of interfaces that are no longer outside */

enum rule_counter {
#define RULE_COUNTER(name, text, fate, sentence) RULE_COUNTER_##name,
#include "io/rule_counters.def"
#undef RULE_COUNTER
	RULE_COUNTER_COUNT
};

extern const char *const rule_counters_names[RULE_COUNTER_COUNT];

struct rule_counters {
	size_t n;
	bool present[RULE_COUNTER_COUNT]; /* some interface has it; those that have not have 0 */
	struct {
		char interface[IF_NAMESIZE];
		uint64_t packets[RULE_COUNTER_COUNT]; /* of both families */
	} row[RULE_COUNTERS_ROWS];
};

struct mnl_socket;

struct mnl_socket *rule_counters_open(void);
bool rule_counters_read(struct mnl_socket *socket, struct rule_counters *counters);
void rule_counters_close(struct mnl_socket *socket);

#endif
