/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The checksum of SCTP (RFC 9260, appendix A): how it changes when a part of
 * the packet does, without the rest of the packet.
 */
#ifndef CORE_CRC32C_H
#define CORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c_difference(const uint8_t *changes, size_t n, size_t behind);

#endif
