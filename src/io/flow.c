/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * ctnetlink. libnetfilter_conntrack writes the questions; the answers are read here, because the library's
 * getters cannot tell the ICMP identifier of the reply tuple, and so as not to allocate an object for each
 * answer. A batch of questions is one send, and its answers are matched by their sequence numbers.
 */
#define _GNU_SOURCE
#include "io/flow.h"

#include <errno.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>

#include "io/clock.h"
#include "io/netlink.h"

#define QUESTION_MAX 256  /* bytes of one; those of IPv6 have 108 */
#define ANSWER_MAX   4096 /* of one; the kernel's have some hundred */
#define ANSWERS	     16	  /* taken by one system call */
/* Bytes of receive buffer that an answer is charged for, at most. All answers to a batch may come before
 * the first one is read. */
#define KERNEL_TRUTH 4608

enum { PENDING = -1 }; /* question.error of one that has been asked */

struct flow_socket {
	struct mnl_socket *socket;
	struct nf_conntrack *question; /* one object for all questions */
	uint32_t sequence;	       /* that the next round of questions begins with */
	int64_t deadline;	       /* milliseconds of CLOCK_MONOTONIC */
	_Alignas(8) char out[FLOW_QUESTIONS_MAX * QUESTION_MAX];
	_Alignas(8) char in[ANSWERS][ANSWER_MAX];
	struct mmsghdr headers[ANSWERS];
	struct iovec parts[ANSWERS];
};

/* Questions that are asked together; questions[i] has the sequence number first + i. */
struct round {
	struct flow_question *questions;
	unsigned n, pending;
	uint32_t first;
};

/* Opens a socket for questions. Returns NULL with errno. */
struct flow_socket *flow_open(void)
{
	struct flow_socket *flows = calloc(1, sizeof(*flows));
	int error;

	if (!flows)
		return NULL;
	for (unsigned i = 0; i < ANSWERS; i++) {
		flows->parts[i] = (struct iovec){flows->in[i], ANSWER_MAX};
		flows->headers[i].msg_hdr = (struct msghdr){.msg_iov = &flows->parts[i], .msg_iovlen = 1};
	}
	flows->sequence = 1; /* what the kernel sends unasked has 0 */
	flows->question = nfct_new();
	flows->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (flows->question && flows->socket && mnl_socket_bind(flows->socket, 0, MNL_SOCKET_AUTOPID) == 0) {
		netlink_set_receive_buffer(
			mnl_socket_get_fd(flows->socket), FLOW_QUESTIONS_MAX * KERNEL_TRUTH);
		return flows;
	}
	error = errno;
	flow_close(flows);
	errno = error;
	return NULL;
}

/* Closes a socket for questions. flows may be NULL. */
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
	const bool v4 = address_is_v4(tuple->source);
	void (*const write)(struct address, uint8_t *) = v4 ? address_to_v4 : address_to_v6;
	uint8_t source[16], destination[16];

	write(tuple->source, source);
	write(tuple->destination, destination);
	nfct_set_attr_u8(ct, ATTR_ORIG_L3PROTO, v4 ? AF_INET : AF_INET6);
	nfct_set_attr(ct, v4 ? ATTR_ORIG_IPV4_SRC : ATTR_ORIG_IPV6_SRC, source);
	nfct_set_attr(ct, v4 ? ATTR_ORIG_IPV4_DST : ATTR_ORIG_IPV6_DST, destination);
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

/* Writes the question for the flow that has this tuple in either direction: the kernel finds an entry by
 * both of its tuples (ctnetlink_get_conntrack). Returns its length; 0 if the library fails. */
static size_t put_question(
	struct flow_socket *flows, char *at, const struct flow_tuple *tuple, uint32_t sequence)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(at);
	struct nfgenmsg *family = mnl_nlmsg_put_extra_header(message, sizeof(*family));

	set_addresses(flows->question, tuple);
	set_transport(flows->question, tuple);
	message->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	message->nlmsg_flags = NLM_F_REQUEST;
	message->nlmsg_seq = sequence;
	family->nfgen_family = address_is_v4(tuple->source) ? AF_INET : AF_INET6;
	family->version = NFNETLINK_V0;
	return nfct_nlmsg_build(message, flows->question) < 0 ? 0 : MNL_ALIGN(message->nlmsg_len);
}

