/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What became of a packet. The list itself, with a sentence for each, is outcome.def; everything that
 * counts, names or explains outcomes is made from it.
 */
#ifndef CORE_OUTCOME_H
#define CORE_OUTCOME_H

enum outcome {
#define OUTCOME(name, text, fate, sentence) OUTCOME_##name,
#include "core/outcome.def"
#undef OUTCOME
	OUTCOME_COUNT,
	OUTCOME_UNDECIDED = OUTCOME_COUNT /* the decision goes on */
};

enum outcome_fate { FATE_REWRITTEN, FATE_PASSED, FATE_LEAKED, FATE_MALFORMED };

/* Returns what happens to a packet with this outcome, which must be below OUTCOME_COUNT. */
static inline enum outcome_fate outcome_fate(enum outcome outcome)
{
	static const enum outcome_fate fates[OUTCOME_COUNT] = {
#define OUTCOME(name, text, fate, sentence) FATE_##fate,
#include "core/outcome.def"
#undef OUTCOME
	};

	return fates[outcome];
}

#endif
