/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Where malloc() has nothing left, libconfig ends the process, and with it a daemon that was only asked to
 * reload; libseccomp makes a filter that lacks what it had no memory for. So memory is asked for before,
 * and given back, in blocks that malloc() keeps: it returns to the system what is larger
 * (M_MMAP_THRESHOLD), and what nothing lies above (M_TRIM_THRESHOLD).
 */
#include "io/reserve.h"

#include <stdlib.h>

#define BLOCK ((size_t)64 * 1024)

struct block {
	struct block *next;
};

static void free_blocks(struct block *blocks)
{
	while (blocks) {
		struct block *next = blocks->next;

		free(blocks);
		blocks = next;
	}
}

/* Makes sure that malloc() has size bytes for a library that makes small allocations. Returns a
 * block that the caller frees when the library has made them; NULL if there is too little memory. */
void *reserve_memory(size_t size)
{
	struct block *blocks = NULL;
	void *lid;

	for (size_t n = 1 + size / BLOCK; n > 0; n--) {
		struct block *block = malloc(BLOCK);

		if (!block) {
			free_blocks(blocks);
			return NULL;
		}
		block->next = blocks;
		blocks = block;
	}
	lid = malloc(1);
	free_blocks(blocks);
	return lid;
}
