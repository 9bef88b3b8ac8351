/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Errors at random about the addresses of a configuration, and what the core makes of them: for
 * test_same_as_core.py, which sends them through the rules.
 *
 *   random_errors FILE INTERFACE SEED COUNT
 *   out: KIND WHY HEX HEX    the error as it is emitted, and as the core would let it leave
 *
 * A kind is what the rules must do: "peer" (nothing: it is not for outsiders), "no-rules" (nothing: no map is
 * about its family), "read" (leave it to the daemon), "may" (either that or the core's bytes; "may-" with an
 * outcome where what is quoted changes), or the core's outcome. With rules = "own" and kernel = "auto", what
 * is quoted may change, else the source alone. The why of an error that is read is what makes it so, else it
 * says how the error was made special, or what it quotes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/map.h"
#include "generator.h"
#include "packets.h"

#define PREFIXES_MAX 64 /* of the rules: more maps that keep host bits may be the daemon's */

struct error {
	int version;
	uint8_t bytes[GENERATOR_ROOM];
	size_t length, icmp;
	const char *special;
	struct layout layout; /* as it was built */
};

static const struct config *config;
static const struct config_outside *outside;
static bool changes_quotes; /* the rules do */

static struct address random_address(void)
{
	struct address a = {(uint64_t)random_below(UINT32_MAX) << 32 | random_below(UINT32_MAX),
		(uint64_t)random_below(UINT32_MAX) << 32 | random_below(UINT32_MAX)};

	if (random_below(2))
		a.lo &= 0xff;
	return a;
}

/* An address of a prefix: mostly at one of its ends, now and then right behind it. */
static struct address address_in(struct prefix p)
{
	const struct address mask = prefix_host_mask(p.length), random = random_address();
	struct address last = prefix_last(p);

	switch (random_below(6)) {
	case 0:
		return p.base;
	case 1:
		return last;
	case 2:
		last.hi += ++last.lo == 0;
		return address_is_v4(last) == address_is_v4(p.base) ? last : p.base;
	default:
		return (struct address){p.base.hi | (random.hi & mask.hi), p.base.lo | (random.lo & mask.lo)};
	}
}

static struct address address_v4(unsigned a, unsigned b, unsigned c, unsigned d)
{
	return address_from_v4((uint8_t[]){(uint8_t)a, (uint8_t)b, (uint8_t)c, (uint8_t)d});
}

static struct prefix prefix_v4(unsigned a, unsigned b, uint8_t length)
{
	return (struct prefix){address_v4(a, b, 0, 0), (uint8_t)(ADDRESS_V4_BITS + length)};
}

/* Where nobody is private, and few maps are. */
static struct address public_address(int version)
{
	const struct prefix v6 = {{UINT64_C(0x2600) << 48, 0}, 12};

	return address_in(version == 4 ? prefix_v4(16 + random_below(32), 0, 8) : v6);
}

/* A range of private.def, each as often as any other. */
static const struct address_range *random_range(int version)
{
	const struct address_range *ranges = address_ranges(version);
	uint32_t n = 0;

	while (ranges[n].name)
		n++;
	return &ranges[random_below(n)];
}

/* An end of a private range or its neighbour, or in one of the wide ranges anything. */
static struct address private_address(int version)
{
	static const struct prefix v6[] = {
		{{UINT64_C(0xfc00) << 48, 0}, 7}, {{UINT64_C(0xfe80) << 48, 0}, 10}};
	const struct prefix v4[] = {prefix_v4(10, 0, 8), prefix_v4(100, 64, 10), prefix_v4(169, 254, 16),
		prefix_v4(172, 16, 12), prefix_v4(192, 168, 16)};
	const struct address_range *range = random_range(version);

	if (random_below(2) && range->kind == ADDRESS_PRIVATE)
		return random_below(2) ? range->first : address_in((struct prefix){range->last, 128});
	return address_in(version == 4 ? v4[random_below(5)] : v6[random_below(2)]);
}

