/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The reader of conntrack entries of io/flow.c: those that come attached to a
 * packet, and those that ctnetlink answers a batch of questions with, against
 * the kernel of kernel.c. What is read must be what a plain reader reads, of the
 * answer that was for this question. (libnetfilter_conntrack cannot judge: it
 * ends the process over an attribute of an unusual length.)
 *
 *   byte 0    bit 0: 0 attached, the rest is the content of NFQA_CT; 1 ctnetlink
 *   if so: bit 1 IPv6, bits 2-7 the number of questions less 1, byte 1 protocol,
 *   12 bytes of the first one's tuple (the others have other ports), then the kernel's script
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>

#include "io/flow.h"
#include "kernel.h"

static bool has_ports(uint8_t protocol)
{
	return protocol != IPPROTO_ICMP && protocol != IPPROTO_ICMPV6;
}

/* A piece of a message that holds attributes. */
struct piece {
	const uint8_t *bytes;
	size_t length;
};

/* The payload of the last attribute of that type: its bytes are NULL if there
 * is none. Reading ends where an attribute does not fit. */
static struct piece find(struct piece in, unsigned type)
{
	struct piece found = {NULL, 0};
	uint16_t header[2];

	while (in.bytes && in.length >= 4) {
		memcpy(header, in.bytes, 4);
		if (header[0] < 4 || header[0] > in.length)
			break;
		if ((header[1] & 0x3fff) == type)
			found = (struct piece){in.bytes + 4, header[0] - 4u};
		header[0] = (uint16_t)((header[0] + 3) & ~3);
		if (header[0] == 0 || header[0] > in.length)
			break;
		in.bytes += header[0];
		in.length -= header[0];
	}
	return found;
}

static void check_address(struct piece ip, unsigned v4, struct address address)
{
	const struct piece short_one = find(ip, v4), long_one = find(ip, v4 + 2);
	uint8_t bytes[16];

	if (short_one.length == 4) {
		EXPECT(address_is_v4(address));
		address_to_v4(address, bytes);
		EXPECT(memcmp(bytes, short_one.bytes, 4) == 0);
	} else {
		EXPECT(long_one.length == 16);
		address_to_v6(address, bytes);
		EXPECT(memcmp(bytes, long_one.bytes, 16) == 0);
	}
}

static uint16_t number(struct piece in, unsigned type, size_t size)
{
	const struct piece found = find(in, type);
	uint16_t value = 0;

	if (found.length == size && size == 1)
		value = *found.bytes;
	else if (found.length == size)
		memcpy(&value, found.bytes, 2);
	return value;
}

static void check_tuple(struct piece nest, const struct flow_tuple *tuple)
{
	const struct piece ip = find(nest, CTA_TUPLE_IP), l4 = find(nest, CTA_TUPLE_PROTO);
	const unsigned id = tuple->protocol == IPPROTO_ICMP ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID;

	check_address(ip, CTA_IP_V4_SRC, tuple->source);
	check_address(ip, CTA_IP_V4_DST, tuple->destination);
	EXPECT(number(l4, CTA_PROTO_NUM, 1) == tuple->protocol);
	if (has_ports(tuple->protocol)) {
		EXPECT(number(l4, CTA_PROTO_SRC_PORT, 2) == tuple->source_port_be);
		EXPECT(number(l4, CTA_PROTO_DST_PORT, 2) == tuple->destination_port_be);
		EXPECT(tuple->icmp_type == 0 && tuple->icmp_code == 0);
	} else {
		EXPECT(number(l4, id, 2) == tuple->source_port_be);
		EXPECT(tuple->source_port_be == tuple->destination_port_be);
		EXPECT(number(l4, id + 1, 1) == tuple->icmp_type &&
			number(l4, id + 2, 1) == tuple->icmp_code);
	}
}

/* Compares what was read with the bytes that it was read from. */
static void check_flow(struct piece attributes, const struct flow *flow)
{
	check_tuple(find(attributes, CTA_TUPLE_ORIG), &flow->original);
	check_tuple(find(attributes, CTA_TUPLE_REPLY), &flow->reply);
}

/* The entry of a packet, in memory of exactly its size. */
static void test_attached(struct script script)
{
	const size_t length = (size_t)(script.end - script.next);
	struct nlattr *attribute = malloc(MNL_ATTR_HDRLEN + length);
	struct flow flow;

	attribute->nla_type = 11; /* NFQA_CT */
	attribute->nla_len = (uint16_t)(MNL_ATTR_HDRLEN + length);
	script_copy(&script, attribute + 1, length);
	if (length <= UINT16_MAX - MNL_ATTR_HDRLEN && flow_read_attached(attribute, &flow))
		check_flow((struct piece){(const uint8_t *)(attribute + 1), length}, &flow);
	free(attribute);
}

static struct flow_tuple read_tuple(struct script *script, bool v6)
{
	struct flow_tuple tuple = {.protocol = script_byte(script)};
	uint8_t bytes[4], pad[16] = {0x20, 0x01, 0x0d, 0xb8};

