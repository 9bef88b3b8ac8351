/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The Internet checksum (RFC 1071) and its incremental update (RFC 1624). One's complement sums do not
 * depend on byte order (RFC 1071, 2B), so words are added and stored as they lie in memory. Sums and deltas
 * are congruent modulo 0xffff and may be added to each other freely before they are folded.
 */
#ifndef CORE_CHECKSUM_H
#define CORE_CHECKSUM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t checksum_read_4(const uint8_t *bytes)
{
	uint32_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

static inline uint16_t checksum_read_2(const uint8_t *bytes)
{
	uint16_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* Adds n bytes (at most 65535) to a sum; an odd last byte counts as if a zero followed it. The bytes must
 * start at an even distance from the start of what is summed. */
static inline uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t n)
{
	for (; n >= 8; n -= 8, bytes += 8)
		sum += (uint64_t)checksum_read_4(bytes) + checksum_read_4(bytes + 4);
	for (; n >= 2; n -= 2, bytes += 2)
		sum += checksum_read_2(bytes);
	return n ? sum + htons((uint16_t)(bytes[0] << 8)) : sum;
}

/* Folds a sum into 16 bits in memory order, modulo 0xffff. The halves are added
 * crosswise, so that the upper one has the carry of the lower. Of the two zeros of
 * one's complement it returns 0 only where nothing was added. */
static inline uint16_t checksum_fold(uint64_t sum)
{
	const uint32_t half = (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32);

	return (uint16_t)((half + (half << 16 | half >> 16)) >> 16);
}

/* Tells whether a sum over data that includes its checksum field says "intact". */
static inline bool checksum_verifies(uint64_t sum)
{
	return sum > 0 && sum % UINT16_MAX == 0;
}

/* Brings a checksum field up to date with a delta: HC' = ~(~HC + delta), RFC
 * 1624 equation 3. Returns what the new field changes in a sum that covers it. */
static inline uint64_t checksum_update(uint8_t field[2], uint64_t delta)
{
	const uint16_t old = checksum_read_2(field);
	const uint16_t new = (uint16_t)~checksum_fold((uint16_t)~old + delta);

	memcpy(field, &new, sizeof(new));
	return (uint16_t)~old + (uint64_t) new;
}

/* Writes n bytes (an even number, at an even distance from the start of the
 * summed data) and returns what that changes in a sum: ~m + m' of RFC 1624
 * equation 3, over all words; two words at once make no difference to it. */
static inline uint64_t checksum_replace(uint8_t *bytes, const uint8_t *with, size_t n)
{
	uint64_t delta = 0;
	size_t i;

	for (i = 0; i + 3 < n; i += 4)
		delta += ~checksum_read_4(bytes + i) + (uint64_t)checksum_read_4(with + i);
	if (i < n)
		delta += (uint16_t)~checksum_read_2(bytes + i) + (uint64_t)checksum_read_2(with + i);
	memcpy(bytes, with, n);
	return delta;
}

#endif
