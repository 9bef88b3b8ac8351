/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asks the kernel how many IPsec policies there are, by netlink's XFRM messages.
 */
#include "io/ipsec.h"

#include <linux/xfrm.h>

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
