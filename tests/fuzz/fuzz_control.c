/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The control socket of io/control.c with the answers of daemon/answer.c: clients who
 * connect, send pieces of anything, read or do not, and go. Bit 0 of the first
 * byte: they may reload; bit 1: there are many maps. The rest is a script of
 * operations, one byte each:
 *
 *   bits 0-2  0 connect, 1 send, 2 send a known request, 3 read, 4 close, 5 close one direction,
 *             6 time passes, 7 the file or the kernel's counters change
 *   bits 3-7  which client, request, seconds or file
 * A send and a change are followed by their length and that many bytes. After
 * each operation the daemon looks once at its descriptors, as its loop does.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "fuzz.h"

#define MANY_MAPS   520 /* more than a piece of an answer has */
#define FILE_NUMBER 100 /* descriptor of the configuration */
#define FILE_NAME   "/proc/self/fd/100"
#define PEERS	    (CONTROL_CLIENTS_MAX + 8)

/* The other end of a client. */
struct peer {
	int fd; /* -1: none */
	bool sent_line, shut;
	char last[64]; /* what was read last */
	size_t length; /* .. of it */
	bool at_end;   /* the daemon has closed */
};

static struct peer peers[PEERS];
static int pending = -1; /* the daemon's end of one who is not accepted yet */
static bool privileged;
static bool somebody_was_cut_off; /* perhaps: time passed, or there was a crowd */
static time_t seconds;
static struct daemon fuzzed;
static struct worker workers[2];
static unsigned maps; /* in the configuration */

/* In the place of libc's: a socketpair instead of a connection. */
int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	const int accepted = pending;

	(void)fd, (void)address, (void)length;
	EXPECT(flags & SOCK_NONBLOCK && flags & SOCK_CLOEXEC);
	errno = EMFILE;
	pending = -1;
	return accepted;
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	struct ucred peer = {.uid = privileged ? geteuid() : geteuid() + 1 + (geteuid() + 1 == 0)};

	(void)fd;
	EXPECT(level == SOL_SOCKET && name == SO_PEERCRED && *length == sizeof(peer));
	memcpy(value, &peer, sizeof(peer));
	return 0;
}

/* Time passes when the script says so. The real clock is for libFuzzer. */
int clock_gettime(clockid_t clock, struct timespec *t)
{
	if (clock != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, clock, t);
	*t = (struct timespec){.tv_sec = seconds};
	return 0;
}

static int memory_file(int number)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	EXPECT(fd >= 0 && fd < FILE_NUMBER);
	if (number < 0)
		return fd;
	EXPECT(dup2(fd, number) == number);
	close(fd);
	return number;
}

static void write_file(int fd, const void *bytes, size_t size)
{
	EXPECT(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size);
}

/* A good configuration with so many maps. */
static void write_maps(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	fputs("outside = [ \"eth0\", \"eth1\" ];\nqueue = { workers = 2; };\nmaps = (\n", out);
	for (unsigned i = 0; i < maps; i++)
		fprintf(out, "{private=\"10.1.%u.%u\";public=\"192.0.2.%u\";part=\"outer\"}%s\n", i / 256,
			i % 256, i % 256, i < maps - 1 ? "," : ");");
	EXPECT(fclose(out) == 0);
	write_file(FILE_NUMBER, text, size);
	free(text);
}

static struct policy *load(void)
{
	struct config_errors errors = {.out = stderr};
	struct config *config = config_load(FILE_NAME, &errors);

	EXPECT(config);
	return policy_new(config, 1);
}

