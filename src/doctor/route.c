/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtnetlink. What the kernel dumps is, but for a few fields, what it takes to make the same thing again.
 * "ip route save" and "restore" do so, too, but give up at the first route that is refused.
 */
#include "doctor/route.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/netlink.h"

#define BUFFER_MAX 65536 /* the most that a dump puts into one datagram is 32 KiB */

/* Messages one after the other, as they were received. */
struct messages {
	char *bytes;
	size_t length;
};

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

/* Sends a message and waits for the first datagram of the answer to it, in a buffer of BUFFER_MAX bytes.
 * Returns 0; -1 with errno if there is none, or if the kernel refused. */
static int exchange(struct mnl_socket *socket, const struct nlmsghdr *message, char *buffer)
{
	ssize_t length;

	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return -1;
	length = mnl_socket_recvfrom(socket, buffer, BUFFER_MAX);
	return length < 0 || is_last(buffer, (int)length) < 0 ? -1 : 0;
}

/* Asks for all objects of a type in both families. Returns 0 or -1 with errno; all->bytes is to be freed. */
static int dump(struct mnl_socket *socket, uint16_t type, struct messages *all)
{
	char buffer[256], *grown;
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	ssize_t length;
	int last = 0;

	/* The longest header of all kinds: zero says "all" in each. */
	mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	*all = (struct messages){.bytes = NULL};
	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return -1;
	for (; last == 0; all->length += (size_t)length) {
		grown = realloc(all->bytes, all->length + BUFFER_MAX);
		if (!grown)
			return -1;
		all->bytes = grown;
		length = mnl_socket_recvfrom(socket, grown + all->length, BUFFER_MAX);
		if (length < 0)
			return -1;
		last = is_last(grown + all->length, (int)length);
	}
	return last < 0 ? -1 : 0;
}

/* Removes from a route what the kernel dumps and does not take back: the state of the link, and the nexthop
 * object, which is dumped by its number and spelled out. Returns false for a route of the kernel. */
static bool prepare_route(struct nlmsghdr *message)
{
	struct rtmsg *route = mnl_nlmsg_get_payload(message);
	struct nlattr *attribute;

	if (route->rtm_flags & RTM_F_CLONED || route->rtm_type == RTN_BROADCAST ||
		route->rtm_type == RTN_ANYCAST || route->rtm_type == RTN_MULTICAST)
		return false;
	route->rtm_flags &= RTNH_F_ONLINK | RTNH_F_PERVASIVE;
	for (attribute = mnl_nlmsg_get_payload_offset(message, sizeof(*route)); mnl_attr_ok(
		     attribute, (int)((char *)mnl_nlmsg_get_payload_tail(message) - (char *)attribute));
		attribute = mnl_attr_next(attribute))
		if (mnl_attr_get_type(attribute) == RTA_NH_ID)
			attribute->nla_type = RTA_UNSPEC;
	return true;
}

/* Makes an object fit to be sent. Returns false if it is not to be copied. */
static bool prepare_object(struct nlmsghdr *message)
{
	uint8_t family = ((const struct rtgenmsg *)mnl_nlmsg_get_payload(message))->rtgen_family;

	if (message->nlmsg_type < RTM_BASE || (family != AF_INET && family != AF_INET6))
		return false;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND;
	return message->nlmsg_type != RTM_NEWROUTE || prepare_route(message);
}

/* Dumps all objects of a type, fit to be sent; a type of 0 marks one that is not to be sent. Returns 0 or -1
 * with errno; the caller frees all->bytes. */
static int read_objects(struct mnl_socket *socket, uint16_t type, struct messages *all)
{
	int result = dump(socket, type, all), length = (int)all->length;
	struct nlmsghdr *message = (void *)all->bytes;

	for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length))
		if (!prepare_object(message))
			message->nlmsg_type = 0;
	return result;
}

/* Sends what has not been taken yet, and counts in *left_out what the kernel refuses. Returns how many
 * messages it took, whose type is 0 then. */
static unsigned send_all(struct mnl_socket *socket, struct messages *all, unsigned *left_out)
{
	struct nlmsghdr *message = (void *)all->bytes;
	int length = (int)all->length;
	char answer[BUFFER_MAX];
	unsigned taken = 0;

	*left_out = 0;
	for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length)) {
		if (message->nlmsg_type == 0)
			continue;
		if (exchange(socket, message, answer) == 0 || errno == EEXIST) {
			message->nlmsg_type = 0;
			taken++;
		} else {
			++*left_out;
		}
	}
	return taken;
}

