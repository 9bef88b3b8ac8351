/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parse, scope, flow, inner packet, outer source, sums. Each exit is an outcome.
 * There are two halves, and between them whoever can asks for the flow.
 */
#include "core/decide.h"

static bool should_look_up(const struct decide_rules *rules, const struct translation *t)
{
	return t->wants_flow ? rules->lookup != LOOKUP_NEVER : rules->lookup == LOOKUP_ALWAYS;
}

static enum outcome begin_sound(struct decision *d, const struct decide_rules *rules, const uint8_t *bytes)
{
	struct translation *t = &d->translation;

	if (!rules->maps)
		return OUTCOME_NOT_OUTSIDE;
	if (address_is_private(d->error.outer.destination))
		return OUTCOME_PRIVATE_PEER;
	translate_begin(t, &d->error, rules->maps);
	t->extensions = rules->extensions;
	d->wants_flow = should_look_up(rules, t) && flow_tuple_read(&d->seen, &d->error, bytes);
	return OUTCOME_UNDECIDED;
}

/* Reads a packet of length bytes (at most 65535) that starts with its outer IP
 * header. If d->wants_flow afterwards, the flow of d->seen would help to decide. */
void decide_begin(struct decision *d, const struct decide_rules *rules, const uint8_t *bytes, size_t length)
{
	enum outcome outcome;

	d->length = length;
	d->modified = d->translated = d->wants_flow = false;
	outcome = icmp_error_parse(&d->error, bytes, length);
	d->sound = outcome == OUTCOME_UNDECIDED;
	d->outcome = d->sound ? begin_sound(d, rules, bytes) : outcome;
}
