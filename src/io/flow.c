/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctnetlink. libnetfilter_conntrack writes the question; the answer is read
 * with libmnl, because the library's getters cannot tell the ICMP identifier of
 * the reply tuple, and so as not to allocate an object for each answer.
 */
#include "io/flow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 4096

struct flow_socket {
	struct mnl_socket *socket;
	struct nf_conntrack *question; /* one object for all questions */
	uint32_t sequence;
	_Alignas(8) char buffer[MESSAGE_MAX];
};

/* Returns a socket of its own for questions; NULL with errno. */
struct flow_socket *flow_open(void)
{
	struct flow_socket *flows = calloc(1, sizeof(*flows));
	int error;

	if (!flows)
		return NULL;
	flows->question = nfct_new();
	flows->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (flows->question && flows->socket && mnl_socket_bind(flows->socket, 0, MNL_SOCKET_AUTOPID) == 0)
		return flows;
	error = errno;
	flow_close(flows);
	errno = error;
	return NULL;
}

/* NULL is fine. */
void flow_close(struct flow_socket *flows)
{
	if (!flows)
		return;
	if (flows->socket)
		mnl_socket_close(flows->socket);
	if (flows->question)
		nfct_destroy(flows->question);
	free(flows);
}

static void set_addresses(struct nf_conntrack *ct, const struct flow_tuple *tuple)
{
	uint8_t source[16], destination[16];

	if (address_is_v4(tuple->source)) {
		address_to_v4(tuple->source, source);
		address_to_v4(tuple->destination, destination);
		nfct_set_attr_u8(ct, ATTR_ORIG_L3PROTO, AF_INET);
		nfct_set_attr(ct, ATTR_ORIG_IPV4_SRC, source);
		nfct_set_attr(ct, ATTR_ORIG_IPV4_DST, destination);
	} else {
		address_to_v6(tuple->source, source);
		address_to_v6(tuple->destination, destination);
		nfct_set_attr_u8(ct, ATTR_ORIG_L3PROTO, AF_INET6);
		nfct_set_attr(ct, ATTR_ORIG_IPV6_SRC, source);
		nfct_set_attr(ct, ATTR_ORIG_IPV6_DST, destination);
	}
}

static void set_transport(struct nf_conntrack *ct, const struct flow_tuple *tuple)
{
	nfct_set_attr_u8(ct, ATTR_ORIG_L4PROTO, tuple->protocol);
	if (tuple->protocol == IPPROTO_ICMP || tuple->protocol == IPPROTO_ICMPV6) {
		nfct_set_attr_u8(ct, ATTR_ICMP_TYPE, tuple->icmp_type);
		nfct_set_attr_u8(ct, ATTR_ICMP_CODE, tuple->icmp_code);
		nfct_set_attr_u16(ct, ATTR_ICMP_ID, tuple->source_port_be);
	} else {
		nfct_set_attr_u16(ct, ATTR_ORIG_PORT_SRC, tuple->source_port_be);
		nfct_set_attr_u16(ct, ATTR_ORIG_PORT_DST, tuple->destination_port_be);
	}
}

/* Asks for the flow that has this tuple in either direction: the kernel finds
 * an entry by both of its tuples (ctnetlink_get_conntrack). */
static int ask(struct flow_socket *flows, const struct flow_tuple *tuple)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(flows->buffer);
	struct nfgenmsg *family = mnl_nlmsg_put_extra_header(message, sizeof(*family));

	set_addresses(flows->question, tuple);
	set_transport(flows->question, tuple);
	message->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	message->nlmsg_flags = NLM_F_REQUEST;
	message->nlmsg_seq = ++flows->sequence;
	family->nfgen_family = nfct_get_attr_u8(flows->question, ATTR_ORIG_L3PROTO);
	family->version = NFNETLINK_V0;
	if (nfct_nlmsg_build(message, flows->question) < 0)
		return -1;
	return mnl_socket_sendto(flows->socket, message, message->nlmsg_len) < 0 ? -1 : 0;
}

struct attributes {
	const struct nlattr *at[16];
};

static int take_attribute(const struct nlattr *attribute, void *data)
{
	struct attributes *all = data;
	unsigned type = mnl_attr_get_type(attribute);

	if (type < sizeof(all->at) / sizeof(all->at[0]))
		all->at[type] = attribute;
	return MNL_CB_OK;
}

static struct attributes nested(const struct nlattr *nest)
{
	struct attributes all = {{NULL}};

	if (nest)
		mnl_attr_parse_nested(nest, take_attribute, &all);
	return all;
}

static bool read_address(const struct attributes *ip, unsigned v4, unsigned v6, struct address *address)
{
	if (ip->at[v4] && mnl_attr_get_payload_len(ip->at[v4]) == 4)
		*address = address_from_v4(mnl_attr_get_payload(ip->at[v4]));
	else if (ip->at[v6] && mnl_attr_get_payload_len(ip->at[v6]) == 16)
		*address = address_from_v6(mnl_attr_get_payload(ip->at[v6]));
	else
		return false;
	return true;
}

/* Numbers of 8 and 16 bits as they stand in the message; 0 if absent. */
static uint8_t read_u8(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) == 1 ? mnl_attr_get_u8(a) : 0;
}

