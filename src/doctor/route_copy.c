/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What the kernel dumps is, but for a few fields, what it takes to make the same thing again.
 * "ip route save" and "restore" do so, too, but give up at the first route that is refused.
 */
#include "doctor/route_copy.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "doctor/route.h"
#include "io/netlink.h"

/* Puts the twin's index of an interface in place of the host's. */
static void translate_index(const struct twin *twin, void *index)
{
	unsigned interface;

	memcpy(&interface, index, sizeof(interface));
	interface = twin_index(twin, interface);
	memcpy(index, &interface, sizeof(interface));
}

/* Translates the interfaces of several next hops, and removes the states of their links. */
static void prepare_hops(struct nlattr *attribute, const struct twin *twin)
{
	int length = mnl_attr_get_payload_len(attribute);

	for (struct rtnexthop *hop = mnl_attr_get_payload(attribute); RTNH_OK(hop, length);
		hop = route_next_hop(hop)) {
		length -= (int)RTNH_ALIGN(hop->rtnh_len);
		translate_index(twin, &hop->rtnh_ifindex);
		hop->rtnh_flags &= RTNH_F_ONLINK | RTNH_F_PERVASIVE;
	}
}

static bool leads_nowhere(const struct rtmsg *route)
{
	return route->rtm_type == RTN_BLACKHOLE || route->rtm_type == RTN_UNREACHABLE ||
	       route->rtm_type == RTN_PROHIBIT || route->rtm_type == RTN_THROW;
}

/* Removes from a route what the kernel dumps and does not take back: the state of the link, the nexthop
 * object, which is dumped by its number and spelled out, and the interface of one that leads nowhere. Returns
 * false for a route of the kernel. */
static bool prepare_route(struct nlmsghdr *message, const struct twin *twin)
{
	struct rtmsg *route = mnl_nlmsg_get_payload(message);
	struct nlattr *attribute = mnl_nlmsg_get_payload_offset(message, sizeof(*route));

	if (route->rtm_flags & RTM_F_CLONED || route->rtm_type == RTN_BROADCAST ||
		route->rtm_type == RTN_ANYCAST || route->rtm_type == RTN_MULTICAST)
		return false;
	route->rtm_flags &= RTNH_F_ONLINK | RTNH_F_PERVASIVE;
	for (; mnl_attr_ok(attribute, (int)((char *)mnl_nlmsg_get_payload_tail(message) - (char *)attribute));
		attribute = mnl_attr_next(attribute)) {
		const uint16_t type = mnl_attr_get_type(attribute);

		if (type == RTA_NH_ID || (type == RTA_OIF && leads_nowhere(route)))
			attribute->nla_type = RTA_UNSPEC;
		else if (type == RTA_OIF)
			translate_index(twin, mnl_attr_get_payload(attribute));
		else if (type == RTA_MULTIPATH)
			prepare_hops(attribute, twin);
	}
	return true;
}

/* Lets the twin have an address at once: the kernel would look for another owner first, if only by a task
 * that runs a moment later, and until then refuses routes with it as their source. */
static void prepare_address(struct nlmsghdr *message, const struct twin *twin)
{
	struct ifaddrmsg *address = mnl_nlmsg_get_payload(message);
	const struct nlattr *found[IFA_FLAGS + 1];
	uint32_t flags;

	translate_index(twin, &address->ifa_index);
	address->ifa_flags |= IFA_F_NODAD;
	netlink_find_in(message, sizeof(*address), found, IFA_FLAGS + 1);
	if (!found[IFA_FLAGS]) /* which count more */
		return;
	flags = mnl_attr_get_u32(found[IFA_FLAGS]) | IFA_F_NODAD;
	memcpy(mnl_attr_get_payload(found[IFA_FLAGS]), &flags, sizeof(flags));
}

/* Makes an object fit to be sent to the twin. Returns false if it is not to be copied. */
static bool prepare_object(struct nlmsghdr *message, const struct twin *twin)
{
	uint8_t family = ((const struct rtgenmsg *)mnl_nlmsg_get_payload(message))->rtgen_family;

	if (message->nlmsg_type < RTM_BASE || (family != AF_INET && family != AF_INET6))
		return false;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_APPEND;
	if (message->nlmsg_type == RTM_NEWADDR)
		prepare_address(message, twin);
	return message->nlmsg_type != RTM_NEWROUTE || prepare_route(message, twin);
}

/* Dumps all objects of a type, fit to be sent to the twin; a type of 0 marks one that is not to be sent.
 * Returns 0 or -1 with errno; the caller frees all->bytes. */
static int read_objects(
	struct mnl_socket *socket, const struct twin *twin, uint16_t type, struct route_messages *all)
{
	int result = route_dump(socket, type, all), length = (int)all->length;
	struct nlmsghdr *message = (void *)all->bytes;

