/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Internet checksum. One's complement sums do not depend on byte order
 * (RFC 1071, 2B), so words are added and stored as they lie in memory, and
 * nothing here swaps bytes. Sums and deltas are congruent modulo 0xffff and
 * may be added to each other freely before they are folded.
 */
#include "core/checksum.h"

#include <netinet/in.h>
#include <string.h>

/* Adds a 16-bit word in host order to a sum. */
uint64_t checksum_add_word(uint64_t sum, uint16_t word)
{
	return checksum_add_around(sum, htons(word));
}

/* Adds n bytes to sum; an odd last byte counts as if a zero followed it. The
 * bytes must start at an even distance from the start of what is summed. */
uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t n)
{
	const uint8_t *const end = bytes + n;

	for (size_t blocks = n / 32; blocks > 0; blocks--, bytes += 32)
		sum = checksum_add_16(checksum_add_16(sum, bytes), bytes + 16);
	if (n & 16)
		sum = checksum_add_16(sum, bytes);
	if (n & 8)
		sum = checksum_add_around(sum, checksum_read_8(end - n % 16));
	if (n & 4)
		sum = checksum_add_around(sum, checksum_read_4(end - n % 8));
	if (n & 2)
		sum = checksum_add_around(sum, checksum_read_2(end - n % 4));
	return n & 1 ? checksum_add_word(sum, (uint16_t)(end[-1] << 8)) : sum;
}
