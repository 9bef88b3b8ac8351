/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Worlds and trials at random, and what is expected of them.
 */
#include "oracle.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static size_t size_of(int version)
{
	return version == 4 ? 4 : 16;
}

static bool bit(const struct ip *ip, unsigned n)
{
	return ip->bytes[n / 8] >> (7 - n % 8) & 1;
}

/* a up to so many bits, then b. */
static struct ip joined(const struct ip *a, const struct ip *b, unsigned length)
{
	struct ip ip = *b;

	for (unsigned i = 0; i < 128; i++) {
		const struct ip *from = i < length ? a : b;

		ip.bytes[i / 8] = (uint8_t)(ip.bytes[i / 8] & ~(0x80 >> i % 8)) |
				  (uint8_t)(bit(from, i) << (7 - i % 8));
		if (i >= length)
			break;
	}
	return ip;
}

static struct ip random_ip(void)
{
	struct ip ip;

	for (size_t i = 0; i < 16; i++)
		ip.bytes[i] = (uint8_t)random_below(256);
	return ip;
}

/* Somebody on the Internet, whom no map knows. */
static struct ip stranger(int version)
{
	struct ip ip = random_ip();

	ip.bytes[0] = version == 4 ? (uint8_t)(130 + random_below(30)) : 0x2a;
	return ip;
}

/* A private prefix, from a small choice, so that prefixes contain each other. */
static struct ip private_base(int version)
{
	struct ip ip = random_ip();

	ip.bytes[0] = version == 4 ? 10 : 0xfd;
	for (size_t i = 1; i < size_of(version) - 1; i++)
		ip.bytes[i] = (uint8_t)random_below(2);
	return ip;
}

/* A public prefix that is disjoint from that of every other number. */
static struct ip public_base(int version, size_t number)
{
	struct ip ip = random_ip();

	ip.bytes[0] = version == 4 ? 1 : 0x20;
	ip.bytes[1] = version == 4 ? (uint8_t)(number << 2) : 3;
	if (version == 6) {
		ip.bytes[2] = 0;
		ip.bytes[3] = (uint8_t)number;
	}
	return ip;
}

static uint32_t words(const struct ip *ip, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (uint32_t)(ip->bytes[2 * i] << 8 | ip->bytes[2 * i + 1]);
	return sum;
}

/* Makes the sums of both sides equal, as RFC 6296 does with one word. */
static void make_neutral(struct world_map *map, int version)
{
	size_t n = version == 4 ? 2 : 3;
	uint32_t lacks = (words(&map->public, n) + 0xffff * 4 - words(&map->private, n - 1)) % 0xffff;

	map->private.bytes[2 * n - 2] = (uint8_t)(lacks >> 8);
	map->private.bytes[2 * n - 1] = (uint8_t)lacks;
}

static struct world_map random_map(int version, size_t number, bool invertible)
{
	static const uint8_t lengths[2][6] = {{14, 16, 20, 24, 31, 32}, {32, 48, 56, 64, 112, 128}};
	const struct ip zero = {{0}};
	struct world_map map = {.version = version,
		.parts = 1 + random_below(3),
		.length = lengths[version == 6][random_below(6)]};

	map.public_length = map.length;
	if (random_below(6) == 0)
		map.length = map.public_length = version == 4 ? 32 : 48;
	map.private = private_base(version);
	map.public = public_base(version, number);
	map.private = joined(&map.private, &zero, map.length);
	map.public = joined(&map.public, &zero, map.length);
	if (map.length == (version == 4 ? 32u : 48u) && random_below(2))
		make_neutral(&map, version);
	if (!invertible && random_below(6) == 0) { /* many to one, or to a pool */
		const unsigned most = 8 * (unsigned)size_of(version);

		map.public = public_base(version, number);
		map.public_length = random_below(2) ? most : map.length + random_below(most - map.length + 1);
		map.public = joined(&map.public, &zero, map.public_length);
		map.parts = 1 << ADDRMAP_OUTER;
	}
	map.npt = version == 6 && map.length <= 64 && map.public_length == map.length && random_below(2);
	return map;
}