/* An address that a map is about; a public one if no map of the family is found. */
static struct address mapped_address(int version)
{
	for (int attempt = 0; attempt < 16 && config->n_entries; attempt++) {
		const struct addrmap_entry *entry =
			&config->entries[random_below((uint32_t)config->n_entries)];

		if (address_is_v4(entry->private.base) == (version == 4))
			return address_in(random_below(6) ? entry->private : entry->public);
	}
	return public_address(version);
}

static struct address any_address(int version)
{
	switch (random_below(8)) {
	case 0:
		return private_address(version);
	case 1:
		return public_address(version);
	default:
		return mapped_address(version);
	}
}

static struct address inner_address(int version)
{
	if (version == 6 && random_below(100) == 0)
		return address_in((struct prefix){{0, UINT64_C(0xffff) << 32}, ADDRESS_V4_BITS});
	return random_below(4) ? public_address(version) : any_address(version);
}

/* An address near the ends of a range of private.def to which a packet can be sent. */
static struct address neighbour(int version)
{
	const struct prefix v4[] = {prefix_v4(10, 9, 16), prefix_v4(192, 0, 28), prefix_v4(192, 0, 24),
		prefix_v4(198, 18, 15), prefix_v4(100, 64, 10), prefix_v4(172, 16, 12)};
	static const struct prefix v6[] = {{{UINT64_C(0xfd99) << 48, 0}, 120},
		{{UINT64_C(0x2001000100000000), 0}, 125}, {{UINT64_C(0x2001000401120000), 0}, 48},
		{{UINT64_C(0x2001004000000000), 0}, 26}, {{UINT64_C(0x5f00) << 48, 0}, 16},
		{{UINT64_C(0x0064ff9b00010000), 0}, 48}};

	return address_in(version == 4 ? v4[random_below(6)] : v6[random_below(6)]);
}

/* Sends few to neighbours, of whom most must see private addresses. */
static struct address destination(int version)
{
	const struct prefix v6 = {{UINT64_C(0x20010db8000c0000), 0}, 64};

	if (random_below(20) == 0)
		return neighbour(version);
	return version == 4 ? address_v4(203, 0, 113, 1 + random_below(254)) : address_in(v6);
}

static struct ip ip_of(int version, struct address a)
{
	struct ip ip = {{0}};

	if (version == 4)
		address_to_v4(a, ip.bytes);
	else
		address_to_v6(a, ip.bytes);
	return ip;
}

/* A raw socket fills in a source that is 0. */
static struct address outer_source(int version)
{
	const struct address a = any_address(version);

	return (uint32_t)a.lo || a.hi ? a : public_address(version);
}

/* An address that the interface's maps of the inner part change; any, if there is none. */
static struct address translated_address(int version)
{
	const uint8_t index = (uint8_t)(outside - config->outside);

	for (int attempt = 0; attempt < 64 && config->n_entries; attempt++) {
		const struct addrmap_entry *entry =
			&config->entries[random_below((uint32_t)config->n_entries)];

		if (address_is_v4(entry->private.base) == (version == 4) &&
			addrmap_holds(entry, ADDRMAP_INNER, index) && !config_map_is_identity(entry))
			return address_in(entry->private);
	}
	return mapped_address(version);
}

/* Where the rules change what is quoted, that is mostly a packet of which one end is mapped, and the other is
 * not. */
static struct ends random_ends(int version)
{
	struct address ends[] = {inner_address(version), inner_address(version)};

	if (changes_quotes && random_below(4)) {
		const uint32_t mapped = random_below(2);

		ends[mapped] = translated_address(version);
		ends[!mapped] = public_address(version);
	}
	return (struct ends){ip_of(version, outer_source(version)), ip_of(version, destination(version)),
		ip_of(version, ends[0]), ip_of(version, ends[1]), (uint16_t)random_below(65536),
		(uint16_t)random_below(65536)};
}

/* Every other shape is plain: no options, headers or extensions. The number of the error stands where nothing
 * does. */
static struct shape shape_of(int version, uint32_t number)
{
	struct shape s = random_shape(version);
	uint8_t *rest = version == 4 ? (uint8_t[]){0, 2, 3} : (uint8_t[]){1, 2, 3};

