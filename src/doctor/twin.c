/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The twin's interfaces are TUN devices with the names that the host's have, and VRFs. Indexes differ: a new
 * namespace may have interfaces of its own. Nothing of it can be seen outside of this process.
 */
#define _GNU_SOURCE
#include "doctor/twin.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor/route.h"
#include "doctor/vrf.h"

/* Gives up with errno if that fails: what was done next would be done in the wrong place. */
static void enter(const struct twin *twin, int namespace)
{
	if (setns(namespace, CLONE_NEWNET) < 0)
		longjmp(*twin->lost, 1);
}

/* Enters the twin: what is opened or started from here on belongs to it. */
void twin_enter(const struct twin *twin)
{
	enter(twin, twin->there);
}

/* Returns to the host. */
void twin_leave(const struct twin *twin)
{
	enter(twin, twin->home);
}

/* Fills in the host's interfaces. Returns 0 or -1 with errno. */
static int read_links(struct twin *twin)
{
	struct mnl_socket *socket = route_open();
	struct links links = {.n = 0};
	const int result = socket ? links_list(socket, &links) : -1;

	route_close(socket);
	twin->links = calloc(links.n + 1, sizeof(*twin->links));
	twin->ends = calloc(links.n + 1, sizeof(*twin->ends));
	for (size_t i = 0; result == 0 && twin->links && twin->ends && i < links.n; i++) {
		twin->links[i].host = links.all[i];
		twin->ends[i] = (struct pollfd){.fd = -1, .events = POLLIN};
		twin->n_links++;
	}
	links_free(&links);
	return twin->n_links ? 0 : -1;
}

/* Lets each interface have its descriptor, where the limit was not meant for hosts with so many. */
static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int control_socket(void)
{
	return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

/* Gives other names to the interfaces that the twin was born with, as sit0 where that module is loaded: they
 * are down, nobody asks for them, and the host has some of the same name. Returns 0 or -1 with errno. */
static int rename_spares(const struct twin *twin)
{
	int control = control_socket(), result;
	struct ifreq request;
	struct links spares;

	result = links_list(twin->routes, &spares);
	for (size_t i = 0; i < spares.n && result == 0; i++) {
		strcpy(request.ifr_name, spares.all[i].name);
		strcpy(request.ifr_newname, "icmpnatctl%d"); /* the kernel puts a number there */
		if (!(spares.all[i].flags & IFF_LOOPBACK))
			result = ioctl(control, SIOCSIFNAME, &request);
	}
	links_free(&spares);
	close(control);
	return result;
}

/* Makes a TUN device in place of an interface. Returns its descriptor, with which it ends; -1 with errno. */
static int make_device(struct twin *twin, const struct link *link)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), error;
	unsigned carrier = 0;

	if (fd < 0) {
		twin->step = TWIN_TUN;
		return -1;
	}
	strcpy(request.ifr_name, link->name);
	if (ioctl(fd, TUNSETIFF, &request) == 0) {
		/* It goes with the namespace, with all others at once: one by one would take 17 ms each. */
		ioctl(fd, TUNSETPERSIST, 1);
		if (!(link->flags & IFF_RUNNING))
			ioctl(fd, TUNSETCARRIER, &carrier);
		return fd;
	}
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* Makes what stands for each interface but the loopback device, which is there: VRFs as what they are, for
 * they have tables of routes, the others as TUN devices. */
static int make_devices(struct twin *twin)
{
	for (size_t i = 0; i < twin->n_links; i++) {
		struct twin_link *link = &twin->links[i];

		twin->failed = link->host.name;
		if (link->host.table && vrf_make(twin->routes, link->host.name, link->host.table) < 0)
			return -1;
		if (!link->host.table && !(link->host.flags & IFF_LOOPBACK)) {
			twin->ends[i].fd = make_device(twin, &link->host);
			if (twin->ends[i].fd < 0)
				return -1;
		}
		link->interface = if_nametoindex(link->host.name);
	}
	return 0;
}

