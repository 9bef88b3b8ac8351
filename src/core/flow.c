/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Tuples: reading one from a quoted packet, turning it round, and finding out
 * what a packet looked like when its sender sent it.
 */
#include "core/flow.h"

#include <netinet/in.h>
#include <string.h>

#include "core/transport.h"

/* Reads the tuple of the quoted packet. Returns false if connection tracking can
 * know no such tuple: the ports or the identifier are not quoted. */
bool flow_tuple_read(struct flow_tuple *tuple, const struct icmp_error *error, const uint8_t *bytes)
{
	const struct packet *inner = &error->inner;
	const struct transport transport = transport_of(inner, bytes);
	const uint8_t *header = bytes + inner->transport;

	*tuple = (struct flow_tuple){
		.source = error->inner.source,
		.destination = error->inner.destination,
		.protocol = inner->protocol,
	};
	if (packet_has_foreign_icmp(inner))
		return false;
	if (transport.has_ports && packet_quotes(inner, 0, 4)) {
		memcpy(&tuple->source_port_be, header, 2);
		memcpy(&tuple->destination_port_be, header + 2, 2);
	} else if (transport.has_id && packet_quotes(inner, 4, 2)) {
		memcpy(&tuple->source_port_be, header + 4, 2);
		tuple->destination_port_be = tuple->source_port_be;
		tuple->icmp_type = header[0];
		tuple->icmp_code = header[1];
	} else {
		return packet_quotes(inner, 0, 1) && !transport.has_ports && !transport.checksum;
	}
	return true;
}

/* Returns the type of the answer to an ICMP query, or of the query to an answer; 0 for other protocols. */
static uint8_t icmp_type_inverse(uint8_t protocol, uint8_t type)
{
	if (protocol == IPPROTO_ICMPV6)
		return type ^ 1; /* 128, 129 */
	if (protocol != IPPROTO_ICMP)
		return 0;
	if (type == 0 || type == 8)
		return type ^ 8;
	return type % 2 ? type + 1 : type - 1; /* 13, 14; 15, 16; 17, 18 */
}

/* Returns the tuple of an answer to a packet with this tuple. */
struct flow_tuple flow_tuple_inverse(const struct flow_tuple *tuple)
{
	return (struct flow_tuple){
		.source = tuple->destination,
		.destination = tuple->source,
		.source_port_be = tuple->destination_port_be,
		.destination_port_be = tuple->source_port_be,
		.protocol = tuple->protocol,
		.icmp_type = icmp_type_inverse(tuple->protocol, tuple->icmp_type),
		.icmp_code = tuple->icmp_code,
	};
}

/* Tells whether two tuples are the same in every field. */
bool flow_tuple_equal(const struct flow_tuple *a, const struct flow_tuple *b)
{
	return address_equal(a->source, b->source) && address_equal(a->destination, b->destination) &&
	       a->source_port_be == b->source_port_be && a->destination_port_be == b->destination_port_be &&
	       a->protocol == b->protocol && a->icmp_type == b->icmp_type && a->icmp_code == b->icmp_code;
}

/* Tells whether the kernel's NAT translates a flow: its two directions are not
 * just the inverse of each other. */
bool flow_has_nat(const struct flow *flow)
{
	struct flow_tuple plain = flow_tuple_inverse(&flow->original);

	return !flow_tuple_equal(&plain, &flow->reply);
}

static bool is_one_of(uint16_t port_be, uint16_t a_be, uint16_t b_be)
{
	return port_be == a_be || port_be == b_be;
}

/* Tells whether a packet that was sent with one tuple could be seen with another:
 * each of its sides is as it was sent, or as the answer knows it. Between the
 * kernel's two NAT hooks one side is translated and the other is not yet. */
static bool could_be(
	const struct flow_tuple *seen, const struct flow_tuple *sent, const struct flow_tuple *answer)
{
	return (address_equal(seen->source, sent->source) ||
		       address_equal(seen->source, answer->destination)) &&
	       (address_equal(seen->destination, sent->destination) ||
		       address_equal(seen->destination, answer->source)) &&
	       is_one_of(seen->source_port_be, sent->source_port_be, answer->destination_port_be) &&
	       is_one_of(seen->destination_port_be, sent->destination_port_be, answer->source_port_be) &&
	       seen->protocol == sent->protocol && seen->icmp_type == sent->icmp_type &&
	       seen->icmp_code == sent->icmp_code;
}

/* Returns the tuple that its sender gave to a packet of the flow, which was seen with the tuple
 * *seen before, amid or after the kernel's NAT; NULL if it does not belong to the flow. */
const struct flow_tuple *flow_as_sent(const struct flow *flow, const struct flow_tuple *seen)
{
	if (could_be(seen, &flow->original, &flow->reply))
		return &flow->original;
	if (could_be(seen, &flow->reply, &flow->original))
		return &flow->reply;
	return NULL;
}
