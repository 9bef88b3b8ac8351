/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Asks nf_tables for the counters of our tables, by a dump of one table each. A name is COUNTER.INTERFACE, as
 * nft_name() writes it (rules/nft_error.c): with / for @, which no interface's name has. The kernel dumps
 * while it is asked, so that nothing here waits.
 */
#include "io/rule_counters.h"

#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>

#include "io/netlink.h"

#define TABLE	    "icmpnatd"
#define ANSWER_SIZE 16384 /* the kernel fills what the reader has room for */
#define ATTEMPTS    3	  /* at a dump during which the rules changed */

const char *const rule_counters_names[RULE_COUNTER_COUNT] = {
#define RULE_COUNTER(name, text, fate, sentence) text,
#include "io/rule_counters.def"
#undef RULE_COUNTER
};

/* Opens a socket for rule_counters_read(). Returns NULL with errno. */
struct mnl_socket *rule_counters_open(void)
{
	return netlink_open(NETLINK_NETFILTER, SOCK_NONBLOCK);
}

/* Closes the socket. NULL is fine. */
void rule_counters_close(struct mnl_socket *socket)
{
	netlink_close(socket);
}

/* Copies the name of an interface as the kernel has it. Returns false if it is none. */
static bool copy_interface(char interface[IF_NAMESIZE], const char *name)
{
	const size_t length = strlen(name);

	if (length == 0 || length >= IF_NAMESIZE || strpbrk(name, " \t\n\v\f\r"))
		return false;
	for (size_t i = 0; i <= length; i++)
		interface[i] = (char)(name[i] == '/' ? '@' : name[i]);
	return true;
}

/* Returns the row of an interface, a new one if there is none yet; NULL if it has no room. */
static uint64_t *find_row(struct rule_counters *counters, const char interface[IF_NAMESIZE])
{
	size_t i = 0;

	while (i < counters->n && strcmp(counters->row[i].interface, interface) != 0)
		i++;
	if (i == RULE_COUNTERS_ROWS)
		return NULL;
	if (i == counters->n) {
		memset(&counters->row[i], 0, sizeof(counters->row[i]));
		snprintf(counters->row[i].interface, IF_NAMESIZE, "%s", interface);
		counters->n++;
	}
	return counters->row[i].packets;
}

/* Adds the packets of the counter that has a name, if it is one of the rules'. */
static void add_named(struct rule_counters *counters, const char *name, uint64_t packets)
{
	const size_t length = strcspn(name, ".");
	char interface[IF_NAMESIZE];
	uint64_t *row;
	size_t c = 0;

	while (c < RULE_COUNTER_COUNT && (strlen(rule_counters_names[c]) != length ||
						 memcmp(rule_counters_names[c], name, length) != 0))
		c++;
	if (c == RULE_COUNTER_COUNT || name[length] != '.' || !copy_interface(interface, name + length + 1))
		return;
	row = find_row(counters, interface);
	if (!row)
		return;
	row[c] += packets;
	counters->present[c] = true;
}

/* Adds the counter that a message is about. */
static int take_object(const struct nlmsghdr *message, void *context)
{
	const struct nlattr *object[NFTA_OBJ_DATA + 1], *counter[NFTA_COUNTER_PACKETS + 1], *name, *data;
	uint64_t packets;

	netlink_find_in(message, sizeof(struct nfgenmsg), object, NFTA_OBJ_DATA + 1);
	name = object[NFTA_OBJ_NAME];
	data = object[NFTA_OBJ_DATA];
	if (!name || !data || !memchr(mnl_attr_get_payload(name), '\0', netlink_length(name)))
		return MNL_CB_OK;
	netlink_find(mnl_attr_get_payload(data), (const char *)data + data->nla_len, counter,
		NFTA_COUNTER_PACKETS + 1);
	if (!counter[NFTA_COUNTER_PACKETS] ||
		netlink_length(counter[NFTA_COUNTER_PACKETS]) != sizeof(packets))
		return MNL_CB_OK;
	memcpy(&packets, mnl_attr_get_payload(counter[NFTA_COUNTER_PACKETS]), sizeof(packets));
	add_named(context, mnl_attr_get_payload(name), be64toh(packets));
	return MNL_CB_OK;
}

/* Asks for the counters of one table. Returns the number of the question; 0 with errno if that failed. */
static unsigned ask(struct mnl_socket *socket, uint8_t family)
{
	static unsigned sequence;
	_Alignas(8) char question[256];
	struct nlmsghdr *message = mnl_nlmsg_put_header(question);
	struct nfgenmsg *head = mnl_nlmsg_put_extra_header(message, sizeof(*head));

	sequence += sequence + 1 ? 1 : 2;
	message->nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETOBJ;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message->nlmsg_seq = sequence;
	head->nfgen_family = family;
	head->version = NFNETLINK_V0;
	mnl_attr_put_strz(message, NFTA_OBJ_TABLE, TABLE);
	mnl_attr_put_u32(message, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
	return netlink_send(socket, message, message->nlmsg_len) ? sequence : 0;
}

/* Takes the answer to a question. Returns false with errno if there is none, or not the whole of it (EINTR:
 * the rules changed meanwhile). */
static bool take_answer(struct mnl_socket *socket, unsigned sequence, struct rule_counters *counters)
{
	_Alignas(8) char answer[ANSWER_SIZE];
	int state = MNL_CB_OK;

	while (state == MNL_CB_OK) {
		const ssize_t length = mnl_socket_recvfrom(socket, answer, sizeof(answer));

		if (length < 0)
			return false;
		state = mnl_cb_run(answer, (size_t)length, sequence, mnl_socket_get_portid(socket),
			take_object, counters);
	}
	return state == MNL_CB_STOP;
}

/* Reads the counters of both families. Returns false with errno if they cannot be read: socket is NULL, or
 * this kernel has no nf_tables. Where there are no tables, there are no rows. */
bool rule_counters_read(struct mnl_socket *socket, struct rule_counters *counters)
{
	static const uint8_t families[] = {NFPROTO_IPV4, NFPROTO_IPV6};
	bool read = false;

	for (int i = 0; socket && i < ATTEMPTS && !read; i++) {
		netlink_drain(mnl_socket_get_fd(socket));
		*counters = (struct rule_counters){.n = 0};
		read = true;
		for (size_t f = 0; read && f < sizeof(families); f++) {
			const unsigned sequence = ask(socket, families[f]);

			read = sequence && take_answer(socket, sequence, counters);
		}
	}
	return read;
}