static struct address to_address(int version, const struct ip *ip)
{
	return version == 4 ? address_from_v4(ip->bytes) : address_from_v6(ip->bytes);
}

static struct prefix to_prefix(int version, const struct ip *ip, unsigned length)
{
	return (struct prefix){
		to_address(version, ip), (uint8_t)(length + (version == 4 ? ADDRESS_V4_BITS : 0))};
}

static void build_tables(struct world *w, unsigned way)
{
	for (size_t i = 0; i < w->n_maps; i++) {
		const struct world_map *map = &w->maps[i];
		struct prefix private = to_prefix(map->version, &map->private, map->length);
		struct prefix public = to_prefix(map->version, &map->public, map->public_length);

		w->entries[way][i] = (struct addrmap_entry){
			.private = way ? public : private,
			.public = way ? private : public,
			.outside = ADDRMAP_ANY,
			.parts = (uint8_t)(map->parts | (map->npt ? ADDRMAP_NPT : 0)),
		};
	}
	qsort(w->entries[way], w->n_maps, sizeof(w->entries[way][0]), addrmap_compare);
	for (unsigned part = 0; part < ADDRMAP_PARTS; part++)
		addrmap_build(&w->tables[way][part], w->entries[way], w->n_maps, (enum addrmap_part)part,
			ADDRMAP_ANY, w->ranges[way][part]);
}

static bool clashes(const struct world *w, const struct world_map *map)
{
	for (size_t i = 0; i < w->n_maps; i++)
		if (w->maps[i].version == map->version && w->maps[i].length == map->length &&
			memcmp(&w->maps[i].private, &map->private, size_of(map->version)) == 0)
			return true;
	return false;
}

/* Maps at random; invertible: every one from prefix to prefix of its length. */
void world_make(struct world *w, bool invertible)
{
	size_t n = random_below(WORLD_MAPS + 1);

	w->version = random_below(2) ? 4 : 6;
	w->invertible = invertible;
	w->n_maps = 0;
	for (size_t i = 0; i < n; i++) {
		const int version = random_below(4) ? w->version : 10 - w->version;
		struct world_map map = random_map(version, i, invertible);

		if (!clashes(w, &map))
			w->maps[w->n_maps++] = map;
	}
	build_tables(w, 0);
	if (invertible)
		build_tables(w, 1);
}

static bool covers(const struct world_map *map, const struct ip *ip)
{
	for (unsigned i = 0; i < map->length; i++)
		if (bit(&map->private, i) != bit(ip, i))
			return false;
	return true;
}

static uint32_t word(const struct ip *ip, size_t i)
{
	return (uint32_t)(ip->bytes[2 * i] << 8 | ip->bytes[2 * i + 1]);
}

/* Which word of an address RFC 6296 adjusts (3.4, 3.5); 8: none. */
static size_t adjusted_word(const struct world_map *map, const struct ip *ip)
{
	size_t i = map->length <= 48 ? 3 : 4;

	while (map->length > 48 && i < 8 && word(ip, i) == 0xffff)
		i++;
	return i;
}

/* What an address becomes by NPTv6: one word is what makes the sum of all of them what it was. */
static struct ip prefix_translated(const struct world_map *map, const struct ip *ip)
{
	const size_t at = adjusted_word(map, ip);
	struct ip to = joined(&map->public, ip, map->length);
	uint32_t lacks;

	if (at == 8)
		return *ip;
	lacks = (words(ip, 8) + 8 * 0xffff - words(&to, 8) + word(&to, at)) % 0xffff;
	to.bytes[2 * at] = (uint8_t)(lacks >> 8);
	to.bytes[2 * at + 1] = (uint8_t)lacks;
	return to;
}

/* What an address is known as outside: by the longest prefix. */
static struct ip mapped(const struct world *w, enum addrmap_part part, int version, struct ip ip)
{
	const struct world_map *best = NULL;