/* Puts the ports of VRFs into them. Ports of bridges stay outside: what stands for the bridge is no bridge.
 */
static int fill_vrfs(struct twin *twin)
{
	for (size_t i = 0; i < twin->n_links; i++) {
		struct twin_link *link = &twin->links[i];

		for (size_t j = 0; j < twin->n_links; j++)
			if (twin->links[j].host.table && twin->links[j].host.index == link->host.master)
				link->vrf = twin->links[j].interface;
		twin->failed = link->host.name;
		if (link->vrf && vrf_add_port(twin->routes, link->interface, link->vrf) < 0)
			return -1;
	}
	return 0;
}

/* Makes the twin's interfaces. Returns 0; -1 with errno. */
static int make_links(struct twin *twin)
{
	twin->step = TWIN_DEVICE;
	allow_descriptors();
	return rename_spares(twin) < 0 || make_devices(twin) < 0 ? -1 : fill_vrfs(twin);
}

/* Makes the twin with its interfaces, which are down; the caller stays at home. lost is where to go on if the
 * way between the two is lost later on. Returns 0; -1 with errno, step and failed, and a twin to be ended all
 * the same. */
int twin_make(struct twin *twin, jmp_buf *lost)
{
	int result = -1, error;

	*twin = (struct twin){
		.there = -1, .step = TWIN_NAMESPACE, .failed = "this network namespace", .lost = lost};
	twin->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	/* Entering where one is shows whether one could return. */
	if (twin->home < 0 || read_links(twin) < 0 || setns(twin->home, CLONE_NEWNET) < 0 ||
		unshare(CLONE_NEWNET) < 0)
		return -1;
	twin->there = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	twin->routes = route_open();
	if (twin->there >= 0 && twin->routes)
		result = make_links(twin);
	error = errno;
	twin_leave(twin);
	errno = error;
	return result;
}

/* Sets MTU and state of all interfaces; the settings that decide about addresses must have been copied. */
void twin_raise(const struct twin *twin)
{
	int control;

	twin_enter(twin);
	control = control_socket();
	for (size_t i = 0; i < twin->n_links; i++) {
		const struct link *link = &twin->links[i].host;
		struct ifreq request = {.ifr_mtu = (int)link->mtu};

		strcpy(request.ifr_name, link->name);
		ioctl(control, SIOCSIFMTU, &request);
		request.ifr_flags = IFF_UP;
		if (link->flags & IFF_UP)
			ioctl(control, SIOCSIFFLAGS, &request);
	}
	close(control);
	twin_leave(twin);
}

/* Ends the twin, whose interfaces go. */
void twin_end(struct twin *twin)
{
	for (size_t i = 0; i < twin->n_links; i++)
		close(twin->ends[i].fd);
	free(twin->links);
	free(twin->ends);
	route_close(twin->routes);
	close(twin->there);
	close(twin->home);
}

/* Returns the link of the interface with an index in the twin, or NULL. */
const struct twin_link *twin_find_link(const struct twin *twin, unsigned interface)
{
	for (size_t i = 0; i < twin->n_links; i++)
		if (twin->links[i].interface == interface)
			return &twin->links[i];
	return NULL;
}

/* Returns the index in the twin by which a link is known to one who asks for an interface: a VRF stands for
 * its ports. */
unsigned twin_known_as(const struct twin *twin, size_t link, unsigned interface)
{
	const struct twin_link *l = &twin->links[link];

	return l->vrf && l->vrf == interface ? interface : l->interface;
}

/* Returns the index in the twin of an interface of the host; 0 if it came later. */
unsigned twin_index(const struct twin *twin, unsigned host)
{
	for (size_t i = 0; i < twin->n_links; i++)
		if (twin->links[i].host.index == host)
			return twin->links[i].interface;
	return 0;
}
