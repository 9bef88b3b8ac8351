/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * An ICMP or ICMPv6 error message: where its parts lie, and whether it is
 * sound enough to be touched at all.
 */
#ifndef CORE_ICMP_ERROR_H
#define CORE_ICMP_ERROR_H

#include "core/address.h"
#include "core/outcome.h"
#include "core/packet.h"

enum icmp_type {
#define ICMP_TYPE(name, version, type, text, unit) ICMP_TYPE_##name,
#include "core/icmp_type.def"
#undef ICMP_TYPE
	ICMP_TYPE_COUNT
};

#define ICMP_ERROR_HEADER 8 /* bytes before the quoted packet, in both families */

/* One message. Outer is its own IP header, inner the one it quotes:
 *
 *   +----------+---------------+----------+-----------+- - - - -+- - - - - -+
 *   | outer IP | ICMP, 8 bytes | inner IP | transport | padding | extension |
 *   +----------+---------------+----------+-----------+- - - - -+- - - - - -+
 *   outer.begin  outer.transport  inner.begin      inner.end  extension  outer.end
 */
struct icmp_error {
	struct packet outer, inner;
	uint16_t extension; /* offset of the RFC 4884 structure, which ends with outer; 0: none */
	enum icmp_type type;
};

enum icmp_type icmp_error_type(uint8_t version, uint8_t type);
uint16_t icmp_error_length_field(const struct icmp_error *error);
bool icmp_error_blames_quote(enum outcome outcome);
enum outcome icmp_error_parse(struct icmp_error *error, const uint8_t *bytes, size_t length);

#endif
