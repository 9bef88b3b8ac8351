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

/* Finds the flow of the quoted packet; false if nobody knows it. */
typedef bool decide_find_flow(
	void *context, const struct icmp_error *error, const uint8_t *bytes, struct flow *flow);

struct decide_rules {
	const struct addrmap *maps; /* one of each part; NULL: the packet does not leave outside */
	enum decide_lookup lookup;
	enum extension_policy extensions;
	decide_find_flow *find_flow;
	void *context; /* for find_flow */
};

struct decision {
	enum outcome outcome;
	bool sound;    /* it is a sound ICMP error, and error is filled in */
	bool modified; /* its bytes were changed */
	size_t length; /* of the packet now */
	struct icmp_error error;
	struct translation translation; /* whose maps were used; only if the packet was translated */
	bool translated;
};

void decide(struct decision *d, const struct decide_rules *rules, uint8_t *bytes, size_t length);

#endif
