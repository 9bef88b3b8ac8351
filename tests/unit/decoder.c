/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * One walk over a message, header by header. Whatever does not fit ends it: behind that nobody can tell what
 * is an address.
 */
#include "decoder.h"

#include <arpa/inet.h>
#include <string.h>

#include "packets.h"

enum { HOP_BY_HOP = 0, IPV4 = 4, IPV6 = 41, ROUTING = 43, FRAGMENT = 44, GRE = 47, DESTINATION = 60 };
enum { MOBILITY = 135, HIP = 139, SHIM6 = 140 };
enum { END = 0, NOP = 1, RECORD_ROUTE = 7, TIMESTAMP = 68, LOOSE_ROUTE = 131, STRICT_ROUTE = 137 };

const char *const decoder_places[PLACES] = {"outer source", "outer option", "outer routing header", "quote",
	"option of the quote", "routing header of the quote", "IPv4 in IP", "IPv6 in IP", "GRE", "extension"};

/* IANA's special-purpose address registries: blocks that are not globally reachable, and blocks within them
 * that are. The longest one tells. What has a dash there (N/A), is not listed; the prefixes for
 * documentation are left out, as the manual says. */
static const struct block {
	const char *base;
	unsigned length;
	bool reachable;
} blocks[] = {
	{"0.0.0.0", 8, false},	    /* this network */
	{"10.0.0.0", 8, false},	    /* private use */
	{"100.64.0.0", 10, false},  /* shared address space */
	{"127.0.0.0", 8, false},    /* loopback */
	{"169.254.0.0", 16, false}, /* link-local */
	{"172.16.0.0", 12, false},  /* private use */
	{"192.0.0.0", 24, false},   /* IETF protocol assignments */
	{"192.0.0.9", 32, true},    /* port control protocol anycast */
	{"192.0.0.10", 32, true},   /* TURN anycast */
	{"192.88.99.2", 32, false}, /* 6a44 relay anycast */
	{"192.168.0.0", 16, false}, /* private use */
	{"198.18.0.0", 15, false},  /* benchmarking */
	{"240.0.0.0", 4, false},    /* reserved, and limited broadcast */
	{"::1", 128, false},	    /* loopback */
	{"::", 128, false},	    /* unspecified */
	{"64:ff9b:1::", 48, false}, /* IPv4-IPv6 translation */
	{"100::", 64, false},	    /* discard-only */
	{"100:0:0:1::", 64, false}, /* dummy prefix */
	{"2001::", 23, false},	    /* IETF protocol assignments */
	{"2001::", 32, true},	    /* Teredo: N/A */
	{"2001:1::1", 128, true},   /* port control protocol anycast */
	{"2001:1::2", 128, true},   /* TURN anycast */
	{"2001:1::3", 128, true},   /* DNS-SD service registration anycast */
	{"2001:3::", 32, true},	    /* AMT */
	{"2001:4:112::", 48, true}, /* AS112 */
	{"2001:20::", 28, true},    /* ORCHIDv2 */
	{"2001:30::", 28, true},    /* drone remote ID */
	{"5f00::", 16, false},	    /* segment routing SIDs */
	{"fc00::", 7, false},	    /* unique local */
	{"fe80::", 10, false},	    /* link-local unicast */
};

/* Gives the first or the last address of a block that is not globally reachable, by a number at random. */
void decoder_pick(int version, uint32_t number, uint8_t address[16])
{
	const struct block *block;
	uint32_t at = number / 2;

	for (;; at++) {
		block = &blocks[at % (sizeof(blocks) / sizeof(blocks[0]))];
		if (!block->reachable && (strchr(block->base, ':') != NULL) == (version == 6))
			break;
	}
	inet_pton(version == 6 ? AF_INET6 : AF_INET, block->base, address);
	for (unsigned i = block->length; number % 2 && i < (version == 6 ? 128 : 32); i++)
		address[i / 8] |= (uint8_t)(0x80 >> i % 8);
}

