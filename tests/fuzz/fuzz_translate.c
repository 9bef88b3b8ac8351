/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The core: any bytes as a packet, with one of some sets of maps, any policy
 * and any flow. What must hold of every packet is checked here, against code
 * that shares nothing with the core (packets.c and decoder.c of tests/unit).
 *
 *   byte 0   bits 0-1 maps, 2-3 policy for extensions, 4-5 when to look up, 6-7 kind of flow
 *   byte 1   bits 0-3 which lengths and sums to make right first, for random bytes would all be refused;
 *            bit 4 the last policy keeps names
 *   12 bytes of changes to the quoted packet's tuple that make a flow (kind 1 to 3)
 *   the rest is the packet
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/decide.h"
#include "decoder.h"
#include "fuzz.h"
#include "packets.h"

#define PACKET_MAX   2048 /* QUEUE_PACKET_MAX */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { REPAIR_LENGTHS = 1, REPAIR_OUTER = 2, REPAIR_ICMP = 4, REPAIR_INNER = 8, KEEP_NAMES = 16 };
enum { FLOW_NONE, FLOW_SEEN_BEFORE_NAT, FLOW_SEEN_AFTER_NAT, FLOW_OF_OTHERS };

#define BOTH (1 << ADDRMAP_OUTER | 1 << ADDRMAP_INNER)

/* Hosts, prefixes of both families, many to one, a pool, and one for the outer part only. */
static const struct {
	const char *private, *public;
	uint8_t private_length, public_length, parts;
} map_texts[] = {
	{"192.168.42.1", "1.2.3.1", 128, 128, BOTH},
	{"192.168.1.0", "1.2.3.0", 120, 120, BOTH},
	{"10.0.0.0", "1.2.4.1", 104, 128, 1 << ADDRMAP_OUTER},
	{"10.9.0.0", "1.2.5.8", 112, 125, 1 << ADDRMAP_OUTER},
	{"172.16.0.0", "1.16.0.0", 108, 108, 1 << ADDRMAP_INNER},
	{"fd42::1", "2001:db8:1::1", 128, 128, BOTH},
	{"fd00:1::", "2001:db8:1::", 64, 64, BOTH},
	{"fd00:1::20", "2001:db8:2::20", 128, 128, 1 << ADDRMAP_INNER},
	{"fd00:2::", "2001:db8:3::", 48, 48, BOTH | ADDRMAP_NPT},
	{"fd00:3::", "2001:db8:4::", 64, 64, BOTH | ADDRMAP_NPT},
};

#define MAPS COUNT(map_texts)

static struct addrmap_entry entries[MAPS];
static struct addrmap_range ranges[ADDRMAP_PARTS][ADDRMAP_RANGES(MAPS)],
	odd_ranges[ADDRMAP_PARTS][ADDRMAP_RANGES(2)];
static struct addrmap maps[ADDRMAP_PARTS], odd_maps[ADDRMAP_PARTS], no_maps[ADDRMAP_PARTS];

/* Everything of each family becomes one address: no packet is without a map. */
static struct addrmap_entry odd_entries[2];

static void build_tables(struct addrmap *tables, const struct addrmap_entry *of, size_t n,
	struct addrmap_range *outer, struct addrmap_range *inner)
{
	addrmap_build(&tables[ADDRMAP_OUTER], of, n, ADDRMAP_OUTER, ADDRMAP_ANY, outer);
	addrmap_build(&tables[ADDRMAP_INNER], of, n, ADDRMAP_INNER, ADDRMAP_ANY, inner);
}

static struct addrmap_entry entry(
	const char *private, uint8_t length, const char *public, uint8_t public_length)
{
	return (struct addrmap_entry){.private = {parse_address(private), length},
		.public = {parse_address(public), public_length},
		.outside = ADDRMAP_ANY,
		.parts = BOTH};
}

