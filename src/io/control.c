/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The control socket. Every client has one request, a deadline that only moved
 * bytes push back, and at most one piece of answer in memory, so that a
 * client that sends garbage or nothing, or never reads, does no harm.
 */
#define _GNU_SOURCE
#include "io/control.h"

#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/clock.h"

struct client {
	int fd;		  /* -1: a free place */
	int64_t deadline; /* in microseconds, for many clients may be heard within a millisecond */
	char line[CONTROL_REQUEST_MAX];
	size_t length; /* of line, so far */
	struct control_request request;
	bool answering, more; /* the request is complete; the callback has more to say */
	char *answer;
	size_t answer_length, sent;
};

struct control {
	int fd;
	int64_t pause; /* microseconds; no new clients before that: descriptors had run out */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	control_answer *answer;
	void *context;
	struct client clients[CONTROL_CLIENTS_MAX];
};

static int64_t next_deadline(void)
{
	return clock_microseconds() + CONTROL_IDLE_SECONDS * 1000000;
}

static void client_close(struct client *client)
{
	close(client->fd);
	free(client->answer);
	*client = (struct client){.fd = -1};
}

/* Tells whether a daemon listens at an address; one that is too busy to accept (EAGAIN) does, too. */
static bool is_answered(const struct sockaddr_un *address)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const bool answered =
		fd >= 0 && (connect(fd, (const void *)address, sizeof(*address)) == 0 || errno == EAGAIN);

	if (fd >= 0)
		close(fd);
	return answered;
}

/* Removes the socket of a daemon that was killed. Returns -1 with errno EADDRINUSE
 * if a daemon listens there, EEXIST if the file is no socket. */
static int remove_stale(const struct sockaddr_un *address)
{
	struct stat file;

	if (lstat(address->sun_path, &file) < 0)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(file.st_mode))
		errno = EEXIST;
	else if (is_answered(address))
		errno = EADDRINUSE;
	else
		return unlink(address->sun_path);
	return -1;
}

/* Gives the socket to the group and opens it for its members. bind() has made the file
 * without any rights, and listen() comes later, so that no client can connect too early. */
static int give_to_group(const char *path, const char *group)
{
	const struct group *entry;
	struct stat file;

	if (!group[0])
		return chmod(path, 0660);
	errno = 0;
	entry = getgrnam(group);
	if (!entry) {
		errno = errno ? errno : ESRCH;
		return -1;
	}
	/* To change the group takes a right that is not needed where it is right already. */
	if ((stat(path, &file) < 0 || file.st_gid != entry->gr_gid) &&
		chown(path, (uid_t)-1, entry->gr_gid) < 0)
		return -1;
	return chmod(path, 0660);
}

static int listen_at(const struct control *control, const char *group)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int fd, bound;

	strcpy(address.sun_path, control->path);
	if (remove_stale(&address) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	mask = umask(0777);
	bound = bind(fd, (const struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (bound == 0 && give_to_group(control->path, group) == 0 && listen(fd, 128) == 0)
		return fd;
	if (bound == 0)
		unlink(control->path);
	close(fd);
	return -1;
}

/* Serves a socket that listens at path already. Returns NULL with errno. */
struct control *control_adopt(const char *path, int fd, control_answer *answer, void *context)
{
	struct control *control = calloc(1, sizeof(*control));

	if (!control)
		return NULL;
	*control = (struct control){.fd = fd, .answer = answer, .context = context};
	strcpy(control->path, path);
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		control->clients[i].fd = -1;
	return control;
}

/* Listens at path (shorter than sun_path) for the members of group (empty: the daemon's own). Returns NULL
 * with errno: EADDRINUSE if another daemon answers there, ESRCH if there is no such group. */
struct control *control_open(const char *path, const char *group, control_answer *answer, void *context)
{
	struct control *control = control_adopt(path, -1, answer, context);
	int error;

	if (!control)
		return NULL;
	control->fd = listen_at(control, group);
	if (control->fd >= 0)
		return control;
	error = errno;
	free(control);
	errno = error;
	return NULL;
}

/* Returns the descriptor of the socket that listens. */
int control_descriptor(const struct control *control)
{
	return control->fd;
}

/* Cuts all clients off and removes the socket. control may be NULL. */
void control_close(struct control *control)
{
	if (!control)
		return;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (control->clients[i].fd >= 0)
			client_close(&control->clients[i]);
	unlink(control->path);
	close(control->fd);
	free(control);
}

/* Tells whether a client is cut off before another one. */
static bool goes_before(const struct client *client, const struct client *other)
{
	if (client->request.privileged != other->request.privileged)
		return other->request.privileged;
	return client->deadline < other->deadline;
}

/* Returns a free place, or that of the client that has been idle for longest. The place
 * of a privileged client is only for privileged ones; NULL if there is no other. */
static struct client *client_make_room(struct control *control, bool privileged)
{
	struct client *first = &control->clients[0];

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct client *client = &control->clients[i];

		if (client->fd < 0)
			return client;
		if (goes_before(client, first))
			first = client;
	}
	if (first->request.privileged && !privileged)
		return NULL;
	client_close(first);
	return first;
}

static bool is_privileged(int fd)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}

