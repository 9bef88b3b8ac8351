/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decision about one packet, from its bytes to its outcome: the order in
 * which the other rooms of the core are asked.
 */
#ifndef CORE_DECIDE_H
#define CORE_DECIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/extension.h"
#include "core/flow.h"
#include "core/icmp_error.h"
#include "core/translate.h"

/* When the flow is looked up: when its NAT could change the packet, for every
 * packet, or never. */
enum decide_lookup { LOOKUP_AUTO, LOOKUP_ALWAYS, LOOKUP_NEVER };

struct decide_rules {
	const struct addrmap *maps; /* one of each part; NULL: the packet does not leave outside */
	enum decide_lookup lookup;
	enum extension_policy extensions;
};

struct decision {
	enum outcome outcome; /* OUTCOME_UNDECIDED between the two halves of a decision */
	bool sound;	      /* it is a sound ICMP error, and error is filled in */
	bool modified;	      /* its bytes were changed */
	size_t length;	      /* of the packet now */
	struct icmp_error error;
	struct translation translation; /* whose maps were used; only if the packet was translated */
	bool translated;
	bool wants_flow;
	struct flow_tuple seen; /* of the quoted packet; only if a flow is wanted */
};

void decide_begin(struct decision *d, const struct decide_rules *rules, const uint8_t *bytes, size_t length);

/* Decides about the packet that decide_begin() read, and edits it in place; it
 * never gets longer. flow is the one that was wanted, NULL if nobody knows it. */
static inline void decide_finish(struct decision *d, const struct flow *flow, uint8_t *bytes)
{
	const struct flow_tuple *sent = NULL;

	if (d->outcome != OUTCOME_UNDECIDED)
		return;
	if (flow && d->wants_flow && flow_has_nat(flow))
		sent = flow_as_sent(flow, &d->seen);
	d->outcome = translate(&d->translation, sent, bytes);
	d->translated = true;
	d->modified = d->translation.modified;
	d->length = d->translation.length;
}

#endif
