/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Builds packets and judges checksums slowly and literally, so that it shares no mistake with src/.
 */
#include "packets.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

/* An address from its text; aborts if it is none. */
struct address parse_address(const char *text)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		return address_from_v4(bytes);
	if (inet_pton(AF_INET6, text, bytes) != 1)
		abort();
	return address_from_v6(bytes);
}

/* RFC 1071 word by word: the checksum field's value for these bytes. */
uint16_t reference_sum(const uint8_t *bytes, size_t length, uint32_t start)
{
	uint32_t sum = start;

	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint32_t pseudo(int version, const uint8_t *addresses, size_t length, uint8_t protocol)
{
	uint16_t folded = reference_sum(addresses, version == 4 ? 8 : 32, (uint32_t)length + protocol);

	return (uint16_t)~folded;
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static size_t sum_offset(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 2;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_DCCP:
		return 6;
	}
	return 0;
}

static size_t header_size(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? 20 : protocol == IPPROTO_DCCP || protocol == IPPROTO_SCTP ? 12 : 8;
}

/* CRC32c bit by bit (RFC 9260, appendix A), written as SCTP has it. */
void packet_put_crc32c(uint8_t *t, size_t length)
{
	uint32_t crc = 0xffffffff;

	memset(t + 8, 0, 4);
	for (size_t i = 0; i < length; i++) {
		crc ^= t[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	crc = ~crc;
	for (int i = 0; i < 4; i++, crc >>= 8)
		t[8 + i] = (uint8_t)crc;
}

static size_t build_transport(uint8_t *t, const struct recipe *r, const uint8_t *addresses)
{
	size_t length = header_size(r->protocol) + r->payload, at = sum_offset(r->protocol);
	uint32_t start = r->protocol == IPPROTO_ICMP ? 0 : pseudo(r->version, addresses, length, r->protocol);

	for (size_t i = 0; i < length; i++)
		t[i] = (uint8_t)(i * 37 + 11);
	if (r->protocol == IPPROTO_ICMP || r->protocol == IPPROTO_ICMPV6) {
		t[0] = (uint8_t)(r->sport >> 8);
		t[1] = 0;
		put16(t + 4, r->dport);
	} else {
		put16(t, r->sport);
		put16(t + 2, r->dport);
	}
	if (r->protocol == IPPROTO_UDP)
		put16(t + 4, (unsigned)length);
	if (r->protocol == IPPROTO_SCTP)
		packet_put_crc32c(t, length);
	if (!at)
		return length;
	put16(t + at, 0);
	put16(t + at, reference_sum(t, length, start));
	if (r->protocol == IPPROTO_UDP && t[at] == 0 && t[at + 1] == 0)
		put16(t + at, 0xffff);
	if (r->no_udp_sum)
		put16(t + at, 0);
	return length;
}

static size_t build_v4(uint8_t *ip, const char *src, const char *dst, uint8_t protocol, size_t options)
{
	size_t header = 20 + options;

	memset(ip, 1, header); /* options: NOP */
	ip[0] = (uint8_t)(0x40 | header / 4);
	ip[1] = 0;
	put16(ip + 4, 0x1234);
	put16(ip + 6, 0);
	ip[8] = 61;
	ip[9] = protocol;
	inet_pton(AF_INET, src, ip + 12);
	inet_pton(AF_INET, dst, ip + 16);
	return header;
}

static void finish_v4(uint8_t *ip, size_t total, unsigned fragment)
{
	put16(ip + 2, (unsigned)total);
	put16(ip + 6, fragment);
	put16(ip + 10, 0);
	put16(ip + 10, reference_sum(ip, (ip[0] & 15u) * 4, 0));
}

static size_t build_v6(uint8_t *ip, const char *src, const char *dst, uint8_t protocol, size_t extension)
{
	memset(ip, 0, 40 + extension);
	ip[0] = 0x60;
	ip[6] = extension ? IPPROTO_DSTOPTS : protocol;
	ip[7] = 61;
	inet_pton(AF_INET6, src, ip + 8);
	inet_pton(AF_INET6, dst, ip + 24);
	if (extension) {
		ip[40] = protocol;
		ip[41] = (uint8_t)(extension / 8 - 1);
		ip[42] = 1; /* PadN */
		ip[43] = (uint8_t)(extension - 4);
	}
	return 40 + extension;
}

/* The quoted packet; returns its whole length. */
static size_t build_inner(uint8_t *ip, const struct recipe *r)
{
	size_t header = r->version == 4 ? build_v4(ip, r->inner_src, r->inner_dst, r->protocol, r->options)
					: build_v6(ip, r->inner_src, r->inner_dst, r->protocol, r->options);
	size_t total = header + build_transport(ip + header, r, ip + (r->version == 4 ? 12 : 8));

	if (r->version == 4)
		finish_v4(ip, total, r->fragment);
	else
		put16(ip + 4, (unsigned)(total - 40));
	return total;
}

static void finish_icmp(uint8_t *ip, size_t header, size_t length, int version)
{
	uint8_t *icmp = ip + header;
	uint32_t start = version == 4 ? 0 : pseudo(6, ip + 8, length, IPPROTO_ICMPV6);

	put16(icmp + 2, 0);
	put16(icmp + 2, reference_sum(icmp, length, start));
}

/* Writes the error into bytes (PACKET_ROOM); returns its length. */
size_t packet_build(uint8_t *bytes, const struct recipe *r)
{
	uint8_t protocol = r->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	size_t header = r->version == 4 ? build_v4(bytes, r->outer_src, r->outer_dst, protocol, 0)
					: build_v6(bytes, r->outer_src, r->outer_dst, protocol, 0);
	size_t inner = build_inner(bytes + header + 8, r), quote = r->quote ? r->quote : inner;

	memset(bytes + header, 0, 8);
	bytes[header] = r->type;
	bytes[header + 1] = r->code;
	finish_icmp(bytes, header, 8 + quote, r->version);
	if (r->version == 4)
		finish_v4(bytes, header + 8 + quote, r->df ? 0x4000 : 0);
	else
		put16(bytes + 4, (unsigned)(8 + quote));
	return header + 8 + quote;
}

/* What the judge found of a quoted packet. */
struct quoted {
	int version;
	const uint8_t *ip, *final; /* final: the destination in the pseudo-header */
	size_t header, length;     /* of the IP header with all that belongs to it; of the transport */
	uint8_t protocol;
	bool whole;		   /* and no fragment */
};

static size_t get16(const uint8_t *p)
{
	return (size_t)(p[0] << 8 | p[1]);
}

/* The last hop of a source route that is not used up (RFC 791, 3.1), or what is given. */
static const uint8_t *final_of_options(const uint8_t *options, size_t length, const uint8_t *destination)
{
	for (size_t at = 0; at + 2 < length && options[at] != 0;) {
		size_t n = options[at] == 1 ? 1 : options[at + 1];

		if (n < (options[at] == 1 ? 1 : 2) || at + n > length)
			break;
		if ((options[at] == 131 || options[at] == 137) && n >= 7 && options[at + 2] <= n)
			return options + at + n - 4;
		at += n;
	}
	return destination;
}

/* Steps over extension headers (RFC 8200, 4). Of routing headers that are not
 * used up, the destination is the last address in type 0, the first in others. */
static void walk_chain(struct quoted *q, size_t total)
{
	q->header = 40;
	q->protocol = q->ip[6];
	for (;;) {
		const uint8_t *h = q->ip + q->header;
		bool fragment = q->protocol == IPPROTO_FRAGMENT;

		if (!fragment && q->protocol != IPPROTO_HOPOPTS && q->protocol != IPPROTO_ROUTING &&
			q->protocol != IPPROTO_DSTOPTS && q->protocol != IPPROTO_MH && q->protocol != 139 &&
			q->protocol != 140)
			return;
		if (total < q->header + 8 || (fragment && (get16(h + 2) & 0xfff9))) {
			q->whole = false;
			return;
		}
		if (q->protocol == IPPROTO_ROUTING && h[3] && total >= q->header + 8 + 8u * h[1] && h[1] >= 2)
			q->final = h[2] == 0 ? h + 8 * h[1] - 8 : h + 8;
		q->protocol = h[0];
		q->header += fragment ? 8 : 8 + 8u * h[1];
	}
}

/* Reads a quoted packet of which so many bytes are there. */
static struct quoted read_quoted(int version, const uint8_t *ip, size_t quote)
{
	struct quoted q = {.version = version, .ip = ip, .final = ip + (version == 4 ? 16 : 24)};
	size_t total = version == 4 ? get16(ip + 2) : 40 + get16(ip + 4);

	q.whole = quote >= total;
	if (version == 6 && q.whole) {
		walk_chain(&q, total);
	} else if (version == 4) {
		q.header = (ip[0] & 15u) * 4;
		q.protocol = ip[9];
		q.whole &= q.header >= 20 && q.header <= total && ((ip[6] & 0x3f) | ip[7]) == 0;
		if (q.whole)
			q.final = final_of_options(ip + 20, q.header - 20, q.final);
	}
	q.whole &= q.header <= total;
	q.length = q.whole ? total - q.header : 0;
	return q;
}

static bool crc32c_is_right(const uint8_t *t, size_t length)
{
	uint8_t copy[PACKET_ROOM];

	if (length < 12)
		return true;
	memcpy(copy, t, length);
	packet_put_crc32c(copy, length);
	return memcmp(copy + 8, t + 8, 4) == 0;
}

static bool transport_sum_is_right(const struct quoted *q)
{
	const uint8_t *t = q->ip + q->header;
	size_t at = sum_offset(q->protocol), size = q->version == 4 ? 4 : 16, length = q->length;
	uint8_t addresses[32];
	uint32_t start;

	if (q->protocol == IPPROTO_SCTP)
		return crc32c_is_right(t, length);
	if (!at || length < at + 2 || q->protocol == (q->version == 4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return true;
	if (q->protocol == IPPROTO_UDP && t[at] == 0 && t[at + 1] == 0)
		return true;
	memcpy(addresses, q->ip + (q->version == 4 ? 12 : 8), size);
	memcpy(addresses + size, q->final, size);
	start = q->protocol == IPPROTO_ICMP ? 0 : pseudo(q->version, addresses, length, q->protocol);
	if (q->protocol == IPPROTO_UDPLITE && get16(t + 4) != 0 && get16(t + 4) < length)
		length = get16(t + 4); /* RFC 3828, 3.1: so many bytes are covered */
	return reference_sum(t, length, start) == 0;
}

/* The sum of the structure behind a quote of original bytes (RFC 4884, 7). Without
 * a length nobody can say for sure that there is one. */
static bool extension_sum_is_right(const uint8_t *inner, size_t length, size_t original)
{
	if (original == 0 || length < original + 4 || get16(inner + original + 2) == 0)
		return true;
	return reference_sum(inner + original, length - original, 0) == 0;
}

/* Which sums of an error are right. The outer header must be sound; the quote
 * may be anything. What is not there, or is not all quoted, cannot be wrong. */
unsigned packet_sums(const uint8_t *bytes, size_t length)
{
	int version = bytes[0] >> 4;
	size_t header = version == 4 ? (bytes[0] & 15u) * 4 : 40, quote = length - header - 8;
	const uint8_t *inner = bytes + header + 8;
	size_t original = version == 4 ? 4u * bytes[header + 5] : bytes[header] % 2 ? 8u * bytes[header + 4] : 0;
	uint32_t start = version == 4 ? 0 : pseudo(6, bytes + 8, length - header, IPPROTO_ICMPV6);
	unsigned sums = SUM_INNER | SUM_TRANSPORT;
	struct quoted quoted;

	if (version == 6 || reference_sum(bytes, header, 0) == 0)
		sums |= SUM_OUTER;
	if (reference_sum(bytes + header, length - header, start) == 0)
		sums |= SUM_ICMP;
	if (extension_sum_is_right(inner, quote, original))
		sums |= SUM_EXTENSION;
	if (original && original < quote)
		quote = original; /* RFC 4884: the rest is no part of the quoted packet */
	if (quote < (version == 4 ? 20 : 40) || inner[0] >> 4 != version)
		return sums;
	if (version == 4 && quote < (inner[0] & 15u) * 4)
		return sums;
	if (version == 4 && reference_sum(inner, (inner[0] & 15u) * 4, 0) != 0)
		sums &= ~(unsigned)SUM_INNER;
	quoted = read_quoted(version, inner, quote);
	if (quoted.whole && !transport_sum_is_right(&quoted))
		sums &= ~(unsigned)SUM_TRANSPORT;
	return sums;
}
