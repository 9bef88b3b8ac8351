/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * rtnetlink's lists of interfaces and of routes, of all tables, put together.
 */
#include "doctor/links.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "doctor/route.h"
#include "io/netlink.h"

#define LINK_LOCAL_V6  0xfe80 /* the first 10 bits, RFC 4291 2.5.6 */
#define ATTRIBUTES_MAX 128

/* Returns the interface with an index, or NULL. */
const struct link *links_find(const struct links *links, unsigned index)
{
	for (size_t i = 0; i < links->n; i++)
		if (links->all[i].index == index)
			return &links->all[i];
	return NULL;
}

/* Returns the interface that packets and rules know by a name, or NULL: other names do not count. */
const struct link *links_find_name(const struct links *links, const char *name)
{
	for (size_t i = 0; i < links->n; i++)
		if (strcmp(links->all[i].name, name) == 0)
			return &links->all[i];
	return NULL;
}

/* Copies a string of the kernel's, and cuts it if need be. */
static void copy_text(char text[IFNAMSIZ], const struct nlattr *attribute)
{
	strncpy(text, mnl_attr_get_str(attribute), IFNAMSIZ - 1);
}

/* Attributes of a message by their type; NULL: it does not have it. */
struct attributes {
	const struct nlattr *of[ATTRIBUTES_MAX];
};

static int index_attribute(const struct nlattr *attribute, void *data)
{
	struct attributes *attributes = data;

	if (mnl_attr_get_type(attribute) < ATTRIBUTES_MAX)
		attributes->of[mnl_attr_get_type(attribute)] = attribute;
	return MNL_CB_OK;
}

/* Returns the number in an attribute; 0 if there is none. */
static unsigned read_number(const struct nlattr *attribute)
{
	return attribute ? mnl_attr_get_u32(attribute) : 0;
}

/* Reads the attributes of an interface. What it stands on may be in another namespace, and the other end of a
 * veth is nothing that it stands on. */
static void read_interface(struct link *link, const struct nlmsghdr *message)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	struct attributes a = {{NULL}}, info = {{NULL}}, data = {{NULL}};

	mnl_attr_parse(message, sizeof(*header), index_attribute, &a);
	if (a.of[IFLA_LINKINFO])
		mnl_attr_parse_nested(a.of[IFLA_LINKINFO], index_attribute, &info);
	if (info.of[IFLA_INFO_DATA])
		mnl_attr_parse_nested(info.of[IFLA_INFO_DATA], index_attribute, &data);
	*link = (struct link){.index = (unsigned)header->ifi_index,
		.flags = header->ifi_flags,
		.master = read_number(a.of[IFLA_MASTER]),
		.below = read_number(a.of[IFLA_LINK]),
		.mtu = read_number(a.of[IFLA_MTU])};
	if (a.of[IFLA_IFNAME])
		copy_text(link->name, a.of[IFLA_IFNAME]);
	if (info.of[IFLA_INFO_KIND])
		copy_text(link->kind, info.of[IFLA_INFO_KIND]);
	if (strcmp(link->kind, "vrf") == 0)
		link->table = read_number(data.of[IFLA_VRF_TABLE]);
	if (a.of[IFLA_LINK_NETNSID] || link->below == link->index || strcmp(link->kind, "veth") == 0)
		link->below = 0;
}

/* Takes one interface more. Returns -1 with errno if there is no memory. */
static int take_link(const struct nlmsghdr *message, void *data)
{
	struct links *links = data;
	struct link *more;

	if (message->nlmsg_type != RTM_NEWLINK)
		return 0;
	more = reallocarray(links->all, links->n + 1, sizeof(*more));
	if (!more)
		return -1;
	links->all = more;
	read_interface(&more[links->n++], message);
	return 0;
}

/* Notes that a route leads out by an interface, and by the VRF that it is a port of. */
static void note_route(const struct links *links, unsigned index, bool far)
{
	for (struct link *link = links->all; link < links->all + links->n; link++)
		if (link->index == index) {
			const struct link *master = links_find(links, link->master);

			link->routed = true;
			link->far = link->far || far;
			if (master && strcmp(master->kind, "vrf") == 0)
				note_route(links, master->index, far);
			return;
		}
}

/* Tells whether a route is for one link: to link-local addresses, or a group. */
static bool stays_on_link(const struct rtmsg *route, const struct nlattr *destination)
{
	const uint8_t *bytes = destination ? mnl_attr_get_payload(destination) : NULL;

	return bytes && route->rtm_family == AF_INET6 && route->rtm_dst_len >= 8 &&
	       (bytes[0] == 0xff || (bytes[0] << 8 | (bytes[1] & 0xc0)) == LINK_LOCAL_V6);
}

/* Notes the next hops of a route that has several. */
static void note_hops(const struct links *links, const struct nlattr *hops)
{
	struct rtnexthop *hop = mnl_attr_get_payload(hops);
	int rest = mnl_attr_get_payload_len(hops);

	for (; RTNH_OK(hop, rest); rest -= NLMSG_ALIGN(hop->rtnh_len), hop = route_next_hop(hop))
		note_route(links, (unsigned)hop->rtnh_ifindex, true);
}

/* Notes by which interfaces a route leads out, and how far: the routes of its own networks come with an
 * address, or tell where the router of a lease or an advertisement is. */
static int take_route(const struct nlmsghdr *message, void *data)
{
	const struct links *links = data;
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);
	const bool own_network = route->rtm_protocol == RTPROT_KERNEL || route->rtm_protocol == RTPROT_RA ||
				 route->rtm_protocol == RTPROT_DHCP;
	struct attributes a = {{NULL}};

	if (message->nlmsg_type != RTM_NEWROUTE || route->rtm_type != RTN_UNICAST ||
		route->rtm_flags & RTM_F_CLONED)
		return 0;
	mnl_attr_parse(message, sizeof(*route), index_attribute, &a);
	if (stays_on_link(route, a.of[RTA_DST]))
		return 0;
	if (a.of[RTA_MULTIPATH])
		note_hops(links, a.of[RTA_MULTIPATH]);
	note_route(links, read_number(a.of[RTA_OIF]),
		route->rtm_dst_len == 0 || !own_network || a.of[RTA_GATEWAY] || a.of[RTA_VIA]);
	return 0;
}

/* Reads all interfaces. Returns 0 or -1 with errno; links_free() is due in any case. */
int links_list(struct mnl_socket *socket, struct links *links)
{
	*links = (struct links){.n = 0};
	return route_each(socket, RTM_GETLINK, take_link, links);
}

/* Reads all interfaces and what routes say of them. Returns 0 or -1 with errno; links_free() is due in any
 * case. */
int links_read(struct mnl_socket *socket, struct links *links)
{
	return links_list(socket, links) < 0 ? -1 : route_each(socket, RTM_GETROUTE, take_route, links);
}

/* Frees what links_read() has filled in. */
void links_free(struct links *links)
{
	free(links->all);
}
