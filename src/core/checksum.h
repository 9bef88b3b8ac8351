/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
 */
#ifndef CORE_CHECKSUM_H
#define CORE_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint64_t checksum_add(uint64_t sum, const uint8_t *bytes, size_t n);
uint16_t checksum_fold(uint64_t sum);
bool checksum_verifies(uint64_t sum);
uint64_t checksum_replace(uint8_t *bytes, const uint8_t *with, size_t n);
uint64_t checksum_update(uint8_t field[2], uint64_t delta);

#endif
