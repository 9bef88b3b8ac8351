/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Reads an ICMP error and verifies every length and sum that says whether its bytes can be trusted, in the
 * order: outer header, ICMP, inner header. Nothing is changed, and nothing that is wrong is repaired.
 */
#include "core/icmp_error.h"

#include <netinet/in.h>
#include <stddef.h>

#include "core/checksum.h"
#include "core/extension.h"

static const struct {
	uint8_t version, type;
	uint8_t unit; /* bytes of the unit of the RFC 4884 length field; 0: there is none */
} types[] = {
#define ICMP_TYPE(name, version, type, text, unit) {version, type, unit},
#include "core/icmp_type.def"
#undef ICMP_TYPE
};

/* Returns the error of an IP version and an ICMP type; ICMP_TYPE_COUNT if it is not translated. */
enum icmp_type icmp_error_type(uint8_t version, uint8_t type)
{
	unsigned i = 0;

	while (i < ICMP_TYPE_COUNT && (types[i].version != version || types[i].type != type))
		i++;
	return (enum icmp_type)i;
}

/* Tells whether the checksum of an IPv4 header is right; IPv6 has none. */
static bool header_verifies(const struct packet *p, const uint8_t *bytes)
{
	const uint8_t *header = bytes + p->begin;

	return p->version == 6 || checksum_verifies(checksum_add(0, header, (header[0] & 0xfu) * 4));
}

/* Tells whether the checksum of the ICMP message is right. ICMPv6 is summed with a
 * pseudo-header (RFC 4443, 2.3; RFC 8200, 8.1). */
static bool icmp_verifies(const struct packet *outer, const uint8_t *bytes)
{
	size_t length = (size_t)outer->end - outer->transport;
	uint64_t sum = checksum_add(0, bytes + outer->transport, length);

	if (outer->version == 6) {
		sum = checksum_add(sum, bytes + packet_source(outer), 32);
		sum += htons((uint16_t)length) + htons(IPPROTO_ICMPV6);
	}
	return checksum_verifies(sum);
}

