/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Tries the kernel, in a network namespace of its own that a child makes: with the rules that the daemon
 * would load there, errors are emitted, and what leaves is compared with the core's answer, byte for byte.
 * Nothing leaves the namespace, which ends with the child.
 */
#define _GNU_SOURCE
#include "daemon/prove.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/probes.h"
#include "io/nft_batch.h"
#include "io/nftables.h"
#include "rules/inner.h"
#include "rules/rules.h"

#define LOOPBACK       "lo" /* the outside of the namespace */
#define LOOPBACK_INDEX 1
#define PROOF	       "ICMPNATD_PROOF"
#define ANSWER	       "ICMPNATD_PROOF_ANSWER" /* a reason, or nothing */
#define RIGHT	       "this kernel changes what errors quote as the daemon does"

static bool say_why(char reason[PROVE_REASON_MAX], const char *what)
{
	snprintf(reason, PROVE_REASON_MAX, "%s: %s", what, strerror(errno));
	return false;
}

/* As in linux/ipv6.h, which does not go together with the C library's headers. */
struct in6_ifreq {
	struct in6_addr address;
	uint32_t length;
	int interface;
};

/* Has errors leave by the loopback device: in IPv4 by a route, which IPv6 does not take, so that there they
 * go to this host; none, where the kernel has no IPv6. */
static bool make_network(char reason[PROVE_REASON_MAX])
{
	const int v4 = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const int v6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq up = {.ifr_name = LOOPBACK, .ifr_flags = IFF_UP};
	struct rtentry route4 = {.rt_dev = up.ifr_name, .rt_flags = RTF_UP};
	struct in6_ifreq address6 = {{{PROBE_PEER6}}, 128, LOOPBACK_INDEX};
	bool made;

	route4.rt_dst.sa_family = route4.rt_genmask.sa_family = AF_INET;
	made = v4 >= 0 && ioctl(v4, SIOCSIFFLAGS, &up) == 0 && ioctl(v4, SIOCADDRT, &route4) == 0 &&
	       (v6 < 0 || ioctl(v6, SIOCSIFADDR, &address6) == 0);
	if (!made)
		say_why(reason, "a network namespace cannot be set up");
	close(v4);
	close(v6);
	return made;
}

/* Loads the rules, whose tables belong to the namespace. */
static bool load(const struct probe_maps *maps, char reason[PROVE_REASON_MAX])
{
	static const char refused[] = "the rules are refused: ";
	const size_t begin = strlen(refused);
	struct nftables *nftables = nftables_open(reason, PROVE_REASON_MAX);

	if (!nftables)
		return false;
	memcpy(reason, refused, begin);
	return inner_load(nftables, &maps->config, RULES_TRIAL, "", reason + begin,
		       PROVE_REASON_MAX - begin) == 0;
}

