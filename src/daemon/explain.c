/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads a capture with libpcap and decides as a worker does; only that no flow
 * is known here. Says of each ICMP error what became of it.
 */
#include "daemon/explain.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "core/decide.h"
#include "io/library.h"
#include "core/stats.h"

#define PCAP_FUNCTIONS(F)                                                                                    \
	F(pcap_open_offline)                                                                                 \
	F(pcap_close)                                                                                        \
	F(pcap_datalink)                                                                                     \
	F(pcap_datalink_val_to_name)                                                                         \
	F(pcap_loop)                                                                                         \
	F(pcap_geterr)

struct pcap_library {
	PCAP_FUNCTIONS(LIBRARY_POINTER)
};

#define ETHERNET_HEADER 14
#define VLAN_TAG	4

/* A capture that is being read. */
struct reading {
	FILE *out;
	const struct config *config;
	const struct config_outside *outside;
	int link;
	unsigned long number, errors; /* of packets so far; those that are ICMP errors */
};

/* Returns the length of an Ethernet header with its VLAN tags; 0 if no IP packet follows. */
static size_t ethernet_header(const uint8_t *bytes, size_t length)
{
	size_t at = ETHERNET_HEADER;
	unsigned type;

	for (; at <= length; at += VLAN_TAG) {
		type = packet_be16(bytes + at - 2);
		if (type == 0x0800 || type == 0x86dd)
			return at;
		if (type != 0x8100 && type != 0x88a8)
			return 0;
	}
	return 0;
}

/* Returns the bytes before the IP header; -1 for an unknown link type, length or more if no IP follows. */
static long link_header(int link, const uint8_t *bytes, size_t length)
{
	size_t n;

	switch (link) {
	case DLT_EN10MB:
		n = ethernet_header(bytes, length);
		return (long)(n ? n : length);
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
		return 0;
	case DLT_NULL:
	case DLT_LOOP:
		return 4;
	case DLT_LINUX_SLL:
		return 16;
	case DLT_LINUX_SLL2:
		return 20;
	}
	return -1;
}

static void print_address(FILE *out, struct address address)
{
	char text[CONFIG_PREFIX_TEXT];

	config_prefix_text((struct prefix){address, 128}, text);
	fputs(text, out);
}

/* One address of the packet: what it is now, and what made it so. */
static void print_change(const struct reading *reading, const char *what, struct address from, uint32_t map)
{
	const struct addrmap_entry *entry;
	FILE *out = reading->out;

	if (map == ADDRMAP_NONE)
		return;
	entry = &reading->config->entries[map];
	fprintf(out, "    %s ", what);
	print_address(out, from);
	fputs(" becomes ", out);
	print_address(out, addrmap_apply(entry, from));
	fprintf(out, " by the map at %s:%u\n", reading->config->files[entry->file], (unsigned)entry->line);
}

static void print_summary(const struct reading *reading, const struct icmp_error *error, const uint8_t *bytes)
{
	FILE *out = reading->out;

	print_address(out, error->outer.source);
	fputs(" > ", out);
	print_address(out, error->outer.destination);
	fprintf(out, ", %s, code %u, about ", stats_text(STATS_TYPE + error->type)->name,
		bytes[error->outer.transport + 1]);
	print_address(out, error->inner.source);
	fputs(" > ", out);
	print_address(out, error->inner.destination);
	fprintf(out, ", protocol %u\n", error->inner.protocol);
}

static void print_decision(const struct reading *reading, const struct decision *d,
	const struct icmp_error *error, size_t before)
{
	const struct stats_text *text = stats_text(STATS_OUTCOME + d->outcome);
	FILE *out = reading->out;

	fprintf(out, "    %s (%s): %s\n", text->name, text->fate, text->sentence);
	if (d->translated) {
		print_change(reading, "outer source", error->outer.source, d->outer_map);
		print_change(reading, "inner source", error->inner.source, d->source_map);
		print_change(reading, "inner destination", error->inner.destination, d->destination_map);
	}
	if (d->length < before)
		fprintf(out, "    %zu bytes of extension and padding are removed\n", before - d->length);
	if (d->wants_flow)
		fputs("    the daemon would ask conntrack for its flow; none is known here\n", out);
}

