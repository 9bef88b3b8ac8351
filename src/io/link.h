/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * News of network interfaces, from rtnetlink.
 */
#ifndef IO_LINK_H
#define IO_LINK_H

int link_open(void);
void link_drain(int fd);

#endif