	for (size_t i = 0; i < w->n_maps; i++)
		if (w->maps[i].version == version && w->maps[i].parts >> part & 1 &&
			covers(&w->maps[i], &ip) && (!best || best->length < w->maps[i].length))
			best = &w->maps[i];
	if (best && best->npt)
		return prefix_translated(best, &ip);
	return best ? joined(&best->public, &ip, best->public_length) : ip;
}

/* Bytes behind a prefix. Now and then those of NPTv6 have words of all ones; but where there is a way back,
 * not the one that would become the other zero. */
static struct ip random_host(const struct world *w, const struct world_map *map)
{
	struct ip host = random_ip();

	for (size_t i = map->length <= 48 ? 3 : 4; map->npt && i < 8 && random_below(3) == 0; i++)
		memset(host.bytes + 2 * i, 0xff, 2);
	if (w->invertible && word(&host, 3) == 0xffff)
		host.bytes[7] = 0;
	return host;
}

/* An address that a map covers, or one that none does. */
static struct ip random_end(const struct world *w, int version)
{
	const struct world_map *map = &w->maps[random_below(WORLD_MAPS)];
	struct ip host;

	if (map < w->maps + w->n_maps && map->version == version) {
		host = random_host(w, map);
		return joined(&map->private, &host, map->length);
	}
	if (random_below(2))
		return stranger(version);
	host = random_ip();
	host.bytes[0] = version == 4 ? 192 : 0xfd;
	host.bytes[1] = version == 4 ? 168 : 0xff;
	return host;
}

static struct ends random_ends(const struct world *w, const struct shape *shape)
{
	const int v = w->version;
	struct ends ends = {random_end(w, v), stranger(v), random_end(w, v), random_end(w, v), 0, 0};

	if (memcmp(&ends.inner_source, &ends.inner_destination, size_of(w->version)) == 0)
		ends.inner_source = stranger(w->version); /* nobody talks to himself */
	ends.sport = (uint16_t)random_below(65536);
	ends.dport = shape_has_ports(shape) ? (uint16_t)random_below(65536) : ends.sport;
	return ends;
}

/* The type of an ICMP query's answer, and the other way round (RFC 792, RFC 950, RFC 4443). */
static uint8_t answering(const struct shape *s, uint8_t type)
{
	static const uint8_t pairs[][2] = {{8, 0}, {13, 14}, {15, 16}, {17, 18}, {128, 129}};

	for (size_t i = 0; shape_is_query(s) && i < sizeof(pairs) / 2; i++)
		for (size_t j = 0; j < 2; j++)
			if (pairs[i][j] == type)
				return pairs[i][!j];
	return 0;
}

static struct flow_tuple tuple_of(const struct trial *t, const struct ends *ends)
{
	bool has_ports = shape_has_ports(&t->shape) || shape_is_query(&t->shape);

	return (struct flow_tuple){
		.source = to_address(t->shape.version, &ends->inner_source),
		.destination = to_address(t->shape.version, &ends->inner_destination),
		.source_port_be = has_ports ? htons(ends->sport) : 0,
		.destination_port_be = has_ports ? htons(ends->dport) : 0,
		.protocol = t->shape.protocol,
		.icmp_type = shape_is_query(&t->shape) ? t->shape.icmp_type : 0,
	};
}

static struct flow_tuple inverse_of(const struct trial *t, struct flow_tuple tuple)
{
	return (struct flow_tuple){
		.source = tuple.destination,
		.destination = tuple.source,
		.source_port_be = tuple.destination_port_be,
		.destination_port_be = tuple.source_port_be,
		.protocol = tuple.protocol,
		.icmp_type = answering(&t->shape, tuple.icmp_type),
	};
}

/* The ends with another source, and on half of the occasions another port. */
static struct ends with_source(const struct trial *t, struct ends ends)
{
	ends.inner_source = stranger(t->shape.version);
	if (random_below(2)) {
		ends.sport = (uint16_t)random_below(65536);
		ends.dport = shape_has_ports(&t->shape) ? ends.dport : ends.sport;
	}
	return ends;
}