	s.df = false;
	s.outer_record.filled = s.outer_record.n; /* or the border would write into it */
	if (s.outer_record.kind == 68)
		s.outer_record.kind = 0;
	if (random_below(12) == 0) { /* quotes an error, which none should */
		s.protocol = version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		s.icmp_type = version == 4 ? (uint8_t[]){3, 4, 5, 11, 12}[random_below(5)]
					   : (uint8_t)random_below(128);
	}
	for (int i = 0; i < 3; i++)
		s.rest[rest[i]] = (uint8_t)(number >> (16 - 8 * i));
	if (random_below(2))
		return s;
	s.options = s.n_chain = s.n_objects = 0;
	s.record.kind = s.outer_record.kind = 0;
	s.rerouted = false;
	s.form = FORM_NONE;
	if (version == 6)
		s.fragment = FRAGMENT_NONE;
	return s;
}

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* The sum of two numbers in one's complement. */
static uint16_t add16(uint16_t a, uint16_t b)
{
	const uint32_t sum = (uint32_t)a + b;

	return (uint16_t)(sum + (sum >> 16));
}

static void sum_header(uint8_t *ip)
{
	put16(ip + 10, 0);
	put16(ip + 10, reference_sum(ip, (ip[0] & 15u) * 4, 0));
}

/* Puts options into the outer header, or an extension header behind it. */
static void extend_outer(struct error *error)
{
	static const uint8_t header[] = {IPPROTO_ICMPV6, 0, 1, 4, 0, 0, 0, 0};
	const size_t begin = error->icmp,
		     more = error->version == 4 ? 4 * (1 + random_below(10)) : sizeof(header);

	memmove(error->bytes + begin + more, error->bytes + begin, error->length - begin);
	error->icmp += more;
	error->length += more;
	if (error->version == 4) {
		memset(error->bytes + begin, 1, more); /* no operation */
		error->bytes[0] = (uint8_t)(0x40 | error->icmp / 4);
		put16(error->bytes + 2, error->length);
	} else {
		memcpy(error->bytes + begin, header, more);
		error->bytes[6] = random_below(2) ? IPPROTO_DSTOPTS : IPPROTO_HOPOPTS;
		put16(error->bytes + 4, error->length - 40);
	}
}

/* Returns the field of the sum that covers the source. */
static size_t sum_at(const struct error *error)
{
	return error->version == 4 ? 10 : error->icmp + 2;
}

/* Adds to a number that means nothing so that the sum over the source, which is `sum` before or after the
 * translation, becomes 0 there. */
static void make_zero(struct error *error, uint16_t sum)
{
	uint8_t *free_number = error->bytes + (error->version == 4 ? 4 : error->icmp + 8 + 2);
	uint8_t *field = error->bytes + sum_at(error);

	put16(free_number, add16(get16(free_number), sum));
	put16(field, (uint16_t)~add16((uint16_t)~get16(field), sum));
	if (error->version == 4)
		sum_header(error->bytes);
}

/* Makes the quoted header one that does not add up: its total length, or its sum, which the kernel has
 * verified before it quotes it, and nft cannot. */
static void break_quote(struct error *error, const struct layout *layout)
{
	uint8_t *inner = error->bytes + layout->inner;

	error->special = "broken";
	if (random_below(2) && !changes_quotes) {
		put16(inner + 10, add16(get16(inner + 10), (uint16_t)(1 + random_below(65534))));
	} else {
		put16(inner + 2, random_below(20));
		sum_header(inner);
	}
	generator_sum_icmp(error->bytes, layout);
}

static void build(struct error *error, int version, uint32_t number)
{
	const struct shape shape = shape_of(version, number);
	const struct ends ends = random_ends(version);
	const struct layout *layout = &error->layout;

	*error = (struct error){.version = version, .special = "-"};
	error->length = generator_build(error->bytes, &error->layout, &shape, &ends);
	error->icmp = layout->icmp;
	if (version == 4 && layout->quote_end >= layout->inner + 20 && random_below(16) == 0)
		break_quote(error, layout);
	if (error->icmp <= (version == 4 ? 20 : 40) && random_below(16) == 0)
		extend_outer(error);
	if (version == 4) {
		put16(error->bytes + 4, 1 + random_below(65535));
		sum_header(error->bytes);
	}
}

