/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Rewrites an ICMP error in place: inner packet as its sender sent it, outer source as the maps say, every
 * checksum by the increments of these edits (RFC 1624): right after exactly if it was right before.
 */
#include "core/translate.h"

#include <netinet/in.h>
#include <string.h>

#include "core/checksum.h"
#include "core/crc32c.h"
#include "core/hops.h"
#include "core/transport.h"
#include "core/tunnel.h"

/* An edit under way: the bytes, and what it has changed so far in each sum. */
struct edit {
	uint8_t *bytes;
	struct transport transport; /* of the inner packet; known once it is to be changed */
	uint64_t outer_header, icmp, inner_header, inner_transport;
	bool outer_changed, inner_changed, df_cleared, extension_changed;
	bool outer_leaks, inner_leaks, extension_leaks; /* what stays private beside the ends */
};

/* Writes an address into either header of an error. Returns the change in a sum over it. */
static uint64_t write_address(struct edit *edit, const struct packet *p, unsigned offset, struct address a)
{
	uint8_t text[16];

	if (p->version == 4) {
		address_to_v4(a, text);
		return checksum_replace(edit->bytes + offset, text, 4);
	}
	address_to_v6(a, text);
	return checksum_replace(edit->bytes + offset, text, 16);
}

/* Sets the outer source, which is in the sum of its IPv4 header, and in IPv6 by way of the pseudo-header in
 * that of ICMPv6. */
static void set_outer_source(struct edit *edit, const struct packet *outer, struct address a)
{
	if (address_equal(a, outer->source))
		return;
	*(outer->version == 4 ? &edit->outer_header : &edit->icmp) +=
		write_address(edit, outer, packet_source(outer), a);
	edit->outer_changed = true;
}

/* Changes the inner address at an offset, which is in the sum of its own IPv4 header, in that of ICMP, and
 * by way of the pseudo-header in that of the inner transport, except for a destination that a source route
 * or routing header will replace (RFC 8200, 8.1). */
static void change_inner_address(struct edit *edit, const struct packet *inner, unsigned offset,
	struct address from, struct address to)
{
	uint64_t delta;

	if (address_equal(from, to))
		return;
	delta = write_address(edit, inner, offset, to);
	edit->icmp += delta;
	if (inner->version == 4)
		edit->inner_header += delta;
	if (edit->transport.pseudo_header && !(inner->rerouted && offset == packet_destination(inner)))
		edit->inner_transport += delta;
	edit->inner_changed = true;
}

/* Sets a port or identifier at an offset in the inner transport header. */
static void set_inner_port(struct edit *edit, const struct packet *inner, unsigned offset, uint16_t port_be)
{
	uint8_t *field = edit->bytes + inner->transport + offset;
	uint64_t delta;

	if (!packet_quotes(inner, offset, 2) || memcmp(field, &port_be, 2) == 0)
		return;
	delta = checksum_replace(field, (const uint8_t *)&port_be, 2);
	edit->icmp += delta;
	edit->inner_transport += delta;
	edit->inner_changed = true;
}

/* Sets the ports of SCTP, which are quoted if there is a tuple, and the CRC32c over them where
 * that can be told: not of a fragment, for its packet is longer than its IP header says. */
static void set_sctp_ports(struct edit *edit, const struct packet *inner, const struct flow_tuple *tuple)
{
	uint8_t *header = edit->bytes + inner->transport, change[4], crc[4];
	uint32_t difference;

	memcpy(change, header, 4);
	set_inner_port(edit, inner, 0, tuple->source_port_be);
	set_inner_port(edit, inner, 2, tuple->destination_port_be);
	if (memcmp(change, header, 4) == 0)
		return;
	if (inner->fragment || !packet_quotes(inner, 8, 4) || inner->total_end < inner->transport + 12u)
		return;
	for (int i = 0; i < 4; i++)
		change[i] ^= header[i];
	difference = crc32c_difference(change, 4, inner->total_end - inner->transport - 4);
	for (int i = 0; i < 4; i++, difference >>= 8)
		crc[i] = header[8 + i] ^ (uint8_t)difference;
	edit->icmp += checksum_replace(header + 8, crc, 4);
}

/* Sets the inner addresses and, where the tuple is known with which its sender sent the packet, its ports
 * or identifier. */
