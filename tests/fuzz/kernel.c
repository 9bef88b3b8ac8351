/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The functions that the program calls instead of libmnl's and libc's, because
 * the linker finds these first.
 */
#define _GNU_SOURCE
#include "kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)   ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

enum { MESSAGE, PACKET, ANSWER, FAILURE };
enum { KIND = 3, SET_LENGTH = 4, SET_SEQUENCE = 8, WITH_ENTRY = 16 };

struct kernel kernel;

/* Begins a conversation. */
void kernel_start(struct script script)
{
	kernel = (struct kernel){.script = script};
	kernel.failures = script_byte(&kernel.script);
}

bool kernel_is_at_end(void)
{
	return kernel.script.next == kernel.script.end;
}

static uint32_t choose_sequence(uint8_t control)
{
	return kernel.sequence - (control >> 5);
}

/* Makes right what the control byte says. */
static void repair(uint8_t *message, size_t length, uint8_t control)
{
	struct nlmsghdr header;

	if (length < sizeof(header))
		return;
	memcpy(&header, message, sizeof(header));
	if (control & SET_LENGTH)
		header.nlmsg_len = (uint32_t)length;
	if (control & SET_SEQUENCE)
		header.nlmsg_seq = choose_sequence(control);
	memcpy(message, &header, sizeof(header));
}

/* A message as the script has it, cut to size. Returns its length. */
static size_t put_raw(uint8_t *message, size_t size, uint8_t control)
{
	size_t length = script_be16(&kernel.script);
	const uint8_t *bytes = script_take(&kernel.script, &length);

	length = length < size ? length : size;
	if (length)
		memcpy(message, bytes, length);
	repair(message, length, control);
	kernel.raw = true;
	return length;
}

/* What netlink_ack() makes. */
static size_t put_answer(uint8_t *message, uint8_t control)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(message);
	struct nlmsgerr *answer = mnl_nlmsg_put_extra_header(header, sizeof(*answer));

	header->nlmsg_type = NLMSG_ERROR;
	header->nlmsg_seq = answer->msg.nlmsg_seq = control & SET_SEQUENCE ? choose_sequence(control) : 0;
	answer->error = -script_byte(&kernel.script);
	return header->nlmsg_len;
}

/* What nfqnl_build_packet_message() makes; at most 2048 bytes are copied. */
static size_t put_packet(uint8_t *message, uint8_t control)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(message);
	struct nfgenmsg *family = mnl_nlmsg_put_extra_header(header, sizeof(*family));
	struct kernel_packet *packet = &kernel.packets[kernel.n_packets++];
	const struct nfqnl_msg_packet_hdr id = {.packet_id = htonl((uint32_t)kernel.n_packets)};

	packet->id = (uint32_t)kernel.n_packets;
	packet->attached = control & WITH_ENTRY;
	packet->length = script_be16(&kernel.script) % 2049;
	packet->interface = script_byte(&kernel.script);
	packet->bytes = script_take(&kernel.script, &packet->length);
	header->nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET;
	mnl_attr_put(header, NFQA_PACKET_HDR, sizeof(id), &id);
	if (packet->interface)
		mnl_attr_put_u32(header, NFQA_IFINDEX_OUTDEV, htonl(packet->interface));
	if (packet->attached)
		mnl_attr_put_u32(header, NFQA_CT, (uint32_t)kernel.n_packets);
	mnl_attr_put(header, NFQA_PAYLOAD, packet->length, packet->bytes);
	return header->nlmsg_len;
}

static int choose_errno(uint8_t choice)
{
	static const int errors[] = {EAGAIN, EINTR, ENOBUFS, ENOMEM};

	return errors[choice & 3];
}

/* The next message; -1 with errno if there is none now. */
static ssize_t receive(uint8_t *buffer, size_t size)
{
	const uint8_t control = script_byte(&kernel.script);

	errno = EAGAIN;
	if (kernel_is_at_end())
		return -1;
	if ((control & KIND) == FAILURE) {
		errno = choose_errno(script_byte(&kernel.script));
		return -1;
	}
	EXPECT(size == KERNEL_MESSAGE_MAX);
	if ((control & KIND) == ANSWER)
		return (ssize_t)put_answer(buffer, control);
	if ((control & KIND) == PACKET && kernel.n_packets < KERNEL_PACKETS_MAX)
		return (ssize_t)put_packet(buffer, control);
	return (ssize_t)put_raw(buffer, size, control);
}

/* Takes messages or fails, as the first byte of the script says. */
static ssize_t take(const void *bytes, size_t length)
{
	const struct nlmsghdr *message = bytes;
	int left = (int)length;

	EXPECT(mnl_nlmsg_ok(message, left));
	if (kernel.failures >> (kernel.sends++ % 8) & 1) {
		errno = choose_errno(kernel.sends);
		return -1;
	}
	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		kernel.sequence = message->nlmsg_seq;
	if (kernel.taken)
		kernel.taken(bytes, length);
	return (ssize_t)length;
}

struct mnl_socket *mnl_socket_open2(int bus, int flags)
{
	static int anything;

	(void)flags;
	EXPECT(bus == NETLINK_NETFILTER);
	return (struct mnl_socket *)&anything;
}

int mnl_socket_bind(struct mnl_socket *socket, unsigned groups, pid_t pid)
{
	(void)socket;
	EXPECT(groups == 0 && pid == MNL_SOCKET_AUTOPID);
	return 0;
}

int mnl_socket_get_fd(const struct mnl_socket *socket)
{
	(void)socket;
	return -1;
}

int mnl_socket_close(struct mnl_socket *socket)
{
	(void)socket;
	return 0;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	(void)level, (void)name, (void)value, (void)length;
	EXPECT(fd == -1);
	return 0;
}

ssize_t mnl_socket_sendto(const struct mnl_socket *socket, const void *bytes, size_t length)
{
	(void)socket;
	return take(bytes, length);
}

/* Nobody waits for long, or before looking. */
int poll(struct pollfd *slots, nfds_t n, int timeout)
{
	(void)slots;
	EXPECT(n == 1 && timeout > 0 && timeout < 1000);
	return !kernel_is_at_end();
}

/* Nothing behind a message may be read before the next receive. */
int recvmmsg(int fd, struct mmsghdr *headers, unsigned n, int flags, struct timespec *timeout)
{
	unsigned i;

	(void)fd, (void)flags, (void)timeout;
	EXPECT(n > 0);
	for (i = 0; i < n; i++) {
		const struct iovec *part = headers[i].msg_hdr.msg_iov;
		ssize_t length;

		ASAN_UNPOISON_MEMORY_REGION(part->iov_base, part->iov_len);
		length = receive(part->iov_base, part->iov_len);
		if (length < 0)
			break;
		headers[i].msg_len = (unsigned)length;
		if (kernel.given)
			kernel.given(part->iov_base, (size_t)length);
		ASAN_POISON_MEMORY_REGION((char *)part->iov_base + length, part->iov_len - (size_t)length);
	}
	return i ? (int)i : -1;
}
