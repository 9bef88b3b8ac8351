/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The extension structure that may follow the quoted packet (RFC 4884): what its objects tell, and how that
 * becomes public.
 */
#ifndef CORE_EXTENSION_H
#define CORE_EXTENSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addrmap.h"

#define EXTENSION_HEADER 4   /* bytes of the structure's own header, and of an object's */
#define EXTENSION_OLD	 128 /* bytes of quote before it in messages older than RFC 4884 */

/* What to do with extensions. */
enum extension_policy {
	EXTENSION_TRANSLATE,	       /* addresses become public; indexes and names of interfaces go */
	EXTENSION_TRANSLATE_ADDRESSES, /* .. and they stay */
	EXTENSION_PASS,
	EXTENSION_STRIP_PRIVATE, /* objects with a private address or a name go */
	EXTENSION_STRIP
};

bool extension_is_sound(const uint8_t *bytes, size_t length);
bool extension_has_private(const uint8_t *bytes, size_t length);
size_t extension_make_public(uint8_t *bytes, size_t length, enum extension_policy policy,
	const struct addrmap *maps, bool *changed);

#endif
