/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The extension structure that may follow the quoted packet (RFC 4884): where
 * it is, and which of its objects tell something private.
 */
#ifndef CORE_EXTENSION_H
#define CORE_EXTENSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXTENSION_HEADER 4   /* bytes of the structure's own header, and of an object's */
#define EXTENSION_OLD	 128 /* bytes of quote before it in messages older than RFC 4884 */

/* What to do with extensions. */
enum extension_policy { EXTENSION_PASS, EXTENSION_STRIP_PRIVATE, EXTENSION_STRIP };

bool extension_is_sound(const uint8_t *bytes, size_t length);
size_t extension_strip_private(uint8_t *bytes, size_t length);

#endif