	for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length))
		if (!prepare_object(message, twin))
			message->nlmsg_type = 0;
	return result;
}

/* Writes what an object is: an address, "route to" and a prefix, or a policy rule with its priority. */
static void describe(char text[ROUTE_OBJECT_MAX], const struct nlmsghdr *message)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message); /* those of the others begin likewise */
	const uint16_t type = message->nlmsg_type;
	const struct nlattr *found[RTA_PRIORITY + 1];
	const bool v4 = header->rtm_family == AF_INET;
	struct prefix p = {.length = (uint8_t)(header->rtm_dst_len + (v4 ? 96 : 0))};
	char prefix[CONFIG_PREFIX_TEXT];

	netlink_find_in(message, type == RTM_NEWADDR ? sizeof(struct ifaddrmsg) : sizeof(*header), found,
		RTA_PRIORITY + 1);
	if (type == RTM_NEWRULE) {
		snprintf(text, ROUTE_OBJECT_MAX, "policy rule %u of IPv%d",
			found[FRA_PRIORITY] ? mnl_attr_get_u32(found[FRA_PRIORITY]) : 0, v4 ? 4 : 6);
		return;
	}
	if (found[RTA_DST]) /* as IFA_ADDRESS */
		p.base = v4 ? address_from_v4(mnl_attr_get_payload(found[RTA_DST]))
			    : address_from_v6(mnl_attr_get_payload(found[RTA_DST]));
	else if (v4)
		p.base = address_from_v4((const uint8_t[4]){0});
	config_prefix_text(p, prefix);
	snprintf(text, ROUTE_OBJECT_MAX, type == RTM_NEWADDR ? "address %s" : "route to %s", prefix);
}

/* Sends what has not been taken yet, and notes what the kernel refuses. Returns how many messages it took,
 * whose type is 0 then. */
static unsigned send_all(
	struct mnl_socket *socket, struct route_messages *all, struct route_refusals *refused)
{
	struct nlmsghdr *message = (void *)all->bytes;
	int length = (int)all->length;
	char answer[ROUTE_BUFFER_MAX];
	unsigned taken = 0;

	refused->n = 0;
	for (; mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length)) {
		if (message->nlmsg_type == 0)
			continue;
		if (route_exchange(socket, message, answer) == 0 || errno == EEXIST) {
			message->nlmsg_type = 0;
			taken++;
		} else if (refused->n++ == 0) {
			refused->error = errno;
			describe(refused->first, message);
		}
	}
	return taken;
}

/* Puts addresses into the order in which they were added. Of those of IPv6 the kernel lists the last one
 * first, and prefers it (ipv6_link_dev_addr). Returns 0, or -1 with errno. */
static int order_addresses(struct route_messages *all)
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

/* Copies all objects of a type to the twin. A route may need another one to reach its gateway, so refused
 * ones are sent again until that helps no more; *refused grows by the rest. Returns 0 or -1 with errno. */
static int copy_objects(
	struct mnl_socket *from, const struct twin *twin, uint16_t type, struct route_refusals *refused)
{
	struct route_messages all;
	struct route_refusals now = {.n = 0};
	int result = read_objects(from, twin, type, &all);

	if (result == 0 && type == RTM_GETADDR)
		result = order_addresses(&all);
	while (result == 0 && send_all(twin->routes, &all, &now) > 0 && now.n > 0)
		;
	now.n += refused->n;
	if (refused->n == 0)
		*refused = now;
	refused->n = now.n;
	free(all.bytes);
	return result;
}

/* Deletes every policy rule of the twin; nothing is routed there any more then. Returns 0 or -1 with errno.
 */
static int forget_rules(const struct twin *twin)
{
	char answer[ROUTE_BUFFER_MAX];
	struct route_messages all;
	int result = read_objects(twin->routes, twin, RTM_GETRULE, &all), length = (int)all.length;
	struct nlmsghdr *message = (void *)all.bytes;

	for (; result == 0 && mnl_nlmsg_ok(message, length); message = mnl_nlmsg_next(message, &length))
		if (message->nlmsg_type != 0) {
			message->nlmsg_type = RTM_DELRULE;
			result = route_exchange(twin->routes, message, answer);
		}
	free(all.bytes);
	return result;
}

/* Copies addresses, policy rules and routes to the twin, in this order: gateways are looked for by the rules.
 * from is a socket of the host; *refused says what the twin did not take. Returns 0 or -1 with errno. */
int route_copy(struct mnl_socket *from, const struct twin *twin, struct route_refusals *refused)
{
	*refused = (struct route_refusals){.n = 0};
	if (forget_rules(twin) < 0 || copy_objects(from, twin, RTM_GETADDR, refused) < 0 ||
		copy_objects(from, twin, RTM_GETRULE, refused) < 0)
		return -1;
	return copy_objects(from, twin, RTM_GETROUTE, refused);
}
