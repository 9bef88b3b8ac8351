/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * icmpnatctl with any answers to its requests: they are the input, in pieces of
 * any size. What it prints must not be what a terminal
 * acts on, and JSON must be JSON.
 *
 *   byte 0   bits 0-1 command, bits 2-3 output, bit 4 --all, bit 5 --explain
 *   byte 1   which sizes of pieces the answers come in; 0: whole
 *   the rest answers the request; a second answer begins behind a NUL
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/command.h"
#include "client/output.h"
#include "core/utf8.h"
#include "fuzz.h"

static struct {
	struct script answer;
	uint8_t pieces;
	unsigned received;
} daemon_side;

/* In the place of libc's: a daemon always listens. */
int connect(int fd, const struct sockaddr *address, socklen_t length)
{
	(void)fd, (void)length;
	EXPECT(address->sa_family == AF_UNIX);
	return 0;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	(void)fd, (void)level, (void)name, (void)value, (void)length;
	return 0;
}

ssize_t send(int fd, const void *bytes, size_t length, int flags)
{
	(void)fd;
	EXPECT(flags & MSG_NOSIGNAL && length > 1 &&
		memchr(bytes, '\n', length) == (const char *)bytes + length - 1);
	return (ssize_t)length;
}

/* The next piece; at a NUL the daemon closes the connection. */
ssize_t recv(int fd, void *to, size_t room, int flags)
{
	struct script *answer = &daemon_side.answer;
	size_t left = (size_t)(answer->end - answer->next), n = room;
	const uint8_t *nul = left ? memchr(answer->next, '\0', left) : NULL;

	(void)fd, (void)flags;
	EXPECT(room > 0);
	left = nul ? (size_t)(nul - answer->next) : left;
	if (left == 0) {
		answer->next += nul ? 1 : 0;
		return 0;
	}
	if (daemon_side.pieces)
		n = 1 + (size_t)(daemon_side.pieces * ++daemon_side.received) % 251;
	n = n < room ? n : room;
	n = n < left ? n : left;
	memcpy(to, script_take(answer, &n), n);
	return (ssize_t)n;
}

/* What the program prints goes to memory. */
struct capture {
	FILE *real, *stream;
	char *text;
	size_t size;
};

static void capture_begin(struct capture *capture, FILE **stream)
{
	*capture = (struct capture){.real = *stream};
	*stream = capture->stream = open_memstream(&capture->text, &capture->size);
}

static void capture_end(struct capture *capture, FILE **stream)
{
	*stream = capture->real;
	EXPECT(fclose(capture->stream) == 0);
}

/* Valid UTF-8 without controls, but for newlines. */
static void check_text(const struct capture *capture)
{
	const char *end = capture->text + capture->size;
	size_t n;

	for (const char *p = capture->text; p < end; p += n) {
		n = utf8_length(p);
		EXPECT(n > 0 && *p != '\0' && ((unsigned char)*p >= 0x20 || *p == '\n') && *p != 0x7f);
		EXPECT(n != 2 || p[0] != '\xc2' || (unsigned char)p[1] >= 0xa0);
	}
}

/* As much of RFC 8259 as tells whether a text is JSON. */
struct json {
	const char *next;
	unsigned depth;
};

static void json_value(struct json *json);

static void json_blank(struct json *json)
{
	json->next += strspn(json->next, " \n");
}

static void json_expect(struct json *json, const char *token)
{
	EXPECT(strncmp(json->next, token, strlen(token)) == 0);
	json->next += strlen(token);
	json_blank(json);
}

static void json_string(struct json *json)
{
	EXPECT(*json->next++ == '"');
	for (; *json->next != '"'; json->next++) {
		EXPECT((unsigned char)*json->next >= 0x20);
		if (*json->next != '\\')
			continue;
		json->next++;
		EXPECT(strchr("\"\\u", *json->next) && *json->next);
		if (*json->next == 'u')
			EXPECT(strspn(json->next + 1, "0123456789abcdef") >= 4);
	}
	json_expect(json, "\"");
}

static void json_members(struct json *json, char close)
{
	const char end[2] = {close};

	if (*json->next != close)
		for (;;) {
			if (close == '}') {
				json_string(json);
				json_expect(json, ":");
			}
			json_value(json);
			if (*json->next != ',')
				break;
			json_expect(json, ",");
		}
	json_expect(json, end);
}

static void json_value(struct json *json)
{
	const size_t digits = strspn(json->next, "0123456789");

	EXPECT(++json->depth < 10);
	if (*json->next == '{' || *json->next == '[') {
		const char close = *json->next == '{' ? '}' : ']';

		json->next++;
		json_blank(json);
		json_members(json, close);
	} else if (*json->next == '"') {
		json_string(json);
	} else if (digits) {
		EXPECT(digits == 1 || *json->next != '0');
		json->next += digits;
		json_blank(json);
	} else {
		json_expect(json, *json->next == 't' ? "true" : *json->next == 'n' ? "null" : "false");
	}
	json->depth--;
}

static void check_json(const char *text)
{
	struct json json = {text, 0};

	json_value(&json);
	EXPECT(*json.next == '\0');
}

/* Every line is a comment or a sample: name{labels} value, or name value. */
static void check_prometheus(char *text)
{
	for (char *line; (line = strsep(&text, "\n"));) {
		char *labels = strchr(line, '{'), *end = strrchr(line, '}');

		if (*line == '\0' || strncmp(line, "# HELP icmpnatd_", 16) == 0 ||
			strncmp(line, "# TYPE icmpnatd_", 16) == 0)
			continue;
		EXPECT(strncmp(line, "icmpnatd_", 9) == 0 && !labels == !end && end >= labels);
		end = end ? end : line + strcspn(line, " ") - 1;
		EXPECT(end[1] == ' ' && end[2] && end[2 + strspn(end + 2, "0123456789")] == '\0');
	}
}

static bool ask_status(const struct options *options)
{
	enum command_working working;

	return command_status(options, &working);
}

static bool run(unsigned command, const struct options *options)
{
	static bool (*const commands[])(const struct options *options) = {
		ask_status, command_stats, command_maps, command_reload};

	return commands[command](options);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static const struct output *const outputs[] = {
		&output_text, &output_json, &output_prometheus, &output_text};
	struct script script = {input, input + size};
	const uint8_t choice = script_byte(&script);
	struct options options = {.socket = "/nowhere", .all = choice & 16, .explain = choice & 32};
	struct capture out, err;
	bool good;

	options.output = outputs[choice >> 2 & 3];
	if (options.output == &output_prometheus && (choice & 3) != 1)
		return 0; /* main() does not let it come to that */
	daemon_side.pieces = script_byte(&script);
	daemon_side.received = 0;
	daemon_side.answer = script;
	capture_begin(&out, &stdout);
	capture_begin(&err, &stderr);
	good = run(choice & 3, &options);
	capture_end(&err, &stderr);
	capture_end(&out, &stdout);
	check_text(&err);
	EXPECT(good || err.size > 0);
	EXPECT(!good || out.size > 0 || options.output != &output_json);
	if (options.output == &output_text)
		check_text(&out);
	if (good && options.output == &output_json && (choice & 3) != 3)
		check_json(out.text);
	if (good && options.output == &output_prometheus)
		check_prometheus(out.text);
	free(out.text);
	free(err.text);
	return 0;
}
