/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Finds every address that an ICMP error tells, wherever a header has a place for one, and says which of them
 * are not globally reachable. Written from the RFCs and from IANA's registries; shares no code with src/.
 */
#ifndef TESTS_DECODER_H
#define TESTS_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum place {
	PLACE_OUTER,	     /* the source of the error */
	PLACE_OUTER_OPTION,  /* route or timestamp option of IPv4 */
	PLACE_OUTER_ROUTING, /* routing header of IPv6, type 0, 2 or 4 */
	PLACE_QUOTE,	     /* source and destination of the quoted packet */
	PLACE_QUOTE_OPTION,
	PLACE_QUOTE_ROUTING,
	PLACE_IP_IN_IP, /* IPv4 in IPv4 or IPv6 (RFC 2003, RFC 2473), with its options */
	PLACE_IP6_IN_IP,
	PLACE_GRE,
	PLACE_OBJECT, /* RFC 5837 */
	PLACES
};

/* How many addresses there are, and how many of them are private. */
struct decoded {
	unsigned addresses[PLACES], private[PLACES];
};

extern const char *const decoder_places[PLACES];

void decoder_pick(int version, uint32_t number, uint8_t address[16]);
bool decoder_is_private(int version, const uint8_t *address);
void decoder_look(struct decoded *decoded, const uint8_t *bytes, size_t length);

#endif
