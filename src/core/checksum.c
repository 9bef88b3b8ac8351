/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Internet checksum. One's complement sums do not depend on byte order
 * (RFC 1071, 2B), so words are added and stored as they lie in memory, and
 * nothing here swaps bytes. Sums and deltas are congruent modulo 0xffff and
 * may be added to each other freely before they are folded.
 */
#include "core/checksum.h"

#include <string.h>

/* Adds two sums with the carry brought round: a 64-bit one's complement sum
 * is a 16-bit one too, for 2^64 - 1 is a multiple of 2^16 - 1. */
static uint64_t add_around(uint64_t a, uint64_t b)
{
	uint64_t sum = a + b;

	return sum + (sum < a);
}

/* Adds n bytes to sum; an odd last byte counts as if a zero followed it. The
 * bytes must start at an even distance from the start of what is summed. */
uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t n)
{
	uint64_t word;

	for (; n >= sizeof(word); n -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		sum = add_around(sum, word);
	}
	word = 0;
	memcpy(&word, bytes, n);
	return add_around(sum, word);
}

/* The sum as 16 bits, in memory order. */
uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT16_MAX) + (sum >> 16 & UINT16_MAX) + (sum >> 32);
	sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

/* Whether a sum over data that includes its checksum field says "intact". */
bool checksum_verifies(uint64_t sum)
{
	return checksum_fold(sum) == UINT16_MAX;
}

/* Writes n bytes (an even number, at an even distance from the start of the
 * summed data) and returns what that changes in a sum: ~m + m' of RFC 1624
 * equation 3, over all words. */
uint64_t checksum_replace(uint8_t *bytes, const uint8_t *with, size_t n)
{
	uint64_t delta = 0;

	for (size_t i = 0; i + 1 < n; i += 2) {
		uint16_t old, new;

		memcpy(&old, bytes + i, sizeof(old));
		memcpy(&new, with + i, sizeof(new));
		delta += (uint16_t)~old + (uint64_t) new;
	}
	memcpy(bytes, with, n);
	return delta;
}

/* Brings a checksum field up to date with a delta: HC' = ~(~HC + delta), RFC
 * 1624 equation 3. Returns what the new field changes in a sum that covers it. */
uint64_t checksum_update(uint8_t field[2], uint64_t delta)
{
	uint16_t sum;

	memcpy(&sum, field, sizeof(sum));
	sum = (uint16_t)~checksum_fold(add_around((uint16_t)~sum, delta));
	return checksum_replace(field, (const uint8_t *)&sum, sizeof(sum));
}
