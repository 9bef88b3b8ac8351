/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Packets are written from the front to the back; lengths and sums are filled in afterwards. Sums of the
 * transport are not right, for nobody verifies those of a quote.
 */
#include "hider.h"

#include <netinet/in.h>
#include <string.h>

#include "decoder.h"
#include "packets.h"

enum { RECORD_ROUTE = 7, STREAM = 136, TIMESTAMP = 68, LOOSE_ROUTE = 131, STRICT_ROUTE = 137, ALERT = 148 };

/* A packet that is being written: how much of it there is, and how often an address in it is private. */
struct writer {
	uint8_t *bytes;
	size_t at;
	const struct world *world;
	uint32_t privacy; /* one of so many addresses may be private; 0: none */
	struct ip reader; /* to whom the error goes */
};

static void put8(struct writer *w, unsigned v)
{
	w->bytes[w->at++] = (uint8_t)v;
}

static void put16(struct writer *w, size_t v)
{
	put8(w, (unsigned)(v >> 8));
	put8(w, (unsigned)v);
}

static void set16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put_random(struct writer *w, size_t n)
{
	while (n-- > 0)
		put8(w, random_below(256));
}

static void put_bytes(struct writer *w, const void *bytes, size_t n)
{
	memcpy(w->bytes + w->at, bytes, n);
	w->at += n;
}

/* A public address, or one that may be private: by a map, or at the end of a block that is. */
static void put_address(struct writer *w, int version)
{
	const size_t size = version == 4 ? 4 : 16;
	struct ip ip = {{0}};

	if (w->privacy == 0 || random_below(w->privacy))
		ip = world_stranger(version);
	else if (random_below(4))
		ip = world_end(w->world, version);
	else
		decoder_pick(version, random_below(UINT32_MAX), ip.bytes);
	put_bytes(w, ip.bytes, size);
}

/* The source of a quoted packet is mostly he who gets the error, and the destination of that is he. */
static void put_ends(struct writer *w, int version, bool is_outer)
{
	if (is_outer || random_below(2) || version != w->world->version)
		put_address(w, version);
	else
		put_bytes(w, &w->reader, version == 4 ? 4 : 16);
	if (is_outer)
		put_bytes(w, &w->reader, version == 4 ? 4 : 16);
	else
		put_address(w, version);
}

/* An option with addresses, of n slots at most, of which some are not filled. */
static void put_route(struct writer *w, uint8_t kind, unsigned n)
{
	const unsigned slots = 1 + random_below(n), filled = random_below(slots + 1);

	put8(w, kind);
	put8(w, 3 + 4 * slots);
	put8(w, 4 + 4 * filled);
	for (unsigned i = 0; i < slots; i++)
		if (kind == RECORD_ROUTE && i >= filled)
			put_bytes(w, "\0\0\0\0", 4);
		else
			put_address(w, 4);
}

static void put_timestamp(struct writer *w, unsigned n)
{
	static const uint8_t flags[] = {0, 1, 1, 3, 3};
	const uint8_t flag = flags[random_below(sizeof(flags))];
	const unsigned slots = 1 + random_below(n), filled = random_below(slots + 1);

	put8(w, TIMESTAMP);
	put8(w, 4 + 8 * slots);
	put8(w, 5 + 8 * filled);
	put8(w, random_below(16) << 4 | flag);
	for (unsigned i = 0; i < slots; i++) {
		if (flag == 0)
			put_random(w, 4);
		else if (flag == 1 && i >= filled)
			put_bytes(w, "\0\0\0\0", 4);
		else
			put_address(w, 4);
		put_bytes(w, "\1\2\3\4", 4);
	}
}

/* Options up to the end of a header; where little room is left, padding. */
static void put_options(struct writer *w, size_t end)
{
	static const uint8_t routes[] = {RECORD_ROUTE, LOOSE_ROUTE, STRICT_ROUTE};

	while (end - w->at >= 12 && random_below(6)) {
		const size_t room = end - w->at;

		switch (random_below(4)) {
		case 0:
			put8(w, 1);
			break;
		case 1:
			put_bytes(w,
				random_below(2) ? (uint8_t[]){ALERT, 4, 0, 0} : (uint8_t[]){STREAM, 4, 1, 2},
				4);
			break;
		case 2:
			put_route(w, routes[random_below(3)], (unsigned)(room - 3) / 4);
			break;
		default:
			put_timestamp(w, (unsigned)(room - 4) / 8);
		}
	}
	memset(w->bytes + w->at, random_below(2), end - w->at); /* end, or no operation */
	w->at = end;
}

