/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * What was handed over to a process is taken by its name, from those who may give it, and is handed on
 * once, under the number that it has by then.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/handover.h"

static struct guard_client guard;
static struct handover handover;
static int guards_end; /* of the talk with the guard */
static int source;     /* a descriptor to be copied, out of the way of those that are handed over */

static int set_up(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	guard = (struct guard_client){.fd = fcntl(pair[0], F_DUPFD, 500)};
	guards_end = fcntl(pair[1], F_DUPFD, 500);
	source = fcntl(STDIN_FILENO, F_DUPFD, 500);
	close(pair[0]);
	close(pair[1]);
	handover = (struct handover){.guard = &guard};
	unsetenv("NOTIFY_SOCKET");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(guard.fd);
	close(guards_end);
	close(source);
	return 0;
}

static int new_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY);

	assert_true(fd >= 0);
	return fd;
}

/* Makes the process believe that execve() has passed a descriptor on. */
static void receive_passed(const char *name, int fd)
{
	char text[64];

	snprintf(text, sizeof(text), "%s=%d", name, fd);
	setenv("ICMPNATD_FDS", text, 1);
	handover_init(&handover);
	assert_null(getenv("ICMPNATD_FDS"));
}

__attribute__((format(printf, 1, 2))) static void assert_passed_on(const char *expected, ...)
{
	const int state = new_descriptor();
	char text[128];
	va_list values;

	va_start(values, expected);
	vsnprintf(text, sizeof(text), expected, values);
	va_end(values);
	assert_true(handover_pass_all(&handover, state));
	assert_non_null(strchr(getenv("ICMPNATD_FDS"), ':'));
	assert_string_equal(strchr(getenv("ICMPNATD_FDS"), ':') + 1, text);
	handover_take_back(&handover);
	assert_null(getenv("ICMPNATD_FDS"));
	close(state);
}

static void another_number_is_the_same_descriptor(void **state)
{
	const int fd = new_descriptor();
	int moved;

	(void)state;
	handover.upgraded = true;
	receive_passed("nftables", fd);
	assert_int_equal(handover_take(&handover, "nftables"), fd);
	moved = dup(fd);
	close(fd);
	assert_true(handover_keep(&handover, "nftables", moved));
	assert_passed_on("nftables=%d", moved);
	close(moved);
}

static void a_name_says_whether_packets_are_spare(void **state)
{
	static const struct queue_gate gates[] = {{.number = 7}, {.number = 65535, .spare = true}};
	static const char *const names[] = {"queue-7", "spare-65535"};
	struct queue_gate gate;
	char name[GUARD_NAME_MAX];

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		handover_name_queue(name, &gates[i]);
		assert_string_equal(name, names[i]);
		assert_true(handover_is_queue(name, &gate));
		assert_int_equal(gate.number, gates[i].number);
		assert_int_equal(gate.spare, gates[i].spare);
	}
	assert_false(handover_is_queue("spare", &gate));
	assert_false(handover_is_queue("nftables", &gate));
}

static void a_name_is_taken_once(void **state)
{
	const int fd = new_descriptor();

	(void)state;
	receive_passed("queue-7", fd);
	assert_string_equal(handover_next_queue(&handover), "queue-7");
	assert_int_equal(handover_take(&handover, "queue-70"), -1);
	assert_int_equal(handover_take(&handover, "queue-7"), fd);
	assert_int_equal(handover_take(&handover, "queue-7"), -1);
	assert_null(handover_next_queue(&handover));
	close(fd);
}

static void what_is_forgotten_is_not_handed_on(void **state)
{
	const int old = new_descriptor(), new = new_descriptor();

	(void)state;
	receive_passed("queue-7", old);
	handover_take(&handover, "queue-7");
	handover_forget(&handover, "queue-7", old);
	assert_true(handover_keep(&handover, "queue-7", new));
	assert_passed_on("queue-7=%d", new);
	close(old);
	close(new);
}

