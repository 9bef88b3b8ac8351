/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages over a unix socket that carry a descriptor (SCM_RIGHTS, unix(7)).
 */
#ifndef IO_PASSING_H
#define IO_PASSING_H

#include <stddef.h>
#include <sys/socket.h>

struct passing {
	struct msghdr header; /* for sendmsg() */
	struct iovec part;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
};

void passing_prepare(struct passing *passing, const void *bytes, size_t length, int fd);
ssize_t passing_receive(int socket, void *bytes, size_t size, int *fd);

#endif