static struct ends with_destination(const struct trial *t, struct ends ends)
{
	ends.inner_destination = stranger(t->shape.version);
	if (random_below(2) && shape_has_ports(&t->shape))
		ends.dport = (uint16_t)random_below(65536);
	return ends;
}

/* Ends on the other side of a NAT. */
static struct ends behind_nat(const struct trial *t)
{
	struct ends ends = t->ends;
	uint32_t what = 1 + random_below(3);

	if (what & 1)
		ends = with_source(t, ends);
	if (what & 2)
		ends = with_destination(t, ends);
	return ends;
}

/* The two tuples of a flow from a packet of it as it was sent, and as it arrives. */
static void set_flow(struct trial *t, const struct ends *sent, const struct ends *arriving)
{
	struct flow_tuple there = tuple_of(t, sent), back = inverse_of(t, tuple_of(t, arriving));

	t->sent = *sent;
	t->flow = random_below(2) ? (struct flow){there, back} : (struct flow){back, there};
}

/* A flow of the kind: see enum flow_kind. */
static void make_flow(struct trial *t)
{
	struct ends other = behind_nat(t), source = with_source(t, t->ends);
	struct ends destination = with_destination(t, t->ends), both = with_destination(t, source);

	t->kind = (enum flow_kind)random_below(FLOW_KINDS);
	switch (t->kind) {
	case FLOW_NAT:
		set_flow(t, &other, &t->ends);
		break;
	case FLOW_UNDONE:
		set_flow(t, &t->ends, &other);
		break;
	case FLOW_HALF:
		set_flow(t, &destination, &source);
		break;
	case FLOW_FOREIGN:
		set_flow(t, &source, &both);
		break;
	default:
		set_flow(t, &t->ends, &t->ends);
	}
}

/* Whether the quote has the tuple of its flow: ports, an identifier, or of other
 * protocols anything at all. */
static bool has_tuple(const struct trial *t)
{
	size_t quoted = t->layout.transport ? t->layout.quote_end - t->layout.transport : 0;
	const uint8_t protocol = t->shape.protocol;

	if (shape_has_ports(&t->shape))
		return quoted >= 4;
	if (shape_is_query(&t->shape))
		return quoted >= 6;
	return quoted > 0 && protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6;
}

/* Whether the inner packet is to be what the flow says. */
bool trial_uses_flow(const struct trial *t)
{
	return (t->kind == FLOW_NAT || t->kind == FLOW_UNDONE || t->kind == FLOW_HALF) && has_tuple(t);
}

static void remove_extension(struct trial *t, struct shape *to)
{
	to->form = FORM_NONE;
	to->quote = t->layout.quote_end - t->layout.inner;
}

/* Whether an address is private, of those that occur here; version 0: there is none. */
static bool is_private(int version, const struct ip *ip)
{
	const uint8_t *b = ip->bytes;

	if (version == 4)
		return b[0] == 10 || (b[0] == 172 && b[1] >> 4 == 1) || (b[0] == 192 && b[1] == 168);
	return version == 6 && b[0] >> 1 == 0xfc >> 1;
}

/* Does to an object what the policy says; false: it goes. */
static bool is_kept(const struct trial *t, struct object *o)
{
	const bool told = o->index || o->name;

	if (o->class == OBJECT_MPLS || o->class == OBJECT_OTHER)
		return true;
	if (t->policy == EXTENSION_STRIP_PRIVATE)
		return !o->name && !is_private(o->address, &o->ip);
	o->ip = mapped(t->world, ADDRMAP_OUTER, o->address, o->ip);
	if (is_private(o->address, &o->ip) || t->policy == EXTENSION_TRANSLATE_ADDRESSES)
		return !is_private(o->address, &o->ip);
	o->index = o->name = false;
	return !told || o->address || o->mtu;
}