static void make_maps(void)
{
	if (maps[0].n_ranges)
		return;
	for (size_t i = 0; i < MAPS; i++) {
		entries[i] = entry(map_texts[i].private, map_texts[i].private_length, map_texts[i].public,
			map_texts[i].public_length);
		entries[i].parts = map_texts[i].parts;
	}
	qsort(entries, MAPS, sizeof(entries[0]), addrmap_compare);
	build_tables(maps, entries, MAPS, ranges[0], ranges[1]);
	odd_entries[0] = entry("::ffff:0.0.0.0", 96, "255.255.255.255", 128);
	odd_entries[1] = entry("::", 0, "::", 128);
	qsort(odd_entries, 2, sizeof(odd_entries[0]), addrmap_compare);
	build_tables(odd_maps, odd_entries, 2, odd_ranges[0], odd_ranges[1]);
}

/* The flow of this input, and whether it was asked for. */
struct flows {
	int kind;
	uint8_t changes[12];
	bool known; /* decided at the first question; then the same for every other */
	bool asked;
	struct flow flow;
};

/* Changes the ports of a tuple, if it has any: both are one identifier in a query. */
static void change_ports(struct flow_tuple *tuple, const uint8_t changes[4])
{
	uint16_t ports[2];

	memcpy(ports, changes, 4);
	switch (tuple->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_DCCP:
	case IPPROTO_SCTP:
		tuple->source_port_be ^= ports[0];
		tuple->destination_port_be ^= ports[1];
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if (address_is_v4(tuple->source) == (tuple->protocol == IPPROTO_ICMP))
			tuple->destination_port_be = tuple->source_port_be ^= ports[0];
		break;
	}
}

/* What the NAT of the flow changes: where a byte of changes is 0, nothing. */
static struct flow_tuple changed(struct flow_tuple tuple, const uint8_t changes[12])
{
	tuple.source.lo ^= (uint64_t)changes[0] << 24 | changes[1];
	tuple.destination.lo ^= (uint64_t)changes[2] << 24 | changes[3];
	if (!address_is_v4(tuple.source)) {
		tuple.source.hi ^= (uint64_t)changes[4] << 56;
		tuple.destination.hi ^= (uint64_t)changes[5] << 56;
	}
	change_ports(&tuple, changes + 6);
	return tuple;
}

/* Whether a tuple is its own inverse: a host and port that talk to themselves.
 * Then nobody can tell the directions of a flow apart, and connection tracking
 * would not keep both tuples of one that has NAT. */
static bool is_self(const struct flow_tuple *tuple)
{
	struct flow_tuple inverse = flow_tuple_inverse(tuple);

	return flow_tuple_equal(tuple, &inverse);
}

/* A flow that the packet is of, as it was before or after the NAT. */
static bool make_flow(struct flows *flows, const struct flow_tuple *seen)
{
	const struct flow_tuple other = changed(*seen, flows->changes);

	if (flows->kind == FLOW_SEEN_BEFORE_NAT)
		flows->flow = (struct flow){*seen, flow_tuple_inverse(&other)};
	else if (flows->kind == FLOW_SEEN_AFTER_NAT)
		flows->flow = (struct flow){other, flow_tuple_inverse(seen)};
	else
		flows->flow = (struct flow){other, other};
	return flow_as_sent(&flows->flow, seen) && !is_self(&flows->flow.original) &&
	       !is_self(&flows->flow.reply);
}

/* The kernel would not say that a packet is of a flow that it is not of. */
static const struct flow *find_flow(struct flows *flows, const struct decision *d)
{
	if (!flows->asked && d->wants_flow && flows->kind != FLOW_NONE)
		flows->known = make_flow(flows, &d->seen);
	flows->asked |= d->wants_flow;
	return flows->known ? &flows->flow : NULL;
}

