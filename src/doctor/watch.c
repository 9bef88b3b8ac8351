/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * A table of our own notes the source port and the destination of what passes, before chains of the next
 * hook can drop it. Each datagram has a port of its own, so one listing tells of all of them.
 */
#include "doctor/watch.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/run.h"
#include "doctor/way.h"

#define PORT_FIRST 40001
#define PORTS	   20000 /* datagrams at once */
#define LATE	   100	 /* ms: when a datagram that was not seen is sent again */

/* Prints the table. What is watched goes no further than to the next hook: it is not to provoke errors. */
static void print_table(FILE *out, const struct config *config, enum watch_place place)
{
	char ports[64];

	snprintf(ports, sizeof(ports), "udp sport %u-%u", PORT_FIRST, PORT_FIRST + PORTS - 1);
	fputs("table inet icmpnatd_watch {\n"
	      "set v4 { type inet_service . ipv4_addr; flags dynamic; size 65535; }\n"
	      "set v6 { type inet_service . ipv6_addr; flags dynamic; size 65535; }\n"
	      "chain seen {\nadd @v4 { udp sport . ip daddr }\nadd @v6 { udp sport . ip6 daddr }\n}\n",
		out);
	if (place == WATCH_ROUTING)
		fprintf(out,
			"chain routed {\ntype filter hook prerouting priority 2147483647;\n%s jump seen\n}\n",
			ports);
	fputs("chain inside {\n", out);
	for (size_t i = 0; i < config->n_outside; i++)
		fprintf(out, "oifname \"%s\" drop\n", config->outside[i].name);
	fprintf(out,
		"%sdrop\n}\n"
		"chain own {\ntype filter hook input priority -500;\n%s goto inside\n}\n"
		"chain forwarded {\ntype filter hook forward priority -500;\n%s goto inside\n}\n}\n",
		place == WATCH_INSIDE ? "jump seen\n" : "", ports, ports);
}

/* Loads the table. Returns false if nft refuses it. */
static bool load_table(const struct config *config, enum watch_place place)
{
	const char *const load[] = {"nft", "-f", "-", NULL};
	char *script = NULL;
	size_t length;
	FILE *out = open_memstream(&script, &length);
	int status = -1;

	if (!out)
		return false;
	print_table(out, config, place);
	if (fclose(out) == 0)
		status = run_program(load, script, NULL, NULL);
	free(script);
	return status == 0;
}

/* Notes where a datagram was seen. In a VRF it passes twice: what counts is what has changed. */
static void note_seen(struct watched *one, const char *text)
{
	uint8_t bytes[16];
	struct address a;

	if (inet_pton(AF_INET, text, bytes) == 1)
		a = address_from_v4(bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		a = address_from_v6(bytes);
	else
		return;
	if (!one->is_seen || !address_equal(a, one->to))
		one->seen = a;
	one->is_seen = true;
}

/* Reads the sets, whose elements nft lists as "40001 . 192.0.2.1, 40002 . 192.0.2.2". */
static void read_seen(struct watched *list, size_t n)
{
	const char *const show[] = {"nft", "-n", "list", "table", "inet", "icmpnatd_watch", NULL};
	char *text = NULL, *port, address[64];
	unsigned long i;

	run_program(show, NULL, &text, NULL);
	for (char *at = text; at && (at = strstr(at, " . ")); at += 3) {
		for (port = at; port > text && port[-1] >= '0' && port[-1] <= '9'; port--)
			;
		i = strtoul(port, NULL, 10) - PORT_FIRST;
		if (i < n && sscanf(at + 3, "%63[0-9a-fA-F:.]", address) == 1)
			note_seen(&list[i], address);
	}
	free(text);
}

/* Sends those that were not seen yet, and looks where they come to. */
static void send_unseen(struct prober *prober, unsigned interface, struct watched *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct probe probe = {
			way_client_for(list[i].to), list[i].to, (uint16_t)(PORT_FIRST + i), 33434, 64};

		if (!list[i].is_seen)
			prober_write(prober, interface, &probe);
	}
	read_seen(list, n);
}

static bool all_are_seen(const struct watched *list, size_t n)
{
	size_t i = 0;

	while (i < n && list[i].is_seen)
		i++;
	return i == n;
}

/* Lets a datagram to each of these addresses come in by an interface of the twin, in which the caller is, and
 * fills in which come to a place, and with which destination. Returns false if nft cannot tell. */
bool watch_send(
	struct prober *prober, unsigned interface, enum watch_place place, struct watched *list, size_t n)
{
	const char *const end[] = {"nft", "delete", "table", "inet", "icmpnatd_watch", NULL};

	for (size_t done = 0; done < n; done += PORTS) {
		const size_t some = n - done < PORTS ? n - done : PORTS;

		if (!load_table(atomic_load(&prober->policy)->config, place))
			return false;
		send_unseen(prober, interface, list + done, some);
		if (!all_are_seen(list + done, some) && poll(NULL, 0, LATE) == 0)
			send_unseen(prober, interface, list + done, some);
		run_program(end, NULL, NULL, NULL);
	}
	return true;
}
