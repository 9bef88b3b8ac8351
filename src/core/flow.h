/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * A flow as connection tracking knows it: one tuple for each direction. Pure
 * arithmetic on tuples; where they come from is the business of io/flow.c.
 */
#ifndef CORE_FLOW_H
#define CORE_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/address.h"
#include "core/icmp_error.h"

struct flow_tuple {
	struct address source, destination;
	uint16_t source_port_be, destination_port_be; /* an ICMP query: both its identifier */
	uint8_t protocol;
	uint8_t icmp_type, icmp_code; /* of an ICMP query, else 0 */
};

/* Both tuples as packets are seen on the side that they come from: without NAT
 * the reply tuple is the inverse of the original one. */
struct flow {
	struct flow_tuple original, reply;
};

bool flow_tuple_read(struct flow_tuple *tuple, const struct icmp_error *error, const uint8_t *bytes);
struct flow_tuple flow_tuple_inverse(const struct flow_tuple *tuple);
bool flow_tuple_equal(const struct flow_tuple *a, const struct flow_tuple *b);
bool flow_has_nat(const struct flow *flow);
const struct flow_tuple *flow_as_sent(const struct flow *flow, const struct flow_tuple *seen);

#endif