static void decide(struct decision *d, const struct decide_rules *rules, struct flows *flows, uint8_t *bytes,
	size_t length)
{
	decide_begin(d, rules, bytes, length);
	decide_finish(d, find_flow(flows, d), bytes);
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void repair_v4_sum(uint8_t *ip, size_t length)
{
	const size_t header = (ip[0] & 15u) * 4;

	if (header < 20 || header > length)
		return;
	put16(ip + 10, 0);
	put16(ip + 10, reference_sum(ip, header, 0));
}

static void repair_icmp(uint8_t *bytes, size_t length, size_t header, int version)
{
	uint32_t start = 0;

	if (header + 8 > length)
		return;
	if (version == 6)
		start = (uint16_t)~reference_sum(bytes + 8, 32, (uint32_t)(length - header) + IPPROTO_ICMPV6);
	put16(bytes + header + 2, 0);
	put16(bytes + header + 2, reference_sum(bytes + header, length - header, start));
}

/* Makes right what a random packet would be refused for, from the inside out. */
static void repair(uint8_t *bytes, size_t length, unsigned what)
{
	const int version = length ? bytes[0] >> 4 : 0;
	const size_t header = version == 4 ? (bytes[0] & 15u) * 4 : 40;

	if (length < (version == 4 ? 20 : 40) || (version != 4 && version != 6))
		return;
	if (what & REPAIR_LENGTHS)
		put16(bytes + (version == 4 ? 2 : 4), version == 4 ? length : length - 40);
	if (what & REPAIR_INNER && version == 4 && length >= header + 28)
		repair_v4_sum(bytes + header + 8, length - header - 8);
	if (what & REPAIR_ICMP)
		repair_icmp(bytes, length, header, version);
	if (what & REPAIR_OUTER && version == 4)
		repair_v4_sum(bytes, length);
}

/* A set of bytes that may differ. */
struct allowed {
	uint8_t at[PACKET_MAX];
};

static void allow(struct allowed *allowed, size_t begin, size_t n)
{
	for (size_t i = begin; i < begin + n && i < PACKET_MAX; i++)
		allowed->at[i] = 1;
}

static void allow_transport(struct allowed *allowed, const struct packet *inner)
{
	const size_t t = inner->transport;

	if (!t)
		return;
	switch (inner->protocol) {
	case IPPROTO_TCP:
		allow(allowed, t, 4), allow(allowed, t + 16, 2);
		break;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_DCCP:
		allow(allowed, t, 4), allow(allowed, t + 6, 2);
		break;
	case IPPROTO_SCTP:
		allow(allowed, t, 4), allow(allowed, t + 8, 4);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		allow(allowed, t + 2, 4);
		break;
	}
}

/* What may change of a sound error: addresses, ports, ids, sums, DF. */
static void allow_edits(struct allowed *allowed, const struct icmp_error *error, const uint8_t *bytes)
{
	const struct packet *outer = &error->outer, *inner = &error->inner;
	const size_t address = outer->version == 4 ? 4 : 16;

	allow(allowed, packet_source(outer), address);
	allow(allowed, outer->transport + 2, 2);
	allow_transport(allowed, inner);
	memset(allowed->at + inner->end, 0, PACKET_MAX - inner->end);
	allow(allowed, packet_source(inner), 2 * address);
	if (outer->version == 6) { /* routing headers */
		allow(allowed, 40, outer->transport - 40u);
		allow(allowed, inner->begin + 40u,
			(inner->transport ? inner->transport : inner->end) - inner->begin - 40u);
	}
	if (outer->version == 4) {
		allow(allowed, 6, 1), allow(allowed, 10, 2);
		allow(allowed, inner->begin + 10u, 2);
		allow(allowed, 20, outer->transport - 20u); /* options */
		allow(allowed, inner->begin + 20u, (bytes[inner->begin] & 0xfu) * 4 - 20);
	}
}

/* Making an extension public may also change lengths, and all behind the quote. */
static void allow_strip(struct allowed *allowed, const struct icmp_error *error)
{
	allow(allowed, error->outer.version == 4 ? 2 : 4, 2);
	allow(allowed, icmp_error_length_field(error), 1);
	allow(allowed, error->inner.end, PACKET_MAX);
}

static void check_edits(const struct decision *d, const uint8_t *before, const uint8_t *after, size_t length)
{
	struct allowed allowed = {{0}};

	allow_edits(&allowed, &d->error, before);
	if (d->error.extension && d->extensions != EXTENSION_PASS)
		allow_strip(&allowed, &d->error);
	EXPECT(d->length == length || d->error.extension);
	for (size_t i = 0; i < d->length; i++)
		EXPECT(before[i] == after[i] || allowed.at[i]);
	if (d->error.outer.version == 4)
		EXPECT(((before[6] ^ after[6]) & 0xbf) == 0);
}

/* Whether the quoted transport is an echo reply that is all zeros by now. Of all
 * that is summed without a pseudo-header only this can be, and then equation 3
 * of RFC 1624 gives 0 where only 0xffff verifies, here as in the kernel. */
static bool is_all_zero(const struct packet *inner, const uint8_t *bytes)
{
	size_t at = inner->transport;

	if (!at || inner->protocol != IPPROTO_ICMP || inner->version != 4)
		return false;
	while (at < inner->end && bytes[at] == 0)
		at++;
	return at == inner->end;
}

/* Sums that were right stay right. The judge knows no IPv6 extension header,
 * and takes the destination of a rerouted packet for the last one. */
static void check_sums(const struct decision *d, const uint8_t *before, size_t length, const uint8_t *after)
{
	const struct packet *outer = &d->error.outer, *inner = &d->error.inner;
	unsigned sums;

	if (outer->version == 6 && outer->transport != 40)
		return;
	sums = packet_sums(before, length);
	EXPECT(sums & SUM_OUTER && sums & SUM_ICMP && (sums & SUM_INNER || (before[inner->begin] & 0xf) > 5));
	if (inner->rerouted || is_all_zero(inner, after))
		sums &= ~(unsigned)SUM_TRANSPORT;
	EXPECT((packet_sums(after, d->length) & sums) == sums);
}

/* Whether an outcome is one of sound ICMP errors. */
static bool is_for_sound(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_NOT_ERROR:
	case OUTCOME_FRAGMENT:
	case OUTCOME_ERROR_ABOUT_ERROR:
	case OUTCOME_MAPPED_ADDRESS:
		return false;
	default:
		return outcome_fate(outcome) != FATE_MALFORMED;
	}
}

