/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The control socket, seen from the client. Whatever goes wrong between the two programs gets its one
 * message here; what the lines mean is not known here. The other side may be any program: what it sends is
 * bounded before it is believed.
 */
#include "client/client.h"

#include <err.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/text.h"

#define LINE_MAX_BYTES 65536

/* What was received and not yet handed out: bytes[begin] to bytes[end - 1]. */
struct inbox {
	int fd;
	int patience;  /* seconds without a byte */
	bool answered; /* a line was handed out */
	size_t begin, end;
	char bytes[LINE_MAX_BYTES];
};

/* Says why the socket cannot be connected to, and what to do about it. */
static void explain_connect(const char *path)
{
	const struct group *group = NULL;
	struct stat st;

	switch (errno) {
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED:
		warnx("no daemon listens on %s: is icmpnatd running? Start it, or name its control.socket by "
		      "--socket",
			path);
		return;
	case EACCES:
		if (stat(path, &st) == 0)
			group = getgrgid(st.st_gid);
		warnx("no permission for %s: you are not in group %s: join it, or ask as root", path,
			group ? group->gr_name : "icmpnatd");
		return;
	case EAGAIN:
		warnx("the daemon on %s is too busy to accept a connection: try again", path);
		return;
	}
	warn("cannot connect to %s", path);
}

/* Connects a socket that waits so many seconds at most. Returns it, or -1 after a message. */
static int client_connect(const char *path, int patience)
{
	const struct timeval timeout = {.tv_sec = patience};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path)) {
		warnx("the socket's path is too long: %s: expected less than %zu bytes", path,
			sizeof(address.sun_path));
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		warn("cannot create a socket");
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	explain_connect(path);
	close(fd);
	return -1;
}

/* Sends the request and its newline. A daemon that has no room for another client answers without reading:
 * then the answer says so, not the send. */
static bool send_request(int fd, const char *request)
{
	char line[128];
	int length = snprintf(line, sizeof(line), "%s\n", request);

	if (send(fd, line, (size_t)length, MSG_NOSIGNAL) == length || errno == EPIPE || errno == ECONNRESET)
		return true;
	warn("cannot send the request");
	return false;
}

static void explain_end(const struct inbox *in, ssize_t received)
{
	if (received < 0 && errno == EAGAIN)
		warnx("the daemon did not answer within %d seconds: look at its log, and try again",
			in->patience);
	else if (received < 0)
		warn("cannot read the daemon's answer");
	else if (in->answered || in->end > 0)
		warnx("the daemon's answer is cut short, as by an upgrade: it has no closing line; try "
		      "again");
	else
		warnx("the daemon closed the connection without an answer, as by an upgrade: try again");
}

/* Receives at least one more byte. Returns false after a message. */
static bool client_receive(struct inbox *in)
{
	ssize_t received;

	memmove(in->bytes, in->bytes + in->begin, in->end - in->begin);
	in->end -= in->begin;
	in->begin = 0;
	if (in->end == sizeof(in->bytes)) {
		warnx("the daemon's answer has a line of more than %d bytes", LINE_MAX_BYTES);
		return false;
	}
	do
		received = recv(in->fd, in->bytes + in->end, sizeof(in->bytes) - in->end, 0);
	while (received < 0 && errno == EINTR);
	if (received <= 0) {
		explain_end(in, received);
		return false;
	}
	in->end += (size_t)received;
	return true;
}

/* Returns the next line without its newline, valid until the next call; NULL after a message. */
static char *next_line(struct inbox *in)
{
	char *line, *newline;

	while (!(newline = memchr(in->bytes + in->begin, '\n', in->end - in->begin)))
		if (!client_receive(in))
			return NULL;
	line = in->bytes + in->begin;
	in->begin = (size_t)(newline - in->bytes) + 1;
	*newline = '\0';
	if (line + strlen(line) == newline)
		return line;
	warnx("the daemon's answer is not text");
	return NULL;
}

/* Prints text that came over the socket as a message of this program. */
static void warn_text(const char *before, const char *text)
{
	fprintf(stderr, "icmpnatctl: %s", before);
	text_put(stderr, text, 0);
	fputc('\n', stderr);
}

/* Hands out the data lines. Returns true when the closing line says ok, false after a message. */
static bool client_read_answer(struct inbox *in, client_line *each, void *context)
{
	char *line;

	for (; (line = next_line(in)); in->answered = true) {
		if (strcmp(line, "ok") == 0)
			return true;
		if (strncmp(line, "error\t", 6) == 0) {
			warn_text("", line + 6);
			return false;
		}
		if (!each(line, context)) {
			warn_text("the daemon's answer is not understood at: ", line);
			return false;
		}
	}
	return false;
}

/* Asks the daemon that listens on path, and has patience for so many seconds in which no byte comes; each
 * gets every data line. Returns true when the daemon said ok, false after a message on standard error. */
bool client_ask(const char *path, const char *request, int patience, client_line *each, void *context)
{
	static struct inbox in;
	bool ok;

	in = (struct inbox){.fd = client_connect(path, patience), .patience = patience};
	if (in.fd < 0)
		return false;
	ok = send_request(in.fd, request) && client_read_answer(&in, each, context);
	close(in.fd);
	return ok;
}
