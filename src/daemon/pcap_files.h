/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * A capture that is read, and one that is written from it.
 */
#ifndef DAEMON_PCAP_FILES_H
#define DAEMON_PCAP_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A frame of the capture that is read: length bytes, of which the first ones were captured. */
struct pcap_frame {
	const uint8_t *bytes;
	size_t captured, length;
};

struct pcap_files;

struct pcap_files *pcap_files_open(const char *in, const char *out);
int pcap_files_link(const struct pcap_files *files);
int pcap_files_percent(const struct pcap_files *files);
bool pcap_files_read(struct pcap_files *files, struct pcap_frame *frame);
bool pcap_files_write(struct pcap_files *files, const uint8_t *bytes, size_t captured);
bool pcap_files_close(struct pcap_files *files, bool whole);

#endif