/* An IPv4 header whose length and sum are not known yet; returns where it begins. */
static size_t put_v4(struct writer *w, uint8_t protocol, bool has_options, bool is_outer)
{
	const size_t begin = w->at, header = 20 + (has_options ? 4 * random_below(11) : 0);

	put8(w, 0x40 | (unsigned)header / 4);
	put_random(w, 5);
	put16(w, random_below(16) || is_outer ? 0 : random_below(2) ? 0x2000 : 0x2005);
	put8(w, 60);
	put8(w, protocol);
	put16(w, 0);
	put_ends(w, 4, is_outer);
	put_options(w, begin + header);
	return begin;
}

/* A routing header of type 0, 2 or 4, whose next header is to be filled in. */
static void put_routing(struct writer *w)
{
	static const uint8_t types[] = {0, 2, 4};
	const uint8_t type = types[random_below(3)];
	const unsigned n = type == 2 ? 1 : 1 + random_below(3);

	put8(w, 0);
	put8(w, 2 * n);
	put8(w, type);
	put8(w, random_below(n + 1));
	put8(w, type == 4 ? n - 1 : 0);
	put_bytes(w, "\0\0\0", 3);
	for (unsigned i = 0; i < n; i++)
		put_address(w, 6);
}

static void put_extension_header(struct writer *w, uint8_t kind)
{
	if (kind == IPPROTO_ROUTING)
		put_routing(w);
	else if (kind == IPPROTO_FRAGMENT)
		put_bytes(w, random_below(3) ? "\0\0\0\1\0\0\0\1" : "\0\0\0\x40\0\0\0\1", 8);
	else
		put_bytes(w, "\0\0\1\4\0\0\0\0", 8);
}

static size_t put_v6(struct writer *w, uint8_t protocol, bool has_chain, bool is_outer)
{
	static const uint8_t kinds[] = {
		IPPROTO_HOPOPTS, IPPROTO_ROUTING, IPPROTO_ROUTING, IPPROTO_DSTOPTS, IPPROTO_FRAGMENT};
	const size_t begin = w->at;
	size_t next = begin + 6;

	put_bytes(w, "\x60\0\0\0\0\0\0\x3c", 8);
	put_ends(w, 6, is_outer);
	while (has_chain && random_below(3)) {
		const uint8_t kind = kinds[random_below(is_outer ? 4 : 5)];

		w->bytes[next] = kind;
		next = w->at;
		put_extension_header(w, kind);
	}
	w->bytes[next] = protocol;
	return begin;
}

/* Fills in the length of an IP header, of what stands behind it, and its sum. */
static void finish_ip(struct writer *w, size_t begin)
{
	uint8_t *ip = w->bytes + begin;

	if (ip[0] >> 4 == 6) {
		set16(ip + 4, w->at - begin - 40);
		return;
	}
	set16(ip + 2, w->at - begin);
	set16(ip + 10, 0);
	set16(ip + 10, reference_sum(ip, (ip[0] & 15u) * 4, 0));
}

static size_t put_ip(struct writer *w, int version, uint8_t protocol)
{
	const bool more = random_below(2);

	return version == 4 ? put_v4(w, protocol, more, false) : put_v6(w, protocol, more, false);
}

static void put_gre(struct writer *w, int version)
{
	const unsigned flags = random_below(4) << 4 | (random_below(2) ? 0x80 : 0);

	put8(w, flags);
	put8(w, 0);
	put16(w, version == 4 ? 0x0800 : 0x86dd);
	put_random(w, (flags & 0x80 ? 4u : 0) + (flags & 0x20 ? 4u : 0) + (flags & 0x10 ? 4u : 0));
}

/* A packet that perhaps has another one in it. */
static void put_packet(struct writer *w, int version, unsigned depth)
{
	static const uint8_t protocols[] = {
		IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_ESP, 253};
	const int within = random_below(2) ? 4 : 6;
	const bool tunnels = random_below(depth == 0 ? 3 : 8) == 0, is_gre = random_below(3) == 0;
	const uint8_t protocol = !tunnels      ? protocols[random_below(sizeof(protocols))]
				 : is_gre      ? IPPROTO_GRE
				 : within == 4 ? IPPROTO_IPIP
					       : IPPROTO_IPV6;
	const size_t begin = put_ip(w, version, protocol);

	if (tunnels && is_gre)
		put_gre(w, within);
	if (tunnels)
		put_packet(w, within, depth + 1);
	else
		put_random(w, 8 + random_below(60));
	finish_ip(w, begin);
	if (version == 4 && random_below(16) == 0) /* as Linux quotes what it has written options into */
		w->bytes[begin + 10] ^= 0x55;
}