/* Puts addresses into the order in which they were added. Of those of IPv6 the kernel lists the last one
 * first, and prefers it (ipv6_link_dev_addr). Returns 0, or -1 with errno. */
static int order_addresses(struct messages *all)
{
	char *ordered = malloc(all->length + 1), *front = ordered, *back = ordered + all->length;
	const struct nlmsghdr *message = (void *)all->bytes;
	int length = (int)all->length;

	if (!ordered)
		return -1;
	for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length)) {
		const size_t size = MNL_ALIGN(message->nlmsg_len);
		const struct rtgenmsg *header = mnl_nlmsg_get_payload(message);

		if (message->nlmsg_type == RTM_NEWADDR && header->rtgen_family == AF_INET6) {
			back -= size;
			memcpy(back, message, size);
		} else {
			memcpy(front, message, size);
			front += size;
		}
	}
	free(all->bytes);
	all->bytes = ordered;
	return 0;
}

/* Copies all objects of a type to another namespace. A route may need another one to reach its gateway, so
 * refused ones are sent again until that helps no more; *left_out grows by the rest. Returns 0 or -1 with
 * errno. */
static int copy_objects(struct mnl_socket *from, struct mnl_socket *to, uint16_t type, unsigned *left_out)
{
	struct messages all;
	unsigned refused = 0;
	int result = read_objects(from, type, &all);

	if (result == 0 && type == RTM_GETADDR)
		result = order_addresses(&all);
	while (result == 0 && send_all(to, &all, &refused) > 0 && refused > 0)
		;
	*left_out += refused;
	free(all.bytes);
	return result;
}

/* Deletes every policy rule; nothing is routed any more then. Returns 0 or -1 with errno. */
static int forget_rules(struct mnl_socket *socket)
{
	char answer[BUFFER_MAX];
	struct messages all;
	int result = read_objects(socket, RTM_GETRULE, &all), length = (int)all.length;
	struct nlmsghdr *message = (void *)all.bytes;

	for (; result == 0 && mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length))
		if (message->nlmsg_type != 0) {
			message->nlmsg_type = RTM_DELRULE;
			result = exchange(socket, message, answer);
		}
	free(all.bytes);
	return result;
}

/* Copies addresses, policy rules and routes from one namespace to another, in this order: gateways are looked
 * for by the rules. Counts what the other one did not take. Returns 0 or -1 with errno. */
int route_copy(struct mnl_socket *from, struct mnl_socket *to, unsigned *left_out)
{
	*left_out = 0;
	if (forget_rules(to) < 0 || copy_objects(from, to, RTM_GETADDR, left_out) < 0 ||
		copy_objects(from, to, RTM_GETRULE, left_out) < 0)
		return -1;
	return copy_objects(from, to, RTM_GETROUTE, left_out);
}

/* Asks for all objects of a type in both families, and gives each message of the answer to a function, which
 * returns 0 or -1 with errno. Returns 0 or -1 with errno. */
int route_each(struct mnl_socket *socket, uint16_t type,
	int (*each)(const struct nlmsghdr *message, void *data), void *data)
{
	struct messages all;
	int result = dump(socket, type, &all), length = (int)all.length;

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
 * BUFFER_MAX bytes, has the answer then. */
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
	return exchange(socket, message, buffer);
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
	char buffer[BUFFER_MAX];

	*route = (struct route){.table = RT_TABLE_UNSPEC};
	if (ask_route(socket, to, from, interface, 0, buffer) < 0)
		return -1;
	read_route((const void *)buffer, route);
	return 0;
}

static int take_entry_attribute(const struct nlattr *attribute, void *data)
{
	struct route_entry *entry = data;

	switch (mnl_attr_get_type(attribute)) {
	case RTA_PRIORITY:
		entry->metric = mnl_attr_get_u32(attribute);
		break;
	case RTA_MULTIPATH:
	case RTA_NH_ID:
		entry->several = true;
		break;
	}
	return MNL_CB_OK;
}

/* Asks by which entry of its routing tables this host sends a packet to an address. Returns 0; -1 with errno
 * if there is none. */
int route_find_entry(struct mnl_socket *socket, struct address to, struct route_entry *entry)
{
	char buffer[BUFFER_MAX];
	const struct nlmsghdr *message = (const void *)buffer;
	const struct rtmsg *header;

	if (ask_route(socket, to, NULL, 0, RTM_F_FIB_MATCH, buffer) < 0)
		return -1;
	header = mnl_nlmsg_get_payload(message);
	*entry = (struct route_entry){.is_default = header->rtm_dst_len == 0};
	read_route(message, &entry->route);
	mnl_attr_parse(message, sizeof(*header), take_entry_attribute, entry);
	return 0;
}
