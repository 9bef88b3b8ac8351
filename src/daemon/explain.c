/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Reads a capture and decides as a worker does; only that no flow is known here. Says of each ICMP
 * error what became of it, and writes a capture of what the daemon would send.
 */
#include "daemon/explain.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/decide.h"
#include "core/stats.h"
#include "daemon/frame.h"
#include "daemon/pcap_files.h"
#include "daemon/progress.h"
#include "io/queue.h"

#define FRAME_MAX 262144 /* bytes: libpcap's own limit for what can carry IP */

/* A capture that is being read. */
struct reading {
	FILE *out;
	const struct config *config;
	const struct config_outside *outside;
	struct pcap_files *files;
	struct progress progress;
	unsigned long number, errors; /* of packets so far; those that are ICMP errors */
	unsigned long short_captures; /* ICMP errors of which a part is missing */
	uint8_t copy[FRAME_MAX];      /* of a frame, to be edited */
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

static void decide_alone(const struct reading *reading, struct decision *d, uint8_t *packet, size_t length)
{
	struct decide_rules rules = config_decide_rules(reading->config);

	rules.maps = reading->outside->maps;
	*d = (struct decision){.outcome = OUTCOME_OVERSIZE, .length = length};
	if (length > QUEUE_PACKET_MAX)
		return;
	decide_begin(d, &rules, packet, length);
	decide_finish(d, NULL, packet);
}

static bool would_be_dropped(const struct reading *reading, const struct decision *d)
{
	return !d->modified && outcome_fate(d->outcome) == FATE_MALFORMED &&
	       !reading->config->queue.malformed_pass;
}

static void print_error(
	struct reading *reading, const struct decision *d, const uint8_t *bytes, size_t length)
{
	progress_hide(&reading->progress);
	fprintf(reading->out, "#%lu ", reading->number);
	if (d->sound)
		print_summary(reading, &d->error, bytes);
	else
		fprintf(reading->out, "%zu bytes\n", length);
	print_decision(reading, d, &d->error, length);
	if (would_be_dropped(reading, d))
		fputs("    the daemon would drop it\n", reading->out);
}

/* Decides about the error in a frame, in a copy, so that what it was can be told. */
static bool take_error(struct reading *reading, const struct pcap_frame *in, const struct frame *frame)
{
	struct decision d;
	size_t left;

	memcpy(reading->copy, in->bytes, in->captured);
	decide_alone(reading, &d, reading->copy + frame->begin, frame->length);
	reading->errors++;
	print_error(reading, &d, in->bytes + frame->begin, frame->length);
	if (would_be_dropped(reading, &d))
		return true;
	if (!d.modified)
		return pcap_files_write(reading->files, in->bytes, in->captured);
	left = frame_shorten(frame, reading->copy, in->captured, d.length);
	return pcap_files_write(reading->files, reading->copy, left);
}

/* Does what becomes of a frame; false if it cannot be written. */
static bool take_frame(struct reading *reading, const struct pcap_frame *in)
{
	const int link = pcap_files_link(reading->files);
	struct frame frame;

	reading->number++;
	if (in->captured <= FRAME_MAX &&
		frame_find_error(&frame, link, in->bytes, in->captured, in->length)) {
		if (!frame.short_capture)
			return take_error(reading, in, &frame);
		reading->short_captures++;
		progress_hide(&reading->progress);
		fprintf(reading->out, "#%lu was captured short: nothing can be said of it\n",
			reading->number);
	}
	return pcap_files_write(reading->files, in->bytes, in->captured);
}

static const struct config_outside *find_outside(const struct config *config, const char *interface)
{
	for (size_t i = 0; i < config->n_outside; i++)
		if (!interface || strcmp(config->outside[i].name, interface) == 0)
			return &config->outside[i];
	fprintf(stderr, "icmpnatd: %s: there is no \"%s\" in outside: choose another --interface\n",
		config->files[0], interface);
	return NULL;
}

static volatile sig_atomic_t interrupted;

static void note_signal(int number)
{
	(void)number;
	interrupted = 1;
}

/* Lets the signals that end a program leave no file behind; a second one ends it at once. */
static void heed_signals(void)
{
	const struct sigaction action = {.sa_handler = note_signal, .sa_flags = (int)SA_RESETHAND};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

/* Reads all frames. Returns whether it came to the end. */
static bool explain_all(struct reading *reading)
{
	struct pcap_frame frame;
	bool good = true;

	progress_init(&reading->progress);
	while (good && !interrupted && pcap_files_read(reading->files, &frame)) {
		good = take_frame(reading, &frame);
		if (progress_is_due(&reading->progress))
			progress_show(
				&reading->progress, reading->number, pcap_files_percent(reading->files));
	}
	progress_hide(&reading->progress);
	if (interrupted)
		fputs("icmpnatd: interrupted\n", stderr);
	return good && !interrupted;
}

static void print_totals(const struct reading *reading)
{
	fprintf(reading->out, "%lu packets, %lu ICMP errors", reading->number, reading->errors);
	if (reading->short_captures)
		fprintf(reading->out, ", captured short: %lu", reading->short_captures);
	fputc('\n', reading->out);
}

/* Explains the packets of a pcap or pcapng file as if each left by an outside interface (NULL: the first
 * one), and writes to another file, unless write is NULL, what the daemon would send; "-" are standard input
 * and output. Returns an exit status. */
int explain_file(
	FILE *out, const struct config *config, const char *interface, const char *path, const char *write)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	int status = EXIT_FAILURE;

	if (!reading) {
		perror("icmpnatd");
		return EXIT_FAILURE;
	}
	reading->out = out;
	reading->config = config;
	reading->outside = find_outside(config, interface);
	if (write)
		heed_signals();
	if (reading->outside)
		reading->files = pcap_files_open(path, write);
	if (reading->files && pcap_files_close(reading->files, explain_all(reading))) {
		print_totals(reading);
		status = EXIT_SUCCESS;
	}
	free(reading);
	return status;
}
