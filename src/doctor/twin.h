/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A twin of this host: a network namespace with the same interfaces, addresses,
 * routes, policy rules and settings, in which the kernel itself shows what it
 * would do. Its interfaces end in this process. It is gone when the process is.
 */
#ifndef DOCTOR_TWIN_H
#define DOCTOR_TWIN_H

#include <net/if.h>
#include <poll.h>
#include <stddef.h>

struct mnl_socket;

struct twin_link {
	unsigned interface; /* index, as on the host */
	char name[IFNAMSIZ];
	short flags;
	int mtu;
};

struct twin {
	int home, there; /* namespaces; -1 if there is no twin */
	struct mnl_socket *routes;
	struct twin_link *links;
	struct pollfd *ends; /* of each link: what is written there comes in, what leaves can be read */
	size_t n_links;
};

int twin_make(struct twin *twin, const char **failed);
void twin_enter(const struct twin *twin);
void twin_leave(const struct twin *twin);
void twin_end(struct twin *twin);
const struct twin_link *twin_find_link(const struct twin *twin, unsigned interface);

#endif
