/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The kernel's list of queues, from a file that is cut wherever a reader's buffer
 * ends: every queue is found with its own numbers, and no other.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/queue_counters.h"

#define QUEUES 1000

/* A list of the even numbers, in the kernel's format (nfnetlink_queue.c, seq_show()). */
static int make_list(unsigned queues)
{
	int fd = memfd_create("list", 0);

	assert_true(fd >= 0);
	for (unsigned i = 0; i < queues; i++)
		assert_true(dprintf(fd, "%5u %6u %5u %1u %5u %5u %5u %8u %2d\n", 2 * i, 4294967000u - i, i, 2,
				    65531, i + 1, i + 2, 4000000000u + i, 1) > 0);
	return fd;
}

static void every_queue_is_found(void **state)
{
	struct queue_counters c;
	int fd = make_list(QUEUES);

	(void)state;
	for (uint16_t i = 0; i < QUEUES; i++) {
		assert_true(queue_counters_read(fd, (uint16_t)(2 * i), &c));
		assert_int_equal(c.waiting, i);
		assert_int_equal(c.queue_dropped, i + 1);
		assert_int_equal(c.user_dropped, i + 2);
		assert_true(c.id_sequence == 4000000000u + i);
	}
	close(fd);
}

static void no_other_is_found(void **state)
{
	struct queue_counters c;
	int fd = make_list(QUEUES), empty = make_list(0);

	(void)state;
	for (uint16_t i = 0; i < QUEUES; i++)
		assert_false(queue_counters_read(fd, (uint16_t)(2 * i + 1), &c));
	assert_false(queue_counters_read(fd, 2 * QUEUES, &c));
	assert_false(queue_counters_read(empty, 0, &c));
	assert_false(queue_counters_read(-1, 0, &c));
	close(fd);
	close(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_queue_is_found),
		cmocka_unit_test(no_other_is_found),
	};

	return cmocka_run_group_tests_name("queue_counters", tests, NULL, NULL);
}
