/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reader of conntrack entries of io/flow.c: those that come attached to a
 * packet, and those that ctnetlink answers with, against the kernel of kernel.c.
 * What is read must be what a plain reader reads, and must not depend on bytes
 * behind the message. (libnetfilter_conntrack cannot judge: it ends the process
 * over an attribute of an unusual length.)
 *
 *   byte 0    bit 0: 0 attached, the rest is the content of NFQA_CT; 1 ctnetlink
 *   if so: bit 1 IPv6, byte 1 protocol, 12 bytes of the tuple asked for, then the kernel's script
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

static bool equal(const struct flow *a, const struct flow *b)
{
	return flow_tuple_equal(&a->original, &b->original) && flow_tuple_equal(&a->reply, &b->reply);
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

/* For struct kernel: every question must be a whole one. */
static void check_question(const void *bytes, size_t length)
{
	const struct nlmsghdr *message = bytes;
	struct nf_conntrack *ct = nfct_new();

	EXPECT(mnl_nlmsg_ok(message, (int)length) && message->nlmsg_len == length);
	EXPECT(message->nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET));
	EXPECT(message->nlmsg_flags == NLM_F_REQUEST);
	EXPECT(nfct_nlmsg_parse(message, ct) == 0);
	nfct_destroy(ct);
}

/* Asks a kernel that fills its buffers with fill. */
static enum flow_answer ask(
	const struct flow_tuple *seen, struct script script, uint8_t fill, struct flow *flow, int *error)
{
	struct flow_socket *flows = flow_open();
	enum flow_answer answer;

	kernel_start(script, fill);
	kernel.taken = check_question;
	answer = flow_lookup(flows, seen, flow);
	*error = errno;
	flow_close(flows);
	return answer;
}

/* The attributes of the kernel's last message, behind its two headers. libmnl
 * reads up to the next multiple of 4, which the kernel fills with zeros. */
static struct piece last_answer(void)
{
	uint32_t length;

	memcpy(&length, kernel.last, sizeof(length));
	EXPECT(length >= 20 && length <= kernel.last_length);
	return (struct piece){kernel.last + 20, (length + 3) / 4 * 4 - 20};
}

static void test_asked(struct script script, bool v6)
{
	const struct flow_tuple seen = read_tuple(&script, v6);
	struct flow first, second;
	int error, again;
	const enum flow_answer answer = ask(&seen, script, 0, &first, &error);

	EXPECT(answer == FLOW_FOUND || answer == FLOW_NOT_FOUND || answer == FLOW_FAILED);
	EXPECT(ask(&seen, script, 0xff, &second, &again) == answer);
	EXPECT(answer != FLOW_FAILED || (error == again && error != 0));
	EXPECT(answer != FLOW_FOUND || equal(&first, &second));
	if (answer == FLOW_FOUND)
		check_flow(last_answer(), &first);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct script script = {input, input + size};
	const uint8_t choice = script_byte(&script);

	if (choice & 1)
		test_asked(script, choice & 2);
	else
		test_attached(script);
	return 0;
}
