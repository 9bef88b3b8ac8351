/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The fate that goes with each outcome.
 */
#include "core/outcome.h"

static const enum outcome_fate fates[OUTCOME_COUNT] = {
#define OUTCOME(name, text, fate, sentence) FATE_##fate,
#include "core/outcome.def"
#undef OUTCOME
};

/* Returns what happens to a packet with this outcome, which must be below OUTCOME_COUNT. */
enum outcome_fate outcome_fate(enum outcome outcome)
{
	return fates[outcome];
}
