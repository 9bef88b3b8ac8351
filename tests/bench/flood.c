/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Provokes ICMP errors: sends numbered UDP datagrams, at a rate or as fast as it
 * can. On veth all hosts' work for a datagram is done by its sender, so the
 * processor time that this prints is what provoking and emitting the errors cost.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BURST	64
#define SIZE	32		/* bytes of data: over IPv4, the error then has 88 */
#define TICK_NS (250 * 1000ULL) /* between bursts, at a rate */

struct burst {
	uint8_t data[BURST][SIZE]; /* starts with its number, big endian */
	struct iovec parts[BURST];
	struct mmsghdr headers[BURST];
};

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static struct addrinfo *resolve(const char *host, const char *port)
{
	const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM};
	struct addrinfo *found;
	int error = getaddrinfo(host, port, &hints, &found);

	if (error)
		errx(2, "%s: %s", host, gai_strerror(error));
	return found;
}

/* A socket that hears of no error, because it is not connected. */
static int open_socket(const struct addrinfo *source, int hops)
{
	int fd = socket(source->ai_family, SOCK_DGRAM, 0);
	int level = source->ai_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	int option = source->ai_family == AF_INET ? IP_TTL : IPV6_UNICAST_HOPS;

	if (fd < 0 || bind(fd, source->ai_addr, source->ai_addrlen) < 0 ||
		setsockopt(fd, level, option, &hops, sizeof(hops)) < 0)
		err(1, "socket");
	return fd;
}

static void prepare(struct burst *b, const struct addrinfo *destination)
{
	for (int i = 0; i < BURST; i++) {
		b->parts[i] = (struct iovec){b->data[i], SIZE};
		b->headers[i].msg_hdr = (struct msghdr){.msg_iov = &b->parts[i],
			.msg_iovlen = 1,
			.msg_name = destination->ai_addr,
			.msg_namelen = destination->ai_addrlen};
	}
}

/* Sends n datagrams, at most a burst; first is the first one's number. */
static unsigned send_burst(int fd, struct burst *b, uint32_t first, uint64_t n)
{
	int sent;

	n = n < BURST ? n : BURST;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t number_be = htonl(first + i);

		memcpy(b->data[i], &number_be, sizeof(number_be));
	}
	sent = sendmmsg(fd, b->headers, (unsigned)n, 0);
	if (sent < 0)
		err(1, "sendmmsg");
	return (unsigned)sent;
}

static void sleep_until(uint64_t when)
{
	const struct timespec t = {(time_t)(when / 1000000000ULL), (long)(when % 1000000000ULL)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void send_all(int fd, struct burst *b, uint64_t count, uint64_t rate)
{
	uint64_t start = now(CLOCK_MONOTONIC), tick = TICK_NS, sent = 0, due;

	if (rate && 1000000000ULL / rate > tick)
		tick = 1000000000ULL / rate;
	for (uint64_t t = start; sent < count;) {
		due = rate ? (now(CLOCK_MONOTONIC) - start) * rate / 1000000000ULL + 1 : count;
		due = due < count ? due : count;
		while (sent < due)
			sent += send_burst(fd, b, (uint32_t)sent, due - sent);
		if (rate)
			sleep_until(t += tick);
	}
}

int main(int argc, char **argv)
{
	static struct burst burst;
	uint64_t wall = now(CLOCK_MONOTONIC), processor = now(CLOCK_PROCESS_CPUTIME_ID);
	struct addrinfo *source, *destination;

	if (argc != 6)
		errx(2, "usage: flood SOURCE DESTINATION HOPS COUNT RATE (0: as fast as it can)");
	source = resolve(argv[1], "40000");
	destination = resolve(argv[2], "7");
	prepare(&burst, destination);
	send_all(open_socket(source, atoi(argv[3])), &burst, strtoull(argv[4], NULL, 10),
		strtoull(argv[5], NULL, 10));
	printf("%llu %llu\n", (unsigned long long)(now(CLOCK_PROCESS_CPUTIME_ID) - processor),
		(unsigned long long)(now(CLOCK_MONOTONIC) - wall));
	freeaddrinfo(source);
	freeaddrinfo(destination);
	return 0;
}
