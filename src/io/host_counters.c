/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Reads the kernel's lists. They are opened early and read by their descriptors ever after, as
 * the list of queues is (io/queue_counters.c).
 */
#include "io/host_counters.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIST_MAX 16384 /* bytes; the kernel's have some thousand */

/* Opens the lists. Those that are not there are left out. */
struct host_counters host_counters_open(void)
{
	return (struct host_counters){{
		[HOST_COUNTER_ICMP] = open("/proc/self/net/snmp", O_RDONLY | O_CLOEXEC),
		[HOST_COUNTER_ICMP6] = open("/proc/self/net/snmp6", O_RDONLY | O_CLOEXEC),
	}};
}

/* Closes the lists. */
void host_counters_close(struct host_counters *host)
{
	for (unsigned i = 0; i < HOST_COUNTER_COUNT; i++)
		if (host->fd[i] >= 0)
			close(host->fd[i]);
}

/* Reads a whole list as text. Returns false if that failed. */
static bool read_list(int fd, char text[LIST_MAX])
{
	size_t length = 0;
	ssize_t n = 0;

	while (fd >= 0 && length < LIST_MAX - 1 &&
		(n = pread(fd, text + length, LIST_MAX - 1 - length, (off_t)length)) > 0)
		length += (size_t)n;
	text[length] = '\0';
	return fd >= 0 && n >= 0;
}

/* Returns the line that begins with a word, from a place on; NULL if there is none. */
static const char *find_line(const char *text, const char *word)
{
	while (text && strncmp(text, word, strlen(word)) != 0) {
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return text;
}

/* Returns the next word of a line; NULL at its end. */
static const char *next_word(const char *word)
{
	word += strcspn(word, " \n");
	word += strspn(word, " ");
	return *word && *word != '\n' ? word : NULL;
}

/* Finds the value of a column in /proc/net/snmp: a line has the names, and the next one the values. */
static const char *find_column(const char *text, const char *protocol, const char *column)
{
	const char *name = find_line(text, protocol), *value = name ? strchr(name, '\n') : NULL;
	const size_t length = strlen(column);

	value = find_line(value ? value + 1 : NULL, protocol);
	while (name && value && (strcspn(name, " \n") != length || memcmp(name, column, length) != 0)) {
		name = next_word(name);
		value = next_word(value);
	}
	return name ? value : NULL;
}

/* Finds a counter by the name that it has in both lists. Returns false if this kernel does not have it. */
static bool find_counter(const char *text, enum host_counter list, const char *name, uint64_t *value)
{
	char line[64];
	const char *found;

	snprintf(line, sizeof(line), "Icmp6%s ", name);
	if (list == HOST_COUNTER_ICMP) {
		found = find_column(text, "Icmp: ", name);
	} else {
		found = find_line(text, line);
		found = found ? next_word(found) : NULL;
	}
	return found && sscanf(found, "%" SCNu64, value) == 1;
}

/* Reads a counter. Returns false if this kernel does not have it. */
bool host_counters_read(const struct host_counters *host, enum host_counter counter, uint64_t *value)
{
	char text[LIST_MAX];

	return read_list(host->fd[counter], text) && find_counter(text, counter, "OutErrors", value);
}

/* Returns how many errors about unreachable destinations and exceeded time the kernel has made: before any
 * filter sees them. 0 if it does not say. */
uint64_t host_counters_read_made(const struct host_counters *host, enum host_counter counter)
{
	static const char *const names[] = {"OutDestUnreachs", "OutTimeExcds"};
	char text[LIST_MAX];
	uint64_t made = 0, value;

	if (!read_list(host->fd[counter], text))
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (find_counter(text, counter, names[i], &value))
			made += value;
	return made;
}

/* Returns how many requests of ping have come in without a reply. 0 if the kernel does not say. */
uint64_t host_counters_read_unanswered(const struct host_counters *host, enum host_counter counter)
{
	const char *replies = counter == HOST_COUNTER_ICMP ? "OutEchoReps" : "OutEchoReplies";
	uint64_t asked, answered;
	char text[LIST_MAX];

	return read_list(host->fd[counter], text) && find_counter(text, counter, "InEchos", &asked) &&
			       find_counter(text, counter, replies, &answered) && asked > answered
		       ? asked - answered
		       : 0;
}
