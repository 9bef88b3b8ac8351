/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Routing headers, of the types that hold addresses (0: RFC 2460, 4.4; 2: RFC 6275, 6.4; 4: RFC 8754, 2):
 *
 *   | next header | length | type | segments left | last entry (4) | ...  | 16 bytes each: address ...
 *
 * Those of type 3 (RFC 6554) are compressed, and never leave the network that makes them.
 */
#include "core/hops.h"

#define IPV6_HEADER    40 /* bytes */
#define ROUTING_HEADER 8

/* Begins a walk over the options or routing headers of a packet. */
void hops_begin(struct hops_walk *walk, const struct packet *p, const uint8_t *bytes)
{
	walk->version = p->version;
	if (p->version == 4) {
		options_begin(&walk->options, bytes, p->begin);
		return;
	}
	walk->bytes = bytes;
	walk->next = p->begin + IPV6_HEADER;
	walk->end = p->end;
	walk->protocol = bytes[p->begin + 6];
	walk->address = walk->limit = walk->last = 0;
}

/* Returns how many addresses a routing header holds. */
static size_t count_addresses(const uint8_t *header)
{
	const size_t room = header[1] / 2u, entries = header[4] + 1u;

	switch (header[2]) {
	case 0:
		return room;
	case 2:
		return room > 0;
	case 4:
		return entries < room ? entries : room;
	}
	return 0;
}

/* Finds the addresses of the routing header at an offset, as far as they are there. */
static void enter_routing(struct hops_walk *walk, size_t at)
{
	const uint8_t *header = walk->bytes + at;
	const size_t n = count_addresses(header);

	walk->address = at + ROUTING_HEADER;
	walk->limit = walk->address + 16 * n;
	if (header[3] != 0 && walk->last == 0)
		walk->last = header[2] == 0 ? walk->limit - 16 : walk->address; /* type 4 begins with it */
	if (walk->limit > walk->end)
		walk->limit = walk->end;
}

/* Goes to the next routing header. False at the end. */
static bool next_routing(struct hops_walk *walk)
{
	while (packet_is_extension(walk->protocol) && walk->next + 8 <= walk->end) {
		const uint8_t *header = walk->bytes + walk->next;
		const size_t at = walk->next;
		const uint8_t protocol = walk->protocol;

		walk->protocol = header[0];
		walk->next += protocol == IPPROTO_FRAGMENT ? 8 : 8 + 8u * header[1];
		if (protocol == IPPROTO_FRAGMENT && packet_be16(header + 2) & 0xfff8)
			return false; /* and nothing behind it is a header */
		if (protocol != IPPROTO_ROUTING)
			continue;
		enter_routing(walk, at);
		return true;
	}
	return false;
}

/* Takes the next address. False at the end. */
bool hops_next(struct hops_walk *walk, struct options_hop *hop)
{
	if (walk->version == 4)
		return options_next(&walk->options, hop);
	while (walk->address + 16 > walk->limit)
		if (!next_routing(walk))
			return false;
	hop->offset = walk->address;
	hop->final = walk->address == walk->last;
	walk->address += 16;
	return true;
}
