/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The names and sentences of all counters, made from the three lists in which they are declared.
 */
#include "core/stats.h"

#include <stddef.h>

#define GROUP_QUEUE   "queue"
#define GROUP_FLOW    "flow"
#define GROUP_VERDICT "verdict"

#define FATE_TEXT_REWRITTEN "rewritten"
#define FATE_TEXT_PASSED    "passed"
#define FATE_TEXT_LEAKED    "leaked"
#define FATE_TEXT_MALFORMED "malformed"

#define TYPE_SUFFIX_4 ""
#define TYPE_SUFFIX_6 "-v6"

static const struct stats_text texts[STATS_COUNT] = {
#define STAT(group, name, text, sentence) {GROUP_##group, text, sentence, NULL},
#include "core/stats.def"
#undef STAT
#define OUTCOME(name, text, fate, sentence) {"outcome", text, sentence, FATE_TEXT_##fate},
#include "core/outcome.def"
#undef OUTCOME
#define ICMP_TYPE(name, version, type, text, unit)                                                           \
	{"type", text TYPE_SUFFIX_##version, "sound ICMPv" #version " errors of type " #type, NULL},
#include "core/icmp_type.def"
#undef ICMP_TYPE
};

/* Returns the text of a counter below STATS_COUNT; never NULL, valid for ever. */
const struct stats_text *stats_text(unsigned counter)
{
	return &texts[counter];
}
