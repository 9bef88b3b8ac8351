/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The programs that hold the kernel's queues of this network namespace.
 */
#ifndef DOCTOR_HOLDERS_H
#define DOCTOR_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HOLDERS_MAX 128 /* queues; we have 64 at most */

struct holder {
	uint16_t queue;
	char name[16]; /* of a program; "": it cannot be seen */
	unsigned process;
};

struct holders {
	struct holder list[HOLDERS_MAX];
	size_t n;
};

int holders_read(struct holders *holders);
const struct holder *holders_find(const struct holders *holders, unsigned queue);
bool holders_is_other(const struct holder *holder);

#endif
