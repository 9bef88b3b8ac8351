/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Shapes at random, and packets from shapes. Sums are made over whole packets,
 * which are cut to a fragment and to a quote afterwards.
 */
#include "generator.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "packets.h"

enum { HIP = 139, SHIM6 = 140, EXPERIMENT = 253 };

static uint64_t random_state = 1;

void random_seed(uint64_t seed)
{
	random_state = seed ? seed : 1;
}

/* Chooses what SEED and PACKETS in the environment say, else a new seed and as many packets as there are in
 * *packets; prints both, so that the run can be repeated. */
void random_choose_run(uint64_t *seed, unsigned long *packets)
{
	const char *wanted = getenv("SEED"), *number = getenv("PACKETS");

	*seed = wanted ? strtoull(wanted, NULL, 0) : (uint64_t)time(NULL);
	if (number)
		*packets = strtoul(number, NULL, 0);
	printf("seed %" PRIu64 ", %lu packets (SEED and PACKETS choose others)\n", *seed, *packets);
}

/* xorshift64 */
static uint32_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32);
}

uint32_t random_below(uint32_t n)
{
	return next(&random_state) % n;
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* Bytes that mean nothing, the same for the same seed. */
static void fill(uint8_t *p, size_t n, uint32_t seed)
{
	uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)next(&state);
}

