/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The kernel's list of queues names the port of a socket, its list of such sockets the inode, and a program
 * that has the inode among its descriptors is a holder.
 */
#define _GNU_SOURCE
#include "doctor/holders.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NETFILTER 12 /* NETLINK_NETFILTER */

/* What is known of each queue while it is looked for. */
struct search {
	struct holders *holders;
	unsigned ports[HOLDERS_MAX];
	unsigned long inodes[HOLDERS_MAX]; /* 0: unknown */
};

/* Reads the queues and the ports of their sockets. Returns 0, or -1 with errno. */
static int read_numbers(struct search *search)
{
	FILE *file = fopen("/proc/self/net/netfilter/nfnetlink_queue", "re");
	struct holders *holders = search->holders;
	char line[256];
	unsigned queue;

	if (!file)
		return -1;
	while (holders->n < HOLDERS_MAX && fgets(line, sizeof(line), file))
		if (sscanf(line, "%u %u", &queue, &search->ports[holders->n]) == 2)
			holders->list[holders->n++] = (struct holder){.queue = (uint16_t)queue};
	fclose(file);
	return 0;
}

/* Reads the inodes of these ports' sockets. */
static void read_inodes(struct search *search)
{
	FILE *file = fopen("/proc/self/net/netlink", "re");
	unsigned protocol, port;
	unsigned long inode;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*s %u %u %*s %*s %*s %*s %*s %*s %lu", &protocol, &port, &inode) != 3 ||
			protocol != NETFILTER)
			continue;
		for (size_t i = 0; i < search->holders->n; i++)
			if (search->ports[i] == port)
				search->inodes[i] = inode;
	}
	if (file)
		fclose(file);
}

/* Fills in a process that holds a queue. */
static void read_program(struct holder *holder, unsigned process)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/comm", process);
	file = fopen(path, "re");
	if (file && fscanf(file, "%15[^\n]", holder->name) == 1)
		holder->process = process;
	if (file)
		fclose(file);
}

/* Notes a process if a socket of it is one of a queue. Several may have it, as our guard does: we are named
 * then. */
static void note_socket(struct search *search, unsigned process, unsigned long inode)
{
	for (size_t i = 0; i < search->holders->n; i++) {
		struct holder *holder = &search->holders->list[i];

		if (search->inodes[i] == inode && (!holder->name[0] || holders_is_other(holder)))
			read_program(holder, process);
	}
}

/* Looks among the descriptors of a process for the sockets. */
static void read_process(struct search *search, const char *process)
{
	char path[300], target[64];
	unsigned long inode;
	struct dirent *entry;
	DIR *directory;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%s/fd", process);
	directory = opendir(path);
	while (directory && (entry = readdir(directory))) {
		length = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);
		if (length < 0)
			continue;
		target[length] = '\0';
		if (sscanf(target, "socket:[%lu]", &inode) == 1)
			note_socket(search, (unsigned)strtoul(process, NULL, 10), inode);
	}
	if (directory)
		closedir(directory);
}

/* Finds the queues that are bound in the namespace that the caller is in, and who holds them, as far as that
 * can be seen. Returns 0, or -1 with errno. */
int holders_read(struct holders *holders)
{
	struct search search = {.holders = holders};
	struct dirent *entry;
	DIR *directory;

	*holders = (struct holders){.n = 0};
	if (read_numbers(&search) < 0)
		return -1;
	if (holders->n == 0)
		return 0;
	read_inodes(&search);
	directory = opendir("/proc");
	while (directory && (entry = readdir(directory)))
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
			read_process(&search, entry->d_name);
	if (directory)
		closedir(directory);
	return 0;
}

/* Returns who holds a queue; NULL: it is not bound. */
const struct holder *holders_find(const struct holders *holders, unsigned queue)
{
	for (size_t i = 0; i < holders->n; i++)
		if (holders->list[i].queue == queue)
			return &holders->list[i];
	return NULL;
}

/* Tells whether a program is seen to hold a queue that is no icmpnatd. */
bool holders_is_other(const struct holder *holder)
{
	return holder->name[0] && strcmp(holder->name, "icmpnatd") != 0;
}
