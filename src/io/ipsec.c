/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Asks the kernel how many IPsec policies there are, and which, by netlink's XFRM messages.
 */
#include "io/ipsec.h"

#include <errno.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "io/netlink.h"

/* Reads the number of policies for what leaves from one attribute: a callback of mnl_attr_parse(). */
static int read_attribute(const struct nlattr *attribute, void *count)
{
	const struct xfrmu_spdinfo *info = mnl_attr_get_payload(attribute);

	if (mnl_attr_get_type(attribute) == XFRMA_SPD_INFO &&
		mnl_attr_get_payload_len(attribute) >= sizeof(*info))
		*(uint32_t *)count = info->outcnt;
	return MNL_CB_OK;
}

/* Reads it from an answer: a callback of mnl_cb_run(). */
static int read_count(const struct nlmsghdr *message, void *count)
{
	return mnl_attr_parse(message, sizeof(uint32_t), read_attribute, count);
}

/* Asks over an open socket. Returns 0 if there is no answer. */
static uint32_t ask_count(struct mnl_socket *netlink)
{
	_Alignas(8) char buffer[1024];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	uint32_t *flags, count = 0;
	ssize_t length;

	message->nlmsg_type = XFRM_MSG_GETSPDINFO;
	message->nlmsg_flags = NLM_F_REQUEST;
	flags = mnl_nlmsg_put_extra_header(message, sizeof(*flags));
	*flags = 0;
	if (!netlink_send(netlink, message, message->nlmsg_len))
		return 0;
	length = mnl_socket_recvfrom(netlink, buffer, sizeof(buffer)); /* the kernel has answered by now */
	if (length > 0)
		mnl_cb_run(buffer, (size_t)length, 0, mnl_socket_get_portid(netlink), read_count, &count);
	return count;
}

/* Tells whether there are policies for what leaves. False also if the kernel does not say: it has no IPsec,
 * or CAP_NET_ADMIN is missing. */
bool ipsec_has_policies(void)
{
	struct mnl_socket *netlink = netlink_open(NETLINK_XFRM, 0);
	uint32_t count = netlink ? ask_count(netlink) : 0;

	netlink_close(netlink);
	return count > 0;
}

struct policies {
	struct ipsec_policy *list;
	size_t n;
};

/* Tells whether a policy changes what becomes of ICMP. One with a mark or an interface ID is for what leaves
 * by a tunnel interface, and changes it behind that one. */
static bool concerns_icmp(const struct xfrm_userpolicy_info *info, const struct nlattr *const found[])
{
	const struct xfrm_mark *mark = found[XFRMA_MARK] ? mnl_attr_get_payload(found[XFRMA_MARK]) : NULL;
	const uint8_t protocol = info->sel.proto;

	return info->dir == XFRM_POLICY_OUT && (found[XFRMA_TMPL] || info->action == XFRM_POLICY_BLOCK) &&
	       (protocol == 0 || protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) &&
	       !(mark && mark->m) && !(found[XFRMA_IF_ID] && mnl_attr_get_u32(found[XFRMA_IF_ID]));
}

/* Takes a policy from an answer: a callback of mnl_cb_run(). */
static int take_policy(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *found[XFRMA_MAX + 1];
	struct policies *policies = data;
	struct xfrm_userpolicy_info info; /* which wants to begin at a multiple of 8 */
	const void *to = &info.sel.daddr;
	struct ipsec_policy *more;
	bool v4;

	if (mnl_nlmsg_get_payload_len(message) < sizeof(info))
		return MNL_CB_OK;
	memcpy(&info, mnl_nlmsg_get_payload(message), sizeof(info));
	netlink_find_in(message, sizeof(info), found, XFRMA_MAX + 1);
	if (!concerns_icmp(&info, found))
		return MNL_CB_OK;
	v4 = info.sel.family == AF_INET;
	more = reallocarray(policies->list, policies->n + 1, sizeof(*more));
	if (!more)
		return MNL_CB_ERROR;
	policies->list = more;
	more[policies->n++] = (struct ipsec_policy){{v4 ? address_from_v4(to) : address_from_v6(to),
							    (uint8_t)(info.sel.prefixlen_d + (v4 ? 96 : 0))},
		(unsigned)info.sel.ifindex};
	return MNL_CB_OK;
}

static int dump_policies(struct mnl_socket *netlink, struct policies *policies)
{
	_Alignas(8) char buffer[32768];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	ssize_t length;
	int more = MNL_CB_OK;

	message->nlmsg_type = XFRM_MSG_GETPOLICY;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(message, sizeof(struct xfrm_userpolicy_id));
	if (!netlink_send(netlink, message, message->nlmsg_len))
		return -1;
	while (more == MNL_CB_OK) {
		length = mnl_socket_recvfrom(netlink, buffer, sizeof(buffer));
		if (length < 0)
			return -1;
		more = mnl_cb_run(
			buffer, (size_t)length, 0, mnl_socket_get_portid(netlink), take_policy, policies);
	}
	return more == MNL_CB_STOP ? 0 : -1;
}

/* Reads the policies for ICMP that leaves; a kernel without IPsec has none. Returns 0 or -1 with errno; the
 * caller frees *policies in any case. */
int ipsec_read(struct ipsec_policy **policies, size_t *n)
{
	struct mnl_socket *netlink = netlink_open(NETLINK_XFRM, 0);
	struct policies found = {.n = 0};
	int result = netlink ? dump_policies(netlink, &found) : errno == EPROTONOSUPPORT ? 0 : -1;

	netlink_close(netlink);
	*policies = found.list;
	*n = found.n;
	return result;
}
