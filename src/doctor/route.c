/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtnetlink. What the kernel dumps is, but for a few fields, what it takes to make the same thing again.
 * "ip route save" and "restore" do so, too, but give up at the first route that is refused.
 */
#include "doctor/route.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BUFFER_MAX 65536 /* the most that a dump puts into one datagram is 32 KiB */

/* Messages one after the other, as they were received. */
struct messages {
	char *bytes;
	size_t length;
};

/* Opens a socket in the namespace that the caller is in. Returns NULL with errno if that failed. */
struct mnl_socket *route_open(void)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0)
		return socket;
	mnl_socket_close(socket);
	return NULL;
}

/* Closes the socket; NULL is fine. */
void route_close(struct mnl_socket *socket)
{
	if (socket)
		mnl_socket_close(socket);
}

static bool append_messages(struct messages *all, const char *bytes, size_t length)
{
	char *grown = realloc(all->bytes, all->length + length);

	if (!grown)
		return false;
	memcpy(grown + all->length, bytes, length);
	all->bytes = grown;
	all->length += length;
	return true;
}

/* Whether a datagram is the last one of a dump; -1 with errno if the dump failed. */
static int is_last(const char *buffer, int length)
{
	const struct nlmsghdr *message = (const void *)buffer;

	for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length)) {
		if (message->nlmsg_type == NLMSG_DONE)
			return 1;
		if (message->nlmsg_type == NLMSG_ERROR) {
			errno = -((const struct nlmsgerr *)mnl_nlmsg_get_payload(message))->error;
			return -1;
		}
	}
	return 0;
}

/* Asks for all objects of a type, of both families. Returns 0 or -1 with errno; the
 * caller frees all->bytes. */
static int dump(struct mnl_socket *socket, uint16_t type, struct messages *all)
{
	char buffer[BUFFER_MAX];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	int last = 0;

	/* The longest header of the three kinds: zero says "all" in each. */
	mnl_nlmsg_put_extra_header(message, sizeof(struct rtmsg));
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	*all = (struct messages){.bytes = NULL};
	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return -1;
	while (last == 0) {
		ssize_t length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));

		if (length < 0 || !append_messages(all, buffer, (size_t)length))
			return -1;
		last = is_last(buffer, (int)length);
	}
	return last < 0 ? -1 : 0;
}

/* Sends one message and waits for the kernel's word on it: 0, or -1 with errno. */
static int send_and_wait(struct mnl_socket *socket, const struct nlmsghdr *message)
{
	char buffer[BUFFER_MAX];
	ssize_t length;

	if (mnl_socket_sendto(socket, message, message->nlmsg_len) < 0)
		return -1;
	length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
	if (length < 0)
		return -1;
	return is_last(buffer, (int)length) < 0 && errno != 0 ? -1 : 0;
}

/* Removes from a route what the kernel dumps and does not take back: the state of the
 * link, and the nexthop object, which is dumped both by its number and spelled out.
 * Returns false for a route that the kernel makes by itself. */
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

/* Whether an object is to be copied; makes it fit to be sent. */
static bool prepare_object(struct nlmsghdr *message, enum route_kind kind)
{
	uint8_t family = ((const struct rtgenmsg *)mnl_nlmsg_get_payload(message))->rtgen_family;

	if (message->nlmsg_type < RTM_BASE || (family != AF_INET && family != AF_INET6))
		return false;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND;
	return kind != ROUTE_ROUTES || prepare_route(message);
}

/* Sends those messages that have not been taken yet (a type of 0 marks one that
 * has). Returns how many the kernel took, and counts the others. */
static unsigned send_all(struct mnl_socket *socket, struct messages *all, unsigned *left_out)
{
	struct nlmsghdr *message = (void *)all->bytes;
	int length = (int)all->length;
	unsigned taken = 0;

	*left_out = 0;
	for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length)) {
		if (message->nlmsg_type == 0)
			continue;
		if (send_and_wait(socket, message) == 0 || errno == EEXIST) {
			message->nlmsg_type = 0;
			taken++;
		} else {
			++*left_out;
		}
	}
	return taken;
}

static void prepare_all(struct messages *all, enum route_kind kind)
{
	struct nlmsghdr *message = (void *)all->bytes;
	int length = (int)all->length;

	for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length))
		if (!prepare_object(message, kind))
			message->nlmsg_type = 0;
}

/* Copies all objects of a kind from one namespace to another. A route may need another
 * one to reach its gateway, so what is refused is sent again until that helps no more.
 * Returns 0 and how many were refused in the end; -1 with errno. */