	script_copy(script, bytes, 4);
	memcpy(pad + 12, bytes, 4);
	tuple.source = v6 ? address_from_v6(pad) : address_from_v4(bytes);
	script_copy(script, bytes, 4);
	memcpy(pad + 12, bytes, 4);
	tuple.destination = v6 ? address_from_v6(pad) : address_from_v4(bytes);
	tuple.source_port_be = script_be16(script);
	tuple.destination_port_be = script_be16(script);
	if (!has_ports(tuple.protocol)) {
		tuple.icmp_type = (uint8_t)tuple.destination_port_be;
		tuple.destination_port_be = tuple.source_port_be;
	}
	return tuple;
}

/* A question as the kernel knows it. */
struct asked {
	enum { NOT_ASKED, OPEN, TOO_LATE, NOT_KNOWN, ANSWERED } state;
	uint32_t sequence;
	int error;			    /* that it was answered with, if with one */
	uint8_t answer[KERNEL_MESSAGE_MAX]; /* else the answer */
	size_t length;
};

static struct {
	struct asked questions[FLOW_QUESTIONS_MAX];
	unsigned n;
} asked;

static void check_question(const struct nlmsghdr *message)
{
	struct nf_conntrack *ct = nfct_new();

	EXPECT(message->nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET));
	EXPECT(message->nlmsg_flags == NLM_F_REQUEST);
	EXPECT(nfct_nlmsg_parse(message, ct) == 0);
	nfct_destroy(ct);
}

/* For struct kernel: all questions the first time, and the second time those
 * that nobody knew an answer to. */
static void taken(const void *bytes, size_t length)
{
	const struct nlmsghdr *message = bytes;
	const bool again = asked.questions[0].state != NOT_ASKED;
	int left = (int)length;

	for (unsigned i = 0; i < asked.n; i++) {
		if (asked.questions[i].state == OPEN)
			asked.questions[i].state = TOO_LATE;
		if (again && asked.questions[i].state != NOT_KNOWN)
			continue;
		EXPECT(mnl_nlmsg_ok(message, left));
		check_question(message);
		asked.questions[i].state = OPEN;
		asked.questions[i].sequence = message->nlmsg_seq;
		message = mnl_nlmsg_next(message, &left);
	}
	EXPECT(left == 0);
}

/* For struct kernel: notes the first answer to an open question. */
static void given(const void *bytes, size_t length)
{
	const struct nlmsghdr *message = bytes;
	const struct nlmsgerr *error = (const void *)(message + 1);
	unsigned i = 0;

	if (length < sizeof(*message))
		return;
	while (i < asked.n &&
		(asked.questions[i].state != OPEN || asked.questions[i].sequence != message->nlmsg_seq))
		i++;
	if (i == asked.n)
		return;
	asked.questions[i].state = ANSWERED;
	asked.questions[i].error = EBADMSG;
	if (message->nlmsg_len > length || message->nlmsg_len < sizeof(*message))
		return;
	if (message->nlmsg_type != NLMSG_ERROR) {
		asked.questions[i].error = 0;
		asked.questions[i].length = message->nlmsg_len;
		memcpy(asked.questions[i].answer, bytes, message->nlmsg_len);
	} else if (message->nlmsg_len >= sizeof(*message) + sizeof(*error) && error->error < 0) {
		asked.questions[i].error = -error->error;
		asked.questions[i].state = error->error == -ENOENT ? NOT_KNOWN : ANSWERED;
	}
}

/* What became of a question that was asked, and of one that could not be. */
static void check_answer(const struct asked *question, const struct flow_question *answer)
{
	switch (question->state) {
	case NOT_ASKED:
	case OPEN:
	case TOO_LATE:
		EXPECT(answer->error && answer->error != ENOENT);
		break;
	case NOT_KNOWN: /* unless the second question could not be sent */
		EXPECT(answer->error);
		break;
	case ANSWERED:
		EXPECT(answer->error == question->error || (!question->error && answer->error == EBADMSG));
		if (answer->error == 0)
			check_flow(
				(struct piece){question->answer + 20, question->length - 20}, &answer->flow);
		break;
	}
}

static void test_asked(struct script script, unsigned n, bool v6)
{
	struct flow_question questions[FLOW_QUESTIONS_MAX];
	struct flow_socket *flows;

	memset(&asked, 0, sizeof(asked));
	asked.n = n;
	questions[0].seen = read_tuple(&script, v6);
	for (unsigned i = 1; i < n; i++) {
		questions[i].seen = questions[i - 1].seen;
		questions[i].seen.source_port_be++;
	}
	kernel_start(script);
	kernel.taken = taken;
	kernel.given = given;
	flows = flow_open();
	flow_lookup(flows, questions, n);
	flow_close(flows);
	for (unsigned i = 0; i < n; i++)
		check_answer(&asked.questions[i], &questions[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct script script = {input, input + size};
	const uint8_t choice = script_byte(&script);

	if (choice & 1)
		test_asked(script, 1 + (choice >> 2), choice & 2);
	else
		test_attached(script);
	return 0;
}
