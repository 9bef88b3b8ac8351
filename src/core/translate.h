/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decision about one sound ICMP error, and the edit that carries it out.
 */
#ifndef CORE_TRANSLATE_H
#define CORE_TRANSLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addrmap.h"
#include "core/extension.h"
#include "core/flow.h"
#include "core/icmp_error.h"

/* What is known about an error before a flow is looked up. */
struct translation {
	const struct icmp_error *error;
	const struct addrmap_entry *entries;
	uint32_t outer_map, source_map, destination_map; /* entries, or ADDRMAP_NONE */
	enum extension_policy extensions; /* set by the caller; EXTENSION_PASS after translate_begin() */
	uint16_t length; /* of the packet; less after translate() if an extension was removed */
	bool wants_flow; /* an inner address has no business outside: a flow may tell its public one */
	bool modified;	 /* set by translate(): the bytes are not what they were */
};

enum outcome translate(struct translation *t, const struct flow_tuple *sent, uint8_t *bytes);

/* Looks up the maps for an error. maps are those of the interface that it
 * leaves by; error must outlive *t. */
static inline void translate_begin(
	struct translation *t, const struct icmp_error *error, const struct addrmap maps[ADDRMAP_PARTS])
{
	const struct addrmap *inner = &maps[ADDRMAP_INNER];

	t->error = error;
	t->entries = inner->entries;
	t->outer_map = addrmap_find(&maps[ADDRMAP_OUTER], error->outer.source);
	t->source_map = addrmap_find(inner, error->inner.source);
	t->destination_map = addrmap_find(inner, error->inner.destination);
	t->wants_flow = t->source_map != ADDRMAP_NONE || t->destination_map != ADDRMAP_NONE ||
			address_is_private(error->inner.source) ||
			address_is_private(error->inner.destination);
	t->extensions = EXTENSION_PASS;
	t->length = error->outer.end;
	t->modified = false;
}

#endif