static bool is_about_quote(enum outcome outcome)
{
	return outcome >= OUTCOME_QUOTE_LENGTH && outcome <= OUTCOME_INNER_CHECKSUM;
}

/* Where the quote is not sound: only the source, DF and sums; and these stay right. */
static void check_outer(
	const struct packet *outer, const uint8_t *before, size_t length, const uint8_t *after)
{
	struct allowed allowed = {{0}};

	allow(&allowed, packet_source(outer), outer->version == 4 ? 4 : 16);
	if (outer->version == 4)
		allow(&allowed, 6, 1), allow(&allowed, 10, 2), allow(&allowed, 20, outer->transport - 20u);
	else
		allow(&allowed, 40, outer->transport - 40u), allow(&allowed, outer->transport + 2u, 2);
	for (size_t i = 0; i < length; i++)
		EXPECT(before[i] == after[i] || allowed.at[i]);
	if (outer->version == 4)
		EXPECT(((before[6] ^ after[6]) & 0xbf) == 0);
	if (outer->version == 4 || outer->transport == 40)
		EXPECT(!(~packet_sums(after, length) & (SUM_OUTER | SUM_ICMP)));
}

static void check(const struct decision *d, const uint8_t *before, size_t length, const uint8_t *after)
{
	EXPECT((unsigned)d->outcome < OUTCOME_COUNT);
	EXPECT(d->length <= length);
	EXPECT(d->sound || d->outer_only || !d->modified);
	EXPECT(!d->outer_only || is_about_quote(d->outcome));
	EXPECT(d->sound == is_for_sound(d->outcome));
	EXPECT(d->translated || !d->modified);
	EXPECT(d->modified || outcome_fate(d->outcome) != FATE_REWRITTEN);
	EXPECT(d->modified == (d->length != length || memcmp(before, after, length) != 0));
	if (!d->modified)
		return;
	if (d->outer_only) {
		check_outer(&d->error.outer, before, length, after);
		return;
	}
	check_edits(d, before, after, length);
	check_sums(d, before, length, after);
}

