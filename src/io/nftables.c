/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Loads scripts of nft through libnftables. A table with "flags owner" belongs to
 * the netlink socket that made it (nf_tables_newtable in the kernel), and lives
 * as long if it has no "persist": the library's context keeps it open.
 */
#define _GNU_SOURCE
#include "io/nftables.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/library.h"

#ifdef LIBNFTABLES
#include <nftables/libnftables.h>
LIBRARY_NOTE(LIBNFTABLES, "own-rules", "Capture rules that the daemon holds itself", "recommended")
#else /* as in that header; never called, because nftables_open() fails */
#define LIBNFTABLES	""
#define NFT_CTX_DEFAULT 0
struct nft_ctx *nft_ctx_new(uint32_t flags);
void nft_ctx_free(struct nft_ctx *context);
int nft_ctx_buffer_error(struct nft_ctx *context);
const char *nft_ctx_get_error_buffer(struct nft_ctx *context);
void nft_ctx_set_dry_run(struct nft_ctx *context, bool dry);
int nft_run_cmd_from_buffer(struct nft_ctx *context, const char *text);
#endif

#define ERRNO_MAX 4095 /* of the kernel (MAX_ERRNO in linux/err.h) */

#define FUNCTIONS(F)                                                                                         \
	F(nft_ctx_new)                                                                                       \
	F(nft_ctx_free)                                                                                      \
	F(nft_ctx_buffer_error)                                                                              \
	F(nft_ctx_get_error_buffer)                                                                          \
	F(nft_ctx_set_dry_run)                                                                               \
	F(nft_run_cmd_from_buffer)

struct nftables {
	void *library;
	struct nft_ctx *context;
	int fd; /* the context's socket; -1 if unknown */
	struct {
		FUNCTIONS(LIBRARY_POINTER)
	} lib;
};

/* Makes a context and finds its socket, which the library does not tell: the descriptor that was free
 * before, if that is what it looks like. */
static void make_context(struct nftables *nftables)
{
	const int candidate = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	int protocol = -1;
	socklen_t size = sizeof(protocol);

	if (candidate >= 0)
		close(candidate);
	nftables->context = nftables->lib.nft_ctx_new(NFT_CTX_DEFAULT);
	nftables->fd = -1;
	if (!nftables->context || getsockopt(candidate, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0 ||
		protocol != NETLINK_NETFILTER)
		return;
	fcntl(candidate, F_SETFD, FD_CLOEXEC);
	nftables->fd = candidate;
}

/* Opens libnftables. Returns a handle for nftables_close(); NULL with one line of
 * reason if this program was built without the library, or it is not installed. */
struct nftables *nftables_open(char *reason, size_t size)
{
	static const char *const names[] = {FUNCTIONS(LIBRARY_NAME) NULL};
	struct nftables *nftables = calloc(1, sizeof(*nftables));

	snprintf(reason, size, "%s", strerror(ENOMEM));
	if (!nftables)
		return NULL;
	if (!*LIBNFTABLES)
		snprintf(reason, size, "built without libnftables");
	else if (!(nftables->library = library_open(LIBNFTABLES, names, &nftables->lib)))
		snprintf(reason, size, "%s", library_error());
	else
		make_context(nftables);
	if (nftables->context && nftables->lib.nft_ctx_buffer_error(nftables->context) == 0)
		return nftables;
	nftables_close(nftables);
	return NULL;
}

/* Copies what nft says of the first mistake, "/dev/stdin:1:2-3: Error: reason; did you mean ...?", without
 * the place in a text that is not shown, and without what it guesses: some other table of the host. */
static void copy_reason(struct nftables *nftables, char *reason, size_t size)
{
	static const char mark[] = "Error: ";
	const char *text = nftables->lib.nft_ctx_get_error_buffer(nftables->context);
	const char *found = strstr(text, mark);
	char *guess;

	if (found)
		text = found + strlen(mark);
	snprintf(reason, size, "%.*s", (int)strcspn(text, "\n"), text);
	guess = strstr(reason, "; did you mean ");
	if (guess)
		*guess = '\0';
}

/* Returns the errno that the kernel gave. The library tells it in words only, at
 * the end of a reason: "Could not process rule: Operation not permitted". */
static int read_errno(const char *reason)
{
	const char *colon = strrchr(reason, ':');

	for (int error = 1; colon && error <= ERRNO_MAX; error++)
		if (strcmp(colon + 1 + strspn(colon + 1, " "), strerror(error)) == 0)
			return error;
	return EINVAL;
}

/* Asks whether the kernel would take a script, which changes nothing. Returns as nftables_load(). */
int nftables_try(struct nftables *nftables, const char *script, char *reason, size_t size)
{
	int error;

	nftables->lib.nft_ctx_set_dry_run(nftables->context, true);
	error = nftables_load(nftables, script, reason, size);
	nftables->lib.nft_ctx_set_dry_run(nftables->context, false);
	return error;
}

/* Loads a script in one transaction. Returns 0 when all of it is in force; else nothing has changed, reason
 * gets one line, and the errno is the kernel's (EPERM: another process owns a table, EOPNOTSUPP: a table is
 * there that has no owner), or EINVAL if nft itself refuses the script. */
int nftables_load(struct nftables *nftables, const char *script, char *reason, size_t size)
{
	if (nftables->lib.nft_run_cmd_from_buffer(nftables->context, script) == 0)
		return 0;
	copy_reason(nftables, reason, size);
	return read_errno(reason);
}

/* Returns the socket that the tables belong to; -1 if unknown. */
int nftables_descriptor(const struct nftables *nftables)
{
	return nftables ? nftables->fd : -1;
}

/* Takes over the tables that belong to fd, a socket that another process has opened, and closes fd. The
 * library has not bound its own socket yet, so it does not know the difference. */
void nftables_adopt(struct nftables *nftables, int fd)
{
	if (nftables->fd >= 0)
		dup3(fd, nftables->fd, O_CLOEXEC);
	close(fd);
}

/* Closes the socket, with which its tables go that do not persist. NULL is fine. */
void nftables_close(struct nftables *nftables)
{
	if (!nftables)
		return;
	if (nftables->context)
		nftables->lib.nft_ctx_free(nftables->context);
	if (nftables->library)
		library_close(nftables->library);
	free(nftables);
}
