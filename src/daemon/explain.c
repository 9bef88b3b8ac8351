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
#include "core/stats.h"
#include "daemon/frame.h"
#include "io/library.h"
#include "io/queue.h"

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

_Static_assert(FRAME_NULL == DLT_NULL && FRAME_ETHERNET == DLT_EN10MB && FRAME_PPP == DLT_PPP &&
		       FRAME_RAW == DLT_RAW && FRAME_PPP_SERIAL == DLT_PPP_SERIAL &&
		       FRAME_PPP_ETHER == DLT_PPP_ETHER && FRAME_LOOP == DLT_LOOP &&
		       FRAME_LINUX_SLL == DLT_LINUX_SLL && FRAME_IPV4 == DLT_IPV4 && FRAME_IPV6 == DLT_IPV6 &&
		       FRAME_NFLOG == DLT_NFLOG,
	"link types have libpcap's numbers");

/* A capture that is being read. */
struct reading {
	FILE *out;
	const struct config *config;
	const struct config_outside *outside;
	int link;
	unsigned long number, errors; /* of packets so far; those that are ICMP errors */
	unsigned long short_captures; /* ICMP errors of which a part is missing */
};

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
static void explain_packet(struct reading *reading, const uint8_t *bytes, size_t length)
{
	const struct decide_rules rules = {
		.maps = reading->outside->maps,
		.lookup = reading->config->lookup,
		.extensions = reading->config->extensions,
		.leaves_peers = reading->config->leaves_peers,
		.drop_malformed = !reading->config->queue.malformed_pass,
	};
	uint8_t copy[QUEUE_PACKET_MAX];
	struct decision d = {.outcome = OUTCOME_OVERSIZE, .length = length};

	if (length <= sizeof(copy)) {
		memcpy(copy, bytes, length);
		decide_begin(&d, &rules, copy, length);
		decide_finish(&d, NULL, copy);
	}
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
	struct frame frame;

	reading->number++;
	if (!frame_find_error(&frame, reading->link, bytes, header->caplen, header->len))
		return;
	if (!frame.short_capture) {
		explain_packet(reading, bytes + frame.begin, frame.length);
		return;
	}
	reading->short_captures++;
	fprintf(reading->out, "#%lu was captured short: nothing can be said of it\n", reading->number);
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
	const char *name;
	char number[16];

	reading->link = library->pcap_datalink(pcap);
	if (!frame_link_is_known(reading->link)) {
		name = library->pcap_datalink_val_to_name(reading->link);
		snprintf(number, sizeof(number), "%d", reading->link);
		fprintf(stderr, "icmpnatd: %s: link type %s is not read, only " FRAME_LINKS "\n", path,
			name ? name : number);
		return false;
	}
	if (library->pcap_loop(pcap, -1, take_packet, (uint8_t *)reading) == PCAP_ERROR) {
		fprintf(stderr, "icmpnatd: %s: %s\n", path, library->pcap_geterr(pcap));
		return false;
	}
	fprintf(reading->out, "%lu packets, %lu ICMP errors", reading->number, reading->errors);
	if (reading->short_captures)
		fprintf(reading->out, ", captured short: %lu", reading->short_captures);
	fputc('\n', reading->out);
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