/* Opens a socket that hears what leaves. */
static int open_ear(void)
{
	const struct sockaddr_ll loopback = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = LOOPBACK_INDEX};
	const int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));

	if (fd >= 0 && bind(fd, (const void *)&loopback, sizeof(loopback)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Emits an error by a raw socket of its family. */
static bool emit(int fd, const struct probe *probe, int version)
{
	struct sockaddr_in to4 = {.sin_family = AF_INET};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};

	memcpy(&to4.sin_addr, probe->emitted + 16, 4);
	memcpy(&to6.sin6_addr, probe->emitted + 24, 16);
	return sendto(fd, probe->emitted, probe->length, 0,
		       version == 4 ? (const void *)&to4 : (const void *)&to6,
		       version == 4 ? sizeof(to4) : sizeof(to6)) >= 0;
}

/* Tells whether what has left is the core's answer, once. */
static bool has_left(int ear, const struct probe *probe)
{
	uint8_t bytes[2 * PROBE_SIZE];
	struct sockaddr_ll from;
	socklen_t size = sizeof(from);
	ssize_t length;
	unsigned right = 0, wrong = 0;

	while ((length = recvfrom(ear, bytes, sizeof(bytes), 0, (void *)&from, &size)) >= 0) {
		if (from.sll_pkttype != PACKET_OUTGOING)
			continue;
		if ((size_t)length == probe->length && memcmp(bytes, probe->answer, probe->length) == 0)
			right++;
		else
			wrong++;
	}
	return right == 1 && wrong == 0;
}

/* Tries all errors of a family; none where the kernel does not have it. */
static bool try_family(int version, int ear, const struct probe_maps *maps, char reason[PROVE_REASON_MAX])
{
	const int fd = socket(version == 4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	unsigned number = 0;
	struct probe probe;
	bool right = true;

	if (fd < 0)
		return version == 6 || say_why(reason, "no raw socket");
	while (right && probe_next(&probe, &number, version, maps)) {
		const bool emitted = emit(fd, &probe, version);

		right = emitted && has_left(ear, &probe);
		if (!emitted)
			snprintf(reason, PROVE_REASON_MAX, "error %u of IPv%d cannot be emitted: %s", number,
				version, strerror(errno));
		else if (!right)
			snprintf(reason, PROVE_REASON_MAX,
				"this kernel changes error %u of IPv%d otherwise than the daemon", number,
				version);
	}
	close(fd);
	return right;
}

/* Does all of it, in a process that ends. */
static bool try_all(char reason[PROVE_REASON_MAX])
{
	struct probe_maps maps;
	int ear;

	if (unshare(CLONE_NEWNET) < 0)
		return say_why(reason, "no network namespace");
	probe_maps_init(&maps, LOOPBACK);
	if (!make_network(reason) || !load(&maps, reason))
		return false;
	ear = open_ear();
	if (ear < 0)
		return say_why(reason, "nothing can be heard");
	return try_family(4, ear, &maps, reason) && try_family(6, ear, &maps, reason);
}

/* Tries the kernel. Returns whether it changes what errors quote as the core would; else with a reason. */
static bool prove_kernel(char reason[PROVE_REASON_MAX])
{
	int ends[2];
	pid_t child;
	ssize_t length;

	if (!nft_batch_is_possible()) {
		snprintf(reason, PROVE_REASON_MAX,
			"this machine has the high byte first, where nft's listing of "
			"such rules would do harm");
		return false;
	}
	if (pipe2(ends, O_CLOEXEC) < 0)
		return say_why(reason, "no pipe");
	child = fork();
	if (child == 0) {
		if (try_all(reason))
			reason[0] = '\0';
		_exit(write(ends[1], reason, strlen(reason) + 1) < 0);
	}
	close(ends[1]);
	length = child < 0 ? say_why(reason, "no process") : read(ends[0], reason, PROVE_REASON_MAX);
	close(ends[0]);
	if (child > 0)
		waitpid(child, NULL, 0);
	if (child > 0 && length <= 0)
		snprintf(reason, PROVE_REASON_MAX, "the trial has ended without an answer");
	return length > 0 && reason[0] == '\0';
}

/* Tries the kernel, and keeps the answer in the environment: a program that takes the place of this one has
 * given up what a trial takes. */
static bool try_once(char reason[PROVE_REASON_MAX])
{
	const char *answer = getenv(ANSWER);

	if (answer) {
		snprintf(reason, PROVE_REASON_MAX, "%s", answer);
	} else {
		if (prove_kernel(reason))
			reason[0] = '\0';
		setenv(ANSWER, reason, 1);
	}
	return reason[0] == '\0';
}

/* Tells whether the kernel is right: by the file that the environment names, which --prove has left for a
 * daemon that may not try itself; without one, by a trial. Else with a reason. */
bool prove_is_known(char reason[PROVE_REASON_MAX])
{
	const char *path = getenv(PROOF);
	FILE *file;

	if (!path)
		return try_once(reason);
	file = fopen(path, "re");
	if (!file || !fgets(reason, PROVE_REASON_MAX, file))
		snprintf(reason, PROVE_REASON_MAX, "icmpnatd --prove has left no answer in %s", path);
	if (file)
		fclose(file);
	reason[strcspn(reason, "\n")] = '\0';
	return strcmp(reason, RIGHT) == 0;
}

/* Tries the kernel, and leaves the answer in the file that the environment names, or prints it. Returns an
 * exit status: 0 if there is an answer. */
int prove_and_tell(void)
{
	const char *path = getenv(PROOF);
	char reason[PROVE_REASON_MAX];
	FILE *out = path ? fopen(path, "we") : stdout;

	if (!out) {
		fprintf(stderr, "icmpnatd: %s: %s\n", path, strerror(errno));
		return EXIT_FAILURE;
	}
	if (path)
		fchmod(fileno(out), 0644); /* for a daemon of another user */
	fprintf(out, "%s\n", prove_kernel(reason) ? RIGHT : reason);
	return (out == stdout ? fflush(out) : fclose(out)) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