int route_copy(struct mnl_socket *from, struct mnl_socket *to, enum route_kind kind, unsigned *left_out)
{
	static const uint16_t types[] = {RTM_GETADDR, RTM_GETROUTE, RTM_GETRULE};
	struct messages all;
	int result = dump(from, types[kind], &all);

	*left_out = 0;
	if (result == 0) {
		prepare_all(&all, kind);
		while (send_all(to, &all, left_out) > 0 && *left_out > 0)
			;
	}
	free(all.bytes);
	return result;
}

/* Deletes every policy rule; nothing is routed any more then. Returns 0 or -1 with errno. */
int route_forget_rules(struct mnl_socket *socket)
{
	struct messages all;
	struct nlmsghdr *message;
	int result = dump(socket, RTM_GETRULE, &all), length = (int)all.length;

	for (message = (void *)all.bytes; result == 0 && mnl_nlmsg_ok(message, length);
		message = mnl_nlmsg_next(message, &length)) {
		if (!prepare_object(message, ROUTE_RULES))
			continue;
		message->nlmsg_type = RTM_DELRULE;
		result = send_and_wait(socket, message);
	}
	free(all.bytes);
	return result;
}

static void put_address(struct nlmsghdr *message, uint16_t type, struct address a, bool v4)
{
	uint8_t bytes[16];

	if (v4)
		address_to_v4(a, bytes);
	else
		address_to_v6(a, bytes);
	mnl_attr_put(message, type, v4 ? 4 : 16, bytes);
}

static int take_attribute(const struct nlattr *attribute, void *data)
{
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
		route->gateway = mnl_attr_get_payload_len(attribute) == 4
					 ? address_from_v4(mnl_attr_get_payload(attribute))
					 : address_from_v6(mnl_attr_get_payload(attribute));
		break;
	}
	return MNL_CB_OK;
}

static void read_route(const struct nlmsghdr *message, struct route *route)
{
	const struct rtmsg *answer = mnl_nlmsg_get_payload(message);

	mnl_attr_parse(message, sizeof(*answer), take_attribute, route);
	route->local = answer->rtm_type == RTN_LOCAL;
	if (!route->local && answer->rtm_type != RTN_UNICAST)
		route->interface = 0;
}

/* Asks for one route. Returns 0 or -1 with errno. */
static int route_ask(struct mnl_socket *socket, const struct nlmsghdr *question, struct route *route)
{
	char buffer[BUFFER_MAX];
	ssize_t length;

	*route = (struct route){.table = RT_TABLE_UNSPEC};
	if (mnl_socket_sendto(socket, question, question->nlmsg_len) < 0)
		return -1;
	length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
	if (length < 0 || is_last(buffer, (int)length) < 0)
		return -1;
	read_route((const void *)buffer, route);
	return 0;
}

static struct nlmsghdr *begin_question(char *buffer, struct address to)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct rtmsg *question = mnl_nlmsg_put_extra_header(message, sizeof(*question));
	bool v4 = address_is_v4(to);

	message->nlmsg_type = RTM_GETROUTE;
	message->nlmsg_flags = NLM_F_REQUEST;
	question->rtm_family = v4 ? AF_INET : AF_INET6;
	question->rtm_flags = RTM_F_LOOKUP_TABLE;
	question->rtm_dst_len = v4 ? 32 : 128;
	put_address(message, RTA_DST, to, v4);
	return message;
}

/* Asks where this host sends a packet to an address, from one of its own (NULL:
 * from whichever it would choose). Returns 0; -1 with errno if it has no way. */
int route_find(struct mnl_socket *socket, struct address to, const struct address *from, struct route *route)
{
	char buffer[256];
	struct nlmsghdr *message = begin_question(buffer, to);
	struct rtmsg *question = mnl_nlmsg_get_payload(message);

	if (from) {
		question->rtm_src_len = question->rtm_dst_len;
		put_address(message, RTA_SRC, *from, address_is_v4(to));
	}
	return route_ask(socket, message, route);
}

/* Asks where this host sends a packet to an address that must leave by an interface,
 * as a copy (nft's dup) must. Returns 0; -1 with errno if it has no way. */
int route_find_by(struct mnl_socket *socket, struct address to, unsigned interface, struct route *route)
{
	char buffer[256];
	struct nlmsghdr *message = begin_question(buffer, to);

	mnl_attr_put_u32(message, RTA_OIF, interface);
	return route_ask(socket, message, route);
}
