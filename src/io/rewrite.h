/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Whether the kernel sends what this program has changed. Since Linux 7.1 (commit 968cc2c96390) it does not
 * in a network namespace that belongs to a user namespace: there nft may not write to packets (EPERM), and a
 * verdict with changed bytes drops its packet without a word.
 */
#ifndef IO_REWRITE_H
#define IO_REWRITE_H

#include <stdbool.h>
#include <stddef.h>

#define REWRITE_REASON_MAX 256

bool rewrite_is_dropped(char *reason, size_t size);
bool rewrite_is_dropped_since(const char *release);

#endif
