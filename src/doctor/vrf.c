/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * rtnetlink's RTM_NEWLINK.
 */
#include "doctor/vrf.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "doctor/route.h"
#include "io/netlink.h"

static struct nlmsghdr *begin_link(char *buffer, uint16_t flags, unsigned interface)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(message, sizeof(*info));

	message->nlmsg_type = RTM_NEWLINK;
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	info->ifi_index = (int)interface;
	return message;
}

/* Makes a VRF that routes by a table. The first one of a namespace brings policy rules with it. Returns 0 or
 * -1 with errno. */
int vrf_make(struct mnl_socket *socket, const char *name, uint32_t table)
{
	char buffer[ROUTE_BUFFER_MAX];
	struct nlmsghdr *message = begin_link(buffer, NLM_F_CREATE | NLM_F_EXCL, 0);
	struct nlattr *info, *data;

	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_strz(message, IFLA_INFO_KIND, "vrf");
	data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	mnl_attr_put_u32(message, IFLA_VRF_TABLE, table);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, info);
	return route_exchange(socket, message, buffer);
}

/* Makes an interface a port of a VRF, by their indexes. Returns 0 or -1 with errno. */
int vrf_add_port(struct mnl_socket *socket, unsigned interface, unsigned vrf)
{
	char buffer[ROUTE_BUFFER_MAX];
	struct nlmsghdr *message = begin_link(buffer, 0, interface);

	mnl_attr_put_u32(message, IFLA_MASTER, vrf);
	return route_exchange(socket, message, buffer);
}
