/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Whose setting it is depends on the namespace in which its path is opened.
 */
#include "doctor/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VALUE_MAX 64 /* bytes */

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

static int open_setting(const char *name, int flags)
{
	char path[SYSCTL_NAME_MAX + 16];

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	return open(path, flags | O_CLOEXEC);
}

/* Reads a setting of the namespace that the caller is in; value is "" where the kernel lacks it. */
static void read_setting(const char *name, char value[VALUE_MAX])
{
	int fd = open_setting(name, O_RDONLY);
	ssize_t length = fd < 0 ? -1 : read(fd, value, VALUE_MAX - 1);

	close(fd);
	value[length > 0 ? length : 0] = '\0';
}

/* Gives a setting of the twin, in which the caller is, a value, unless it has it. */
static void make_setting(const char *name, const char *value, struct sysctl_refusals *refused)
{
	char present[VALUE_MAX];
	int fd;

	read_setting(name, present);
	if (!*present || strcmp(present, value) == 0)
		return;
	fd = open_setting(name, O_WRONLY);
	if ((fd < 0 || write(fd, value, strlen(value)) < 0) && refused->n++ == 0) {
		refused->error = errno;
		snprintf(refused->name, sizeof(refused->name), "net/%s", name);
	}
	close(fd);
}

static void copy_setting(const struct twin *twin, const char *name, struct sysctl_refusals *refused)
{
	char value[VALUE_MAX];

	read_setting(name, value);
	if (!*value)
		return;
	twin_enter(twin);
	make_setting(name, value, refused);
	twin_leave(twin);
}

/* Copies the settings to the twin; the caller is at home. Refused are also those that every twin is to have.
 */
void sysctl_copy(const struct twin *twin, struct sysctl_refusals *refused)
{
	char name[SYSCTL_NAME_MAX];

	*refused = (struct sysctl_refusals){.n = 0};
	for (size_t i = 0; i < COUNT(settings); i++)
		copy_setting(twin, settings[i], refused);
	for (size_t i = 0; i < COUNT(link_settings) * (twin->n_links + 1); i++) {
		const size_t link = i / COUNT(link_settings);
		const char *const *setting = link_settings[i % COUNT(link_settings)];

		snprintf(name, sizeof(name), "%s/conf/%s/%s", setting[0],
			link == 0 ? "all" : twin->links[link - 1].host.name, setting[1]);
		copy_setting(twin, name, refused);
	}
	twin_enter(twin);
	make_setting("ipv4/icmp_ratemask", "0\n", refused); /* no limit: each error is looked at */
	make_setting("ipv6/icmp/ratelimit", "0\n", refused);
	make_setting("ipv6/icmp/ratemask", "255\n", refused); /* nor one of all peers together */
	twin_leave(twin);
}