static bool is_icmp(const struct packet *p)
{
	return p->protocol == (p->version == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* Reads the outer header, and the type from the ICMP header. */
static enum outcome parse_outer(struct icmp_error *error, const uint8_t *bytes, size_t length)
{
	struct packet *outer = &error->outer;
	const enum packet_status status = packet_parse(outer, bytes, 0, length);

	if (status != PACKET_OK)
		return status == PACKET_TRUNCATED ? OUTCOME_TRUNCATED : OUTCOME_OUTER_HEADER;
	if (outer->total_end != length)
		return OUTCOME_OUTER_HEADER;
	if (!header_verifies(outer, bytes))
		return OUTCOME_OUTER_CHECKSUM;
	if (outer->fragment && (is_icmp(outer) || outer->protocol == IPPROTO_FRAGMENT))
		return OUTCOME_FRAGMENT;
	if (!is_icmp(outer))
		return OUTCOME_NOT_ERROR;
	if (!packet_quotes(outer, 0, ICMP_ERROR_HEADER))
		return OUTCOME_TRUNCATED;
	error->type = icmp_error_type(outer->version, bytes[outer->transport]);
	return error->type == ICMP_TYPE_COUNT ? OUTCOME_NOT_ERROR : OUTCOME_UNDECIDED;
}

/* Returns the offset of the length field of RFC 4884 (4.1 to 4.5), one byte. */
uint16_t icmp_error_length_field(const struct icmp_error *error)
{
	return (uint16_t)(error->outer.transport + (error->outer.version == 4 ? 5 : 4));
}

/* Tells whether the message has an extension as they were before RFC 4884: at a fixed
 * place, and not announced (5.5). There is one if what stands there is sound. */
static bool has_old_extension(const struct packet *outer, const uint8_t *bytes, size_t begin)
{
	size_t at = begin + EXTENSION_OLD;

	return at + EXTENSION_HEADER < outer->end && packet_be16(bytes + at + 2) != 0 &&
	       extension_is_sound(bytes + at, outer->end - at);
}

/* Returns where the quoted packet ends at the latest: where the length field says, or at the
 * end of the message; 0 if the field points beyond the message. Sets error->extension. */
static size_t quote_end(struct icmp_error *error, const uint8_t *bytes)
{
	const struct packet *outer = &error->outer;
	size_t begin = outer->transport + ICMP_ERROR_HEADER, unit = types[error->type].unit;
	size_t length = bytes[icmp_error_length_field(error)] * unit;

	error->extension = 0;
	if (length == 0 && unit > 0 && has_old_extension(outer, bytes, begin))
		length = EXTENSION_OLD;
	if (length == 0)
		return outer->end;
	if (begin + length > outer->end)
		return 0;
	if (begin + length < outer->end)
		error->extension = (uint16_t)(begin + length);
	return begin + length;
}

/* Tells whether the quoted packet is itself an ICMP error. No error is sent about
 * one (RFC 1122, 3.2.2; RFC 4443, 2.4e). */
static bool quotes_error(const struct packet *inner, const uint8_t *bytes)
{
	uint8_t type;

	if (!is_icmp(inner) || !packet_quotes(inner, 0, 1))
		return false;
	type = bytes[inner->transport];
	if (inner->version == 6)
		return type < 128;
	return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/* Tells whether the checksum of a quoted header is right or tells nothing. A router has written into options
 * (RFC 791, 3.1) before it renews the sum, and Linux quotes such a header (ip_forward). */
static bool quote_verifies(const struct packet *inner, const uint8_t *bytes)
{
	return inner->has_hops || header_verifies(inner, bytes);
}

static enum outcome parse_inner(struct icmp_error *error, const uint8_t *bytes)
{
	struct packet *inner = &error->inner;
	size_t begin = error->outer.transport + ICMP_ERROR_HEADER;
	size_t end = quote_end(error, bytes);

	if (end == 0)
		return OUTCOME_QUOTE_LENGTH;
	if (begin < end && bytes[begin] >> 4 != error->outer.version)
		return OUTCOME_INNER_VERSION;
	if (packet_parse(inner, bytes, begin, end) != PACKET_OK)
		return OUTCOME_INNER_HEADER;
	if (!quote_verifies(inner, bytes))
		return OUTCOME_INNER_CHECKSUM;
	return quotes_error(inner, bytes) ? OUTCOME_ERROR_ABOUT_ERROR : OUTCOME_UNDECIDED;
}

/* Tells whether an IPv6 header has an address of ::ffff:0:0/96, which is not for
 * the wire (RFC 4038, 4.2) and would here be taken for IPv4 (address.h). */
static bool has_mapped_address(const struct icmp_error *error)
{
	return error->outer.version == 6 &&
	       (address_is_v4(error->outer.source) || address_is_v4(error->outer.destination) ||
		       address_is_v4(error->inner.source) || address_is_v4(error->inner.destination));
}

/* Tells whether an outcome says that all but the quote of an error is sound. */
bool icmp_error_blames_quote(enum outcome outcome)
{
	return outcome == OUTCOME_QUOTE_LENGTH || outcome == OUTCOME_INNER_VERSION ||
	       outcome == OUTCOME_INNER_HEADER || outcome == OUTCOME_INNER_CHECKSUM;
}

/* Reads a packet of length bytes (at most 65535) that starts with its outer IP
 * header. Returns OUTCOME_UNDECIDED if it is a sound ICMP error, with all of
 * *error filled in; else another outcome, with *error undefined, but for outer
 * where icmp_error_blames_quote(). */
enum outcome icmp_error_parse(struct icmp_error *error, const uint8_t *bytes, size_t length)
{
	enum outcome outcome = parse_outer(error, bytes, length);

	if (outcome != OUTCOME_UNDECIDED)
		return outcome;
	if (!icmp_verifies(&error->outer, bytes))
		return OUTCOME_ICMP_CHECKSUM;
	outcome = parse_inner(error, bytes);
	if (outcome != OUTCOME_UNDECIDED)
		return outcome;
	return has_mapped_address(error) ? OUTCOME_MAPPED_ADDRESS : OUTCOME_UNDECIDED;
}
