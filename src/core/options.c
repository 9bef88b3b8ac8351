/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * IPv4 options (RFC 791, 3.1), which come from strangers: one that is cut, or has a length that cannot be,
 * is the last. Those that hold addresses:
 *
 *   | 7       | length | pointer |              address ...                            record route
 *   | 131/137 | length | pointer |              address ...                            source route
 *   | 68      | length | pointer | flags | (address, if the flags say so, time) ...    timestamp
 *
 * The pointer counts from 1: the next free place, or in a source route the next hop.
 */
#include "core/options.h"

#define IPV4_HEADER 20 /* bytes, without options */

enum { END = 0, NOP = 1, RECORD_ROUTE = 7, TIMESTAMP = 68, LOOSE = 131, STRICT = 137 };
enum { WITH_ADDRESS = 1, PRESPECIFIED = 3 }; /* flags of a timestamp, of which there are four bits */

/* Begins a walk over the options of the IPv4 header at an offset, all of which must be there. */
void options_begin(struct options_walk *walk, const uint8_t *bytes, size_t header)
{
	*walk = (struct options_walk){
		.bytes = bytes,
		.next = header + IPV4_HEADER,
		.end = header + (bytes[header] & 0xfu) * 4,
		.step = 4,
	};
}

/* Returns the end of what has been filled in of an option. */
static size_t filled_end(const uint8_t *option, size_t at, size_t n)
{
	const size_t filled = option[2] > 0 ? option[2] - 1u : 0;

	return at + (filled < n ? filled : n);
}

/* Finds the addresses of the option of n bytes at an offset. */
static void enter_option(struct options_walk *walk, size_t at, size_t n)
{
	const uint8_t *option = walk->bytes + at;

	walk->address = at + 3;
	walk->step = 4;
	walk->limit = 0;
	walk->pending = false;
	if (option[0] == RECORD_ROUTE) {
		walk->limit = filled_end(option, at, n);
	} else if (option[0] == LOOSE || option[0] == STRICT) {
		walk->limit = at + n;
		walk->pending = !walk->seen_route && option[2] <= n;
		walk->seen_route = true;
	} else if (option[0] == TIMESTAMP && n > 3) {
		walk->address = at + 4;
		walk->step = 8;
		if ((option[3] & 0xf) == WITH_ADDRESS)
			walk->limit = filled_end(option, at, n);
		else if ((option[3] & 0xf) == PRESPECIFIED)
			walk->limit = at + n;
	}
}

/* Goes to the next option that has a pointer. False at the end. */
static bool next_option(struct options_walk *walk)
{
	while (walk->next < walk->end && walk->bytes[walk->next] != END) {
		const uint8_t *option = walk->bytes + walk->next;
		const size_t at = walk->next, left = walk->end - at;
		const size_t n = option[0] == NOP ? 1 : left < 3 || option[1] < 2 ? 0 : option[1];

		if (n == 0 || n > left)
			return false;
		walk->next += n;
		if (n < 3)
			continue;
		enter_option(walk, at, n);
		return true;
	}
	return false;
}

/* Takes the next address: of a router that has written itself, or in a source route and a timestamp for
 * given routers of any. False at the end. */
bool options_next(struct options_walk *walk, struct options_hop *hop)
{
	while (walk->address + walk->step > walk->limit)
		if (!next_option(walk))
			return false;
	hop->offset = walk->address;
	hop->final = walk->pending && walk->address + 2 * walk->step > walk->limit;
	walk->address += walk->step;
	return true;
}

/* Tells whether the IPv4 header at an offset has a source route that is not used up: the destination is not
 * yet the last one. */
bool options_have_route_left(const uint8_t *bytes, size_t header)
{
	struct options_walk walk;

	options_begin(&walk, bytes, header);
	while (next_option(&walk))
		if (walk.seen_route)
			return walk.pending;
	return false;
}
