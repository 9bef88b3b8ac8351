/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The decision about one packet, from its bytes to its outcome: the order in
 * which the other files of the core are asked.
 */
#ifndef CORE_DECIDE_H
#define CORE_DECIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/extension.h"
#include "core/flow.h"
#include "core/translate.h"

/* When the flow is looked up: when its NAT could change the packet, for every packet, or never. */
enum decide_lookup { LOOKUP_AUTO, LOOKUP_ALWAYS, LOOKUP_NEVER };

struct decide_rules {
	const struct addrmap *maps; /* one of each part; NULL: the packet does not leave outside */
	enum decide_lookup lookup;
	enum extension_policy extensions;
	bool leaves_peers; /* errors to private neighbours are left alone, whatever they quote */
	bool drop_malformed; /* what is malformed will be dropped */
};

void decide_begin(struct decision *d, const struct decide_rules *rules, const uint8_t *bytes, size_t length);
void decide_finish(struct decision *d, const struct flow *flow, uint8_t *bytes);

#endif
