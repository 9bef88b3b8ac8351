/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The guard as the daemon sees it, and the messages between the two. The guard itself is guard.c.
 */
#ifndef DAEMON_GUARD_CLIENT_H
#define DAEMON_GUARD_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The numbers stay as they are: a guard outlives upgrades, and speaks with newer daemons. */
enum guard_message_kind {
	GUARD_MESSAGE_RELEASED = 3, /* from the guard: it has let go what was queued */
	GUARD_MESSAGE_PAUSE,	    /* to it: packets are going to wait for a while */
	GUARD_MESSAGE_RESUME,	    /* to it: the queues are served again */
	GUARD_MESSAGE_DISMISS,	    /* to it: end, and leave the queues as they are */
	GUARD_MESSAGE_TRY,	    /* to it: try the program on the disk */
	GUARD_MESSAGE_GOOD,	    /* from it: the program works */
	GUARD_MESSAGE_BAD,	    /* from it: it does not */
	GUARD_MESSAGE_GIVE,	    /* to it, with a descriptor and its name */
};

#define GUARD_NAME_MAX 16 /* bytes of a descriptor's name, with the NUL */

/* Only GUARD_MESSAGE_GIVE has a name; the others end before it. */
struct guard_message {
	uint32_t kind;
	uint16_t trial; /* number of a trial; else 0 */
	uint16_t unused;
	char name[GUARD_NAME_MAX];
};

struct guard_client {
	int fd;		/* of the pair of sockets; -1: there is no guard */
	bool released;	/* it has said so while a trial was waited for */
	uint16_t trial; /* number of the last trial */
};

/* What the guard says. */
enum guard_news {
	GUARD_SILENT,	/* nothing */
	GUARD_RELEASED, /* it has let go what was queued, and new packets pass until guard_resume() */
	GUARD_GONE,	/* it has ended; there is no other */
};

/* What became of a trial. */
enum guard_trial {
	GUARD_TRIAL_GOOD,
	GUARD_TRIAL_BAD,
	GUARD_TRIAL_NONE, /* the guard does not answer */
};

#define GUARD_TRIAL_LASTS 8000 /* milliseconds that a trial may take */

bool guard_message_send(int socket, enum guard_message_kind kind, uint16_t trial);
ssize_t guard_message_receive(int socket, struct guard_message *message, int *fd);

bool guard_give(const struct guard_client *guard, const char *name, int fd);
enum guard_trial guard_try(struct guard_client *guard);
enum guard_news guard_hear(struct guard_client *guard);
void guard_pause(const struct guard_client *guard);
void guard_resume(const struct guard_client *guard);
void guard_dismiss(struct guard_client *guard);

#endif
