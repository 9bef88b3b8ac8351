/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Interfaces, addresses, routes and policy rules are asked for. A socket belongs to the namespace that it was
 * opened in.
 */
#ifndef DOCTOR_ROUTE_H
#define DOCTOR_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/address.h"

struct mnl_socket;
struct nlmsghdr;
struct rtnexthop;

#define ROUTE_BUFFER_MAX 65536 /* bytes; the most that a dump puts into one datagram is 32 KiB */

/* Messages one after the other, as they were received. */
struct route_messages {
	char *bytes;
	size_t length;
};

/* Where a packet would go. */
struct route {
	bool local;
	unsigned interface; /* 0: nowhere */
	unsigned table;
	bool by_gateway;
	struct address gateway; /* if by_gateway; maybe of the other family */
	bool has_source;
	struct address source; /* if has_source: that the host would send from */
};

/* An entry of a routing table: how it says where packets go. */
struct route_entry {
	struct route route; /* its source is the one that the entry prefers, if any */
	bool is_default,
		several; /* several: there are several next hops, or an object that stands for them */
	bool onlink;
	bool has_more; /* that is not in here: metrics, an end, a router that announces it .. */
	unsigned metric;
};

struct mnl_socket *route_open(void);
void route_close(struct mnl_socket *socket);
int route_exchange(struct mnl_socket *socket, const struct nlmsghdr *message, char *buffer);
int route_dump(struct mnl_socket *socket, uint16_t type, struct route_messages *all);
int route_each(struct mnl_socket *socket, uint16_t type,
	int (*each)(const struct nlmsghdr *message, void *data), void *data);
int route_find(struct mnl_socket *socket, struct address to, const struct address *from, unsigned interface,
	struct route *route);
bool route_has_table(struct mnl_socket *socket, bool v4, unsigned table);
struct rtnexthop *route_next_hop(struct rtnexthop *hop);
int route_find_entry(struct mnl_socket *socket, struct address to, struct route_entry *entry);

#endif
