/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads scripts of nft through libnftables. A table with "flags owner" lives as
 * long as the netlink socket that made it (nf_tables_newtable in the kernel),
 * and that is the socket of the library's context: it stays open.
 */
#include "io/nftables.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#ifdef LIBNFTABLES
#include <nftables/libnftables.h>
#include <stdlib.h>

#include "io/library.h"

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
	struct {
		FUNCTIONS(LIBRARY_POINTER)
	} lib;
};

/* Returns a handle for nftables_close(), or NULL and one line of reason: this
 * program was built without libnftables, or it is not installed. */
struct nftables *nftables_open(char *reason, size_t size)
{
	static const char *const names[] = {FUNCTIONS(LIBRARY_NAME) NULL};
	struct nftables *nftables = calloc(1, sizeof(*nftables));

	snprintf(reason, size, "%s", strerror(ENOMEM));
	if (!nftables)
		return NULL;
	nftables->library = library_open(LIBNFTABLES, names, &nftables->lib);
	if (!nftables->library)
		snprintf(reason, size, "%s", library_error());
	else
		nftables->context = nftables->lib.nft_ctx_new(NFT_CTX_DEFAULT);
	if (nftables->context && nftables->lib.nft_ctx_buffer_error(nftables->context) == 0)
		return nftables;
	nftables_close(nftables);
	return NULL;
}

/* What nft says of the first mistake, without the place in a text that nobody
 * sees: "/dev/stdin:1:2-3: Error: reason". */
static void copy_reason(struct nftables *nftables, char *reason, size_t size)
{
	static const char mark[] = "Error: ";
	const char *text = nftables->lib.nft_ctx_get_error_buffer(nftables->context);
	const char *found = strstr(text, mark);

	if (found)
		text = found + strlen(mark);
	snprintf(reason, size, "%.*s", (int)strcspn(text, "\n"), text);
}

/* Whether the kernel would take a script, which changes nothing. If not, reason
 * gets one line. */
bool nftables_try(struct nftables *nftables, const char *script, char *reason, size_t size)
{
	bool good;

	nftables->lib.nft_ctx_set_dry_run(nftables->context, true);
	good = nftables_load(nftables, script, reason, size);
	nftables->lib.nft_ctx_set_dry_run(nftables->context, false);
	return good;
}

/* Loads a script, in one transaction: all of it is in force afterwards, or
 * nothing has changed and reason gets one line. */
bool nftables_load(struct nftables *nftables, const char *script, char *reason, size_t size)
{
	if (nftables->lib.nft_run_cmd_from_buffer(nftables->context, script) == 0)
		return true;
	copy_reason(nftables, reason, size);
	return false;
}

/* The tables go. NULL is fine. */
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

#else

struct nftables *nftables_open(char *reason, size_t size)
{
	snprintf(reason, size, "built without libnftables");
	return NULL;
}

bool nftables_try(struct nftables *nftables, const char *script, char *reason, size_t size)
{
	(void)nftables, (void)script, (void)reason, (void)size;
	return false;
}

bool nftables_load(struct nftables *nftables, const char *script, char *reason, size_t size)
{
	(void)nftables, (void)script, (void)reason, (void)size;
	return false;
}

void nftables_close(struct nftables *nftables)
{
	(void)nftables;
}
#endif