/* Tells whether the error says that it has an extension (RFC 4884, 4). */
static bool announces_extension(const struct error *error)
{
	const uint8_t *icmp = error->bytes + error->icmp;

	return error->version == 4 ? icmp[5] : (icmp[0] == 1 || icmp[0] == 3) && icmp[4];
}

static bool strips(void)
{
	return config->extensions == EXTENSION_STRIP || config->extensions == EXTENSION_STRIP_PRIVATE;
}

/* Returns the outcome of an error in which addresses have changed or not: the outer source, quoted ones. */
static enum outcome outcome_by_bytes(const struct error *error, const uint8_t *answer)
{
	const size_t header = error->version == 4 ? 20 : 40, quoted = error->icmp + 8;
	const bool outer = memcmp(answer, error->bytes, header) != 0;

	if (memcmp(answer + quoted, error->bytes + quoted, header) != 0)
		return outer ? OUTCOME_BOTH : OUTCOME_INNER;
	return outer ? OUTCOME_OUTER : OUTCOME_ALREADY_RIGHT;
}

/* Lets the core decide as the daemon would that finds no flow; or where all that matters is an extension that
 * is not announced, as the rules do, which do not see it. */
static void decide(struct decision *d, const struct error *error, uint8_t *bytes)
{
	const bool sees = announces_extension(error) || strips();
	const struct decide_rules rules = {outside->maps, config->lookup,
		sees ? config->extensions : EXTENSION_PASS, config->leaves_peers, false};

	memcpy(bytes, error->bytes, error->length);
	decide_begin(d, &rules, bytes, error->length);
	decide_finish(d, NULL, bytes);
	if (!sees && d->outcome == OUTCOME_LEAKED_EXTENSION)
		d->outcome = outcome_by_bytes(error, bytes);
}

/* Makes a sum in the quote, or that of ICMP, one that is zero before or after the translation, as either
 * zero. Numbers that mean nothing make up for it. */
static void make_quote_special(struct error *error)
{
	const struct layout *layout = &error->layout;
	uint8_t answer[GENERATOR_ROOM], *inner = error->bytes + layout->inner;
	const uint16_t zero = random_below(2) ? 0xffff : 0;
	struct decision d;

	decide(&d, error, answer);
	if (!layout->sum || layout->sum_size != 2 || layout->sum + 4 > layout->quote_end ||
		error->icmp != layout->icmp)
		return;
	switch (random_below(error->version == 4 ? 4 : 3)) {
	case 0:
		error->special = "sum-zero-before";
		put16(error->bytes + layout->sum, zero);
		break;
	case 1:
		error->special = "sum-zero-after";
		put16(error->bytes + layout->sum,
			add16(get16(error->bytes + layout->sum), (uint16_t)~get16(answer + layout->sum)));
		break;
	case 2:
		error->special = "icmp-zero";
		put16(error->bytes + layout->transport,
			add16(get16(error->bytes + layout->transport), get16(answer + error->icmp + 2)));
		break;
	default:
		error->special = "header-zero";
		put16(inner + 4, add16(get16(inner + 4), get16(answer + layout->inner + 10)));
		sum_header(inner);
	}
	generator_sum_icmp(error->bytes, layout);
}

/* Now and then, makes a sum that is zero before or after the translation; in ICMPv6 perhaps the other zero.
 */
static void make_special(struct error *error)
{
	uint8_t answer[GENERATOR_ROOM];
	struct decision d;
	const unsigned chosen = random_below(16);

	if (chosen == 0) {
		make_zero(error, get16(error->bytes + sum_at(error)));
		error->special = "zero-before";
	} else if (chosen == 1) {
		decide(&d, error, answer);
		if (d.length != error->length)
			return;
		make_zero(error, get16(answer + sum_at(error)));
		error->special = "zero-after";
	} else {
		return;
	}
	if (error->version == 6 && get16(error->bytes + sum_at(error)) == 0 && random_below(2))
		put16(error->bytes + sum_at(error), 0xffff);
}

