/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * rtnetlink: questions, and dumps of all objects of a type.
 */
#include "doctor/route.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "io/netlink.h"

#define DUMPS_MAX 8

/* Opens a socket in the namespace that the caller is in. Returns NULL with errno if that failed. */
struct mnl_socket *route_open(void)
{
	return netlink_open(NETLINK_ROUTE, 0);
}

/* Closes the socket; NULL is fine. */
void route_close(struct mnl_socket *socket)
{
	netlink_close(socket);
}

/* Tells whether a datagram is the last one of an answer: 1 or 0; -1 with errno if the kernel refused. */
static int is_last(const char *buffer, int length)
{
	const struct nlmsghdr *message = (const void *)buffer;

	for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length)) {
		if (message->nlmsg_type == NLMSG_DONE)
			return 1;
		if (message->nlmsg_type == NLMSG_ERROR) {
			errno = -((const struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error;
			return errno ? -1 : 1;
		}
	}
	return 0;
}

/* Sends a message and waits for the first datagram of the answer to it, in a buffer of ROUTE_BUFFER_MAX
 * bytes. Returns 0; -1 with errno if there is none, or if the kernel refused. */
int route_exchange(struct mnl_socket *socket, const struct nlmsghdr *message, char *buffer)
{
	ssize_t length;

	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return -1;
	length = mnl_socket_recvfrom(socket, buffer, ROUTE_BUFFER_MAX);
	return length < 0 || is_last(buffer, (int)length) < 0 ? -1 : 0;
}

static int ask_for_all(struct mnl_socket *socket, uint16_t type)
{
	char buffer[256];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	/* The longest header of all kinds: zero says "all" in each. */
	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	return mnl_socket_sendto(socket, message, message->nlmsg_len) < 0 ? -1 : 0;
}

/* Dumps all objects of a type once; *changed tells that some came or went meanwhile. */
static int dump_once(struct mnl_socket *socket, uint16_t type, struct route_messages *all, bool *changed)
{
	ssize_t length;
	char *grown;
	int last = 0;

	*all = (struct route_messages){.bytes = NULL};
	*changed = false;
	if (ask_for_all(socket, type) < 0)
		return -1;
	for (; last == 0; all->length += (size_t)length) {
		grown = realloc(all->bytes, all->length + ROUTE_BUFFER_MAX);
		if (!grown)
			return -1;
		all->bytes = grown;
		length = mnl_socket_recvfrom(socket, grown + all->length, ROUTE_BUFFER_MAX);
		if (length < 0)
			return -1;
		last = is_last(grown + all->length, (int)length);
		*changed = *changed ||
			   ((struct nlmsghdr *)(void *)(grown + all->length))->nlmsg_flags & NLM_F_DUMP_INTR;
	}
	return last < 0 ? -1 : 0;
}

/* Returns the next hop behind one, as the list of a route holds them: aligned, and within the list or at its
 * end. */
struct rtnexthop *route_next_hop(struct rtnexthop *hop)
{
	return (void *)((char *)hop + RTNH_ALIGN(hop->rtnh_len));
}

/* Asks for all objects of a type in both families, again if they change meanwhile, but not for ever. Returns
 * 0 or -1 with errno; the caller frees all->bytes. */
int route_dump(struct mnl_socket *socket, uint16_t type, struct route_messages *all)
{
	bool changed;
	int result = dump_once(socket, type, all, &changed);

	for (int i = 1; i < DUMPS_MAX && result == 0 && changed; i++) {
		free(all->bytes);
		result = dump_once(socket, type, all, &changed);
	}
	return result;
}

/* Asks for all objects of a type in both families, and gives each message of the answer to a function, which
 * returns 0 or -1 with errno. Returns 0 or -1 with errno. */
int route_each(struct mnl_socket *socket, uint16_t type,
	int (*each)(const struct nlmsghdr *message, void *data), void *data)
{
	struct route_messages all;
	int result = route_dump(socket, type, &all), length = (int)all.length;

	for (const struct nlmsghdr *message = (void *)all.bytes; result == 0 && mnl_nlmsg_ok(message, length);
		message = mnl_nlmsg_next(message, &length))
		result = each(message, data);
	free(all.bytes);
	return result;
}

static struct address read_hop(const uint8_t *bytes, size_t length)
{
	return length == 4 ? address_from_v4(bytes) : address_from_v6(bytes);
}

static int take_attribute(const struct nlattr *attribute, void *data)
{
	const uint8_t *bytes = mnl_attr_get_payload(attribute);
	const size_t length = mnl_attr_get_payload_len(attribute);
	struct route *route = data;

	switch (mnl_attr_get_type(attribute)) {
	case RTA_OIF:
		route->interface = mnl_attr_get_u32(attribute);
		break;
	case RTA_TABLE:
		route->table = mnl_attr_get_u32(attribute);
		break;
	case RTA_GATEWAY:
		route->by_gateway = true;
		route->gateway = read_hop(bytes, length);
		break;
	case RTA_PREFSRC:
		route->has_source = true;
		route->source = read_hop(bytes, length);
		break;
	case RTA_VIA: /* of the other family: struct rtvia */
		route->by_gateway = true;
		route->gateway = read_hop(bytes + sizeof(uint16_t), length - sizeof(uint16_t));
		break;
	}
	return MNL_CB_OK;
}

static void put_address(struct nlmsghdr *message, uint16_t type, struct address a)
{
	uint8_t bytes[16];

	if (address_is_v4(a))
		address_to_v4(a, bytes);
	else
		address_to_v6(a, bytes);
	mnl_attr_put(message, type, address_is_v4(a) ? 4 : 16, bytes);
}

/* Asks where this host sends a packet, as route_find() says; flags are those of struct rtmsg. The buffer, of
 * ROUTE_BUFFER_MAX bytes, has the answer then. */
static int ask_route(struct mnl_socket *socket, struct address to, const struct address *from,
	unsigned interface, unsigned flags, char *buffer)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	const uint8_t bits = address_is_v4(to) ? 32 : 128;

	message->nlmsg_type = RTM_GETROUTE;
	message->nlmsg_flags = NLM_F_REQUEST;
	header->rtm_family = address_is_v4(to) ? AF_INET : AF_INET6;
	header->rtm_flags = RTM_F_LOOKUP_TABLE | flags;
	header->rtm_dst_len = bits;
	header->rtm_src_len = from ? bits : 0;
	put_address(message, RTA_DST, to);
	if (from)
		put_address(message, RTA_SRC, *from);
	if (interface)
		mnl_attr_put_u32(message, RTA_OIF, interface);
	return route_exchange(socket, message, buffer);
}

