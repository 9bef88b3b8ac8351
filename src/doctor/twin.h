/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * A twin of this host: a network namespace with the same interfaces, addresses,
 * routes, policy rules and settings, in which the kernel itself shows what it
 * would do. Its interfaces end in this process. It is gone when the process is.
 */
#ifndef DOCTOR_TWIN_H
#define DOCTOR_TWIN_H

#include <poll.h>
#include <setjmp.h>
#include <stddef.h>

#include "doctor/links.h"

struct mnl_socket;

/* An interface of the host, and what stands for it in the twin, where it has another index. */
struct twin_link {
	struct link host;
	unsigned interface; /* index in the twin */
	unsigned vrf;	    /* .. of the VRF that it is a port of; 0: none */
};

/* What is needed to make a twin, in this order. */
enum twin_step { TWIN_NAMESPACE, TWIN_TUN, TWIN_DEVICE };

struct twin {
	int home, there; /* namespaces; -1 if there is no twin */
	struct mnl_socket *routes;
	struct twin_link *links;
	struct pollfd *ends; /* of each link: what is written there comes in, what leaves can be read */
	size_t n_links;
	enum twin_step step; /* at which twin_make() failed .. */
	const char *failed;  /* .. and what there is no twin of */
	jmp_buf *lost;	     /* where to go on, with errno, if a namespace cannot be entered */
};

int twin_make(struct twin *twin, jmp_buf *lost);
void twin_raise(const struct twin *twin);
void twin_enter(const struct twin *twin);
void twin_leave(const struct twin *twin);
void twin_end(struct twin *twin);
const struct twin_link *twin_find_link(const struct twin *twin, unsigned interface);
unsigned twin_known_as(const struct twin *twin, size_t link, unsigned interface);
unsigned twin_index(const struct twin *twin, unsigned host);

#endif
