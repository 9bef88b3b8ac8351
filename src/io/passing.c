/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The control message that carries a descriptor, made and read.
 */
#include "io/passing.h"

#include <stdint.h>

union passing_control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* Sends length bytes, and a copy of a descriptor (-1: none), to an address (NULL: to the other end of
 * the socket). flags are those of send(2); no signal is raised. False with errno. */
bool passing_send(int socket, const struct sockaddr_un *to, socklen_t to_length, const void *bytes,
	size_t length, int fd, int flags)
{
	struct iovec part = {(void *)(uintptr_t)bytes, length};
	union passing_control control = {.header = {CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS}};
	struct msghdr message = {.msg_name = (void *)(uintptr_t)to,
		.msg_namelen = to_length,
		.msg_iov = &part,
		.msg_iovlen = 1};

	if (fd >= 0) {
		*(int *)(void *)CMSG_DATA(&control.header) = fd;
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	return sendmsg(socket, &message, flags | MSG_NOSIGNAL) == (ssize_t)length;
}

/* Receives a message of at most size bytes, and its descriptor into *fd (-1: none came), without
 * waiting. Returns as recvmsg() does. */
ssize_t passing_receive(int socket, void *bytes, size_t size, int *fd)
{
	struct iovec part = {bytes, size};
	union passing_control control;
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	*fd = n > 0 && CMSG_FIRSTHDR(&message) ? *(int *)(void *)CMSG_DATA(&control.header) : -1;
	return n;
}
