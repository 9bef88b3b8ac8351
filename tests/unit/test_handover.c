/* SPDX-License-Identifier: GPL-2.0-or-later */
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

static int set_up(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	guard = (struct guard_client){.fd = pair[0]};
	guards_end = pair[1];
	handover = (struct handover){.guard = &guard};
	unsetenv("NOTIFY_SOCKET");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(guard.fd);
	close(guards_end);
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

static void assert_passed_on(const char *expected, ...)
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
	handover_forget(&handover, "queue-7");
	assert_true(handover_keep(&handover, "queue-7", new));
	assert_passed_on("queue-7=%d", new);
	close(old);
	close(new);
}

static void the_store_gives_no_guard(void **state)
{
	const int fd = dup2(new_descriptor(), 3); /* where the service manager begins */
	char pid[16];

	(void)state;
	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_FDNAMES", "guard", 1);
	handover_init(&handover);
	assert_int_equal(handover_take(&handover, "guard"), -1);
	handover_close_rest(&handover, false);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
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
		TEST(a_name_is_taken_once),
		TEST(what_is_forgotten_is_not_handed_on),
		TEST(the_store_gives_no_guard),
		TEST(without_a_guard_nothing_is_passed_on),
		TEST(the_guard_gets_queues_and_no_control_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
