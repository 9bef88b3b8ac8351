/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ICMP extensions. An object is kept or removed whole:
 *
 *    0       4       8              16              24              31
 *   +-------+-------+---------------+-------------------------------+
 *   | ver 2 |        reserved       |           checksum            |  once
 *   +-------+-----------------------+---------------+---------------+
 *   |        length of object       |     class     |    c-type     |  then objects
 *   +-------------------------------+---------------+---------------+
 *
 * Interface information (class 2, RFC 5837) and node identification (class 5) may hold an address and a
 * name; any other class (MPLS labels, RFC 4950) is opaque and stays.
 */
#include "core/extension.h"

#include <string.h>

#include "core/address.h"
#include "core/checksum.h"
#include "core/packet.h"

enum { CLASS_INTERFACE = 2, CLASS_NODE = 5 };
enum { HAS_INDEX = 0x08, HAS_ADDRESS = 0x04, HAS_NAME = 0x02 }; /* c-type, RFC 5837 4.1 */
enum { AFI_IPV4 = 1, AFI_IPV6 = 2 };

/* Returns the length of the object at bytes[at] in bytes; 0 if it does not fit. */
static size_t object_length(const uint8_t *bytes, size_t length, size_t at)
{
	size_t n = length - at >= EXTENSION_HEADER ? packet_be16(bytes + at) : 0;

	return n >= EXTENSION_HEADER && n % 4 == 0 && n <= length - at ? n : 0;
}

static bool objects_fit(const uint8_t *bytes, size_t length)
{
	size_t at = EXTENSION_HEADER, n;

	while (at < length) {
		n = object_length(bytes, length, at);
		if (!n)
			return false;
		at += n;
	}
	return true;
}

/* Tells whether bytes are an extension structure: version 2, objects that add up,
 * and a right checksum. A checksum of 0 was not computed (RFC 4884, 7). */
bool extension_is_sound(const uint8_t *bytes, size_t length)
{
	if (length < EXTENSION_HEADER || bytes[0] >> 4 != 2 || !objects_fit(bytes, length))
		return false;
	return packet_be16(bytes + 2) == 0 || checksum_verifies(checksum_add(0, bytes, length));
}

/* Tells whether the address sub-object (family, two reserved bytes, address) at
 * payload is private. An address that cannot be read counts as private. */
static bool address_tells(const uint8_t *payload, size_t length)
{
	if (length >= 8 && packet_be16(payload) == AFI_IPV4)
		return address_is_private(address_from_v4(payload + 4));
	if (length >= 20 && packet_be16(payload) == AFI_IPV6)
		return address_is_private(address_from_v6(payload + 4));
	return true;
}

/* Tells whether an object holds a private address or the name of an interface. */
static bool object_is_private(const uint8_t *object, size_t length)
{
	uint8_t class = object[2], type = object[3];
	size_t at = EXTENSION_HEADER + (type & HAS_INDEX ? 4 : 0);

	if (class != CLASS_INTERFACE && class != CLASS_NODE)
		return false;
	if (type & HAS_NAME)
		return true;
	return type & HAS_ADDRESS && (at > length || address_tells(object + at, length - at));
}

/* Computes the checksum of the structure, unless it was sent without one. */
static void renew_checksum(uint8_t *bytes, size_t length)
{
	uint16_t sum;

	if (packet_be16(bytes + 2) == 0)
		return;
	memset(bytes + 2, 0, 2);
	sum = (uint16_t)~checksum_fold(checksum_add(0, bytes, length));
	sum = sum ? sum : UINT16_MAX;
	memcpy(bytes + 2, &sum, 2);
}

/* Removes the private objects of a structure and closes the gaps. Returns the new length in bytes; 0 if no
 * object is left, or if the structure is not sound, so that its contents are unknown. */
size_t extension_strip_private(uint8_t *bytes, size_t length)
{
	size_t to = EXTENSION_HEADER, n;

	if (!extension_is_sound(bytes, length))
		return 0;
	for (size_t at = EXTENSION_HEADER; at < length; at += n) {
		n = object_length(bytes, length, at);
		if (object_is_private(bytes + at, n))
			continue;
		memmove(bytes + to, bytes + at, n);
		to += n;
	}
	if (to == length)
		return length;
	if (to == EXTENSION_HEADER)
		return 0;
	renew_checksum(bytes, to);
	return to;
}
