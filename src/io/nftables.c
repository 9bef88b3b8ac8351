/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loads scripts of nft through libnftables. A table with "flags owner" lives as
 * long as the netlink socket that made it (nf_tables_newtable in the kernel),
 * and that is the socket of the library's context: it stays open.
 */
#include "io/nftables.h"

#include <errno.h>

#ifdef HAVE_LIBNFTABLES
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct nftables {
	struct nft_ctx *context;
};

/* Returns a handle for nftables_close(), or NULL with errno: ENOTSUP if this
 * program was built without libnftables. */
struct nftables *nftables_open(void)
{
	struct nftables *nftables = malloc(sizeof(*nftables));

	if (!nftables)
		return NULL;
	nftables->context = nft_ctx_new(NFT_CTX_DEFAULT);
	if (nftables->context && nft_ctx_buffer_error(nftables->context) == 0)
		return nftables;
	nftables_close(nftables);
	errno = ENOMEM;
	return NULL;
}

/* What nft says of the first mistake, without the place in a text that nobody
 * sees: "/dev/stdin:1:2-3: Error: reason". */
static void copy_reason(struct nftables *nftables, char *reason, size_t size)
{
	static const char mark[] = "Error: ";
	const char *text = nft_ctx_get_error_buffer(nftables->context);
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

	nft_ctx_set_dry_run(nftables->context, true);
	good = nftables_load(nftables, script, reason, size);
	nft_ctx_set_dry_run(nftables->context, false);
	return good;
}

/* Loads a script, in one transaction: all of it is in force afterwards, or
 * nothing has changed and reason gets one line. */
bool nftables_load(struct nftables *nftables, const char *script, char *reason, size_t size)
{
	if (nft_run_cmd_from_buffer(nftables->context, script) == 0)
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
		nft_ctx_free(nftables->context);
	free(nftables);
}

#else

struct nftables *nftables_open(void)
{
	errno = ENOTSUP;
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