static bool is_icmp(const struct shape *s)
{
	return s->protocol == (s->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* An ICMP message with an identifier (RFC 792, RFC 950, RFC 4443). */
bool shape_is_query(const struct shape *s)
{
	if (!is_icmp(s))
		return false;
	return s->version == 6
		       ? s->icmp_type == 128 || s->icmp_type == 129
		       : s->icmp_type == 0 || s->icmp_type == 8 || (s->icmp_type >= 13 && s->icmp_type <= 18);
}

bool shape_has_ports(const struct shape *s)
{
	return s->protocol == IPPROTO_TCP || s->protocol == IPPROTO_UDP || s->protocol == IPPROTO_UDPLITE ||
	       s->protocol == IPPROTO_DCCP || s->protocol == IPPROTO_SCTP;
}

/* RFC 4884, 4: in IPv6 only destination unreachable and time exceeded. */
bool shape_takes_extension(const struct shape *s)
{
	return s->version == 4 || s->type == 1 || s->type == 3;
}

static size_t header_size(const struct shape *s)
{
	if (s->protocol == IPPROTO_TCP)
		return 20;
	if (s->protocol == IPPROTO_DCCP || s->protocol == IPPROTO_SCTP)
		return 12;
	return shape_has_ports(s) || is_icmp(s) ? 8 : 0;
}

static size_t sum_at(const struct shape *s)
{
	if (s->protocol == IPPROTO_TCP)
		return 16;
	if (s->protocol == IPPROTO_SCTP)
		return 8;
	return is_icmp(s) ? 2 : 6;
}

/* The sum of what stands before the transport in the pseudo-header (RFC 793, 3.1; RFC 8200, 8.1). */
static uint32_t pseudo(
	int version, const struct ip *source, const struct ip *destination, size_t length, uint8_t protocol)
{
	size_t n = version == 4 ? 4 : 16;
	uint8_t both[32];

	memcpy(both, source, n);
	memcpy(both + n, destination, n);
	return (uint16_t)~reference_sum(both, 2 * n, (uint32_t)length + protocol);
}

static void put_transport_sum(uint8_t *t, size_t length, const struct shape *s, const struct ends *ends)
{
	bool never_zero = s->protocol == IPPROTO_UDP || s->protocol == IPPROTO_UDPLITE;
	size_t covered = s->protocol == IPPROTO_UDPLITE && s->coverage ? s->coverage : length;
	uint32_t start =
		s->protocol == IPPROTO_ICMP
			? 0
			: pseudo(s->version, &ends->inner_source,
				  s->rerouted ? &s->final : &ends->inner_destination, length, s->protocol);
	uint16_t sum;

	put16(t + sum_at(s), 0);
	if (s->no_sum)
		return;
	sum = reference_sum(t, covered, start);
	put16(t + sum_at(s), sum == 0 && never_zero ? 0xffff : sum);
}

/* Returns the length of a transport header with all behind it. */
static size_t build_transport(uint8_t *t, const struct shape *s, const struct ends *ends)
{
	size_t length = header_size(s) + s->payload;

	fill(t, length, s->seed);
	if (shape_has_ports(s)) {
		put16(t, ends->sport);
		put16(t + 2, ends->dport);
	} else if (is_icmp(s)) {
		t[0] = s->icmp_type;
		t[1] = 0;
		if (shape_is_query(s))
			put16(t + 4, ends->sport);
	}
	if (s->protocol == IPPROTO_UDP)
		put16(t + 4, length);
	if (s->protocol == IPPROTO_UDPLITE)
		put16(t + 4, s->coverage);
	if (s->protocol == IPPROTO_DCCP)
		put16(t + 4, 3 << 8); /* three words of header, and all is covered */
	if (s->protocol == IPPROTO_SCTP)
		packet_put_crc32c(t, length);
	else if (shape_has_ports(s) || is_icmp(s))
		put_transport_sum(t, length, s, ends);
	return length;
}

static void sum_v4(uint8_t *ip)
{
	put16(ip + 10, 0);
	put16(ip + 10, reference_sum(ip, (ip[0] & 15u) * 4, 0));
}

/* Whether the nth place of an option has an address, which is not room for one. */
bool generator_has_hop(const struct record *r, unsigned i)
{
	if (r->kind == 7)
		return i < r->filled;
	return r->flag == 3 || (r->flag == 1 && i < r->filled);
}

/* How many bytes it takes, with what is before it. */
size_t generator_record_size(const struct record *r)
{
	if (r->kind == 0)
		return 0;
	return (r->kind == 7 ? 3 + 4 * r->n : 4 + (r->flag ? 8 : 4) * r->n) + ((r->kind == 7) != r->odd);
}

/* Writes the option, where it is to be odd or even behind a NOP. */
static void put_record(uint8_t *p, const struct record *r)
{
	const size_t size = generator_record_size(r), step = r->kind == 68 && r->flag ? 8 : 4;
	const size_t first = r->kind == 7 ? 3 : 4;

	if (size == 0)
		return;
	p += size - (first + step * r->n);
	p[0] = r->kind;
	p[1] = (uint8_t)(first + step * r->n);
	p[2] = (uint8_t)(first + 1 + step * r->filled);
	if (r->kind == 68)
		p[3] = (uint8_t)(0x50 | r->flag);
	for (unsigned i = 0; i < r->n; i++) {
		memcpy(p + first + step * i, r->hops[i].bytes, 4);
		if (step == 8)
			memcpy(p + first + step * i + 4, "\1\2\3\4", 4);
	}
}

/* NOPs and a record, and at the end a source route if the packet has one (RFC 791, 3.1). */
static void put_options(uint8_t *p, const struct shape *s)
{
	uint8_t *route = p + s->options - 12;

	memset(p, 1, s->options);
	put_record(p, &s->record);
	if (!s->rerouted)
		return;
	route[1] = s->seed % 2 ? 131 : 137;
	route[2] = 11;
	route[3] = s->seed % 3 ? 4 : 8;
	memcpy(route + 4, &s->via, 4);
	memcpy(route + 8, &s->final, 4);
}

static size_t put_v4(uint8_t *ip, const struct shape *s, const struct ends *ends)
{
	size_t header = 20 + s->options;

	fill(ip, 20, s->seed ^ 4);
	ip[0] = (uint8_t)(0x40 | header / 4);
	put16(ip + 6, s->fragment == FRAGMENT_FIRST   ? 0x2000
		      : s->fragment == FRAGMENT_LATER ? 0x2007
						      : s->seed & 0x4000);
	ip[9] = s->protocol;
	memcpy(ip + 12, &ends->inner_source, 4);
	memcpy(ip + 16, &ends->inner_destination, 4);
	if (s->options)
		put_options(ip + 20, s);
	return header;
}

/* One extension header (RFC 8200, 4); returns its length. */
static size_t put_extension_header(uint8_t *p, uint8_t kind, const struct shape *s)
{
	memset(p, 0, 40);
	if (kind == IPPROTO_FRAGMENT) {
		put16(p + 2, s->fragment == FRAGMENT_LATER ? 9 << 3 | 1 : s->fragment == FRAGMENT_FIRST);
		memcpy(p + 4, &s->seed, 4);
		return 8;
	}
	if (kind == IPPROTO_ROUTING) {
		p[2] = (uint8_t[]){0, 2, 4}[s->seed % 3];
		p[1] = p[2] == 2 ? 2 : 4;
		p[3] = s->rerouted;
		p[4] = p[2] == 4;
		memcpy(p + 8, p[2] == 0 ? &s->via : &s->final, 16);
		if (p[2] != 2)
			memcpy(p + 24, p[2] == 0 ? &s->final : &s->via, 16);
		return 8 + 8u * p[1];
	}
	p[1] = s->seed % 2; /* options, or what has their shape: PadN */
	p[2] = 1;
	p[3] = (uint8_t)(8 * p[1] + 4);
	memset(p + 4, 0, p[3]);
	return 8 + 8u * p[1];
}

static size_t put_v6(uint8_t *ip, struct layout *layout, const struct shape *s, const struct ends *ends)
{
	uint8_t *next_header = ip + 6;
	size_t header = 40;

	fill(ip, 8, s->seed ^ 6);
	ip[0] = (uint8_t)(0x60 | (ip[0] & 15));
	memcpy(ip + 8, &ends->inner_source, 16);
	memcpy(ip + 24, &ends->inner_destination, 16);
	for (unsigned i = 0; i < s->n_chain; i++) {
		*next_header = s->chain[i];
		next_header = ip + header;
		if (s->chain[i] == IPPROTO_ROUTING)
			layout->hops = layout->inner + header + 8;
		header += put_extension_header(ip + header, s->chain[i], s);
		if (s->chain[i] == IPPROTO_ROUTING)
			layout->hops_size = layout->inner + header - layout->hops;
	}
	*next_header = s->protocol;
	return header;
}

/* The packet that is quoted; returns its length. Of a first fragment that is less
 * than what its transport sum covers. */
static size_t build_inner(uint8_t *ip, struct layout *layout, const struct shape *s, const struct ends *ends)
{
	size_t header = s->version == 4 ? put_v4(ip, s, ends) : put_v6(ip, layout, s, ends), length;

	length = s->fragment == FRAGMENT_LATER ? 8 + s->payload : build_transport(ip + header, s, ends);
	if (s->fragment == FRAGMENT_LATER)
		fill(ip + header, length, s->seed);
	if (s->fragment == FRAGMENT_FIRST && length > 24)
		length = 24;
	put16(ip + (s->version == 4 ? 2 : 4), header + length - (s->version == 4 ? 0 : 40));
	if (s->version == 4)
		sum_v4(ip);
	layout->inner_header = header;
	return header + length;
}

/* An address sub-object (RFC 5837, 4.2). */
static size_t put_address(uint8_t *p, const uint8_t *address, size_t n)
{
	put16(p, n == 4 ? 1 : 2);
	put16(p + 2, 0);
	memcpy(p + 4, address, n);
	return 4 + n;
}

static size_t put_filler(uint8_t *p, uint32_t seed)
{
	fill(p, 4, seed);
	return 4;
}

/* One object; returns its length. */
static size_t put_object(uint8_t *p, const struct object *o)
{
	static const uint8_t heads[OBJECT_CLASSES][2] = {{1, 1}, {7, 6}, {2, 0}, {5, 0}},
			     name[] = "\10eth1.2";
	size_t n = 4;

	memcpy(p + 2, heads[o->class], 2);
	if (o->class == OBJECT_MPLS || o->class == OBJECT_OTHER) {
		n += put_filler(p + n, o->seed);
	} else {
		p[3] = (uint8_t)(o->role << 6 | o->index << 3 | (o->address != 0) << 2 | o->name << 1 |
				 o->mtu);
		n += o->index ? put_filler(p + n, o->seed) : 0;
		n += o->address ? put_address(p + n, o->ip.bytes, o->address == 4 ? 4 : 16) : 0;
		memcpy(p + n, name, 8);
		n += o->name ? 8 : 0;
		n += o->mtu ? put_filler(p + n, o->seed + 1) : 0;
	}
	put16(p, n);
	return n;
}

/* The structure of RFC 4884, 7; returns its length. */
static size_t put_extension(uint8_t *p, const struct shape *s)
{
	size_t n = 4;
	uint16_t sum;

	memset(p, 0, 4);
	p[0] = 2 << 4;
	for (unsigned i = 0; i < s->n_objects; i++)
		n += put_object(p + n, &s->objects[i]);
	if (s->extension_sum == NOT_SUMMED)
		return n;
	sum = reference_sum(p, n, 0);
	put16(p + 2, sum ? sum : 0xffff);
	if (s->extension_sum == MIS_SUMMED)
		p[2] ^= p[2] == 0x55 && p[3] == 0 ? 0x33 : 0x55;
	return n;
}

/* Padding and extension behind a quote of n bytes; returns what follows the ICMP header. */
static size_t build_tail(uint8_t *icmp, struct layout *layout, const struct shape *s, size_t n)
{
	size_t unit = s->version == 4 ? 4 : 8, padded;

	if (s->form == FORM_NONE)
		return n;
	padded = n < 128 ? 128 : (n + unit - 1) / unit * unit;
	memset(icmp + 8 + n, 0, padded - n);
	if (s->form == FORM_COMPLIANT)
		icmp[s->version == 4 ? 5 : 4] = (uint8_t)(padded / unit);
	layout->extension = layout->inner + padded;
	return padded + put_extension(icmp + 8 + padded, s);
}

static size_t put_outer(uint8_t *ip, const struct shape *s, const struct ends *ends)
{
	size_t header = 20;

	memset(ip, 0, 60);
	memset(ip + 20, 1, 1); /* before an odd record */
	if (s->version == 4) {
		memcpy(ip, (uint8_t[]){0x45, 0xc0, 0, 0, 0xbe, 0xef, s->df ? 0x40 : 0, 0, 64, IPPROTO_ICMP},
			10);
		memcpy(ip + 12, &ends->outer_source, 4);
		memcpy(ip + 16, &ends->outer_destination, 4);
		header += (generator_record_size(&s->outer_record) + 3) / 4 * 4;
		ip[0] = (uint8_t)(0x40 | header / 4);
		put_record(ip + 20, &s->outer_record);
		return header;
	}
	memcpy(ip, (uint8_t[]){0x60, 0, 0, 0, 0, 0, IPPROTO_ICMPV6, 64}, 8);
	memcpy(ip + 8, &ends->outer_source, 16);
	memcpy(ip + 24, &ends->outer_destination, 16);
	return 40;
}

/* Makes the ICMP sum right. */
void generator_sum_icmp(uint8_t *bytes, const struct layout *layout)
{
	size_t length = layout->length - layout->icmp;
	uint32_t start = 0;

	if (bytes[0] >> 4 == 6)
		start = (uint16_t)~reference_sum(bytes + 8, 32, (uint32_t)length + IPPROTO_ICMPV6);
	put16(bytes + layout->icmp + 2, 0);
	put16(bytes + layout->icmp + 2, reference_sum(bytes + layout->icmp, length, start));
}

/* Says where the fields of the inner packet are, as far as they are quoted. */
static void find_fields(struct layout *layout, const struct shape *s)
{
	bool summed = shape_has_ports(s) || is_icmp(s);

	layout->source = layout->inner + (s->version == 4 ? 12 : 8);
	layout->destination = layout->inner + (s->version == 4 ? 16 : 24);
	if (s->fragment == FRAGMENT_LATER || layout->inner + layout->inner_header >= layout->quote_end)
		return;
	layout->transport = layout->inner + layout->inner_header;
	layout->sum = summed ? layout->transport + sum_at(s) : 0;
	layout->sum_size = s->protocol == IPPROTO_SCTP ? 4 : 2;
}

/* Writes the error into bytes (GENERATOR_ROOM); returns its length. */
size_t generator_build(uint8_t *bytes, struct layout *layout, const struct shape *s, const struct ends *ends)
{
	size_t header = put_outer(bytes, s, ends), n;
	uint8_t *icmp = bytes + header;

	*layout = (struct layout){.icmp = header, .inner = header + 8};
	memcpy(icmp, (uint8_t[]){s->type, s->code, 0, 0, s->rest[0], s->rest[1], s->rest[2], s->rest[3]}, 8);
	n = build_inner(bytes + layout->inner, layout, s, ends);
	n = n < s->quote ? n : s->quote;
	layout->quote_end = layout->inner + n;
	layout->length = layout->inner + build_tail(icmp, layout, s, n);
	put16(bytes + (s->version == 4 ? 2 : 4), layout->length - (s->version == 4 ? 0 : 40));
	if (s->version == 4)
		sum_v4(bytes);
	generator_sum_icmp(bytes, layout);
	find_fields(layout, s);
	return layout->length;
}

static void choose_protocol(struct shape *s)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDP,
		IPPROTO_UDPLITE, IPPROTO_DCCP, IPPROTO_SCTP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_GRE,
		IPPROTO_ESP, IPPROTO_AH, IPPROTO_IPIP, EXPERIMENT};
	static const uint8_t messages4[] = {0, 8, 8, 13, 14, 17, 18, 9, 10},
			     messages6[] = {128, 128, 129, 130, 135, 143};

	s->protocol = protocols[random_below(sizeof(protocols))];
	s->icmp_type = s->version == 4 ? messages4[random_below(sizeof(messages4))]
				       : messages6[random_below(sizeof(messages6))];
	s->payload = random_below(4) ? random_below(80) : random_below(600);
	s->no_sum = s->protocol == IPPROTO_UDP && random_below(8) == 0;
	if (s->protocol == IPPROTO_UDPLITE && random_below(2))
		s->coverage = 8 + random_below((uint32_t)s->payload + 1);
}