/* The control socket's own file is removed at once: nobody connects to it. */
static void open_control(void)
{
	char directory[] = "/tmp/icmpnatd-fuzz-XXXXXX", path[64];

	EXPECT(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/control", directory);
	fuzzed.control = control_open(path, "", answer_request, &fuzzed);
	EXPECT(fuzzed.control && unlink(path) == 0 && rmdir(directory) == 0);
}

static void open_daemon(void)
{
	if (fuzzed.control)
		return;
	memory_file(FILE_NUMBER);
	fuzzed.program.path = FILE_NAME;
	fuzzed.guard.fd = -1;
	fuzzed.workers.worker = workers;
	fuzzed.workers.n = 2;
	workers[1].queue.gate.number = 1;
	fuzzed.counters = memory_file(-1);
	open_control();
}

/* Everything is again as at the beginning, whatever the last input did. */
static void reset(unsigned n_maps)
{
	struct policy *policy = atomic_load(&fuzzed.workers.policy);
	static const char counters[] = "    0   4242     3 2     2048     1     2        9  1\n"
				       "    1   4243     0 2     2048     0     0        4  1\n";

	write_file(fuzzed.counters, counters, sizeof(counters) - 1);
	if (!policy || policy->generation != 1 || maps != n_maps) {
		policy_free(policy);
		maps = n_maps;
		write_maps();
		atomic_store(&fuzzed.workers.policy, load());
	}
	for (unsigned i = 0; i < PEERS; i++)
		peers[i] = (struct peer){.fd = -1};
	pending = -1;
	somebody_was_cut_off = false;
}

/* One turn of the daemon's loop, without waiting. */
static void turn(void)
{
	struct pollfd fds[1 + CONTROL_CLIENTS_MAX];
	const size_t n = control_poll_fill(fuzzed.control, fds);

	EXPECT(n >= 1 && n <= 1 + CONTROL_CLIENTS_MAX && control_timeout(fuzzed.control) >= -1);
	poll(fds + 1, n - 1, 0);
	fds[0].revents = pending >= 0 && fds[0].fd >= 0 ? POLLIN : 0;
	control_poll_done(fuzzed.control, fds);
}

static unsigned count_peers(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < PEERS; i++)
		n += peers[i].fd >= 0;
	return n;
}

static void connect_peer(struct peer *peer)
{
	int ends[2];

	if (peer->fd >= 0)
		return;
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
	*peer = (struct peer){.fd = ends[0]};
	pending = ends[1];
	turn();
	somebody_was_cut_off = somebody_was_cut_off || count_peers() > CONTROL_CLIENTS_MAX;
	if (pending < 0)
		return;
	close(pending); /* nobody was accepted */
	pending = -1;
	close(peer->fd);
	peer->fd = -1;
}

