/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parse, scope, flow, inner packet, outer source, sums. Each exit is an outcome.
 */
#include "core/decide.h"

static bool should_look_up(const struct decide_rules *rules, const struct translation *t)
{
	return rules->lookup == LOOKUP_ALWAYS || (rules->lookup == LOOKUP_AUTO && t->wants_flow);
}

static enum outcome decide_sound(struct decision *d, const struct decide_rules *rules, uint8_t *bytes)
{
	struct translation *t = &d->translation;
	struct flow flow;
	enum outcome outcome;
	bool known;

	if (!rules->maps)
		return OUTCOME_NOT_OUTSIDE;
	if (address_is_private(d->error.outer_destination))
		return OUTCOME_PRIVATE_PEER;
	translate_begin(t, &d->error, rules->maps);
	t->extensions = rules->extensions;
	known = should_look_up(rules, t) && rules->find_flow(rules->context, &d->error, bytes, &flow);
	outcome = translate(t, known ? &flow : NULL, bytes);
	d->translated = true;
	d->modified = t->modified;
	d->length = t->length;
	return outcome;
}

/* Decides about a packet of length bytes (at most 65535) that starts with its
 * outer IP header, and edits it in place; it never gets longer. */
void decide(struct decision *d, const struct decide_rules *rules, uint8_t *bytes, size_t length)
{
	d->length = length;
	d->modified = d->translated = false;
	d->outcome = icmp_error_parse(&d->error, bytes, length);
	d->sound = d->outcome == OUTCOME_UNDECIDED;
	if (d->sound)
		d->outcome = decide_sound(d, rules, bytes);
}