/* The shape as the policy for extensions makes it. */
static struct shape without_private(struct trial *t)
{
	struct shape to = t->shape;
	bool old_known = to.n_objects > 0 && to.extension_sum == SUMMED;

	if (t->policy == EXTENSION_PASS || to.form == FORM_NONE || (to.form == FORM_OLD && !old_known))
		return to;
	if (t->policy == EXTENSION_STRIP || to.extension_sum == MIS_SUMMED) {
		remove_extension(t, &to);
		return to;
	}
	to.n_objects = 0;
	for (unsigned i = 0; i < t->shape.n_objects; i++) {
		struct object object = t->shape.objects[i];

		if (is_kept(t, &object))
			to.objects[to.n_objects++] = object;
	}
	if (to.n_objects == 0 && t->shape.n_objects > 0)
		remove_extension(t, &to);
	return to;
}

/* Whether a private neighbour sent to a private address: as its flow says, with NAT or
 * without, else the maps; but to the one that answers by its own address. */
static bool sent_to_private(const struct trial *t)
{
	const int version = t->shape.version;
	struct ip to = mapped(t->world, ADDRMAP_INNER, version, t->ends.inner_destination);

	if (memcmp(&t->ends.inner_destination, &t->ends.outer_source, size_of(version)) == 0)
		to = t->ends.inner_destination;
	if (has_tuple(t) && t->kind != FLOW_NONE && t->kind != FLOW_FOREIGN)
		to = t->sent.inner_destination;
	return is_private(version, &to);
}

/* What a router on the way is known as: by the maps of sources, or as hosts are; a neighbour to himself as he
 * is. */
static struct ip mapped_hop(const struct trial *t, struct ip ip)
{
	const int version = t->shape.version;
	const struct ip outer = mapped(t->world, ADDRMAP_OUTER, 4, ip);

	if (t->for_peer && memcmp(ip.bytes, t->ends.outer_destination.bytes, size_of(version)) == 0)
		return ip;
	if (version == 4 && memcmp(outer.bytes, ip.bytes, 4))
		return outer;
	return mapped(t->world, ADDRMAP_INNER, version, ip);
}

static void map_record(const struct trial *t, struct record *r)
{
	for (unsigned i = 0; i < r->n; i++)
		if (generator_has_hop(r, i))
			r->hops[i] = mapped_hop(t, r->hops[i]);
}

/* The shape with the names that the routers in it are known by. */
static void map_hops(const struct trial *t, struct shape *to)
{
	map_record(t, &to->record);
	map_record(t, &to->outer_record);
	to->final = mapped_hop(t, to->final);
	to->via = mapped_hop(t, to->via);
}

static void hide_in_record(const struct trial *t, struct record *r)
{
	for (unsigned i = 0; i < r->n; i++)
		if (random_below(4))
			r->hops[i] = random_end(t->world, 4);
}

/* Puts addresses that maps may know where routers are. */
static void hide_hops(struct trial *t)
{
	struct shape *s = &t->shape;

	hide_in_record(t, &s->record);
	hide_in_record(t, &s->outer_record);
	if (random_below(4)) {
		s->final = random_end(t->world, s->version);
		s->via = random_end(t->world, s->version);
	}
}

static struct ends expected_ends(const struct trial *t)
{
	struct ends to = trial_uses_flow(t) ? t->sent : t->ends;

	to.outer_source = mapped(t->world, ADDRMAP_OUTER, t->shape.version, t->ends.outer_source);
	to.outer_destination = t->ends.outer_destination;
	if (trial_uses_flow(t))
		return to;
	if (!t->for_peer ||
		memcmp(&t->ends.inner_source, &t->ends.outer_destination, size_of(t->shape.version)))
		to.inner_source = mapped(t->world, ADDRMAP_INNER, t->shape.version, t->ends.inner_source);
	to.inner_destination = mapped(t->world, ADDRMAP_INNER, t->shape.version, t->ends.inner_destination);
	return to;
}

/* What nobody can know stays: a sum of which only a part is quoted, and a CRC
 * over more than there is in the first fragment. */