static void send_bytes(struct peer *peer, const void *bytes, size_t size)
{
	if (peer->fd < 0 || peer->shut || size == 0)
		return;
	if (send(peer->fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size && memchr(bytes, '\n', size))
		peer->sent_line = true;
}

static void send_request(struct peer *peer, unsigned which)
{
	static const char *const requests[] = {"status\n", "stats\n", "explain\n", "maps\n", "help\n",
		"reload\n", "statu", "\n", "upgrade\n"};

	send_bytes(peer, requests[which % 9], strlen(requests[which % 9]));
}

/* Keeps the end of what the daemon says. */
static void keep_last(struct peer *peer, const char *bytes, size_t n)
{
	const size_t room = sizeof(peer->last), kept = n >= room		 ? 0
						       : peer->length < room - n ? peer->length
										 : room - n;

	memmove(peer->last, peer->last + peer->length - kept, kept);
	if (n > room) {
		bytes += n - room;
		n = room;
	}
	memcpy(peer->last + kept, bytes, n);
	peer->length = kept + n;
}

static bool read_some(struct peer *peer, size_t most)
{
	char bytes[16384];
	ssize_t n;

	if (peer->fd < 0 || peer->at_end)
		return false;
	n = recv(peer->fd, bytes, most < sizeof(bytes) ? most : sizeof(bytes), 0);
	for (ssize_t i = 0; i < n; i++)
		EXPECT(bytes[i] == '\n' || bytes[i] == '\t' || (unsigned char)bytes[i] >= ' ');
	if (n > 0)
		keep_last(peer, bytes, (size_t)n);
	peer->at_end = n == 0 || (n < 0 && errno != EAGAIN);
	return n > 0;
}

static void close_peer(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	*peer = (struct peer){.fd = -1};
}

static void shut_peer(struct peer *peer, bool writing)
{
	if (peer->fd < 0)
		return;
	shutdown(peer->fd, writing ? SHUT_WR : SHUT_RD);
	peer->shut = true;
}

/* The configuration gets other bytes (no file of this host may be included), or
 * the kernel's counters do. */
static void change_file(struct script *script, unsigned which)
{
	size_t size = script_byte(script);
	const uint8_t *bytes = script_take(script, &size);

	if (which & 1)
		write_file(fuzzed.counters, bytes, size);
	else if (!size || !memchr(bytes, '@', size))
		write_file(FILE_NUMBER, bytes, size);
	if (!(which & 1)) /* the next input begins with the old one again */
		atomic_load(&fuzzed.workers.policy)->generation++;
}

static void operate(struct script *script)
{
	const uint8_t operation = script_byte(script);
	const unsigned which = operation >> 3;
	struct peer *peer = &peers[which % PEERS];
	size_t size;
	const uint8_t *bytes;

	switch (operation & 7) {
	case 0:
		connect_peer(&peers[script_byte(script) % PEERS]);
		break;
	case 1:
		size = script_byte(script);
		bytes = script_take(script, &size);
		send_bytes(peer, bytes, size);
		break;
	case 2:
		send_request(peer, script_byte(script));
		break;
	case 3:
		read_some(peer, 1 + 64u * script_byte(script));
		break;
	case 4:
		close_peer(peer);
		break;
	case 5:
		shut_peer(peer, script_byte(script) & 1);
		break;
	case 6:
		seconds += which % 8;
		somebody_was_cut_off = true;
		break;
	case 7:
		change_file(script, which);
		break;
	}
}

static bool ends_with_closing_line(const struct peer *peer)
{
	const char *end = peer->last + peer->length, *line;

	if (peer->length == 0 || end[-1] != '\n')
		return false;
	line = memrchr(peer->last, '\n', peer->length - 1);
	line = line ? line + 1 : peer->last;
	return (end - line == 3 && memcmp(line, "ok\n", 3) == 0) ||
	       (end - line > 6 && memcmp(line, "error\t", 6) == 0) ||
	       (line == peer->last && peer->length == sizeof(peer->last));
}

/* A new client is answered whatever the others do. Returns with it gone. */
static void check_service(void)
{
	struct peer *peer = &peers[PEERS - 1];

	close_peer(peer);
	seconds += 2; /* a pause is over */
	connect_peer(peer);
	EXPECT(peer->fd >= 0);
	send_bytes(peer, "help\n", 5);
	for (int i = 0; i < 5 && !peer->at_end; i++) {
		turn();
		while (read_some(peer, SIZE_MAX))
			;
	}
	EXPECT(peer->at_end && peer->length > 3 && memcmp(peer->last + peer->length - 4, "\nok\n", 4) == 0);
	close_peer(peer);
}

/* Those who are still there and have asked get the rest of their answer; in the
 * end nobody is left. */
static void finish(void)
{
	bool moved = true;

	while (moved) {
		moved = false;
		turn();
		for (unsigned i = 0; i < PEERS; i++)
			while (read_some(&peers[i], SIZE_MAX))
				moved = true;
	}
	for (unsigned i = 0; i < PEERS; i++)
		EXPECT(somebody_was_cut_off || !peers[i].sent_line || peers[i].shut ||
			(peers[i].at_end && ends_with_closing_line(&peers[i])));
	seconds += CONTROL_IDLE_SECONDS + 1;
	turn();
	for (unsigned i = 0; i < PEERS; i++) {
		read_some(&peers[i], 1);
		EXPECT(peers[i].fd < 0 || peers[i].at_end || peers[i].shut);
		close_peer(&peers[i]);
	}
	EXPECT(control_timeout(fuzzed.control) == -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct script script = {input, input + size};
	const uint8_t choice = script_byte(&script);

	open_daemon();
	reset(choice & 2 ? MANY_MAPS : 3);
	privileged = choice & 1;
	for (int i = 0; i < 200 && script.next < script.end; i++) {
		operate(&script);
		turn();
	}
	check_service();
	finish();
	return 0;
}