static bool is_mapped(enum addrmap_part part, struct address a)
{
	const uint32_t map = addrmap_find(&outside->maps[part], a);

	return map != ADDRMAP_NONE && !config_map_is_identity(&config->entries[map]);
}

/* Tells what stands in a quote before the transport, or instead of it, that the rules do not look behind. */
static const char *why_quote(const struct error *error)
{
	const uint8_t *inner = error->bytes + error->icmp + 8,
		      *type = inner + (error->version == 4 ? 20 : 40);
	const bool has_type = type < error->bytes + error->length;

	if (error->version == 4 && inner[0] != 0x45)
		return "options";
	if (error->version == 6 && memchr((uint8_t[]){0, 43, 44, 60, 135, 139, 140}, inner[6], 7))
		return "headers";
	if (inner[error->version == 4 ? 9 : 6] != (error->version == 4 ? 1 : 58))
		return memchr((uint8_t[]){6, 17, 33, 50, 51, 132, 136}, inner[error->version == 4 ? 9 : 6], 7)
			       ? NULL
			       : "protocol";
	if (!has_type ||
		(error->version == 4 ? memchr((uint8_t[]){3, 4, 5, 11, 12}, *type, 5) != NULL : *type < 128))
		return "error";
	return NULL;
}

static const char *why_inner(const struct error *error)
{
	const uint8_t *inner = error->bytes + error->icmp + 8;

	for (int i = 0; i < 2; i++) {
		const struct address a = error->version == 4 ? address_from_v4(inner + 12 + 4 * i)
							     : address_from_v6(inner + 8 + 16 * i);

		if (error->version == 6 && address_is_v4(a))
			return "v4-mapped";
		if (is_mapped(ADDRMAP_INNER, a))
			return "inner-mapped";
		if (address_is_private(a))
			return "inner-private";
	}
	return NULL;
}

/* Tells whether NPTv6 is needed for the source; in *alone, whether the rules can have it as an element, the
 * only address of its range. */
static bool has_npt_source(const struct error *error, bool *alone)
{
	const struct addrmap *table = &outside->maps[ADDRMAP_OUTER];
	const struct address a =
		error->version == 4 ? address_from_v4(error->bytes + 12) : address_from_v6(error->bytes + 8);
	const uint32_t map = addrmap_find(table, a);
	struct address before = a, behind = a;

	if (map == ADDRMAP_NONE || !(config->entries[map].parts & ADDRMAP_NPT))
		return false;
	before.hi -= before.lo-- == 0;
	behind.hi += ++behind.lo == 0;
	*alone = addrmap_find(table, before) != map && addrmap_find(table, behind) != map &&
		 !address_equal(addrmap_apply(&config->entries[map], a), a);
	return true;
}

/* Returns an address of a quoted header, the destination or the source. */
static struct address quoted_address(const struct error *error, bool destination)
{
	const uint8_t *inner = error->bytes + error->icmp + 8;

	return error->version == 4 ? address_from_v4(inner + (destination ? 16 : 12))
				   : address_from_v6(inner + (destination ? 24 : 8));
}

/* Tells whether the high bits of an address, which the rules look at, are those of some range. */
static bool is_near(struct address a, struct address first, struct address last, int version)
{
	if (version == 4)
		return (uint32_t)a.lo >> 24 >= (uint32_t)first.lo >> 24 &&
		       (uint32_t)a.lo >> 24 <= (uint32_t)last.lo >> 24;
	return last.hi >> 32 >= 0x20010200 && first.hi >> 32 <= 0x3fffffff;
}

/* Tells whether an address needs nothing, and a coarse look tells. */
static bool is_common(struct address a, int version)
{
	if (version == 6 && (a.hi >> 32 < 0x20010200 || a.hi >> 32 > 0x3fffffff))
		return false;
	for (const struct address_range *r = address_ranges(4); version == 4 && r->name; r++)
		if (is_near(a, r->first, r->last, version))
			return false;
	for (size_t i = 0; i < config->n_entries; i++) {
		const struct addrmap_entry *entry = &config->entries[i];

		if (address_is_v4(entry->private.base) == (version == 4) && !config_map_is_identity(entry) &&
			is_near(a, entry->private.base, prefix_last(entry->private), version))
			return false;
	}
	return true;
}

