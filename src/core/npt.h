/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * NPTv6 (RFC 6296): a prefix gives way to another one, and so that no checksum over the address changes, one
 * of its words to another word.
 */
#ifndef CORE_NPT_H
#define CORE_NPT_H

#include "core/address.h"

#define NPT_LENGTH_MAX 64 /* of the prefixes, in RFC 6296 and in Linux */

struct address npt_translate(const struct prefix *from, const struct prefix *to, struct address a);

#endif
