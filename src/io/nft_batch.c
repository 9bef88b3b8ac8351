/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Writes rules for nf_tables as the kernel reads them (nfnetlink, linux/netfilter/nf_tables.h), by libmnl.
 */
#include "io/nft_batch.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>

#include "io/netlink.h"

#define RULE_MAX 2048 /* bytes of a rule; the longest here has 900 */

/* Tells whether nft's listing of the rules is harmless when it is loaded as text: see nft_batch_unlisted().
 */
bool nft_batch_is_possible(void)
{
	return htons(1) != 1;
}

/* Makes room for a message and returns it, with its header; NULL if there is no memory. */
static struct nlmsghdr *new_message(struct nft_batch *batch, uint16_t type, uint16_t flags, uint16_t resource)
{
	struct nlmsghdr *message;
	struct nfgenmsg *head;

	if (batch->size - batch->length < RULE_MAX) {
		uint8_t *bytes = realloc(batch->bytes, batch->size * 2 + RULE_MAX);

		batch->failed = batch->failed || !bytes;
		if (!bytes)
			return NULL;
		batch->bytes = bytes;
		batch->size = batch->size * 2 + RULE_MAX;
	}
	message = mnl_nlmsg_put_header(batch->bytes + batch->length);
	message->nlmsg_type = type;
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	message->nlmsg_seq = ++batch->sequence;
	head = mnl_nlmsg_put_extra_header(message, sizeof(*head));
	head->nfgen_family = batch->family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
	head->version = NFNETLINK_V0;
	head->res_id = htons(resource);
	return message;
}

/* Ends the rule that is being made, if there is one. */
static void end_rule(struct nft_batch *batch)
{
	if (!batch->rule)
		return;
	mnl_attr_nest_end(batch->rule, batch->list);
	batch->length += NLMSG_ALIGN(batch->rule->nlmsg_len);
	batch->rule = NULL;
}

/* Begins a transaction for a table; its family is to be set before each rule. */
void nft_batch_begin(struct nft_batch *batch, const char *table)
{
	struct nlmsghdr *message;

	*batch = (struct nft_batch){.table = table, .family = 4};
	message = new_message(batch, NFNL_MSG_BATCH_BEGIN, 0, NFNL_SUBSYS_NFTABLES);
	if (message)
		batch->length += message->nlmsg_len;
}

/* Begins a rule at the head of a chain. The expressions that follow are its own. */
void nft_batch_rule(struct nft_batch *batch, const char *chain)
{
	end_rule(batch);
	batch->rule = new_message(batch, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE, NLM_F_CREATE, 0);
	if (!batch->rule)
		return;
	mnl_attr_put_strz(batch->rule, NFTA_RULE_TABLE, batch->table);
	mnl_attr_put_strz(batch->rule, NFTA_RULE_CHAIN, chain);
	batch->list = mnl_attr_nest_start(batch->rule, NFTA_RULE_EXPRESSIONS);
}

/* An expression under construction. */
struct expression {
	struct nlmsghdr *rule; /* NULL: there is no memory */
	struct nlattr *element, *data;
};

static struct expression begin(struct nft_batch *batch, const char *name)
{
	struct expression e = {.rule = batch->rule};

	if (e.rule) {
		e.element = mnl_attr_nest_start(e.rule, NFTA_LIST_ELEM);
		mnl_attr_put_strz(e.rule, NFTA_EXPR_NAME, name);
		e.data = mnl_attr_nest_start(e.rule, NFTA_EXPR_DATA);
	}
	return e;
}

static void end(const struct expression *e)
{
	if (!e->rule)
		return;
	mnl_attr_nest_end(e->rule, e->data);
	mnl_attr_nest_end(e->rule, e->element);
}

static void put_be32(const struct expression *e, uint16_t type, unsigned number)
{
	if (e->rule)
		mnl_attr_put_u32(e->rule, type, htonl(number));
}

/* Puts bytes that stand for themselves. */
static void put_value(const struct expression *e, uint16_t type, const uint8_t *bytes, size_t length)
{
	struct nlattr *nest;

	if (!e->rule)
		return;
	nest = mnl_attr_nest_start(e->rule, type);
	mnl_attr_put(e->rule, NFTA_DATA_VALUE, length, bytes);
	mnl_attr_nest_end(e->rule, nest);
}

/* Matches every packet; what nft lists of it, and loads, matches none. The kernel compares the length of the
 * packet as it stands in memory, byte by byte: on a machine that has the low byte first each length is
 * greater than 0, 0, 0, 1, which nft lists and loads as NFT_BATCH_UNLISTED, a number. So a listing in place
 * of these rules writes nothing, where it would leave sums wrong: nft has no word for them. */
void nft_batch_unlisted(struct nft_batch *batch)
{
	static const uint8_t least[] = {0, 0, 0, 1};
	struct expression e = begin(batch, "meta");

	put_be32(&e, NFTA_META_KEY, NFT_META_LEN);
	put_be32(&e, NFTA_META_DREG, NFT_BATCH_A);
	end(&e);
	nft_batch_compare(batch, NFT_BATCH_A, NFT_BATCH_AT_LEAST, least, sizeof(least));
}