/* Returns what is quoted, of which the kernel must make one end public, while the other one needs nothing;
 * NULL if the daemon may. */
static const char *what_is_changed(const struct error *error)
{
	static const struct {
		int protocol;
		const char *name;
	} names[] = {
		{6, "tcp"}, {17, "udp"}, {50, "esp"}, {51, "ah"}, {132, "sctp"}, {1, "icmp"}, {58, "icmp6"}};
	const uint8_t *inner = error->bytes + error->icmp + 8;

	for (int end = 0; changes_quotes && end < 2; end++) {
		const uint32_t map = addrmap_find(&outside->maps[ADDRMAP_INNER], quoted_address(error, end));

		if (map == ADDRMAP_NONE || config->entries[map].parts & ADDRMAP_NPT ||
			!is_mapped(ADDRMAP_INNER, quoted_address(error, end)) ||
			!is_common(quoted_address(error, !end), error->version))
			continue;
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (names[i].protocol == inner[error->version == 4 ? 9 : 6])
				return names[i].name;
	}
	return NULL;
}

/* Tells why the rules must leave an error to the daemon; NULL: the kernel must do what is to be done, or may,
 * if the inner part of a map is about it. */
static const char *why_read(const struct error *error)
{
	const char *why = why_inner(error);
	bool alone;

	if (config->lookup == LOOKUP_ALWAYS)
		return "always";
	if (error->icmp != (error->version == 4 ? 20 : 40))
		return "outer-options";
	if (announces_extension(error))
		return "extension";
	if (strips() && error->length > (error->version == 4 ? 160 : 180))
		return "long";
	if (has_npt_source(error, &alone) && !alone)
		return "npt";
	if (changes_quotes && why && strcmp(why, "inner-mapped") == 0)
		why = NULL;
	return why ? why : why_quote(error);
}

/* Tells whether the rules may leave the map of a source, or of a quoted address, to the daemon. */
static bool are_many_prefixes(enum addrmap_part part, int version)
{
	const struct addrmap *table = &outside->maps[part];
	unsigned n = 0;

	for (size_t i = 0; i < table->n_ranges; i++)
		n += table->ranges[i].map != ADDRMAP_NONE &&
		     config->entries[table->ranges[i].map].public.length < 128 &&
		     !(config->entries[table->ranges[i].map].parts & ADDRMAP_NPT) &&
		     address_is_v4(table->ranges[i].first) == (version == 4);
	return n > PREFIXES_MAX;
}

static void print_hex(const uint8_t *bytes, size_t length)
{
	putchar(' ');
	for (size_t i = 0; i < length; i++)
		printf("%02x", bytes[i]);
}

/* Tells whether an error is for a private neighbour that sent to a private address without a map. */
static bool is_for_a_peer(const struct error *error)
{
	const uint8_t *bytes = error->bytes, *inner = bytes + error->icmp + 8;
	const bool v4 = error->version == 4;
	const struct address sent = v4 ? address_from_v4(inner + 16) : address_from_v6(inner + 24);

	if (!address_is_private(v4 ? address_from_v4(bytes + 16) : address_from_v6(bytes + 24)))
		return false;
	if (config->leaves_peers)
		return true;
	return address_is_v4(sent) == v4 && address_is_private(sent) && !is_mapped(ADDRMAP_INNER, sent);
}

/* Tells whether there is anything to do in a family: without, it has no rules. */
static bool has_rules(int version)
{
	for (size_t i = 0; i < config->n_entries; i++)
		if (address_is_v4(config->entries[i].private.base) == (version == 4))
			return true;
	return config->lookup == LOOKUP_ALWAYS || strips();
}

/* Returns what the kernel must make of an error that nobody need read: the outcome, or of one whose quote is
 * not sound, what becomes of its source. */
