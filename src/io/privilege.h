/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What the process may do: CAP_NET_ADMIN, which the kernel checks for every verdict, and nothing else.
 */
#ifndef IO_PRIVILEGE_H
#define IO_PRIVILEGE_H

#include <stdbool.h>

bool privilege_suffices(void);
int privilege_shed(void);

#endif