/* Loads bytes of the packet, from where ICMP begins; ends the rule where there are none. */
void nft_batch_load(struct nft_batch *batch, enum nft_register to, unsigned offset, size_t length)
{
	struct expression e = begin(batch, "payload");

	put_be32(&e, NFTA_PAYLOAD_DREG, to);
	put_be32(&e, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
	put_be32(&e, NFTA_PAYLOAD_OFFSET, offset);
	put_be32(&e, NFTA_PAYLOAD_LEN, (unsigned)length);
	end(&e);
}

/* Ends the rule unless a register compares so, as bytes, the first one first. */
void nft_batch_compare(struct nft_batch *batch, enum nft_register what, enum nft_comparison how,
	const uint8_t *bytes, size_t length)
{
	struct expression e = begin(batch, "cmp");

	put_be32(&e, NFTA_CMP_SREG, what);
	put_be32(&e, NFTA_CMP_OP, how == NFT_BATCH_AT_MOST ? NFT_CMP_LTE : NFT_CMP_GTE);
	put_value(&e, NFTA_CMP_DATA, bytes, length);
	end(&e);
}

/* Looks a register up in a map of the table; ends the rule where it has nothing. */
void nft_batch_look_up(struct nft_batch *batch, enum nft_register key, enum nft_register to, const char *map)
{
	struct expression e = begin(batch, "lookup");

	if (e.rule)
		mnl_attr_put_strz(e.rule, NFTA_LOOKUP_SET, map);
	put_be32(&e, NFTA_LOOKUP_SREG, key);
	put_be32(&e, NFTA_LOOKUP_DREG, to);
	end(&e);
}

/* Keeps the bits of a mask, and inverts those of a change. */
void nft_batch_mask(struct nft_batch *batch, enum nft_register from, enum nft_register to,
	const uint8_t *mask, const uint8_t *change, size_t length)
{
	struct expression e = begin(batch, "bitwise");

	put_be32(&e, NFTA_BITWISE_SREG, from);
	put_be32(&e, NFTA_BITWISE_DREG, to);
	put_be32(&e, NFTA_BITWISE_LEN, (unsigned)length);
	put_value(&e, NFTA_BITWISE_MASK, mask, length);
	put_value(&e, NFTA_BITWISE_XOR, change, length);
	end(&e);
}

/* Writes a register into the packet and mends the Internet checksum at another place by the difference; both
 * from where ICMP begins, the sum at most at 255. A sum that becomes 0 is written as 0xffff. */
void nft_batch_write(
	struct nft_batch *batch, enum nft_register from, unsigned offset, size_t length, unsigned sum)
{
	struct expression e = begin(batch, "payload");

	put_be32(&e, NFTA_PAYLOAD_SREG, from);
	put_be32(&e, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_TRANSPORT_HEADER);
	put_be32(&e, NFTA_PAYLOAD_OFFSET, offset);
	put_be32(&e, NFTA_PAYLOAD_LEN, (unsigned)length);
	put_be32(&e, NFTA_PAYLOAD_CSUM_TYPE, NFT_PAYLOAD_CSUM_INET);
	put_be32(&e, NFTA_PAYLOAD_CSUM_OFFSET, sum);
	end(&e);
}

/* Goes on in another chain of the table, from which nothing returns. */
void nft_batch_go(struct nft_batch *batch, const char *chain)
{
	struct expression e = begin(batch, "immediate");
	struct nlattr *data, *verdict;

	put_be32(&e, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	if (e.rule) {
		data = mnl_attr_nest_start(e.rule, NFTA_IMMEDIATE_DATA);
		verdict = mnl_attr_nest_start(e.rule, NFTA_DATA_VERDICT);
		mnl_attr_put_u32(e.rule, NFTA_VERDICT_CODE, htonl((uint32_t)NFT_GOTO));
		mnl_attr_put_strz(e.rule, NFTA_VERDICT_CHAIN, chain);
		mnl_attr_nest_end(e.rule, verdict);
		mnl_attr_nest_end(e.rule, data);
	}
	end(&e);
}

/* Reads what the kernel says, which is there when the messages have been sent: of one that failed, and of the
 * last one. Returns 0, or the first errno. */
static int read_answer(int fd, uint32_t last)
{
	_Alignas(8) char answer[16384];

	for (;;) {
		const ssize_t length = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
		const struct nlmsghdr *message = (const void *)answer;

		if (length < 0 && errno != EINTR)
			return errno;
		for (int left = (int)length; left > 0 && netlink_is_whole(message, (size_t)left);
			message = mnl_nlmsg_next(message, &left)) {
			const struct nlmsgerr *error = mnl_nlmsg_get_payload(message);

			if (message->nlmsg_type == NLMSG_ERROR && error->error)
				return -error->error;
			if (message->nlmsg_type == NLMSG_ERROR && message->nlmsg_seq == last)
				return 0;
		}
	}
}

/* Sends a transaction that is whole. */
static int send_whole(const struct nft_batch *batch, int fd, uint32_t last)
{
	static const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	int error;

	netlink_drain(fd);
	netlink_set_send_buffer(fd, (int)batch->length);
	error = sendto(fd, batch->bytes, batch->length, 0, (const void *)&kernel, sizeof(kernel)) < 0
			? errno
			: read_answer(fd, last);
	netlink_drain(fd);
	return error;
}

/* Sends the rules by a socket of netlink that has an address, and frees them. Returns 0 when all are in
 * force, or there are none; else nothing has changed, and the errno is the kernel's, or ENOMEM. */
int nft_batch_send(struct nft_batch *batch, int fd)
{
	const uint32_t last = batch->sequence;
	struct nlmsghdr *message;
	int error = 0;

	if (batch->rule)
		batch->rule->nlmsg_flags |= NLM_F_ACK;
	end_rule(batch);
	message = new_message(batch, NFNL_MSG_BATCH_END, 0, NFNL_SUBSYS_NFTABLES);
	if (message)
		batch->length += message->nlmsg_len;
	if (batch->failed)
		error = ENOMEM;
	else if (last > 1)
		error = send_whole(batch, fd, last);
	free(batch->bytes);
	*batch = (struct nft_batch){.bytes = NULL};
	return error;
}
