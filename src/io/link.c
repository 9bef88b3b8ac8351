/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells that an interface came, went or was renamed, so that the daemon looks its names up again. What
 * exactly happened is not read: a lost message then does no harm.
 */
#include "io/link.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

/* Opens a socket that becomes readable when an interface changes. Returns -1 with errno. */
int link_open(void)
{
	const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Discards what there is to read. An overrun (ENOBUFS) is news like any other. */
void link_drain(int fd)
{
	char message[4096];

	while (recv(fd, message, sizeof(message), 0) >= 0 || errno == ENOBUFS)
		;
}