/* Reads the route in an answer. */
static void read_route(const struct nlmsghdr *message, struct route *route)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);

	*route = (struct route){.table = RT_TABLE_UNSPEC};
	mnl_attr_parse(message, sizeof(*header), take_attribute, route);
	route->local = header->rtm_type == RTN_LOCAL;
	if (!route->local && header->rtm_type != RTN_UNICAST)
		route->interface = 0;
}

/* Asks where this host sends a packet to an address: from one of its own (NULL: its choice), by an
 * interface, as a copy (nft's dup) must (0: any). Returns 0; -1 with errno if there is no way. */
int route_find(struct mnl_socket *socket, struct address to, const struct address *from, unsigned interface,
	struct route *route)
{
	char buffer[ROUTE_BUFFER_MAX];

	*route = (struct route){.table = RT_TABLE_UNSPEC};
	if (ask_route(socket, to, from, interface, 0, buffer) < 0)
		return -1;
	read_route((const void *)buffer, route);
	return 0;
}

static int take_entry_attribute(const struct nlattr *attribute, void *data)
{
	const uint8_t *value = mnl_attr_get_payload(attribute);
	struct route_entry *entry = data;

	switch (mnl_attr_get_type(attribute)) {
	case RTA_PRIORITY:
		entry->metric = mnl_attr_get_u32(attribute);
		break;
	case RTA_MULTIPATH:
	case RTA_NH_ID:
		entry->several = true;
		break;
	case RTA_CACHEINFO:
		entry->has_more =
			entry->has_more || ((const struct rta_cacheinfo *)(const void *)value)->rta_expires;
		break;
	case RTA_PREF:
		entry->has_more = entry->has_more || *value != 0;
		break;
	case RTA_TABLE:
	case RTA_OIF:
	case RTA_GATEWAY:
	case RTA_VIA:
	case RTA_PREFSRC:
		break;
	default:
		entry->has_more = true;
	}
	return MNL_CB_OK;
}

/* Asks by which entry of its routing tables this host sends a packet to an address. Returns 0; -1 with errno
 * if there is none. */
int route_find_entry(struct mnl_socket *socket, struct address to, struct route_entry *entry)
{
	char buffer[ROUTE_BUFFER_MAX];
	const struct nlmsghdr *message = (const void *)buffer;
	const struct rtmsg *header;

	if (ask_route(socket, to, NULL, 0, RTM_F_FIB_MATCH, buffer) < 0)
		return -1;
	header = mnl_nlmsg_get_payload(message);
	*entry = (struct route_entry){.is_default = header->rtm_dst_len == 0,
		.onlink = header->rtm_flags & RTNH_F_ONLINK,
		.has_more = header->rtm_protocol == RTPROT_RA};
	read_route(message, &entry->route);
	mnl_attr_parse(message, sizeof(*header), take_entry_attribute, entry);
	return 0;
}

/* A table that is looked for in a family. */
struct table_search {
	uint8_t family;
	unsigned table;
	bool found;
};

/* Takes a route or a policy rule, whose header and number of a table are like a route's. */
static int take_table(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	struct table_search *search = data;
	const struct nlattr *found[RTA_TABLE + 1];

	if ((message->nlmsg_type != RTM_NEWROUTE && message->nlmsg_type != RTM_NEWRULE) ||
		header->rtm_family != search->family)
		return 0;
	netlink_find_in(message, sizeof(*header), found, RTA_TABLE + 1);
	search->found =
		search->found || (found[RTA_TABLE] && mnl_attr_get_u32(found[RTA_TABLE]) == search->table);
	return 0;
}

/* Tells whether a routing table of IPv4 or IPv6 has routes, or a policy rule leads to it. */
bool route_has_table(struct mnl_socket *socket, bool v4, unsigned table)
{
	struct table_search search = {v4 ? AF_INET : AF_INET6, table, false};

	route_each(socket, RTM_GETROUTE, take_table, &search);
	route_each(socket, RTM_GETRULE, take_table, &search);
	return search.found;
}