static const char *outcome_of(const struct error *error, const struct decision *d)
{
	static const char *const names[OUTCOME_COUNT] = {
#define OUTCOME(name, text, fate, sentence) text,
#include "core/outcome.def"
#undef OUTCOME
	};
	const struct address source = address_from_v4(error->bytes + 12);

	if (outcome_fate(d->outcome) != FATE_MALFORMED)
		return names[d->outcome];
	if (d->modified)
		return names[OUTCOME_OUTER];
	return names[address_is_private(source) ? OUTCOME_LEAKED_OUTER : OUTCOME_ALREADY_RIGHT];
}

/* Tells whether the sum of a quoted packet, of TCP or ICMPv6, is the zero that no sender computes: the rules
 * would make it the other one. */
static bool has_other_zero(const struct error *error)
{
	const struct layout *layout = &error->layout;
	const uint8_t protocol = error->bytes[layout->inner + (error->version == 4 ? 9 : 6)];

	return (protocol == IPPROTO_TCP || protocol == IPPROTO_ICMPV6) && layout->sum &&
	       layout->sum + 2 <= layout->quote_end && get16(error->bytes + layout->sum) == 0xffff;
}

/* Returns what the rules must do with an error of which the quote may change in the kernel; in *why, what is
 * quoted. */
static const char *kind_of_quoted(
	const struct error *error, const struct decision *d, const char *outcome, const char **why)
{
	static const char *const kinds[][2] = {
		{"both", "may-both"}, {"inner", "may-inner"}, {"leaked-outer", "may-leaked-outer"}};
	const char *what = what_is_changed(error);
	const bool may = !what || config->forwarded ||
			 !is_common(d->error.outer.destination, error->version) ||
			 are_many_prefixes(ADDRMAP_OUTER, error->version) ||
			 are_many_prefixes(ADDRMAP_INNER, error->version);

	*why = !what ? "other" : error->special[0] != '-' ? error->special : what;
	if (outcome_fate(d->outcome) == FATE_MALFORMED) {
		*why = "malformed";
		return "read";
	}
	if (has_other_zero(error)) {
		*why = "other-zero";
		return "read";
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i][0], outcome) == 0)
			return kinds[i][may];
	*why = outcome;
	return "read";
}

/* Returns what the rules must do, and in *why the reason. */
static const char *kind_of(const struct error *error, const struct decision *d, const char **why)
{
	const char *read = why_read(error), *outcome = outcome_of(error, d);
	bool alone;

	*why = has_npt_source(error, &alone) ? "npt-alone" : error->special;
	if (!has_rules(error->version))
		return "no-rules";
	if (is_for_a_peer(error))
		return "peer";
	if (!read && strcmp(outcome, "outer") == 0 && config->kernel == CONFIG_KERNEL_NEVER)
		read = "never";
	*why = read ? read : *why;
	if (!read && strcmp(outcome, "outer") == 0 && are_many_prefixes(ADDRMAP_OUTER, error->version))
		return "may";
	if (!read && why_inner(error) && strcmp(why_inner(error), "inner-mapped") == 0)
		return kind_of_quoted(error, d, outcome, why);
	return read ? "read" : outcome;
}

static void print_one(uint32_t number)
{
	uint8_t answer[GENERATOR_ROOM];
	struct decision d;
	struct error error;
	const char *kind, *why;

	build(&error, number % 2 ? 4 : 6, number);
	if (changes_quotes && random_below(4) == 0)
		make_quote_special(&error);
	else
		make_special(&error);
	decide(&d, &error, answer);
	kind = kind_of(&error, &d, &why);
	printf("%s %s", kind, why);
	print_hex(error.bytes, error.length);
	print_hex(answer, d.length);
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct config_errors errors = {.out = stderr};
	struct config *loaded = argc == 5 ? config_load(argv[1], &errors) : NULL;

	if (!loaded)
		return 2;
	config = loaded;
	changes_quotes = config->rules == CONFIG_RULES_OWN && config_kernel_changes_quotes(config);
	for (size_t i = 0; i < config->n_outside; i++)
		if (strcmp(config->outside[i].name, argv[2]) == 0)
			outside = &config->outside[i];
	if (!outside)
		return 2;
	random_seed(strtoull(argv[3], NULL, 10));
	for (uint32_t i = 0; i < strtoul(argv[4], NULL, 10); i++)
		print_one(i);
	config_free(loaded);
	return 0;
}