static bool begins_with(const uint8_t *address, const uint8_t *base, unsigned length)
{
	for (unsigned i = 0; i < length; i++)
		if ((address[i / 8] ^ base[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

/* Tells whether an address is in one of the blocks that are not globally reachable. */
bool decoder_is_private(int version, const uint8_t *address)
{
	const struct block *best = NULL;
	uint8_t base[16];

	for (const struct block *block = blocks; block < blocks + sizeof(blocks) / sizeof(blocks[0]);
		block++) {
		const bool is_v6 = strchr(block->base, ':');

		if (is_v6 != (version == 6) || inet_pton(is_v6 ? AF_INET6 : AF_INET, block->base, base) != 1)
			continue;
		if (begins_with(address, base, block->length) && (!best || best->length < block->length))
			best = block;
	}
	return best && !best->reachable;
}

/* The part of a message that is being read: a header's, with all that follows it. */
struct reader {
	struct decoded *decoded;
	const uint8_t *peer; /* the destination of the error, of the same version as what it quotes */
	const uint8_t *at, *end;
};

static size_t left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}

static unsigned get16(const uint8_t *p)
{
	return (unsigned)(p[0] << 8 | p[1]);
}

/* Whether an address tells who has sent a packet, or which way it came. */
static bool may_be_own(enum place place, int version, size_t offset)
{
	if (place == PLACE_QUOTE)
		return offset == (version == 4 ? 12 : 8);
	return place == PLACE_OUTER_OPTION || place == PLACE_OUTER_ROUTING || place == PLACE_QUOTE_OPTION ||
	       place == PLACE_QUOTE_ROUTING;
}

/* Counts the address at an offset, if all of it is there. Nobody hears a secret who reads that he himself has
 * sent the packet, or that it passed him. */
static void see(const struct reader *r, enum place place, int version, size_t offset)
{
	const size_t size = version == 4 ? 4 : 16;
	const uint8_t *address = r->at + offset;

	if (left(r) < offset + size)
		return;
	r->decoded->addresses[place]++;
	if (may_be_own(place, version, offset) && memcmp(address, r->peer, size) == 0)
		return;
	r->decoded->private[place] += decoder_is_private(version, address);
}

/* The addresses of a route or timestamp option (RFC 791, 3.1). The pointer counts from 1; what it has not
 * come to yet is room in a recorded route and in a timestamp with flag 1. */
static void see_option(const struct reader *r, enum place place, size_t offset, size_t length)
{
	const uint8_t *option = r->at + offset;
	const bool is_timestamp = option[0] == TIMESTAMP;
	size_t first = is_timestamp ? 4 : 3, step = is_timestamp ? 8 : 4, end = length;

	if (length < first)
		return;
	if (is_timestamp && (option[3] & 15) != 1 && (option[3] & 15) != 3)
		return;
	if (option[0] == RECORD_ROUTE || (is_timestamp && (option[3] & 15) == 1))
		end = option[2] < 1u ? 0 : option[2] - 1u;
	for (size_t i = first; i + step <= length && i + step <= end; i += step)
		see(r, place, 4, offset + i);
}

static void see_options(const struct reader *r, enum place place, size_t header)
{
	size_t length;

	for (size_t i = 20; i < header && r->at[i] != END; i += length) {
		length = r->at[i] == NOP ? 1 : i + 1 < header ? r->at[i + 1] : 0;
		if (length == 0 || (length == 1 && r->at[i] != NOP) || i + length > header)
			return;
		switch (r->at[i]) {
		case RECORD_ROUTE:
		case TIMESTAMP:
		case LOOSE_ROUTE:
		case STRICT_ROUTE:
			see_option(r, place, i, length);
		}
	}
}

/* The addresses of a routing header: type 0 (RFC 2460, 4.4), 2 (RFC 6275, 6.4) or 4 (RFC 8754, 2). */
static void see_routing(const struct reader *r, enum place place, size_t offset, size_t length)
{
	const uint8_t *header = r->at + offset;
	size_t n = header[1] / 2u;

	if (header[2] == 2 && n > 1)
		n = 1;
	if (header[2] == 4 && n > header[4] + 1u)
		n = header[4] + 1u;
	if (header[2] == 0 || header[2] == 2 || header[2] == 4)
		for (size_t i = 0; i < n && 8 + 16 * (i + 1) <= length; i++)
			see(r, place, 6, offset + 8 + 16 * i);
}

/* Where addresses of a header, of its options and of its routing headers belong. */
struct places {
	enum place header, options, routing;
};

/* Reads an IPv4 header; leaves r at what follows. Returns the protocol; -1: nothing more can be told. */
static int read_v4(struct reader *r, const struct places *places, bool is_outer)
{
	size_t header, total;
	int protocol;

	see(r, places->header, 4, 12);
	if (!is_outer)
		see(r, places->header, 4, 16);
	if (left(r) < 20)
		return -1;
	header = (r->at[0] & 15u) * 4;
	total = get16(r->at + 2);
	if (header < 20 || header > left(r) || header > total)
		return -1;
	see_options(r, places->options, header);
	protocol = get16(r->at + 6) & 0x1fff ? -1 : r->at[9];
	if (total < left(r))
		r->end = r->at + total;
	r->at += header;
	return protocol;
}

static bool is_extension_header(int protocol)
{
	return protocol == HOP_BY_HOP || protocol == ROUTING || protocol == FRAGMENT ||
	       protocol == DESTINATION || protocol == MOBILITY || protocol == HIP || protocol == SHIM6;
}

/* Reads the extension headers of IPv6. */
static int read_chain(struct reader *r, const struct places *places, int protocol)
{
	while (is_extension_header(protocol)) {
		size_t length;
		int next;

		if (left(r) < 8)
			return -1;
		length = protocol == FRAGMENT ? 8 : 8 + 8u * r->at[1];
		if (protocol == ROUTING)
			see_routing(r, places->routing, 0, length);
		if (length > left(r) || (protocol == FRAGMENT && get16(r->at + 2) >> 3))
			return -1;
		next = r->at[0];
		r->at += length;
		protocol = next;
	}
	return protocol;
}

/* The same of IPv6. */
static int read_v6(struct reader *r, const struct places *places, bool is_outer)
{
	size_t total;
	int protocol;

	see(r, places->header, 6, 8);
	if (!is_outer)
		see(r, places->header, 6, 24);
	if (left(r) < 40)
		return -1;
	total = 40 + get16(r->at + 4);
	protocol = r->at[6];
	if (total < left(r))
		r->end = r->at + total;
	r->at += 40;
	return read_chain(r, places, protocol);
}

static int read_ip(struct reader *r, const struct places *places, bool is_outer)
{
	const unsigned version = left(r) > 0 ? r->at[0] >> 4 : 0;

	return version == 4 ? read_v4(r, places, is_outer) : version == 6 ? read_v6(r, places, is_outer) : -1;
}

/* Steps over a GRE header (RFC 2784, RFC 2890). Returns the protocol within, as the IP protocol of its kind.
 */
static int read_gre(struct reader *r)
{
	unsigned flags, type;
	size_t header;

	if (left(r) < 4)
		return -1;
	flags = r->at[0];
	type = get16(r->at + 2);
	header = 4u + (flags & 0x80 ? 4 : 0) + (flags & 0x20 ? 4 : 0) + (flags & 0x10 ? 4 : 0);
	if (flags & 0x4f || r->at[1] & 7 || left(r) < header)
		return -1;
	r->at += header;
	return type == 0x0800 ? IPV4 : type == 0x86dd ? IPV6 : -1;
}

/* Reads the headers in a quoted packet's tunnels, one in the other. */
static void read_tunnels(struct reader *r, int protocol)
{
	while (protocol == GRE || protocol == IPV4 || protocol == IPV6) {
		enum place place = protocol == IPV4 ? PLACE_IP_IN_IP : PLACE_IP6_IN_IP;

		if (protocol == GRE) {
			place = PLACE_GRE;
			protocol = read_gre(r);
		}
		if (left(r) == 0 || r->at[0] >> 4 != (protocol == IPV4 ? 4 : protocol == IPV6 ? 6 : 0))
			return;
		protocol = read_ip(r, &(struct places){place, place, place}, false);
	}
}

/* The address of an object about an interface or a node: behind the index (RFC 5837, 4.1 and 4.2). */
static void see_object(const struct reader *r, size_t length)
{
	const unsigned class = r->at[2], type = r->at[3];
	const size_t at = type & 8 ? 8 : 4;

	if ((class != 2 && class != 5) || !(type & 4) || length < at + 4)
		return;
	if (get16(r->at + at) == 1 && length >= at + 8)
		see(r, PLACE_OBJECT, 4, at + 4);
	if (get16(r->at + at) == 2 && length >= at + 20)
		see(r, PLACE_OBJECT, 6, at + 4);
}

static void read_extension(struct reader *r)
{
	if (left(r) < 4 || r->at[0] >> 4 != 2)
		return;
	for (r->at += 4; left(r) >= 4;) {
		const size_t length = get16(r->at);

		if (length < 4 || length % 4 || length > left(r)) /* whole words */
			return;
		see_object(r, length);
		r->at += length;
	}
}

/* Tells whether what nobody announces is an extension: by version, sum, and objects that fill it. */
static bool is_extension(const uint8_t *at, const uint8_t *end)
{
	size_t length;

	if (end - at < 8 || at[0] >> 4 != 2 || get16(at + 2) == 0 ||
		reference_sum(at, (size_t)(end - at), 0) != 0)
		return false;
	for (at += 4; at < end; at += length) {
		length = end - at < 4 ? 0 : get16(at);
		if (length < 4 || length % 4 || length > (size_t)(end - at))
			return false;
	}
	return true;
}

/* Returns where the quote ends by the length field, or by an extension of before RFC 4884 (5.5). */
static const uint8_t *quote_end(const struct reader *r, bool is_v4)
{
	const unsigned type = r->at[0];
	const bool has_field = is_v4 ? type == 3 || type == 11 || type == 12 : type == 1 || type == 3;
	const size_t length = has_field ? is_v4 ? r->at[5] * 4u : r->at[4] * 8u : 0;
	const uint8_t *old = r->at + 8 + 128;

	if (length > 0)
		return length <= left(r) - 8 ? r->at + 8 + length : r->end;
	if (has_field && left(r) >= 8 + 128 && is_extension(old, r->end))
		return old;
	return r->end;
}

/* Looks at a message from its outer header on. */
void decoder_look(struct decoded *decoded, const uint8_t *bytes, size_t length)
{
	static const struct places outer = {PLACE_OUTER, PLACE_OUTER_OPTION, PLACE_OUTER_ROUTING},
				   inner = {PLACE_QUOTE, PLACE_QUOTE_OPTION, PLACE_QUOTE_ROUTING};
	const bool is_v4 = bytes[0] >> 4 == 4;
	struct reader r = {decoded, bytes + (is_v4 ? 16 : 24), bytes, bytes + length}, extension;

	*decoded = (struct decoded){.addresses = {0}};
	if (read_ip(&r, &outer, true) != (is_v4 ? 1 : 58) || left(&r) < 8)
		return;
	extension = r;
	r.end = extension.at = quote_end(&r, is_v4);
	r.at += 8;
	read_extension(&extension);
	read_tunnels(&r, read_ip(&r, &inner, false));
}