/* What is said to be right, has no private address where headers have a place for one. */
static void check_words(const struct decision *d, const uint8_t *after)
{
	struct decoded decoded;

	if (outcome_fate(d->outcome) != FATE_REWRITTEN && d->outcome != OUTCOME_ALREADY_RIGHT)
		return;
	decoder_look(&decoded, after, d->length);
	for (unsigned place = 0; place < PLACES; place++)
		EXPECT(decoded.private[place] == 0);
}

/* Whether an error goes to a private neighbour, who is left alone by what the quote becomes; the odd maps make
 * something private of it, which no configuration may. */
static bool is_odd_for_a_peer(const struct decide_rules *rules, const struct decision *d)
{
	return rules->maps == odd_maps && address_is_private(d->error.outer.destination);
}

/* What was translated is right: nothing changes any more. */
static void check_again(const struct decide_rules *rules, struct flows *flows, const struct decision *first,
	const uint8_t *after)
{
	uint8_t *bytes = malloc(first->length);
	struct decision d;

	memcpy(bytes, after, first->length);
	decide(&d, rules, flows, bytes, first->length);
	EXPECT(d.sound == first->sound && !d.modified && d.length == first->length);
	EXPECT(memcmp(bytes, after, d.length) == 0);
	free(bytes);
}

static void test(const struct decide_rules *rules, struct flows *flows, const uint8_t *packet, size_t length,
	unsigned repairs)
{
	uint8_t *before = malloc(length + 1), *bytes = malloc(length ? length : 1);
	struct decision d;

	if (length)
		memcpy(before, packet, length);
	repair(before, length, repairs);
	memcpy(bytes, before, length);
	decide(&d, rules, flows, bytes, length);
	check(&d, before, length, bytes);
	check_words(&d, bytes);
	if (d.translated && !is_odd_for_a_peer(rules, &d))
		check_again(rules, flows, &d, bytes);
	free(before);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static const struct addrmap *const tables[] = {maps, odd_maps, no_maps, NULL};
	static const enum extension_policy policies[] = {
		EXTENSION_PASS, EXTENSION_STRIP_PRIVATE, EXTENSION_STRIP, EXTENSION_TRANSLATE};
	static const enum decide_lookup lookups[] = {LOOKUP_AUTO, LOOKUP_ALWAYS, LOOKUP_NEVER, LOOKUP_ALWAYS};
	struct script script = {input, input + size};
	const uint8_t choice = script_byte(&script), repairs = script_byte(&script);
	struct flows flows = {.kind = choice >> 6};
	struct decide_rules rules = {
		.maps = tables[choice & 3],
		.extensions = policies[choice >> 2 & 3],
		.lookup = lookups[choice >> 4 & 3],
	};
	size_t length = PACKET_MAX;
	const uint8_t *packet;

	make_maps();
	if (rules.extensions == EXTENSION_TRANSLATE && repairs & KEEP_NAMES)
		rules.extensions = EXTENSION_TRANSLATE_ADDRESSES;
	if (flows.kind != FLOW_NONE)
		script_copy(&script, flows.changes, sizeof(flows.changes));
	packet = script_take(&script, &length);
	test(&rules, &flows, packet, length, repairs);
	return 0;
}