static void choose_final(struct shape *s)
{
	fill(s->final.bytes, 16, random_below(UINT32_MAX));
	fill(s->via.bytes, 16, random_below(UINT32_MAX));
}

/* An option that fits into so many bytes, or none. */
static void choose_record(struct record *r, size_t room)
{
	const bool is_route = random_below(2);

	if (room < 16 || random_below(4) == 0)
		return;
	*r = (struct record){.kind = is_route ? 7 : 68, .odd = random_below(2)};
	if (!is_route)
		r->flag = (uint8_t[]){0, 1, 3}[random_below(3)];
	r->n = 1 + random_below((uint32_t)(room - 5) / (r->flag ? 8 : 4));
	r->filled = random_below(r->n + 1);
	for (unsigned i = 0; i < r->n; i++)
		fill(r->hops[i].bytes, 4, random_below(UINT32_MAX));
}

static void choose_headers(struct shape *s)
{
	static const uint8_t kinds[] = {IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_MH, HIP, SHIM6};
	bool routed = random_below(8) == 0;

	s->fragment = random_below(6) ? FRAGMENT_NONE : (enum fragment)random_below(3);
	if (s->version == 4) {
		s->options = random_below(4) ? 0 : 4 * random_below(11);
		s->rerouted = routed && s->options >= 12;
		choose_final(s);
		choose_record(&s->record, s->options - (s->rerouted ? 12 : 0));
		choose_record(&s->outer_record, random_below(8) ? 0 : 4 * random_below(11));
		return;
	}
	if (random_below(4) == 0)
		s->chain[s->n_chain++] = kinds[random_below(sizeof(kinds))];
	if (routed) {
		s->chain[s->n_chain++] = IPPROTO_ROUTING;
		s->rerouted = random_below(2);
		choose_final(s);
	}
	if (s->fragment != FRAGMENT_NONE || random_below(20) == 0)
		s->chain[s->n_chain++] = IPPROTO_FRAGMENT;
	if (random_below(8) == 0 && s->fragment != FRAGMENT_LATER)
		s->chain[s->n_chain++] = IPPROTO_DSTOPTS;
}