/* Writes the questions of a round that have no answer yet. Returns their length in bytes. */
static size_t put_questions(struct flow_socket *flows, struct round *round, bool inverse)
{
	size_t length = 0, n;

	for (unsigned i = 0; i < round->n; i++) {
		struct flow_question *question = &round->questions[i];
		const struct flow_tuple tuple =
			inverse ? flow_tuple_inverse(&question->seen) : question->seen;

		if (question->error != ENOENT)
			continue;
		n = put_question(flows, flows->out + length, &tuple, round->first + i);
		question->error = n ? PENDING : EINVAL;
		round->pending += n > 0;
		length += n;
	}
	return length;
}

static bool has_length(const struct nlattr *a, size_t length)
{
	return a && mnl_attr_get_payload_len(a) == length;
}

static bool flow_read_address(const struct nlattr *v4, const struct nlattr *v6, struct address *address)
{
	if (has_length(v4, 4))
		*address = address_from_v4(mnl_attr_get_payload(v4));
	else if (has_length(v6, 16))
		*address = address_from_v6(mnl_attr_get_payload(v6));
	else
		return false;
	return true;
}

/* Reads a number of 8 bits; 0 if it is absent. */
static uint8_t read_u8(const struct nlattr *a)
{
	return has_length(a, 1) ? mnl_attr_get_u8(a) : 0;
}

/* Reads a number of 16 bits as it stands in the message; 0 if it is absent. */
static uint16_t read_u16(const struct nlattr *a)
{
	return has_length(a, 2) ? mnl_attr_get_u16(a) : 0;
}

/* Finds the attributes inside of another one; nest may be NULL. */
static void find_nested(const struct nlattr *nest, const struct nlattr *found[], unsigned n)
{
	const char *first = nest ? mnl_attr_get_payload(nest) : "";

	netlink_find(first, first + (nest ? mnl_attr_get_payload_len(nest) : 0), found, n);
}

static void read_transport(const struct nlattr *nest, struct flow_tuple *tuple)
{
	const struct nlattr *l4[CTA_PROTO_MAX + 1];
	bool v6;

	find_nested(nest, l4, CTA_PROTO_MAX + 1);
	*tuple = (struct flow_tuple){.protocol = read_u8(l4[CTA_PROTO_NUM])};
	v6 = tuple->protocol == IPPROTO_ICMPV6;
	if (v6 || tuple->protocol == IPPROTO_ICMP) {
		tuple->icmp_type = read_u8(l4[v6 ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE]);
		tuple->icmp_code = read_u8(l4[v6 ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE]);
		tuple->source_port_be = read_u16(l4[v6 ? CTA_PROTO_ICMPV6_ID : CTA_PROTO_ICMP_ID]);
		tuple->destination_port_be = tuple->source_port_be;
	} else {
		tuple->source_port_be = read_u16(l4[CTA_PROTO_SRC_PORT]);
		tuple->destination_port_be = read_u16(l4[CTA_PROTO_DST_PORT]);
	}
}

static bool read_tuple(const struct nlattr *nest, struct flow_tuple *tuple)
{
	const struct nlattr *parts[CTA_TUPLE_PROTO + 1], *ip[CTA_IP_V6_DST + 1];

	find_nested(nest, parts, CTA_TUPLE_PROTO + 1);
	find_nested(parts[CTA_TUPLE_IP], ip, CTA_IP_V6_DST + 1);
	read_transport(parts[CTA_TUPLE_PROTO], tuple);
	return flow_read_address(ip[CTA_IP_V4_SRC], ip[CTA_IP_V6_SRC], &tuple->source) &&
	       flow_read_address(ip[CTA_IP_V4_DST], ip[CTA_IP_V6_DST], &tuple->destination);
}

static bool read_flow(const struct nlattr *const entry[], struct flow *flow)
{
	return read_tuple(entry[CTA_TUPLE_ORIG], &flow->original) &&
	       read_tuple(entry[CTA_TUPLE_REPLY], &flow->reply);
}

/* Reads the conntrack entry that the kernel attached to a packet (NFQA_CT).
 * Returns false if it cannot be understood. */
bool flow_read_attached(const struct nlattr *attached, struct flow *flow)
{
	const struct nlattr *entry[CTA_TUPLE_REPLY + 1];

	find_nested(attached, entry, CTA_TUPLE_REPLY + 1);
	return read_flow(entry, flow);
}

