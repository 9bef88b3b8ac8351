/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * CRC32c is linear: the checksums of two packets of one length differ by the checksum (without its
 * constants) of the difference of the packets. So a change at the start of a packet can be brought into its
 * checksum although an error quotes only a part of what the checksum covers.
 */
#include "core/crc32c.h"

#define POLYNOMIAL 0x82f63b78u /* reflected: the highest bit is x^0 */
#define X_TO_0	   (1u << 31)
#define X_TO_8	   (1u << 23)

static uint32_t times_x(uint32_t a)
{
	return a & 1 ? a >> 1 ^ POLYNOMIAL : a >> 1;
}

/* Multiplies modulo the polynomial. */
static uint32_t multiply(uint32_t a, uint32_t b)
{
	uint32_t product = 0;

	for (uint32_t bit = X_TO_0; bit; bit >>= 1, b = times_x(b))
		product ^= a & bit ? b : 0;
	return product;
}

/* Returns x^8n modulo the polynomial: what n zero bytes do to a remainder. */
static uint32_t power(size_t n)
{
	uint32_t result = X_TO_0;

	for (uint32_t base = X_TO_8; n; n >>= 1, base = multiply(base, base))
		result = n & 1 ? multiply(result, base) : result;
	return result;
}

/* Returns the exclusive or of a CRC32c before and after a change: n bytes that it
 * covers are combined (exclusive or) with changes, and `behind` bytes follow them. */
uint32_t crc32c_difference(const uint8_t *changes, size_t n, size_t behind)
{
	uint32_t crc = 0;

	for (size_t i = 0; i < n; i++) {
		crc ^= changes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = times_x(crc);
	}
	return multiply(crc, power(behind));
}