/* How much is quoted: all, or cut anywhere behind the IP header; with an
 * extension at least 128 bytes, whole words (RFC 4884, 4.1). */
static void choose_quote(struct shape *s)
{
	size_t header = s->version == 4 ? 20 + s->options : 40, room = s->version == 4 ? 548 : 1232;

	s->quote = room;
	if (s->form == FORM_OLD)
		s->quote = 128;
	else if (s->form == FORM_COMPLIANT)
		s->quote = random_below(2) ? room - 24 : 128 + 8 * random_below(20);
	else if (random_below(2))
		s->quote = header + random_below(random_below(2) ? 24 : 120);
}

static void choose_object(struct object *o)
{
	static const struct ip ips[2][2] = {
		{{{198, 51, 100, 7}}, {{172, 20, 1, 2}}}, {{{0x20, 1, 0xd, 0xb8, 9}}, {{0xfd, 0x42, 1}}}};

	*o = (struct object){.class = (enum object_class)random_below(OBJECT_CLASSES),
		.role = (uint8_t)random_below(4),
		.index = random_below(2),
		.name = random_below(3) == 0,
		.mtu = random_below(2),
		.address = random_below(3) ? random_below(2) ? 4 : 6 : 0,
		.seed = random_below(UINT32_MAX)};
	o->ip = ips[o->address == 6][random_below(2)];
}

static void choose_extension(struct shape *s)
{
	if (!shape_takes_extension(s) || random_below(3))
		return;
	s->form = random_below(3) ? FORM_COMPLIANT : FORM_OLD;
	s->n_objects = random_below(MAX_OBJECTS + 1);
	for (unsigned i = 0; i < s->n_objects; i++)
		choose_object(&s->objects[i]);
	s->extension_sum = random_below(4) ? SUMMED : random_below(2) ? NOT_SUMMED : MIS_SUMMED;
}

struct shape random_shape(int version)
{
	static const uint8_t types4[] = {3, 11, 12};
	struct shape s = {.version = version, .seed = random_below(UINT32_MAX)};

	s.type = version == 4 ? types4[random_below(3)] : (uint8_t)(1 + random_below(4));
	s.code = (uint8_t)random_below(16);
	s.df = random_below(2);
	fill(s.rest, 4, s.seed ^ 1);
	if (shape_takes_extension(&s))
		s.rest[version == 4 ? 1 : 0] = 0; /* the length field */
	choose_protocol(&s);
	choose_headers(&s);
	choose_extension(&s);
	choose_quote(&s);
	return s;
}
