/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Asks nf_tables for the flags of a table (linux/netfilter/nf_tables.h). The kernel answers while it is
 * asked.
 */
#include "io/nft_table.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "io/netlink.h"

/* NFT_TABLE_F_OWNER and _PERSIST, which older headers lack. */
#define OWNER	0x2U
#define PERSIST 0x4U

/* Reads the answer of length bytes. */
static enum nft_table read_holder(const void *answer, ssize_t length)
{
	const struct nlattr *found[NFTA_TABLE_FLAGS + 1];
	const struct nlmsghdr *message = answer;
	uint32_t flags = 0;

	if (length < 0 || !netlink_is_whole(message, (size_t)length) ||
		message->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE))
		return NFT_TABLE_ABSENT;
	netlink_find_in(message, sizeof(struct nfgenmsg), found, NFTA_TABLE_FLAGS + 1);
	if (found[NFTA_TABLE_FLAGS] && netlink_length(found[NFTA_TABLE_FLAGS]) >= sizeof(flags))
		flags = ntohl(mnl_attr_get_u32(found[NFTA_TABLE_FLAGS]));
	if (flags & OWNER)
		return NFT_TABLE_HELD;
	return flags & PERSIST ? NFT_TABLE_LEFT : NFT_TABLE_FREE;
}

/* Looks at a table of an IP version, in the network namespace that the caller is in. */
enum nft_table nft_table_look(const char *name, int version)
{
	_Alignas(8) char bytes[4096];
	struct mnl_socket *socket = netlink_open(NETLINK_NETFILTER, SOCK_NONBLOCK);
	struct nlmsghdr *request = mnl_nlmsg_put_header(bytes);
	struct nfgenmsg *head;
	ssize_t length = -1;

	request->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETTABLE;
	request->nlmsg_flags = NLM_F_REQUEST;
	head = mnl_nlmsg_put_extra_header(request, sizeof(*head));
	head->nfgen_family = version == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
	head->version = NFNETLINK_V0;
	mnl_attr_put_strz(request, NFTA_TABLE_NAME, name);
	if (socket && netlink_send(socket, request, request->nlmsg_len))
		length = mnl_socket_recvfrom(socket, bytes, sizeof(bytes));
	netlink_close(socket);
	return read_holder(bytes, length);
}
