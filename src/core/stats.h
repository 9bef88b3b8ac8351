/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Counters. Each worker has a set that only it writes, so that counting costs
 * an addition; readers add the sets up. No formatting here.
 */
#ifndef CORE_STATS_H
#define CORE_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/icmp_error.h"
#include "core/outcome.h"

enum stats_counter {
#define STAT(group, name, text, sentence) STATS_##group##_##name,
#include "core/stats.def"
#undef STAT
	STATS_OUTCOME,
	STATS_TYPE = STATS_OUTCOME + OUTCOME_COUNT,
	STATS_COUNT = STATS_TYPE + ICMP_TYPE_COUNT
};

struct stats {
	_Alignas(64) _Atomic uint64_t counter[STATS_COUNT];
};

/* What a counter is called and what it means. */
struct stats_text {
	const char *group, *name, *sentence;
	const char *fate; /* of an outcome; NULL for any other counter */
};

const struct stats_text *stats_text(unsigned counter);

/* Adds n to a number that other threads read; only the calling thread may write it. */
static inline void stats_increase(_Atomic uint64_t *number, uint64_t n)
{
	uint64_t old = atomic_load_explicit(number, memory_order_relaxed);

	atomic_store_explicit(number, old + n, memory_order_relaxed);
}

/* Adds n to a counter; only the worker that owns it may. */
static inline void stats_add(struct stats *stats, unsigned counter, uint64_t n)
{
	stats_increase(&stats->counter[counter], n);
}

/* Returns the value of a counter, in any thread. */
static inline uint64_t stats_get(const struct stats *stats, unsigned counter)
{
	return atomic_load_explicit(&stats->counter[counter], memory_order_relaxed);
}

#endif
