/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Memory for libraries that do not look whether they were given any.
 */
#ifndef IO_RESERVE_H
#define IO_RESERVE_H

#include <stddef.h>

void *reserve_memory(size_t size);

#endif
