/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Tells that something in the kernel has changed, so that the daemon looks at it again. What exactly
 * happened is not read: a lost message then does no harm.
 */
#include "io/news.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/xfrm.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

/* Opens a socket that becomes readable when there is a message to one of the groups. Returns -1 with errno.
 */
static int open_news(int protocol, uint32_t groups)
{
	const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Opens a socket that becomes readable when an interface came, went or was renamed. Returns -1 with errno. */
int news_of_links(void)
{
	return open_news(NETLINK_ROUTE, RTMGRP_LINK);
}

/* Opens a socket that becomes readable when an IPsec policy came or went. Returns -1 with errno:
 * EPROTONOSUPPORT if the kernel has no IPsec. */
int news_of_policies(void)
{
	return open_news(NETLINK_XFRM, XFRMGRP_POLICY);
}

/* Discards what there is to read. An overrun (ENOBUFS) is news like any other. */
void news_drain(int fd)
{
	char message[4096];

	while (recv(fd, message, sizeof(message), 0) >= 0 || errno == ENOBUFS)
		;
}
