/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Prefixes from and to text, as an administrator writes them.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "config/map.h"

static const struct prefix v4_mapped = {{0, UINT64_C(0xffff) << 32}, ADDRESS_V4_BITS};

/* Writes a prefix like "192.168.1.0/24" or "2001:db8::/32", and a whole address without a length. */
void config_prefix_text(struct prefix p, char text[CONFIG_PREFIX_TEXT])
{
	const bool v4 = p.length >= ADDRESS_V4_BITS && address_is_v4(p.base);
	uint8_t bytes[16];

	address_to_v6(p.base, bytes);
	inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? bytes + 12 : bytes, text, CONFIG_PREFIX_TEXT);
	if (p.length < 128)
		sprintf(text + strlen(text), "/%d", v4 ? p.length - ADDRESS_V4_BITS : p.length);
}

/* Writes a range as a prefix, and returns true; or as its ends, if it is none. */
bool config_range_text(struct address first, struct address last, char text[CONFIG_RANGE_TEXT])
{
	const struct address bits = {first.hi ^ last.hi, first.lo ^ last.lo};
	const int host_bits = __builtin_popcountll(bits.hi) + __builtin_popcountll(bits.lo);
	const struct prefix p = {first, (uint8_t)(128 - host_bits)};

	config_prefix_text(p, text);
	if (address_equal(bits, prefix_host_mask(p.length)) && address_equal(prefix_last(p), last))
		return true;
	config_prefix_text((struct prefix){first, 128}, text);
	strcat(text, "-");
	config_prefix_text((struct prefix){last, 128}, text + strlen(text));
	return false;
}

/* Reads an address of either family from the first size characters of a text. False if it is none. */
static bool parse_address(struct address *a, bool *v4, const char *text, size_t size)
{
	char copy[INET6_ADDRSTRLEN];
	uint8_t bytes[16];

	if (size >= sizeof(copy))
		return false;
	memcpy(copy, text, size);
	copy[size] = '\0';
	*v4 = inet_pton(AF_INET, copy, bytes) == 1;
	if (!*v4 && inet_pton(AF_INET6, copy, bytes) != 1)
		return false;
	*a = *v4 ? address_from_v4(bytes) : address_from_v6(bytes);
	return true;
}

/* Reads the decimal length of a prefix, without leading zeros or blanks. False if it is none, or larger
 * than an address. */
static bool parse_length(uint8_t *length, const char *text, bool v4)
{
	const size_t digits = strspn(text, "0123456789");
	const unsigned long value = strtoul(text, NULL, 10);

	if (digits == 0 || text[digits] || (digits > 1 && text[0] == '0') || value > (v4 ? 32 : 128))
		return false;
	*length = (uint8_t)(value + (v4 ? ADDRESS_V4_BITS : 0));
	return true;
}

/* Complains about a prefix that takes in IPv4 as IPv6, or has bits beyond its length. True if it does not. */
static bool check_prefix(
	struct prefix p, bool v4, const struct config_value *value, struct config_errors *errors)
{
	const struct address mask = prefix_host_mask(p.length);
	struct prefix right = p;
	char text[CONFIG_PREFIX_TEXT];

	right.base.hi &= ~mask.hi;
	right.base.lo &= ~mask.lo;
	if (!v4 && (prefix_contains(right, v4_mapped.base) || prefix_contains(v4_mapped, p.base))) {
		config_complain(errors, value->place,
			"%s %s takes in IPv4 as ::ffff:0:0/96: expected an IPv4 address as a.b.c.d, "
			"or a part of IPv6 like 2000::/3 or fc00::/7",
			value->name, value->text);
		return false;
	}
	if (address_equal(p.base, right.base))
		return true;
	config_prefix_text(right, text);
	config_complain(errors, value->place, "%s %s has bits beyond its length: expected %s", value->name,
		value->text, text);
	return false;
}

/* Reads an address, or a prefix with its length, of either family. False after a complaint. */
bool config_prefix_parse(
	struct prefix *prefix, const struct config_value *value, struct config_errors *errors)
{
	const char *slash = strchr(value->text, '/');
	const size_t size = slash ? (size_t)(slash - value->text) : strlen(value->text);
	bool v4;

	prefix->length = 128;
	if (!parse_address(&prefix->base, &v4, value->text, size))
		config_complain(errors, value->place,
			"%s is \"%s\": expected an address or a prefix, like 192.0.2.1 or 2001:db8::/64",
			value->name, value->text);
	else if (slash && !parse_length(&prefix->length, slash + 1, v4))
		config_complain(errors, value->place,
			"%s is \"%s\": expected a length of 0 to %d after the slash", value->name,
			value->text, v4 ? 32 : 128);
	else
		return check_prefix(*prefix, v4, value, errors);
	return false;
}