/* Reads an answer of the kernel. Returns 0 with *flow filled in, or an errno. */
static int flow_read_answer(const struct nlmsghdr *message, size_t length, struct flow *flow)
{
	const struct nlattr *entry[CTA_TUPLE_REPLY + 1];

	if (!netlink_is_whole(message, length))
		return EBADMSG;
	if (message->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *answer = mnl_nlmsg_get_payload(message);

		if (mnl_nlmsg_get_payload_len(message) < sizeof(*answer) || answer->error >= 0)
			return EBADMSG; /* an acknowledgement is no flow */
		return -answer->error;
	}
	netlink_find_in(message, sizeof(struct nfgenmsg), entry, CTA_TUPLE_REPLY + 1);
	return read_flow(entry, flow) ? 0 : EBADMSG;
}

/* Takes an answer to a question of this round. An answer to an earlier round came
 * too late and is ignored. */
static void flow_take_answer(struct round *round, const struct nlmsghdr *message, size_t length)
{
	const uint32_t i = length < sizeof(*message) ? UINT32_MAX : message->nlmsg_seq - round->first;

	if (i >= round->n || round->questions[i].error != PENDING)
		return;
	round->questions[i].error = flow_read_answer(message, length, &round->questions[i].flow);
	round->pending--;
}

/* Waits for answers. Returns 0, or an errno if it is too late for any. */
static int wait_for_answers(const struct flow_socket *flows)
{
	struct pollfd slot = {.fd = mnl_socket_get_fd(flows->socket), .events = POLLIN};
	const int64_t left = flows->deadline - clock_milliseconds();

	return left > 0 && poll(&slot, 1, (int)left) != 0 ? 0 : ETIMEDOUT;
}

/* Receives the answers. Usually all of them are there: the kernel answers while
 * it is being asked. Returns 0, or why some are missing. */
static int flow_receive(struct flow_socket *flows, struct round *round)
{
	const int fd = mnl_socket_get_fd(flows->socket);
	int error = 0, n;

	while (round->pending) {
		n = recvmmsg(fd, flows->headers, ANSWERS, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++)
			flow_take_answer(round, (void *)flows->in[i], flows->headers[i].msg_len);
		if (n >= 0 || errno == EINTR)
			continue;
		if (errno == ENOBUFS) /* some are lost, the others are here */
			error = ENOBUFS;
		else if (errno != EAGAIN)
			return errno;
		else if (error || (error = wait_for_answers(flows)))
			return error;
	}
	return 0;
}

/* Asks the questions that have no answer yet, once, by the tuple that was seen or by its inverse. */
static void flow_ask(struct flow_socket *flows, struct flow_question *questions, unsigned n, bool inverse)
{
	struct round round = {.questions = questions, .n = n, .first = flows->sequence};
	const size_t length = put_questions(flows, &round, inverse);
	int error;

	flows->sequence += n;
	if (length == 0)
		return;
	error = netlink_send(flows->socket, flows->out, length) ? flow_receive(flows, &round) : errno;
	for (unsigned i = 0; i < n; i++)
		if (questions[i].error == PENDING)
			questions[i].error = error;
}

/* Finds the flows of n packets, at most FLOW_QUESTIONS_MAX, that were seen with these tuples, before or
 * after the kernel's NAT: a tuple is one of the flow's two, or the inverse of one. The inverse is the
 * likelier and goes first. Waits no longer than FLOW_DEADLINE for answers. */
void flow_lookup(struct flow_socket *flows, struct flow_question *questions, unsigned n)
{
	flows->deadline = clock_milliseconds() + FLOW_DEADLINE;
	for (unsigned i = 0; i < n; i++)
		questions[i].error = ENOENT;
	flow_ask(flows, questions, n, true);
	flow_ask(flows, questions, n, false);
}

/* Asks connection tracking for a flow that cannot exist. Returns 0 if it answers, or an errno. */
int flow_probe(struct flow_socket *flows)
{
	const struct address nowhere = {0, ADDRESS_V4(0, 0, 0, 0)};
	struct flow_question question = {
		.seen = {.source = nowhere, .destination = nowhere, .protocol = IPPROTO_UDP}};

	flow_lookup(flows, &question, 1);
	return question.error == ENOENT ? 0 : question.error;
}