/* Makes the process believe that the service manager has kept descriptors, from 3 on. */
static void receive_stored(const char *names, unsigned n)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld", (long)getpid());
	setenv("LISTEN_PID", text, 1);
	snprintf(text, sizeof(text), "%u", n);
	setenv("LISTEN_FDS", text, 1);
	setenv("LISTEN_FDNAMES", names, 1);
	for (int fd = 3; fd < 3 + (int)n; fd++)
		assert_true(dup2(source, fd) >= 0);
	handover_init(&handover);
}

/* The second is what somebody else has put into the store. */
static void two_of_one_name_are_not_confused(void **state)
{
	int second;

	(void)state;
	receive_stored("queue-7:queue-7", 2);
	assert_int_equal(handover_take(&handover, "queue-7"), 3);
	assert_true(handover_keep(&handover, "queue-7", 3));
	second = handover_take(&handover, handover_next_queue(&handover));
	assert_int_equal(second, 4);
	handover_forget(&handover, "queue-7", second);
	assert_passed_on("queue-7=%d", 3);
}

/* As many as the unit lets the service manager keep, and all queues. */
static void a_full_store_leaves_room_for_all_queues(void **state)
{
	char names[130 * 3] = "", name[16], last[16];
	unsigned passed = 0;

	(void)state;
	for (int i = 0; i < 129; i++)
		strcat(names, "x:");
	receive_stored(strcat(names, "x"), 130);
	for (unsigned i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "queue-%u", i);
		handover_keep(&handover, name, source);
	}
	handover_close_rest(&handover, false);
	assert_true(handover_pass_all(&handover, source));
	snprintf(last, sizeof(last), "queue-63=%d", source);
	for (const char *at = getenv("ICMPNATD_FDS"); (at = strstr(at, "queue-")); at++)
		passed++;
	assert_int_equal(passed, 64);
	assert_non_null(strstr(getenv("ICMPNATD_FDS"), last));
	handover_take_back(&handover);
}

static void what_finds_no_room_is_not_passed_on_in_part(void **state)
{
	char name[16];

	(void)state;
	handover_init(&handover);
	for (unsigned i = 0; i <= HANDOVER_MAX; i++) {
		snprintf(name, sizeof(name), "queue-%u", i);
		handover_keep(&handover, name, source);
	}
	assert_false(handover_pass_all(&handover, source));
	handover_take_back(&handover);
}

static void a_name_that_is_too_long_is_closed(void **state)
{
	(void)state;
	receive_stored("a-name-of-more-than-fifteen-bytes", 1);
	assert_int_equal(fcntl(3, F_GETFD), -1);
}

static void the_store_gives_no_guard(void **state)
{
	(void)state;
	receive_stored("guard", 1);
	assert_int_equal(handover_take(&handover, "guard"), -1);
	handover_close_rest(&handover, false);
	assert_int_equal(fcntl(3, F_GETFD), -1);
}

static void without_a_guard_nothing_is_passed_on(void **state)
{
	const int fd = new_descriptor();

	(void)state;
	close(guard.fd);
	guard.fd = -1;
	assert_false(handover_pass_all(&handover, fd));
	close(fd);
}

static void the_guard_gets_queues_and_no_control_socket(void **state)
{
	const int fd = new_descriptor();
	struct guard_message message;
	int given;

	(void)state;
	handover_init(&handover);
	assert_true(handover_keep(&handover, "control", fd));
	assert_true(handover_keep(&handover, "queue-7", fd));
	assert_true(guard_message_receive(guards_end, &message, &given) > 0);
	assert_int_equal(message.kind, GUARD_MESSAGE_GIVE);
	assert_string_equal(message.name, "queue-7");
	assert_true(given >= 0);
	assert_true(guard_message_receive(guards_end, &message, &given) < 0);
	close(fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(another_number_is_the_same_descriptor),
		TEST(a_name_says_whether_packets_are_spare),
		TEST(a_name_is_taken_once),
		TEST(what_is_forgotten_is_not_handed_on),
		TEST(two_of_one_name_are_not_confused),
		TEST(a_full_store_leaves_room_for_all_queues),
		TEST(what_finds_no_room_is_not_passed_on_in_part),
		TEST(a_name_that_is_too_long_is_closed),
		TEST(the_store_gives_no_guard),
		TEST(without_a_guard_nothing_is_passed_on),
		TEST(the_guard_gets_queues_and_no_control_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