static void set_inner(struct edit *edit, const struct packet *inner, struct address source,
	struct address destination, const struct flow_tuple *sent)
{
	edit->transport = transport_of(inner, edit->bytes);
	change_inner_address(edit, inner, packet_source(inner), inner->source, source);
	change_inner_address(edit, inner, packet_destination(inner), inner->destination, destination);
	if (sent && edit->transport.has_id)
		set_inner_port(edit, inner, 4, sent->source_port_be);
	if (sent && edit->transport.has_crc32c) {
		set_sctp_ports(edit, inner, sent);
	} else if (sent && edit->transport.has_ports) {
		set_inner_port(edit, inner, 0, sent->source_port_be);
		set_inner_port(edit, inner, 2, sent->destination_port_be);
	}
}

/* Clears DF, which copies by nft's dup or iptables' TEE have (nf_dup_ipv4), and the kernel's errors never. */
static void clear_df(struct edit *edit, const struct packet *outer)
{
	uint8_t *flags = edit->bytes + outer->begin + 6;

	if (outer->version != 4 || !(flags[0] & 0x40))
		return;
	flags[0] &= 0xbf;
	edit->outer_header += (uint16_t)~htons(0x4000);
	edit->df_cleared = true;
}

/* Returns what changes in a sum when bytes whose partial sum is `before` give way to
 * bytes whose partial sum is `after`. Both must start at the same even distance. */
static uint64_t difference(uint64_t before, uint64_t after)
{
	return (uint16_t)~checksum_fold(before) + (uint64_t)checksum_fold(after);
}

/* Ends the message at new_end, and says so in its headers. */
static void shorten(struct edit *edit, struct decision *d, uint16_t new_end)
{
	const struct packet *outer = &d->error.outer;
	uint8_t total[2];

	packet_put_be16(total, new_end - (outer->version == 4 ? 0u : 40u));
	if (outer->version == 4)
		edit->outer_header += checksum_replace(edit->bytes + 2, total, 2);
	else /* the length is in the pseudo-header, too */
		edit->icmp += checksum_replace(edit->bytes + 4, total, 2);
	d->length = new_end;
}

/* Removes the extension, which had this sum before anything was done to it, and the padding before it: the
 * length field becomes 0, and what follows the ICMP header is all quoted packet (RFC 4884, 5). */
static void remove_extension(struct edit *edit, struct decision *d, uint64_t sum)
{
	const struct icmp_error *error = &d->error;
	uint16_t field = icmp_error_length_field(error);
	size_t begin = error->outer.transport;
	uint64_t before = checksum_add(sum, edit->bytes + begin, error->extension - begin);

	edit->bytes[field] = 0;
	edit->icmp += difference(before, checksum_add(0, edit->bytes + begin, error->inner.end - begin));
	shorten(edit, d, error->inner.end);
}

/* Does with the extension as the policy says. */
static void edit_extension(struct edit *edit, struct decision *d)
{
	const struct icmp_error *error = &d->error;
	uint8_t *extension = edit->bytes + error->extension;
	size_t length = error->outer.end - error->extension, left = 0;
	uint64_t before = checksum_add(0, extension, length);
	bool changed = true;

	if (d->extensions == EXTENSION_PASS) {
		edit->extension_leaks = extension_has_private(extension, length);
		return;
	}
	if (d->extensions != EXTENSION_STRIP)
		left = extension_make_public(
			extension, length, d->extensions, &d->maps[ADDRMAP_OUTER], &changed);
	if (left == 0)
		remove_extension(edit, d, before);
	else if (changed)
		edit->icmp += difference(before, checksum_add(0, extension, left));
	if (left > 0 && left < length)
		shorten(edit, d, (uint16_t)(error->extension + left));
	edit->extension_changed = left == 0 || changed;
}

/* Updates the inner transport checksum, where it is quoted. A UDP checksum of 0 says that there is none, so a
 * computed 0 is written as 0xffff (RFC 768, RFC 3828). What is neutral, as NPTv6 is, leaves even its other
 * zero as it was sent. */
