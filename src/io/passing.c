/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control message that carries a descriptor, made and read.
 */
#include "io/passing.h"

#include <stdint.h>

/* Fills passing->header for sendmsg(): length bytes, which must stay where they are, and a copy of
 * a descriptor (-1: none). */
void passing_prepare(struct passing *passing, const void *bytes, size_t length, int fd)
{
	*passing = (struct passing){.part = {(void *)(uintptr_t)bytes, length}};
	passing->header = (struct msghdr){.msg_iov = &passing->part, .msg_iovlen = 1};
	if (fd < 0)
		return;
	passing->control.header = (struct cmsghdr){CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS};
	*(int *)(void *)CMSG_DATA(&passing->control.header) = fd;
	passing->header.msg_control = &passing->control;
	passing->header.msg_controllen = sizeof(passing->control);
}

/* Receives a message of at most size bytes, and its descriptor into *fd (-1: none came), without
 * waiting. Returns as recvmsg() does. */
ssize_t passing_receive(int socket, void *bytes, size_t size, int *fd)
{
	struct passing p = {.part = {bytes, size}};
	ssize_t n;

	p.header = (struct msghdr){.msg_iov = &p.part,
		.msg_iovlen = 1,
		.msg_control = &p.control,
		.msg_controllen = sizeof(p.control)};
	n = recvmsg(socket, &p.header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	*fd = n > 0 && CMSG_FIRSTHDR(&p.header) ? *(int *)(void *)CMSG_DATA(&p.control.header) : -1;
	return n;
}
