/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The arithmetic of NPTv6, as RFC 6296 and Linux (net/ipv6/netfilter/ip6t_NPT.c) have it:
 *
 *        0       16      32      48      64      80      96      112    127
 *       +-------+-------+-------+-------+-------+-------+-------+-------+
 *       |         prefix        | 3     | 4     | 5     | 6     | 7     |
 *       +-------+-------+-------+-------+-------+-------+-------+-------+
 *
 * Word 3 is adjusted with prefixes of up to 48 bits, and with longer ones the first of the others that is not
 * all ones.
 */
#include "core/npt.h"

#define WORD 0xffffu

static uint32_t sum_of(struct prefix p)
{
	uint32_t sum = 0;

	for (int shift = 0; shift < 64; shift += 16)
		sum += (uint32_t)(p.base.hi >> shift & WORD);
	return sum;
}

/* Adds to the word at a shift, in one's complement. Of its two zeros RFC 6296 takes 0. */
static uint64_t adjust(uint64_t half, int shift, uint32_t adjustment)
{
	const uint64_t old = half >> shift & WORD;

	return half ^ (old ^ (old + adjustment) % WORD) << shift;
}

/* Returns what an address of one prefix becomes in the other, which is as long, NPT_LENGTH_MAX at most: the
 * address itself if that has no word to adjust (RFC 6296 drops its packets). */
struct address npt_translate(const struct prefix *from, const struct prefix *to, struct address a)
{
	const uint32_t adjustment = sum_of(*from) + 4 * WORD - sum_of(*to);
	const uint64_t hi = to->base.hi | (a.hi & prefix_host_mask(to->length).hi);

	if (to->length <= 48)
		return (struct address){adjust(hi, 0, adjustment), a.lo};
	for (int shift = 48; shift >= 0; shift -= 16)
		if ((a.lo >> shift & WORD) != WORD)
			return (struct address){hi, adjust(a.lo, shift, adjustment)};
	return a;
}
