/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The twin's interfaces are TUN devices with the names and indices that the host's have, so that rules and
 * routes mean the same there. Nothing of it can be seen outside of this process.
 */
#define _GNU_SOURCE
#include "doctor/twin.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor/route.h"

/* Settings that decide what becomes of a packet. The kernel sets those of each
 * interface when it sets those of all, so these go first. */
static const char *const settings[] = {"ipv4/ip_forward", "ipv4/icmp_errors_use_inbound_ifaddr",
	"ipv4/fwmark_reflect", "ipv4/ip_nonlocal_bind", "ipv4/tcp_l3mdev_accept", "ipv4/udp_l3mdev_accept",
	"ipv4/raw_l3mdev_accept", "ipv4/fib_multipath_hash_policy", "ipv6/conf/all/forwarding",
	"ipv6/fwmark_reflect", "ipv6/ip_nonlocal_bind", "ipv6/conf/all/disable_ipv6"};
static const char *const link_settings[][2] = {{"ipv4", "forwarding"}, {"ipv4", "rp_filter"},
	{"ipv4", "accept_local"}, {"ipv4", "route_localnet"}, {"ipv4", "src_valid_mark"},
	{"ipv6", "forwarding"}, {"ipv6", "disable_ipv6"}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Ends the program if that fails: what it did next would be done in the wrong place. */
static void enter(int namespace, const char *whose)
{
	if (setns(namespace, CLONE_NEWNET) < 0)
		err(EXIT_FAILURE, "the network namespace of %s cannot be entered", whose);
}

/* Enters the twin: what is opened or started from here on belongs to it. */
void twin_enter(const struct twin *twin)
{
	enter(twin->there, "this host's twin");
}

/* Returns to the host. */
void twin_leave(const struct twin *twin)
{
	enter(twin->home, "this host");
}

static int open_setting(const char *name, int flags)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	return open(path, flags | O_CLOEXEC);
}

static void write_setting(const char *name, const char *value, size_t length)
{
	int fd = open_setting(name, O_WRONLY);

	if (fd >= 0 && write(fd, value, length) < 0)
		errno = 0; /* as on a kernel that lacks it */
	close(fd);
}

/* Copies a setting of the host: whose it is depends on the namespace in which its path is opened. */
static void copy_setting(const struct twin *twin, const char *name)
{
	char value[64];
	ssize_t length;
	int fd;

	twin_leave(twin);
	fd = open_setting(name, O_RDONLY);
	length = fd < 0 ? -1 : read(fd, value, sizeof(value));
	close(fd);
	twin_enter(twin);
	if (length > 0)
		write_setting(name, value, (size_t)length);
}

static void copy_settings(const struct twin *twin)
{
	char name[128];

	for (size_t i = 0; i < COUNT(settings); i++)
		copy_setting(twin, settings[i]);
	for (size_t i = 0; i < COUNT(link_settings) * (twin->n_links + 1); i++) {
		const size_t link = i / COUNT(link_settings);
		const char *const *setting = link_settings[i % COUNT(link_settings)];

		snprintf(name, sizeof(name), "%s/conf/%s/%s", setting[0],
			link == 0 ? "all" : twin->links[link - 1].name, setting[1]);
		copy_setting(twin, name);
	}
	write_setting("ipv4/icmp_ratemask", "0", 1); /* no limit: each error is looked at */
	write_setting("ipv6/icmp/ratelimit", "0", 1);
	write_setting("ipv6/icmp/ratemask", "255", 3); /* nor one of all peers together */
}

/* Fills in the host's interfaces. Returns 0 or -1 with errno. */
static int read_links(struct twin *twin)
{
	struct if_nameindex *names = if_nameindex();
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t n = 0;

	while (names && names[n].if_index)
		n++;
	twin->links = calloc(n + 1, sizeof(*twin->links));
	twin->ends = calloc(n + 1, sizeof(*twin->ends));
	for (size_t i = 0; i < n && twin->links && twin->ends && fd >= 0; i++) {
		struct twin_link *link = &twin->links[i];
		struct ifreq request = {.ifr_mtu = 0};

		link->interface = names[i].if_index;
		strcpy(link->name, names[i].if_name);
		strcpy(request.ifr_name, link->name);
		if (ioctl(fd, SIOCGIFFLAGS, &request) == 0)
			link->flags = request.ifr_flags;
		if (ioctl(fd, SIOCGIFMTU, &request) == 0)
			link->mtu = request.ifr_mtu;
		twin->ends[i] = (struct pollfd){.fd = -1, .events = POLLIN};
		twin->n_links++;
	}
	close(fd);
	if_freenameindex(names);
	return twin->n_links == n && n ? 0 : -1;
}

/* Makes the device of a link. Returns its descriptor, with which it ends; -1 with errno. */
static int make_device(const struct twin_link *link)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), error;
	unsigned carrier = 0;

	if (fd < 0)
		return -1;
	strcpy(request.ifr_name, link->name);
	if (ioctl(fd, TUNSETIFINDEX, &link->interface) == 0 && ioctl(fd, TUNSETIFF, &request) == 0) {
		if (!(link->flags & IFF_RUNNING))
			ioctl(fd, TUNSETCARRIER, &carrier);
		return fd;
	}
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int make_devices(struct twin *twin, const char **failed)
{
	for (size_t i = 0; i < twin->n_links; i++) {
		const struct twin_link *link = &twin->links[i];

		if (link->flags & IFF_LOOPBACK)
			continue;
		*failed = link->name;
		twin->ends[i].fd = make_device(link);
		if (twin->ends[i].fd < 0)
			return -1;
	}
	return 0;
}

/* Sets MTU and state of all devices; the settings that decide about addresses must have been copied. */
static void raise_devices(const struct twin *twin)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (size_t i = 0; i < twin->n_links; i++) {
		const struct twin_link *link = &twin->links[i];
		struct ifreq request = {.ifr_mtu = link->mtu};

		strcpy(request.ifr_name, link->name);
		ioctl(fd, SIOCSIFMTU, &request);
		request.ifr_flags = IFF_UP;
		if (link->flags & IFF_UP)
			ioctl(fd, SIOCSIFFLAGS, &request);
	}
	close(fd);
}

/* Makes the twin with its interfaces and settings; the caller stays at home.
 * Returns 0; -1 with errno, what failed, and a twin to be ended all the same. */
int twin_make(struct twin *twin, const char **failed)
{
	int result = -1, error;

	*twin = (struct twin){.there = -1, .home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)};
	*failed = "a network namespace";
	if (twin->home < 0 || read_links(twin) < 0 || unshare(CLONE_NEWNET) < 0)
		return -1;
	twin->there = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	twin->routes = route_open();
	if (twin->there >= 0 && twin->routes && make_devices(twin, failed) == 0) {
		copy_settings(twin);
		raise_devices(twin);
		result = 0;
	}
	error = errno;
	twin_leave(twin);
	errno = error;
	return result;
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

/* Returns the link of the interface with an index, or NULL. */
const struct twin_link *twin_find_link(const struct twin *twin, unsigned interface)
{
	for (size_t i = 0; i < twin->n_links; i++)
		if (twin->links[i].interface == interface)
			return &twin->links[i];
	return NULL;
}
