/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * A filter of system calls (seccomp(2)).
 */
#ifndef IO_SECCOMP_H
#define IO_SECCOMP_H

int seccomp_apply(void);

#endif
