/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Messages over a unix socket that carry a descriptor (SCM_RIGHTS, unix(7)).
 */
#ifndef IO_PASSING_H
#define IO_PASSING_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

bool passing_send(int socket, const struct sockaddr_un *to, socklen_t to_length, const void *bytes,
	size_t length, int fd, int flags);
ssize_t passing_receive(int socket, void *bytes, size_t size, int *fd);

#endif