/* An object about an interface or a node (RFC 5837), or of MPLS. */
static void put_object(struct writer *w)
{
	const size_t begin = w->at;
	const int version = random_below(2) ? 4 : 6;
	const unsigned class = (uint8_t[]){1, 2, 2, 2, 5}[random_below(5)], type = random_below(256) & 0xcf;

	put16(w, 0);
	put8(w, class);
	put8(w, class == 1 ? 1 : type);
	if (class == 1 || type & 8)
		put_random(w, 4);
	if (class != 1 && type & 4) {
		put16(w, version == 4 ? 1 : 2);
		put16(w, 0);
		put_address(w, version);
	}
	if (class != 1 && type & 2)
		put_bytes(w, "\10eth1.2", 8);
	if (class != 1 && type & 1)
		put_random(w, 4);
	set16(w->bytes + begin, w->at - begin);
}

/* Padding, and an extension behind it (RFC 4884), now and then of the older kind. */
static void put_extension(struct writer *w, uint8_t *icmp, size_t quote, int version)
{
	const size_t unit = version == 4 ? 4 : 8, begin = w->at;
	const bool is_old = quote == 128 && random_below(4) == 0;
	uint8_t *extension = w->bytes + begin;
	uint16_t sum;

	if (!is_old)
		icmp[version == 4 ? 5 : 4] = (uint8_t)(quote / unit);
	put_bytes(w, "\x20\0\0\0", 4);
	for (unsigned n = random_below(4); n > 0; n--)
		put_object(w);
	sum = reference_sum(extension, w->at - begin, 0);
	set16(extension + 2, is_old || random_below(8) ? sum ? sum : 0xffff : random_below(2) ? 0 : 0x1234);
}

/* What follows the ICMP header: all of the packet, or the start of it, and perhaps an extension. */
static void put_quote(struct writer *w, uint8_t *icmp, int version)
{
	const size_t begin = w->at, header = version == 4 ? 20 : 40;
	const bool may_extend = version == 4 || icmp[0] == 1 || icmp[0] == 3;
	size_t length;

	put_packet(w, version, 0);
	length = w->at - begin;
	if (may_extend && random_below(3) == 0) {
		if (length < 128)
			memset(w->bytes + w->at, 0, 128 - length);
		length = length < 128 || random_below(2) ? 128 : length + -length % 8;
		memset(w->bytes + w->at, 0, 8);
		w->at = begin + length;
		put_extension(w, icmp, length, version);
	} else if (random_below(3) == 0) {
		w->at = begin + header + random_below((uint32_t)(length - header));
	}
}

static void finish_icmp(struct writer *w, size_t icmp, int version)
{
	uint8_t pseudo[40];
	const size_t length = w->at - icmp;
	uint32_t start = 0;

	if (version == 6) {
		memcpy(pseudo, w->bytes + 8, 32);
		start = (uint16_t)~reference_sum(pseudo, 32, (uint32_t)length + IPPROTO_ICMPV6);
	}
	set16(w->bytes + icmp + 2, 0);
	set16(w->bytes + icmp + 2, reference_sum(w->bytes + icmp, length, start));
}

/* Writes an error at random, with addresses of a world; returns its length. */
size_t hider_build(uint8_t bytes[GENERATOR_ROOM], const struct world *world)
{
	static const uint8_t types4[] = {3, 11, 12}, types6[] = {1, 2, 3, 4};
	const int version = world->version;
	struct writer w = {
		.bytes = bytes, .world = world, .privacy = (uint8_t[]){0, 2, 4, 12}[random_below(4)]};
	const bool more = random_below(8) == 0;
	size_t begin, icmp;

	w.reader = random_below(8) ? world_stranger(version) : world_end(world, version);
	begin = version == 4 ? put_v4(&w, IPPROTO_ICMP, more, true) : put_v6(&w, IPPROTO_ICMPV6, more, true);
	icmp = w.at;
	put8(&w, version == 4 ? types4[random_below(3)] : types6[random_below(4)]);
	put_bytes(&w, "\0\0\0\0\0\0\0", 7);
	put_quote(&w, bytes + icmp, version);
	finish_ip(&w, begin);
	finish_icmp(&w, icmp, version);
	return w.at;
}