static uint16_t read_u16(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) == 2 ? mnl_attr_get_u16(a) : 0;
}

static bool read_tuple(const struct nlattr *nest, struct flow_tuple *tuple)
{
	const struct attributes all = nested(nest);
	const struct attributes ip = nested(all.at[CTA_TUPLE_IP]), l4 = nested(all.at[CTA_TUPLE_PROTO]);

	*tuple = (struct flow_tuple){.protocol = read_u8(l4.at[CTA_PROTO_NUM])};
	if (tuple->protocol == IPPROTO_ICMP) {
		tuple->source_port_be = tuple->destination_port_be = read_u16(l4.at[CTA_PROTO_ICMP_ID]);
		tuple->icmp_type = read_u8(l4.at[CTA_PROTO_ICMP_TYPE]);
		tuple->icmp_code = read_u8(l4.at[CTA_PROTO_ICMP_CODE]);
	} else if (tuple->protocol == IPPROTO_ICMPV6) {
		tuple->source_port_be = tuple->destination_port_be = read_u16(l4.at[CTA_PROTO_ICMPV6_ID]);
		tuple->icmp_type = read_u8(l4.at[CTA_PROTO_ICMPV6_TYPE]);
		tuple->icmp_code = read_u8(l4.at[CTA_PROTO_ICMPV6_CODE]);
	} else {
		tuple->source_port_be = read_u16(l4.at[CTA_PROTO_SRC_PORT]);
		tuple->destination_port_be = read_u16(l4.at[CTA_PROTO_DST_PORT]);
	}
	return read_address(&ip, CTA_IP_V4_SRC, CTA_IP_V6_SRC, &tuple->source) &&
	       read_address(&ip, CTA_IP_V4_DST, CTA_IP_V6_DST, &tuple->destination);
}

static bool read_flow(const struct attributes *entry, struct flow *flow)
{
	return entry->at[CTA_TUPLE_ORIG] && read_tuple(entry->at[CTA_TUPLE_ORIG], &flow->original) &&
	       entry->at[CTA_TUPLE_REPLY] && read_tuple(entry->at[CTA_TUPLE_REPLY], &flow->reply);
}

/* Reads the conntrack entry of NFQA_CT. False if it makes no sense. */
bool flow_read_attached(const struct nlattr *attached, struct flow *flow)
{
	const struct attributes entry = nested(attached);

	return read_flow(&entry, flow);
}

/* What the kernel answered, as an errno: 0 with *flow filled in. */
static int read_answer(const struct nlmsghdr *message, struct flow *flow)
{
	struct attributes entry = {{NULL}};

	if (message->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);

		if (mnl_nlmsg_get_payload_len(message) < sizeof(*answer) || answer->error == 0)
			return EBADMSG; /* an acknowledgement is no flow */
		return -answer->error;
	}
	if (mnl_attr_parse(message, sizeof(struct nfgenmsg), take_attribute, &entry) < 0)
		return EBADMSG;
	return read_flow(&entry, flow) ? 0 : EBADMSG;
}

/* The kernel has answered before the question's sendto() returns, so there is
 * nothing to wait for; what an earlier, broken-off question left is skipped. */
static int receive(struct flow_socket *flows, struct flow *flow)
{
	const struct nlmsghdr *message = (const void *)flows->buffer;
	ssize_t length;

	do {
		length = mnl_socket_recvfrom(flows->socket, flows->buffer, sizeof(flows->buffer));
		if (length < 0)
			return errno;
		if (!mnl_nlmsg_ok(message, (int)length) || message->nlmsg_len > (size_t)length)
			return EBADMSG;
	} while (message->nlmsg_seq != flows->sequence);
	return read_answer(message, flow);
}

/* Asks once; returns an errno, ENOENT if there is no such flow. */
static int ask_one(struct flow_socket *flows, const struct flow_tuple *tuple, struct flow *flow)
{
	return ask(flows, tuple) < 0 ? errno : receive(flows, flow);
}

/* Finds the flow of a packet that was seen with this tuple, before or after the
 * kernel's NAT: the tuple is one of the flow's two, or the inverse of one. The
 * inverse is the likelier and goes first. FLOW_FAILED sets errno. */
enum flow_answer flow_lookup(struct flow_socket *flows, const struct flow_tuple *seen, struct flow *flow)
{
	const struct flow_tuple inverse = flow_tuple_inverse(seen);

	errno = ask_one(flows, &inverse, flow);
	if (errno == ENOENT)
		errno = ask_one(flows, seen, flow);
	if (errno == 0)
		return FLOW_FOUND;
	return errno == ENOENT ? FLOW_NOT_FOUND : FLOW_FAILED;
}

/* Whether connection tracking answers at all: 0, or an errno. */
int flow_probe(struct flow_socket *flows)
{
	static const uint8_t nowhere[4] = {0, 0, 0, 0};
	const struct flow_tuple tuple = {
		.source = address_from_v4(nowhere),
		.destination = address_from_v4(nowhere),
		.protocol = IPPROTO_UDP,
	};
	struct flow flow;
	int error = ask_one(flows, &tuple, &flow);

	return error == ENOENT ? 0 : error;
}