static void accept_client(struct control *control)
{
	static const char full[] = "error\ttoo many clients; ask again\n";
	const int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *client;
	bool privileged;

	if (fd < 0) {
		control->pause = clock_microseconds() + 1000000;
		return;
	}
	privileged = is_privileged(fd);
	client = client_make_room(control, privileged);
	if (!client) {
		send(fd, full, strlen(full), MSG_NOSIGNAL);
		close(fd);
		return;
	}
	client->fd = fd;
	client->deadline = next_deadline();
	client->request.privileged = privileged;
}

/* Asks the callback for the answer, or for its next piece. Returns false if there is no memory for it. */
static bool produce(struct control *control, struct client *client)
{
	FILE *out;

	free(client->answer);
	client->answer = NULL;
	client->answer_length = client->sent = 0;
	out = open_memstream(&client->answer, &client->answer_length);
	if (!out)
		return false;
	client->more = control->answer(control->context, &client->request, out);
	return fclose(out) == 0;
}

/* Sends what the client takes of the current piece, and no more than that, so that a fast reader of a long
 * answer does not keep the others waiting. Returns false if the client is to be cut off. */
static bool push(struct control *control, struct client *client)
{
	ssize_t n = send(client->fd, client->answer + client->sent, client->answer_length - client->sent,
		MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	client->sent += (size_t)n;
	client->deadline = next_deadline();
	return client->sent < client->answer_length || (client->more && produce(control, client));
}

/* Makes a string of a request line. A NUL in it becomes a question mark, so that
 * it does not hide what follows. */
static void end_line(char *line, char *end)
{
	if (end > line && end[-1] == '\r')
		end--;
	*end = '\0';
	for (char *p = line; p < end; p++)
		if (!*p)
			*p = '?';
}

/* Receives a part of the request line. A line that is too long is answered as far as
 * it fits, and the rest is not read. Returns false if the client is to be cut off. */
static bool pull(struct control *control, struct client *client)
{
	size_t room = sizeof(client->line) - client->length;
	ssize_t n = recv(client->fd, client->line + client->length, room, 0);
	char *end;

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	end = memchr(client->line + client->length, '\n', (size_t)n);
	client->length += (size_t)n;
	client->deadline = next_deadline();
	if (!end && client->length < sizeof(client->line))
		return true;
	end_line(client->line, end ? end : client->line + sizeof(client->line) - 1);
	client->request.line = client->line;
	client->answering = true;
	return produce(control, client) && push(control, client);
}

/* Fills in fds (1 + CONTROL_CLIENTS_MAX at most) with the descriptors to wait for, and returns how many
 * there are: only those in use, because poll() refuses more than a process may have descriptors. */
size_t control_poll_fill(const struct control *control, struct pollfd *fds)
{
	const bool pausing = clock_microseconds() < control->pause;
	size_t n = 0;

	fds[n++] = (struct pollfd){.fd = pausing ? -1 : control->fd, .events = POLLIN};
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		const struct client *client = &control->clients[i];

		if (client->fd >= 0)
			fds[n++] = (struct pollfd){client->fd, client->answering ? POLLOUT : POLLIN, 0};
	}
	return n;
}

/* Serves the clients that poll() found ready, and cuts off those that have been idle for too long. */
void control_poll_done(struct control *control, const struct pollfd *fds)
{
	const struct pollfd *slot = fds + 1;
	const int64_t began = clock_microseconds(); /* a long request makes no other client idle */

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct client *client = &control->clients[i];
		bool keep = true;

		if (client->fd < 0)
			continue;
		if (slot++->revents)
			keep = client->answering ? push(control, client) : pull(control, client);
		if (!keep || began >= client->deadline)
			client_close(client);
	}
	if (fds[0].revents)
		accept_client(control);
}

/* Returns the milliseconds until control_poll_done() must be called even if no
 * descriptor is ready; -1: never. */
int control_timeout(const struct control *control)
{
	const int64_t now = clock_microseconds();
	int64_t first = now < control->pause ? control->pause : INT64_MAX;

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		const struct client *client = &control->clients[i];

		if (client->fd >= 0 && client->deadline < first)
			first = client->deadline;
	}
	if (first == INT64_MAX)
		return -1;
	return first > now ? (int)((first - now + 999) / 1000) : 0;
}
