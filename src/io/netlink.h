/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What is done with netlink sockets and messages, over libmnl.
 */
#ifndef IO_NETLINK_H
#define IO_NETLINK_H

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* Closes a socket; NULL is fine. */
static inline void netlink_close(struct mnl_socket *socket)
{
	if (socket)
		mnl_socket_close(socket);
}

/* Opens a socket for questions, in the network namespace that the caller is in; flags as SOCK_NONBLOCK.
 * Returns NULL with errno if that failed. */
static inline struct mnl_socket *netlink_open(int protocol, int flags)
{
	struct mnl_socket *socket = mnl_socket_open2(protocol, SOCK_CLOEXEC | flags);
	int error;

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0)
		return socket;
	error = errno;
	mnl_socket_close(socket);
	errno = error;
	return NULL;
}

/* Sends messages that stand in a row, length bytes in all. The kernel has handled them when this returns.
 * False with errno if it did not take them. */
static inline bool netlink_send(const struct mnl_socket *socket, const void *messages, size_t length)
{
	ssize_t sent;

	do
		sent = mnl_socket_sendto(socket, messages, length);
	while (sent < 0 && errno == EINTR);
	return sent >= 0;
}

/* Sets the size of a buffer in bytes, by an option that overrides the system's limit, or else by the other
 * one: without CAP_NET_ADMIN outside of its namespace, a process gets no more than that limit. */
static inline void netlink_set_buffer(int fd, int force, int option, int size)
{
	if (setsockopt(fd, SOL_SOCKET, force, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, option, &size, sizeof(size));
}

/* Sets the size of the receive buffer in bytes. */
static inline void netlink_set_receive_buffer(int fd, int size)
{
	netlink_set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, size);
}

/* Makes room for a message of so many bytes that is to be sent at once. */
static inline void netlink_set_send_buffer(int fd, int length)
{
	/* The kernel counts more than the bytes. */
	netlink_set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, 2 * length);
}

/* Takes what is left of answers that were not read to their end. */
static inline void netlink_drain(int fd)
{
	char answer[4096];

	while (recv(fd, answer, sizeof(answer), MSG_DONTWAIT | MSG_TRUNC) > 0)
		;
}

/* Tells whether a message lies whole in the length bytes that were received. mnl_nlmsg_ok() takes one that
 * claims 2 GB or more for whole. */
static inline bool netlink_is_whole(const struct nlmsghdr *message, size_t length)
{
	return length >= sizeof(*message) && message->nlmsg_len >= sizeof(*message) &&
	       message->nlmsg_len <= length;
}

/* Returns the length of an attribute's payload in bytes. */
static inline size_t netlink_length(const struct nlattr *attribute)
{
	return attribute->nla_len - (size_t)NLA_HDRLEN;
}

/* Finds the attributes of the types below n between two places: found[type] is the last one of its type,
 * NULL if there is none. What follows one that does not fit is not read. Not by libmnl, whose functions
 * are calls: with them an error cost 2 % more of the daemon's time. */
static inline void netlink_find(const char *at, const char *end, const struct nlattr *found[], unsigned n)
{
	memset(found, 0, n * sizeof(found[0]));
	while (end - at >= NLA_HDRLEN) {
		const struct nlattr *a = (const void *)at;
		const unsigned type = a->nla_type & NLA_TYPE_MASK;

		if (a->nla_len < NLA_HDRLEN || a->nla_len > end - at)
			return;
		if (type < n)
			found[type] = a;
		at += NLA_ALIGN(a->nla_len);
	}
}

/* Finds the attributes of a message, behind its own header and another one of so many bytes. */
static inline void netlink_find_in(
	const struct nlmsghdr *message, size_t header, const struct nlattr *found[], unsigned n)
{
	netlink_find((const char *)message + NLMSG_HDRLEN + NLMSG_ALIGN(header),
		(const char *)message + message->nlmsg_len, found, n);
}

#endif
