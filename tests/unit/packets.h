/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Builds ICMP errors for the unit tests and judges their checksums, by code
 * that shares nothing with src/: plain loops over 16-bit words.
 */
#ifndef TESTS_PACKETS_H
#define TESTS_PACKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"

#define PACKET_ROOM 2048

/* What to build. Zero is a good default for every number. */
struct recipe {
	int version;		      /* 4 or 6 */
	const char *outer_src, *outer_dst, *inner_src, *inner_dst;
	uint8_t type, code;	      /* of the error */
	uint8_t protocol;	      /* of the inner packet */
	uint16_t sport, dport;	      /* or, for an ICMP query, type << 8 and identifier */
	size_t payload;		      /* bytes after the inner transport header */
	size_t quote;		      /* bytes of the inner packet to quote; 0: all */
	bool df;
	bool no_udp_sum;
	size_t options;		      /* bytes of inner IPv4 options (of 4), or extension header (of 8) */
	uint16_t fragment;	      /* inner IPv4: flags and offset */
};

enum { SUM_OUTER = 1, SUM_ICMP = 2, SUM_INNER = 4, SUM_TRANSPORT = 8, SUM_EXTENSION = 16 };

size_t packet_build(uint8_t *bytes, const struct recipe *recipe);
unsigned packet_sums(const uint8_t *bytes, size_t length);
struct address parse_address(const char *text);
void packet_put_crc32c(uint8_t *sctp, size_t length);
uint16_t reference_sum(const uint8_t *bytes, size_t length, uint32_t start);

#endif
