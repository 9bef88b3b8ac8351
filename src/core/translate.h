/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The decision about one packet, and the edit that carries it out. Translating twice gives the same bytes as
 * once.
 */
#ifndef CORE_TRANSLATE_H
#define CORE_TRANSLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addrmap.h"
#include "core/extension.h"
#include "core/flow.h"
#include "core/icmp_error.h"

struct decision {
	enum outcome outcome; /* OUTCOME_UNDECIDED between the two halves of a decision */
	size_t length;	      /* of the packet now: less than it was if things of an extension were removed */
	bool sound;	      /* it is a sound ICMP error, and error is filled in; else at most error.outer */
	bool for_peer;	      /* it is sound, and goes to a private address */
	bool wants_flow;      /* the flow of seen would help to decide, and seen is filled in */
	bool outer_only;      /* the quote is not sound, and the outer source is to be translated */
	bool translated;      /* it has been translated: the maps are those that were used */
	bool modified;	      /* its bytes were changed */
	struct icmp_error error;
	struct flow_tuple seen; /* of the quoted packet */
	enum extension_policy extensions;
	const struct addrmap_entry *entries;
	const struct addrmap *maps;			 /* of each part */
	uint32_t outer_map, source_map, destination_map; /* entries, or ADDRMAP_NONE */
};

void translate_find_maps(struct decision *d, const struct addrmap maps[ADDRMAP_PARTS]);
struct address translate_destination(const struct decision *d);
void translate_find_outer_map(struct decision *d, const struct addrmap maps[ADDRMAP_PARTS]);
void translate(struct decision *d, const struct flow_tuple *sent, uint8_t *bytes);

#endif