static void finish_transport(struct edit *edit, const struct packet *inner)
{
	uint8_t *field = edit->bytes + inner->transport + edit->transport.checksum;
	static const uint8_t zero[2], ones[2] = {0xff, 0xff};

	if (!edit->transport.checksum || !packet_quotes(inner, edit->transport.checksum, 2))
		return;
	if (edit->inner_transport % UINT16_MAX == 0)
		return;
	if (edit->transport.checksum_is_opt && memcmp(field, zero, 2) == 0)
		return;
	edit->icmp += checksum_update(field, edit->inner_transport);
	if (edit->transport.never_zero && memcmp(field, zero, 2) == 0)
		edit->icmp += checksum_replace(field, ones, 2);
}

/* Brings the sums up to date from the inside out: each one is itself among the bytes that
 * the next one covers. A sum over unchanged bytes stays as it is, right or wrong. */
static void finish_sums(struct edit *edit, const struct icmp_error *error)
{
	const struct packet *outer = &error->outer, *inner = &error->inner;

	if (edit->inner_header) /* never in IPv6 */
		edit->icmp += checksum_update(edit->bytes + inner->begin + 10, edit->inner_header);
	if (edit->inner_changed)
		finish_transport(edit, inner);
	if (edit->icmp)
		checksum_update(edit->bytes + outer->transport + 2, edit->icmp);
	if (edit->outer_header) /* never in IPv6 */
		checksum_update(edit->bytes + outer->begin + 10, edit->outer_header);
}

/* Tells whether the inner source is a private one that those who get the error should not see: it is not
 * their own. */
static bool leaks_source(struct address inner_source, const struct packet *outer)
{
	return address_is_private(inner_source) && !address_equal(inner_source, outer->destination);
}

/* Returns the outcome: a private address that is still there, or what was changed. */
static enum outcome outcome_of(const struct edit *edit, const struct packet *outer,
	struct address outer_source, struct address inner_source, struct address inner_destination)
{
	if (address_is_private(outer_source) || edit->outer_leaks)
		return OUTCOME_LEAKED_OUTER;
	if (leaks_source(inner_source, outer) || address_is_private(inner_destination) || edit->inner_leaks)
		return OUTCOME_LEAKED_INNER;
	if (edit->extension_leaks)
		return OUTCOME_LEAKED_EXTENSION;
	if (edit->outer_changed)
		return edit->inner_changed ? OUTCOME_BOTH : OUTCOME_OUTER;
	if (edit->inner_changed)
		return OUTCOME_INNER;
	return edit->extension_changed ? OUTCOME_STRIPPED : OUTCOME_ALREADY_RIGHT;
}

/* Returns the public address of an address by the map that covers it; the address itself if none does. */
static struct address apply_map(const struct decision *d, uint32_t map, struct address a)
{
	return map == ADDRMAP_NONE ? a : addrmap_apply(&d->entries[map], a);
}

/* Returns what an address in options or a routing header is known as outside. Those of IPv4's options are of
 * routers, as the outer source is, or where the sender has given them, perhaps of hosts. */
static struct address public_hop(const struct decision *d, const struct packet *p, struct address a)
{
	uint32_t map = ADDRMAP_NONE;

	if (p->version == 4 || p == &d->error.outer)
		map = addrmap_find(&d->maps[ADDRMAP_OUTER], a);
	if (map == ADDRMAP_NONE)
		map = addrmap_find(&d->maps[ADDRMAP_INNER], a);
	return apply_map(d, map, a);
}

/* Returns a change in a sum, of words at an even distance, for bytes at an odd one (RFC 1071, 2B). */
static uint64_t swapped(uint64_t delta)
{
	const uint16_t folded = checksum_fold(delta);

	return (uint16_t)(folded << 8 | folded >> 8);
}

/* Notes what an address in the options or routing header of the outer or inner packet changes in the sums.
 * Those of IPv6 are in the inner ICMPv6 message, but in no sum of the header that they belong to. */
static void sum_hop(struct edit *edit, const struct decision *d, const struct packet *p,
	struct options_hop hop, uint64_t delta)
{
	const uint64_t in_header = (hop.offset - p->begin) % 2 ? swapped(delta) : delta;

	if (p == &d->error.outer) {
		if (p->version == 4)
			edit->outer_header += in_header;
		edit->outer_changed = true;
		return;
	}
	if (p->version == 4)
		edit->inner_header += in_header;
	edit->icmp += in_header;
	if (hop.final && edit->transport.pseudo_header)
		edit->inner_transport += delta;
	edit->inner_changed = true;
}

