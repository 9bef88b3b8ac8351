/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Captures by libpcap, which is loaded for it. Timestamps are written as they were read, pcapng's as
 * nanoseconds. What goes wrong is said on standard error when the files are closed.
 */
#include "daemon/pcap_files.h"

#include <errno.h>
#include <limits.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/frame.h"
#include "daemon/new_file.h"
#include "io/library.h"

LIBRARY_NOTE(LIBPCAP, "explain", "Captures for icmpnatd --explain", "suggested")

#define PCAP_FUNCTIONS(F)                                                                                    \
	F(pcap_fopen_offline_with_tstamp_precision)                                                          \
	F(pcap_close)                                                                                        \
	F(pcap_datalink)                                                                                     \
	F(pcap_datalink_val_to_name)                                                                         \
	F(pcap_next_ex)                                                                                      \
	F(pcap_geterr)                                                                                       \
	F(pcap_dump_fopen)                                                                                   \
	F(pcap_dump)

_Static_assert(FRAME_NULL == DLT_NULL && FRAME_ETHERNET == DLT_EN10MB && FRAME_PPP == DLT_PPP &&
		       FRAME_RAW == DLT_RAW && FRAME_PPP_SERIAL == DLT_PPP_SERIAL &&
		       FRAME_PPP_ETHER == DLT_PPP_ETHER && FRAME_LOOP == DLT_LOOP &&
		       FRAME_LINUX_SLL == DLT_LINUX_SLL && FRAME_IPV4 == DLT_IPV4 && FRAME_IPV6 == DLT_IPV6 &&
		       FRAME_NFLOG == DLT_NFLOG,
	"link types have libpcap's numbers");

struct pcap_files {
	struct pcap_library {
		PCAP_FUNCTIONS(LIBRARY_POINTER)
	} library;
	const char *in_name, *out_name; /* as messages have them */
	FILE *in;
	pcap_t *pcap;
	struct pcap_pkthdr header; /* of the frame that was read last */
	struct new_file out;
	pcap_dumper_t *dumper;			   /* that is out.stream; NULL: nothing is written */
	char failure[PATH_MAX + PCAP_ERRBUF_SIZE]; /* what went wrong first; empty: nothing */
};

static bool fail(struct pcap_files *files, const char *name, const char *reason)
{
	if (!files->failure[0])
		snprintf(files->failure, sizeof(files->failure), "%s: %s", name, reason);
	return false;
}

/* Returns the precision of a capture's timestamps. Looks at its first four bytes and puts them back, which
 * Linux' C libraries permit, of a pipe, too. */
static u_int precision_of(FILE *in)
{
	static const uint8_t micro[][4] = {{0xa1, 0xb2, 0xc3, 0xd4}, {0xd4, 0xc3, 0xb2, 0xa1},
		{0xa1, 0xb2, 0xcd, 0x34}, {0x34, 0xcd, 0xb2, 0xa1}};
	uint8_t magic[4];
	const size_t n = fread(magic, 1, sizeof(magic), in);

	for (size_t i = n; i > 0; i--)
		ungetc(magic[i - 1], in);
	for (size_t i = 0; n == sizeof(magic) && i < sizeof(micro) / sizeof(*micro); i++)
		if (memcmp(magic, micro[i], sizeof(magic)) == 0)
			return PCAP_TSTAMP_PRECISION_MICRO;
	return PCAP_TSTAMP_PRECISION_NANO;
}

static bool check_link(struct pcap_files *files)
{
	const int link = files->library.pcap_datalink(files->pcap);
	const char *name = files->library.pcap_datalink_val_to_name(link);
	char reason[256], number[16];

	if (frame_link_is_known(link))
		return true;
	snprintf(number, sizeof(number), "%d", link);
	snprintf(reason, sizeof(reason), "link type %s is not read, only " FRAME_LINKS, name ? name : number);
	return fail(files, files->in_name, reason);
}

