/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * Asks the cheap questions first. The last is a trial of nft, which changes nothing and sends no packet: the
 * commit that makes the kernel refuse it is the one that drops the packets, so the answer is right with a
 * kernel that has it from elsewhere, or has it no more.
 */
#include "io/rewrite.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "io/nftables.h"

#define INITIAL_USER_NAMESPACE 0xEFFFFFFDU /* PROC_USER_INIT_INO in the kernel, the same in every release */

/* Their chains have no hook: the kernel registers one with a hook even for a trial. */
static const char harmless[] = "table ip icmpnatd-probe { chain c { ip saddr 192.0.2.1; }; }\n";
static const char writing[] = "table ip icmpnatd-probe { chain c { ip saddr set 192.0.2.1; }; }\n";

/* Tells whether the network namespace belongs to a user namespace that is not the initial one. The kernel
 * does not tell an owner above our own user namespace (EPERM), over whose network we have no power anyway. */
static bool is_confined(void)
{
	const int network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	const int owner = network < 0 ? -1 : ioctl(network, NS_GET_USERNS);
	struct stat file;
	const bool known = owner >= 0 && fstat(owner, &file) == 0;

	if (owner >= 0)
		close(owner);
	if (network >= 0)
		close(network);
	return known && file.st_ino != INITIAL_USER_NAMESPACE;
}

/* Asks nft whether it may write to packets: 0 or EPERM. Any other errno says that it gave no answer to
 * that, with a reason. */
static int ask_nft(char *reason, size_t size)
{
	struct nftables *nftables = nftables_open(reason, size);
	int error;

	if (!nftables)
		return ENOSYS;
	error = nftables_try(nftables, harmless, reason, size);
	if (error)
		error = ENOSYS;
	else
		error = nftables_try(nftables, writing, reason, size);
	nftables_close(nftables);
	return error;
}

/* Tells whether a release of Linux, "7.2.13", drops changed packets where the network namespace
 * belongs to a user namespace. */
bool rewrite_is_dropped_since(const char *release)
{
	unsigned major, minor;

	return sscanf(release, "%u.%u", &major, &minor) == 2 && (major > 7 || (major == 7 && minor >= 1));
}

/* Finds out whether the kernel drops every packet of this network namespace that we change. If so, reason
 * says how that is known. Must be asked in the namespace that the packets come from. */
bool rewrite_is_dropped(char *reason, size_t size)
{
	char unanswered[REWRITE_REASON_MAX];
	struct utsname kernel;
	int error;

	if (!is_confined())
		return false;
	error = ask_nft(unanswered, sizeof(unanswered));
	snprintf(reason, size, "as Linux does from 7.1 on");
	if (!error || error == EPERM)
		return error;
	if (uname(&kernel) < 0 || !rewrite_is_dropped_since(kernel.release))
		return false;
	snprintf(reason, size, "so its version %s says: nft cannot be asked, %s", kernel.release, unanswered);
	return true;
}