/* Translates an address in the options or routing headers of either packet. */
static void set_hop(
	struct edit *edit, const struct decision *d, const struct packet *p, struct options_hop hop)
{
	uint8_t *bytes = edit->bytes + hop.offset;
	const struct address from = packet_address(p->version, bytes);

	if (d->for_peer && address_equal(from, d->error.outer.destination))
		return; /* nobody is known to himself by another name */
	if (p->version == 4 || !address_is_v4(from)) {
		const struct address to = public_hop(d, p, from);

		if (!address_equal(from, to))
			sum_hop(edit, d, p, hop, write_address(edit, p, (unsigned)hop.offset, to));
	}
	if (packet_tells_private(p->version, bytes))
		*(p == &d->error.outer ? &edit->outer_leaks : &edit->inner_leaks) = true;
}

static void set_hops(struct edit *edit, const struct decision *d, const struct packet *p)
{
	struct hops_walk walk;
	struct options_hop hop;

	if (!p->has_hops)
		return;
	hops_begin(&walk, p, edit->bytes);
	while (hops_next(&walk, &hop))
		set_hop(edit, d, p, hop);
}

/* Translates routers that an error may tell of. What is in a tunnel stays as its sender wrote it. */
static void set_more(struct edit *edit, const struct decision *d)
{
	const struct packet *inner = &d->error.inner;

	edit->transport = transport_of(inner, edit->bytes);
	set_hops(edit, d, &d->error.outer);
	set_hops(edit, d, inner);
	edit->inner_leaks |= tunnel_has_private(inner, edit->bytes);
}

/* Looks up the maps for d->error. maps are those of the interface that it leaves by. */
void translate_find_maps(struct decision *d, const struct addrmap maps[ADDRMAP_PARTS])
{
	const struct addrmap *inner = &maps[ADDRMAP_INNER];

	d->entries = inner->entries;
	d->maps = maps;
	d->outer_map = addrmap_find(&maps[ADDRMAP_OUTER], d->error.outer.source);
	d->source_map = addrmap_find(inner, d->error.inner.source);
	d->destination_map = addrmap_find(inner, d->error.inner.destination);
}

/* Returns what the maps make of the inner destination, after translate_find_maps(). */
struct address translate_destination(const struct decision *d)
{
	return apply_map(d, d->destination_map, d->error.inner.destination);
}

/* Looks up the map for the source of an error whose quote is not sound. To translate() that is one in whose
 * quote there is nothing to translate. */
void translate_find_outer_map(struct decision *d, const struct addrmap maps[ADDRMAP_PARTS])
{
	d->entries = maps[ADDRMAP_OUTER].entries;
	d->maps = maps;
	d->error.extension = 0;
	d->error.inner = (struct packet){.version = d->error.outer.version};
	d->outer_map = addrmap_find(&maps[ADDRMAP_OUTER], d->error.outer.source);
	d->source_map = d->destination_map = ADDRMAP_NONE;
}

/* Translates the error d->error in place, after translate_find_maps() or its like. sent is the tuple that the
 * inner packet was sent with, NULL if no flow with NAT tells. Fills in d->outcome, d->modified and d->length;
 * sets maps that turn out not to be needed to ADDRMAP_NONE. */
void translate(struct decision *d, const struct flow_tuple *sent, uint8_t *bytes)
{
	const struct packet *outer = &d->error.outer, *inner = &d->error.inner;
	struct edit edit = {.bytes = bytes};
	const struct address outer_source = apply_map(d, d->outer_map, outer->source);
	const struct address source = sent ? sent->source : apply_map(d, d->source_map, inner->source);
	const struct address destination = sent ? sent->destination : translate_destination(d);

	if (sent)
		d->source_map = d->destination_map = ADDRMAP_NONE;
	if (d->error.extension != 0)
		edit_extension(&edit, d);
	if (sent || d->source_map != ADDRMAP_NONE || d->destination_map != ADDRMAP_NONE)
		set_inner(&edit, inner, source, destination, sent);
	if (outer->has_hops | inner->has_hops | tunnel_is_in(inner))
		set_more(&edit, d);
	set_outer_source(&edit, outer, outer_source);
	clear_df(&edit, outer);
	finish_sums(&edit, &d->error);
	d->translated = true;
	d->modified = edit.outer_changed || edit.inner_changed || edit.df_cleared || edit.extension_changed;
	d->outcome = outcome_of(&edit, outer, outer_source, source, destination);
}
