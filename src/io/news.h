/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * News of network interfaces and of IPsec policies.
 */
#ifndef IO_NEWS_H
#define IO_NEWS_H

int news_of_links(void);
int news_of_policies(void);
void news_drain(int fd);

#endif
