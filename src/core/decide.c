/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Parse, scope, flow, inner packet, outer source, sums. Each exit is an outcome.
 * There are two halves, and between them the caller asks for the flow.
 */
#include "core/decide.h"

/* Tells whether to look up the flow. LOOKUP_AUTO does where the kernel's NAT could have changed the quoted
 * packet: a map covers one of its addresses, or one of them is private. */
static bool should_look_up(const struct decision *d, enum decide_lookup lookup)
{
	if (lookup != LOOKUP_AUTO)
		return lookup == LOOKUP_ALWAYS;
	return d->source_map != ADDRMAP_NONE || d->destination_map != ADDRMAP_NONE ||
	       address_is_private(d->error.inner.source) || address_is_private(d->error.inner.destination);
}

/* Returns the destination of the quoted packet as the private neighbour who gets the error knows it: from the
 * tuple that it was sent with, if a flow tells; else by the maps, unless it is this host that answers. */
static struct address known_destination(const struct decision *d, const struct flow *flow)
{
	const struct flow_tuple *sent = flow && d->wants_flow ? flow_as_sent(flow, &d->seen) : NULL;

	if (sent)
		return sent->destination;
	if (address_equal(d->error.inner.destination, d->error.outer.source))
		return d->error.outer.source;
	return translate_destination(d);
}

/* Tells whether a private neighbour sent the packet that is quoted, in a quote that is not sound, to a
 * private address; if that cannot be seen, too. */
static bool is_between_neighbours(struct decision *d, const struct decide_rules *rules, const uint8_t *bytes)
{
	const struct packet *outer = &d->error.outer;
	const size_t begin = outer->transport + ICMP_ERROR_HEADER, v4 = outer->version == 4;

	if (rules->leaves_peers || outer->end - begin < (v4 ? 20 : 40) || bytes[begin] >> 4 != outer->version)
		return true;
	d->error.inner.destination =
		v4 ? address_from_v4(bytes + begin + 16) : address_from_v6(bytes + begin + 24);
	d->destination_map = addrmap_find(&rules->maps[ADDRMAP_INNER], d->error.inner.destination);
	return address_is_private(known_destination(d, NULL));
}

/* Looks at an error whose quote is not sound: its source does not depend on that. An IPv4-mapped address is
 * not for the wire (RFC 4038, 4.2), and would be taken for IPv4. */
static void begin_outer(struct decision *d, const struct decide_rules *rules, const uint8_t *bytes)
{
	const struct packet *outer = &d->error.outer;

	if (rules->drop_malformed || !rules->maps || address_is_v4(outer->source) != (outer->version == 4))
		return;
	translate_find_outer_map(d, rules->maps);
	d->outer_only = !address_is_private(outer->destination) || !is_between_neighbours(d, rules, bytes);
	d->destination_map = ADDRMAP_NONE;
}

/* Reads a packet of length bytes (at most 65535) that starts with its outer IP
 * header, and fills in *d. If d->wants_flow afterwards, the caller should look for
 * the flow of d->seen before decide_finish(). */
void decide_begin(struct decision *d, const struct decide_rules *rules, const uint8_t *bytes, size_t length)
{
	d->length = length;
	d->modified = d->translated = d->wants_flow = d->outer_only = false;
	d->outcome = icmp_error_parse(&d->error, bytes, length);
	d->sound = d->outcome == OUTCOME_UNDECIDED;
	if (d->sound && !rules->maps)
		d->outcome = OUTCOME_NOT_OUTSIDE;
	d->for_peer = d->sound && address_is_private(d->error.outer.destination);
	if (d->for_peer && rules->leaves_peers && d->outcome == OUTCOME_UNDECIDED)
		d->outcome = OUTCOME_PRIVATE_PEER;
	else if (!d->sound && icmp_error_blames_quote(d->outcome))
		begin_outer(d, rules, bytes);
	if (d->outcome != OUTCOME_UNDECIDED)
		return;
	d->extensions = rules->extensions;
	translate_find_maps(d, rules->maps);
	if (d->for_peer && address_equal(d->error.inner.source, d->error.outer.destination))
		d->source_map = ADDRMAP_NONE; /* nobody is known to himself by another name */
	d->wants_flow = should_look_up(d, rules->lookup) && flow_tuple_read(&d->seen, &d->error, bytes);
}

/* Translates the source of an error whose quote is not sound, which is what is said of it. */
static void finish_outer(struct decision *d, uint8_t *bytes)
{
	const enum outcome outcome = d->outcome;

	translate(d, NULL, bytes);
	d->outcome = outcome;
}

/* Decides about the packet that decide_begin() read, and edits it in place; it
 * never gets longer. flow is the one that was wanted, NULL if it is not known. */
void decide_finish(struct decision *d, const struct flow *flow, uint8_t *bytes)
{
	const struct flow_tuple *sent = NULL;

	if (d->outer_only)
		finish_outer(d, bytes);
	if (d->outcome != OUTCOME_UNDECIDED)
		return;
	if (d->for_peer && address_is_private(known_destination(d, flow))) {
		d->outcome = OUTCOME_PRIVATE_PEER;
		return;
	}
	if (flow && d->wants_flow && flow_has_nat(flow))
		sent = flow_as_sent(flow, &d->seen);
	translate(d, sent, bytes);
}