static bool open_in(struct pcap_files *files, const char *path)
{
	static const char *const names[] = {PCAP_FUNCTIONS(LIBRARY_NAME) NULL};
	const bool standard = strcmp(path, "-") == 0;
	char error[PCAP_ERRBUF_SIZE];

	files->in_name = standard ? "standard input" : path;
	if (!library_open(LIBPCAP, names, &files->library))
		return fail(files, files->in_name, library_error());
	files->in = standard ? stdin : fopen(path, "rb");
	if (!files->in)
		return fail(files, files->in_name, strerror(errno));
	files->pcap = files->library.pcap_fopen_offline_with_tstamp_precision(
		files->in, precision_of(files->in), error);
	return files->pcap ? check_link(files) : fail(files, files->in_name, error);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Tells whether path may be written to: not the capture that is read, and not what people read. */
static bool check_out(struct pcap_files *files, const char *path)
{
	const bool standard = strcmp(path, "-") == 0;
	struct stat in, out, printed;

	if (standard && isatty(STDOUT_FILENO))
		return fail(files, files->out_name, "is a terminal: redirect it, or name a file");
	if ((standard ? fstat(STDOUT_FILENO, &out) : stat(path, &out)) < 0)
		return true; /* nothing is there */
	if (S_ISREG(out.st_mode) && fstat(fileno(files->in), &in) == 0 && is_same(&in, &out))
		return fail(files, files->out_name, "is the file that is read: choose another one");
	if (!standard && !S_ISCHR(out.st_mode) && fstat(STDOUT_FILENO, &printed) == 0 &&
		is_same(&printed, &out))
		return fail(files, files->out_name, "is standard output: name it -");
	return true;
}

static bool open_out(struct pcap_files *files, const char *path)
{
	files->out_name = strcmp(path, "-") == 0 ? "standard output" : path;
	signal(SIGPIPE, SIG_IGN); /* then there is an error to tell */
	signal(SIGXFSZ, SIG_IGN);
	if (!check_out(files, path))
		return false;
	if (!new_file_open(&files->out, path))
		return fail(files, files->out_name, strerror(errno));
	files->dumper = files->library.pcap_dump_fopen(files->pcap, files->out.stream);
	return files->dumper ? true : fail(files, files->out_name, files->library.pcap_geterr(files->pcap));
}

/* Opens a pcap or pcapng file to read and, unless out is NULL, a pcap file to write; "-" are standard input
 * and output. Only link types of frame.h are taken. Returns NULL after a message. */
struct pcap_files *pcap_files_open(const char *in, const char *out)
{
	struct pcap_files *files = calloc(1, sizeof(*files));

	if (!files) {
		perror("icmpnatd");
		return NULL;
	}
	if (open_in(files, in) && (!out || open_out(files, out)))
		return files;
	pcap_files_close(files, false);
	return NULL;
}

/* Returns the link type of all frames, one of enum frame_link. */
int pcap_files_link(const struct pcap_files *files)
{
	return files->library.pcap_datalink(files->pcap);
}

/* Returns how much of the file was read; -1 if its length is not known. */
int pcap_files_percent(const struct pcap_files *files)
{
	const off_t at = ftello(files->in);
	struct stat st;

	if (at < 0 || fstat(fileno(files->in), &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return -1;
	return (int)(at * 100 / st.st_size);
}

/* Reads the next frame, valid until the one after it is read. False at the end, or if it fails. */
bool pcap_files_read(struct pcap_files *files, struct pcap_frame *frame)
{
	struct pcap_pkthdr *header;
	int n = files->library.pcap_next_ex(files->pcap, &header, &frame->bytes);

	if (n == PCAP_ERROR)
		return fail(files, files->in_name, files->library.pcap_geterr(files->pcap));
	if (n != 1)
		return false;
	files->header = *header;
	frame->captured = header->caplen;
	frame->length = header->len;
	return true;
}

/* Writes the frame that was read last, with its timestamp and with these bytes, fewer by what was removed;
 * nothing if no file is written. False if it fails. */
bool pcap_files_write(struct pcap_files *files, const uint8_t *bytes, size_t captured)
{
	struct pcap_pkthdr header = files->header;
	const bpf_u_int32 removed = header.caplen - (bpf_u_int32)captured;

	if (!files->dumper)
		return true;
	header.caplen -= removed;
	header.len -= removed < header.len ? removed : header.len;
	files->library.pcap_dump((uint8_t *)files->dumper, &header, bytes);
	return ferror(files->out.stream) ? fail(files, files->out_name, strerror(errno)) : true;
}

/* Closes both files. What was written gets its name if whole says so and nothing went wrong; else nothing is
 * left of it, and false is returned. Says what went wrong. */
bool pcap_files_close(struct pcap_files *files, bool whole)
{
	bool good = whole && !files->failure[0];

	if (files->out.stream && good && !new_file_finish(&files->out))
		good = fail(files, files->out_name, strerror(errno));
	if (files->failure[0])
		fprintf(stderr, "icmpnatd: %s\n", files->failure);
	if (files->out.stream && new_file_discard(&files->out))
		fprintf(stderr, "icmpnatd: %s was not written\n", files->out_name);
	if (files->pcap)
		files->library.pcap_close(files->pcap);
	free(files);
	return good;
}
