/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * ICMP extensions. An object is kept, shortened or removed:
 *
 *    0       4       8              16              24              31
 *   +-------+-------+---------------+-------------------------------+
 *   | ver 2 |        reserved       |           checksum            |  once
 *   +-------+-----------------------+---------------+---------------+
 *   |        length of object       |     class     |    c-type     |  then objects
 *   +-------------------------------+---------------+---------------+
 *
 * Interface information (class 2, RFC 5837) and node identification (class 5) may hold these, in this order;
 * any other class (MPLS labels, RFC 4950) is opaque and stays.
 *
 *   | index, 4 bytes | family, 2 bytes | reserved, 2 | address | length, 1 | name | MTU, 4 |
 */
#include "core/extension.h"

#include <string.h>

#include "core/address.h"
#include "core/checksum.h"
#include "core/packet.h"

enum { CLASS_INTERFACE = 2, CLASS_NODE = 5 };
enum { HAS_INDEX = 0x08, HAS_ADDRESS = 0x04, HAS_NAME = 0x02, HAS_MTU = 0x01 }; /* c-type, RFC 5837 4.1 */
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

static bool is_about_interface(const uint8_t *object)
{
	return object[2] == CLASS_INTERFACE || object[2] == CLASS_NODE;
}

/* Reads the address of an object whose c-type says that it has one. Returns where its sub-object begins; 0
 * if it cannot be read. */
static size_t find_address(const uint8_t *object, size_t length, struct address *address)
{
	const size_t at = EXTENSION_HEADER + (object[3] & HAS_INDEX ? 4 : 0);
	const uint16_t family = at + 8 <= length ? packet_be16(object + at) : 0;

	if (family == AFI_IPV4)
		*address = address_from_v4(object + at + 4);
	else if (family == AFI_IPV6 && at + 20 <= length)
		*address = address_from_v6(object + at + 4);
	else
		return 0;
	return at;
}

/* Tells whether an object has a private address that can be read. */
static bool has_private_address(const uint8_t *object, size_t length)
{
	struct address address;

	return is_about_interface(object) && object[3] & HAS_ADDRESS &&
	       find_address(object, length, &address) && address_is_private(address);
}

/* Tells whether objects hold a private address that can be read, also where the structure is not sound: who
 * shows it may not verify it. */
bool extension_has_private(const uint8_t *bytes, size_t length)
{
	if (length < EXTENSION_HEADER || bytes[0] >> 4 != 2)
		return false;
	for (size_t at = EXTENSION_HEADER, n; at < length; at += n) {
		n = object_length(bytes, length, at);
		if (n == 0)
			return false;
		if (has_private_address(bytes + at, n))
			return true;
	}
	return false;
}

/* Tells whether an object holds a private address, or one that cannot be read, or the name of an
 * interface. */
static bool object_is_private(const uint8_t *object, size_t length)
{
	struct address address;

	if (!is_about_interface(object))
		return false;
	if (object[3] & HAS_NAME)
		return true;
	return object[3] & HAS_ADDRESS &&
	       (!find_address(object, length, &address) || address_is_private(address));
}

/* Where the parts of an object about an interface begin; what it does not have is empty. */
struct parts {
	size_t address, name, mtu;
	struct address is; /* the address */
};

/* Finds the parts. False if they do not fill the object. */
static bool find_parts(struct parts *parts, const uint8_t *object, size_t length)
{
	const uint8_t type = object[3];
	size_t at = EXTENSION_HEADER + (type & HAS_INDEX ? 4 : 0);

	parts->address = at;
	if (type & HAS_ADDRESS) {
		if (!find_address(object, length, &parts->is))
			return false;
		at += packet_be16(object + at) == AFI_IPV4 ? 8 : 20;
	}
	parts->name = at;
	if (type & HAS_NAME) {
		if (at >= length || object[at] == 0 || object[at] % 4 != 0)
			return false;
		at += object[at];
	}
	parts->mtu = at;
	return at + (type & HAS_MTU ? 4 : 0) == length;
}

/* Takes index and name out of an object. Returns its new length; 0 if nothing else was in it. */
static size_t take_out_names(uint8_t *object, const struct parts *parts, size_t length)
{
	const size_t n_address = parts->name - parts->address, n_mtu = length - parts->mtu;
	const size_t left = EXTENSION_HEADER + n_address + n_mtu;

	if (left == length)
		return length;
	memmove(object + EXTENSION_HEADER, object + parts->address, n_address);
	memmove(object + EXTENSION_HEADER + n_address, object + parts->mtu, n_mtu);
	object[0] = 0; /* an object without a name is short */
	object[1] = (uint8_t)left;
	object[3] &= (uint8_t) ~(HAS_INDEX | HAS_NAME);
	return left > EXTENSION_HEADER ? left : 0;
}

/* Writes what an address is known as outside. Returns false if that is private. */
static bool translate_address(
	uint8_t *object, const struct parts *parts, const struct addrmap *maps, bool *changed)
{
	const uint32_t map = addrmap_find(maps, parts->is);
	const struct address public =
		map == ADDRMAP_NONE ? parts->is : addrmap_apply(&maps->entries[map], parts->is);

	if (address_is_private(public))
		return false;
	*changed |= !address_equal(public, parts->is);
	if (parts->name - parts->address == 8)
		address_to_v4(public, object + parts->address + 4);
	else
		address_to_v6(public, object + parts->address + 4);
	return true;
}

/* Makes an object public. Returns its new length; 0 if it must go. */
static size_t make_object_public(uint8_t *object, size_t length, enum extension_policy policy,
	const struct addrmap *maps, bool *changed)
{
	struct parts parts;

	if (policy == EXTENSION_STRIP_PRIVATE)
		return object_is_private(object, length) ? 0 : length;
	if (!is_about_interface(object))
		return length;
	if (!find_parts(&parts, object, length))
		return 0;
	if (object[3] & HAS_ADDRESS && !translate_address(object, &parts, maps, changed))
		return 0;
	return policy == EXTENSION_TRANSLATE ? take_out_names(object, &parts, length) : length;
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

/* Makes a structure public, as a policy other than EXTENSION_PASS and EXTENSION_STRIP says, and closes the
 * gaps; maps are those of outer sources, of both families. Returns the new length in bytes; 0 if no object
 * is left, or if the structure is not sound, so that its contents are unknown. Says whether bytes have
 * changed. */
size_t extension_make_public(uint8_t *bytes, size_t length, enum extension_policy policy,
	const struct addrmap *maps, bool *changed)
{
	size_t to = EXTENSION_HEADER, n, left;

	*changed = false;
	if (!extension_is_sound(bytes, length))
		return 0;
	for (size_t at = EXTENSION_HEADER; at < length; at += n) {
		n = object_length(bytes, length, at);
		left = make_object_public(bytes + at, n, policy, maps, changed);
		memmove(bytes + to, bytes + at, left);
		to += left;
	}
	*changed |= to < length;
	if (!*changed)
		return length;
	if (to == EXTENSION_HEADER)
		return 0;
	renew_checksum(bytes, to);
	return to;
}
