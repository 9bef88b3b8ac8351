/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The interfaces of this host: which stands on which, and where routes lead by them.
 */
#ifndef DOCTOR_LINKS_H
#define DOCTOR_LINKS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>

struct mnl_socket;

struct link {
	char name[IFNAMSIZ];
	char kind[IFNAMSIZ];   /* "bridge", "vlan", "vrf", ..; empty: a device */
	unsigned index, flags; /* flags: IFF_.. */
	unsigned mtu;	       /* bytes */
	unsigned table;	       /* of a VRF: by which it routes; else 0 */
	unsigned master;       /* of which it is a port; 0: none */
	unsigned below;	       /* on which it stands; 0: none in this namespace */
	bool routed;	       /* a route leads out by it, not only to link-local addresses */
	bool far;	       /* .. to other networks than those of its own addresses */
};

struct links {
	struct link *all;
	size_t n;
};

int links_list(struct mnl_socket *socket, struct links *links);
int links_read(struct mnl_socket *socket, struct links *links);
void links_free(struct links *links);
const struct link *links_find(const struct links *links, unsigned index);
const struct link *links_find_name(const struct links *links, const char *name);

#endif
