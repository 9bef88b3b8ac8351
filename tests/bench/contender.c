/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What icmpnatd is measured against: programs on an IPv4 queue that do less.
 *   floor    receives a batch and accepts it with one message, unread: what the
 *            kernel charges whatever a program does
 *   rewrite  receives a batch and sends it back with another outer source: what
 *            the kernel charges a program that rewrites
 *   example  the same, one packet at a time, as libnetfilter_queue's own example
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <libnetfilter_queue/libnetfilter_queue_ipv4.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <netinet/ip.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH	64
#define MESSAGE 4096

static struct mnl_socket *netlink;
static uint16_t queue;
static in_addr_t public_be;

static void configure(uint32_t length)
{
	char buffer[256];
	struct nlmsghdr *message = nfq_nlmsg_put(buffer, NFQNL_MSG_CONFIG, queue);

	nfq_nlmsg_cfg_put_cmd(message, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
	nfq_nlmsg_cfg_put_params(message, NFQNL_COPY_PACKET, 2048);
	nfq_nlmsg_cfg_put_qmaxlen(message, length);
	if (mnl_socket_sendto(netlink, message, message->nlmsg_len) < 0)
		err(1, "sendto");
}

/* Each contender gets the receive buffer that icmpnatd asks for. */
static void open_queue(uint32_t length)
{
	int fd, one = 1, size = (int)(length * 2304);

	netlink = mnl_socket_open(NETLINK_NETFILTER);
	if (!netlink || mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) < 0)
		err(1, "netlink");
	fd = mnl_socket_get_fd(netlink);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0 ||
		setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &one, sizeof(one)) < 0)
		err(1, "setsockopt");
	configure(length);
}

static uint32_t packet_id(struct nlattr **attributes)
{
	const struct nfqnl_msg_packet_hdr *header = mnl_attr_get_payload(attributes[NFQA_PACKET_HDR]);

	return ntohl(header->packet_id);
}

/* Writes a verdict that carries the packet, rewritten. */
static struct nlmsghdr *put_rewritten(char *out, const struct nlmsghdr *message)
{
	struct nlattr *attributes[NFQA_MAX + 1] = {NULL};
	struct nlmsghdr *verdict;
	struct iphdr *ip;

	if (nfq_nlmsg_parse(message, attributes) < 0 || !attributes[NFQA_PAYLOAD])
		errx(1, "no packet");
	ip = mnl_attr_get_payload(attributes[NFQA_PAYLOAD]);
	ip->saddr = public_be;
	nfq_ip_set_checksum(ip);
	verdict = nfq_nlmsg_put(out, NFQNL_MSG_VERDICT, queue);
	nfq_nlmsg_verdict_put(verdict, (int)packet_id(attributes), NF_ACCEPT);
	nfq_nlmsg_verdict_put_pkt(verdict, ip, mnl_attr_get_payload_len(attributes[NFQA_PAYLOAD]));
	return verdict;
}

static int answer_one(const struct nlmsghdr *message, void *context)
{
	char out[MESSAGE];
	const struct nlmsghdr *verdict = put_rewritten(out, message);

	(void)context;
	return mnl_socket_sendto(netlink, verdict, verdict->nlmsg_len) < 0 ? MNL_CB_ERROR : MNL_CB_OK;
}

static void run_example(void)
{
	static char buffer[0xffff + 4096];
	unsigned port = mnl_socket_get_portid(netlink);
	ssize_t length;

	for (;;) {
		length = mnl_socket_recvfrom(netlink, buffer, sizeof(buffer));
		if (length < 0 || mnl_cb_run(buffer, (size_t)length, 0, port, answer_one, NULL) < 0)
			err(1, "queue");
	}
}

static char in[BATCH][MESSAGE], out[BATCH * MESSAGE];

/* Both answer the first n messages of in, and return the bytes to send. */
typedef size_t answer_batch(int n);

static size_t accept_batch(int n)
{
	struct nlattr *attributes[NFQA_MAX + 1] = {NULL};
	struct nlmsghdr *verdict = nfq_nlmsg_put(out, NFQNL_MSG_VERDICT_BATCH, queue);

	if (nfq_nlmsg_parse((const void *)in[n - 1], attributes) < 0 || !attributes[NFQA_PACKET_HDR])
		errx(1, "no packet");
	nfq_nlmsg_verdict_put(verdict, (int)packet_id(attributes), NF_ACCEPT);
	return verdict->nlmsg_len;
}

static size_t rewrite_batch(int n)
{
	size_t length = 0;

	for (int i = 0; i < n; i++)
		length += MNL_ALIGN(put_rewritten(out + length, (const void *)in[i])->nlmsg_len);
	return length;
}

static void run_batches(answer_batch *answer)
{
	static struct mmsghdr headers[BATCH];
	static struct iovec parts[BATCH];
	int n;

	for (int i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){in[i], MESSAGE};
		headers[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
	}
	for (;;) {
		n = recvmmsg(mnl_socket_get_fd(netlink), headers, BATCH, MSG_WAITFORONE, NULL);
		if (n < 0 || mnl_socket_sendto(netlink, out, answer(n)) < 0)
			err(1, "queue");
	}
}

int main(int argc, char **argv)
{
	if (argc != 5 || inet_pton(AF_INET, argv[4], &public_be) != 1)
		errx(2, "usage: contender floor|rewrite|example QUEUE LENGTH PUBLIC");
	queue = (uint16_t)atoi(argv[2]);
	open_queue((uint32_t)strtoul(argv[3], NULL, 10));
	if (strcmp(argv[1], "example") == 0)
		run_example();
	run_batches(strcmp(argv[1], "floor") == 0 ? accept_batch : rewrite_batch);
	return 0;
}