static void keep_unknowable(struct trial *t)
{
	const struct layout *l = &t->layout;
	size_t end = l->quote_end < l->sum + l->sum_size ? l->quote_end : l->sum + l->sum_size;
	bool partial = end < l->sum + l->sum_size;

	if (!l->sum || end <= l->sum)
		return;
	if (!partial && !(t->shape.protocol == IPPROTO_SCTP && t->shape.fragment != FRAGMENT_NONE))
		return;
	memcpy(t->expected + l->sum, t->input + l->sum, end - l->sum);
	generator_sum_icmp(t->expected, &t->expected_layout);
}

/* Now and then sends it to a private neighbour, who mostly is the quoted packet's source. */
static void make_peer(struct trial *t)
{
	t->for_peer = false;
	if (random_below(8))
		return;
	t->ends.outer_destination = private_base(t->shape.version);
	if (random_below(8) == 0)
		t->ends.inner_destination = t->ends.outer_source;
	if (random_below(4)) {
		t->ends.inner_source = random_end(t->world, t->shape.version);
		t->ends.outer_destination = t->ends.inner_source;
	}
	if (memcmp(&t->ends.inner_source, &t->ends.inner_destination, size_of(t->shape.version)) == 0)
		t->ends.inner_destination = stranger(t->shape.version); /* as in random_ends() */
	t->for_peer = is_private(t->shape.version, &t->ends.outer_destination);
}

/* An address of which only a part is quoted stays. */
static void keep_cut_hop(struct trial *t)
{
	const size_t hops = t->layout.hops, end = t->layout.quote_end;
	size_t at = hops;

	if (!hops || end <= hops || end >= hops + t->layout.hops_size)
		return;
	at += (end - hops) / 16 * 16;
	memcpy(t->expected + at, t->input + at, end - at);
	generator_sum_icmp(t->expected, &t->expected_layout);
}

/* Builds it; without an extension of before RFC 4884 where the headers of the quote are so long that what is
 * no sound one would be taken for the transport header. */
static void build_input(struct trial *t)
{
	const struct layout *l = &t->layout;

	generator_build(t->input, &t->layout, &t->shape, &t->ends);
	if (t->shape.form != FORM_OLD || l->inner_header + 20 <= l->extension - l->inner)
		return;
	t->shape.form = FORM_NONE;
	generator_build(t->input, &t->layout, &t->shape, &t->ends);
}

/* A packet at random, and what must become of it in this world. */
void trial_make(struct trial *t, const struct world *world)
{
	struct shape shape;
	struct ends ends;

	t->world = world;
	t->shape = random_shape(world->version);
	t->ends = random_ends(world, &t->shape);
	make_peer(t);
	t->policy = (enum extension_policy)random_below(5);
	for (unsigned i = 0; i < t->shape.n_objects; i++)
		if (t->shape.objects[i].address && random_below(4))
			t->shape.objects[i].ip = random_end(world, t->shape.objects[i].address);
	hide_hops(t);
	make_flow(t);
	build_input(t);
	shape = without_private(t);
	shape.df = false;
	map_hops(t, &shape);
	t->left_alone = t->for_peer && sent_to_private(t);
	if (t->left_alone) {
		memcpy(t->expected, t->input, t->layout.length);
		t->expected_layout = t->layout;
		return;
	}
	ends = expected_ends(t);
	generator_build(t->expected, &t->expected_layout, &shape, &ends);
	keep_unknowable(t);
	keep_cut_hop(t);
}

/* The flow with which the translated packet becomes the original one again. */
struct flow trial_flow_backwards(const struct trial *t)
{
	return (struct flow){inverse_of(t, t->flow.reply), inverse_of(t, t->flow.original)};
}

/* Somebody whom no map knows. */
struct ip world_stranger(int version)
{
	return stranger(version);
}

/* An address that a map of the world covers, or another one. */
struct ip world_end(const struct world *w, int version)
{
	return random_end(w, version);
}
