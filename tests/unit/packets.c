/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The builder and the judge. Slow, literal and independent on purpose.
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
static void put_crc32c(uint8_t *t, size_t length)
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
		put_crc32c(t, length);
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

static bool transport_sum_is_right(int version, const uint8_t *ip, size_t header, size_t length, uint8_t protocol)
{
	const uint8_t *t = ip + header;
	size_t at = sum_offset(protocol);
	uint32_t start = protocol == IPPROTO_ICMP ? 0 : pseudo(version, ip + (version == 4 ? 12 : 8), length, protocol);

	if (!at || length < at + 2 || protocol == (version == 4 ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
		return true;
	if (protocol == IPPROTO_UDP && t[at] == 0 && t[at + 1] == 0)
		return true;
	return reference_sum(t, length, start) == 0;
}

/* Which sums of an error are right. The outer header must be sound; the quote
 * may be anything. What is not there, or is not all quoted, cannot be wrong. */
unsigned packet_sums(const uint8_t *bytes, size_t length)
{
	int version = bytes[0] >> 4;
	size_t header = version == 4 ? (bytes[0] & 15u) * 4 : 40;
	const uint8_t *inner = bytes + header + 8;
	size_t quote = length - header - 8, inner_header, total;
	size_t original = version == 4 ? 4u * bytes[header + 5] : bytes[header] % 2 ? 8u * bytes[header + 4] : 0;
	uint32_t start = version == 4 ? 0 : pseudo(6, bytes + 8, length - header, IPPROTO_ICMPV6);
	unsigned sums = SUM_INNER | SUM_TRANSPORT;

	if (version == 6 || reference_sum(bytes, header, 0) == 0)
		sums |= SUM_OUTER;
	if (reference_sum(bytes + header, length - header, start) == 0)
		sums |= SUM_ICMP;
	if (original && original < quote)
		quote = original; /* RFC 4884: the rest is no part of the quoted packet */
	if (quote < (version == 4 ? 20 : 40) || inner[0] >> 4 != version)
		return sums;
	inner_header = version == 4 ? (inner[0] & 15u) * 4 : 40;
	total = version == 4 ? (size_t)(inner[2] << 8 | inner[3]) : 40 + (size_t)(inner[4] << 8 | inner[5]);
	if (quote < inner_header)
		return sums;
	if (version == 4 && reference_sum(inner, inner_header, 0) != 0)
		sums &= ~(unsigned)SUM_INNER;
	if (quote >= total && total >= inner_header && (version == 6 || ((inner[6] & 0x3f) | inner[7]) == 0) &&
		!transport_sum_is_right(version, inner, inner_header, total - inner_header, inner[version == 4 ? 9 : 6]))
		sums &= ~(unsigned)SUM_TRANSPORT;
	return sums;
}