/* Decides about a copy of the packet, so that what it was can be told. */
static void explain_packet(struct reading *reading, const uint8_t *bytes, size_t length, bool whole)
{
	const struct decide_rules rules = {
		.maps = reading->outside->maps,
		.lookup = reading->config->lookup,
		.extensions = reading->config->extensions,
	};
	uint8_t copy[UINT16_MAX];
	struct decision d;

	if (!whole || length > sizeof(copy)) {
		fprintf(reading->out, "#%lu was captured in part: nothing can be said of it\n",
			reading->number);
		return;
	}
	memcpy(copy, bytes, length);
	decide_begin(&d, &rules, copy, length);
	decide_finish(&d, NULL, copy);
	if (d.outcome == OUTCOME_NOT_ERROR)
		return;
	reading->errors++;
	fprintf(reading->out, "#%lu ", reading->number);
	if (d.sound)
		print_summary(reading, &d.error, bytes);
	else
		fprintf(reading->out, "%zu bytes\n", length);
	print_decision(reading, &d, &d.error, length);
}

static void take_packet(uint8_t *context, const struct pcap_pkthdr *header, const uint8_t *bytes)
{
	struct reading *reading = (void *)context;
	long begin = link_header(reading->link, bytes, header->caplen);

	reading->number++;
	if (begin >= 0 && (uint32_t)begin < header->caplen)
		explain_packet(reading, bytes + begin, header->caplen - (size_t)begin,
			header->caplen == header->len);
}

static const struct config_outside *find_outside(const struct config *config, const char *interface)
{
	for (size_t i = 0; i < config->n_outside; i++)
		if (!interface || strcmp(config->outside[i].name, interface) == 0)
			return &config->outside[i];
	fprintf(stderr, "icmpnatd: %s: there is no \"%s\" in outside\n", config->files[0], interface);
	return NULL;
}

/* Reads all packets; false after a message. */
static bool explain_all(
	struct reading *reading, const struct pcap_library *library, pcap_t *pcap, const char *path)
{
	reading->link = library->pcap_datalink(pcap);
	if (link_header(reading->link, (const uint8_t *)"", 0) < 0) {
		fprintf(stderr,
			"icmpnatd: %s: captures of link type %s are not read: capture on eth0 or any\n", path,
			library->pcap_datalink_val_to_name(reading->link));
		return false;
	}
	if (library->pcap_loop(pcap, -1, take_packet, (uint8_t *)reading) == PCAP_ERROR) {
		fprintf(stderr, "icmpnatd: %s: %s\n", path, library->pcap_geterr(pcap));
		return false;
	}
	fprintf(reading->out, "%lu packets, %lu ICMP errors\n", reading->number, reading->errors);
	return true;
}

/* Explains the packets of a pcap or pcapng file as if each left by an outside
 * interface (NULL: the first one). Returns an exit status. */
int explain_file(FILE *out, const struct config *config, const char *interface, const char *path)
{
	static const char *const names[] = {PCAP_FUNCTIONS(LIBRARY_NAME) NULL};
	struct reading reading = {.out = out, .config = config, .outside = find_outside(config, interface)};
	struct pcap_library library;
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap;
	bool good;

	if (!reading.outside)
		return EXIT_FAILURE;
	if (!library_open(LIBPCAP, names, &library)) {
		fprintf(stderr, "icmpnatd: cannot read %s: %s\n", path, library_error());
		return EXIT_FAILURE;
	}
	pcap = library.pcap_open_offline(path, error);
	if (!pcap) {
		fprintf(stderr, "icmpnatd: %s\n", error);
		return EXIT_FAILURE;
	}
	good = explain_all(&reading, &library, pcap, path);
	library.pcap_close(pcap);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
