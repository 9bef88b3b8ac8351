/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * The configuration: what a file says, checked and ready for the packet path.
 * This header is the data model of the whole program.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/addrmap.h"
#include "core/decide.h"

#define CONFIG_OUTSIDE_MAX 16 /* outside interfaces */
#define CONFIG_WORKERS_MAX 64
#define CONFIG_PATH_MAX	   108 /* a unix socket's path, with its NUL */

#define CONFIG_AUDIT_NUMBERS CONFIG_WORKERS_MAX /* by which the queues of an audit are higher */

/* Which program loads the rules that bring packets to the daemon. */
enum config_rules {
	CONFIG_RULES_AUTO, /* the daemon, where the kernel can */
	CONFIG_RULES_OWN,
	CONFIG_RULES_EXTERNAL,
};

/* What the rules do themselves: nothing, the outer source, or all that the kernel can do in place, in what an
 * error quotes, too; no file can say that there are IPsec policies, for which they do nothing either. */
enum config_kernel {
	CONFIG_KERNEL_NEVER,
	CONFIG_KERNEL_OUTER,
	CONFIG_KERNEL_AUTO,
	CONFIG_KERNEL_HEEDS_POLICIES,
};

struct config_queue {
	uint16_t number;     /* of the first worker's queue, in this mode; the others follow */
	uint16_t workers;    /* 1 to CONFIG_WORKERS_MAX */
	uint32_t length;     /* packets that the kernel parks for each queue */
	bool overload_pass;  /* a packet that finds the queue full leaves as it is; else it is dropped */
	bool malformed_pass; /* a packet that is no well-formed error leaves as it is; else it is dropped */
};

struct config_control {
	char socket[CONFIG_PATH_MAX];
	char group[32]; /* name; empty: the group that the daemon runs as */
};

/* What this host is called in errors about connections that the kernel's NAT translates. */
struct config_hop_name {
	struct address address;
	bool all;      /* types of error; else time exceeded alone */
	uint16_t file; /* where it was configured */
	uint32_t line; /* 0: nowhere */
};

/* One outside interface, and the maps and the names for errors that leave by it. */
struct config_outside {
	char name[IFNAMSIZ];
	struct addrmap maps[ADDRMAP_PARTS];
	struct config_hop_name hop_names[2]; /* of IPv4, IPv6 */
};

struct config {
	char **files; /* every file that was read; files[0] is the one that was asked for */
	size_t n_files;
	struct config_outside outside[CONFIG_OUTSIDE_MAX];
	size_t n_outside;	       /* at least 1 */
	struct addrmap_entry *entries; /* sorted by addrmap_compare() */
	size_t n_entries;
	struct addrmap_range *ranges; /* the memory of all tables, once each */
	struct addrmap_index index;   /* of all tables */
	bool audit;		      /* decide and count, and change nothing on the wire */
	struct config_queue queue;
	struct config_control control;
	enum decide_lookup lookup;
	enum extension_policy extensions;
	bool forwarded;	   /* errors of other hosts that are forwarded outside are our business, too */
	bool leaves_peers; /* errors to private neighbours are left alone, whatever they quote */
	enum config_rules rules;
	enum config_kernel kernel;
};

/* Collects what is wrong with a file, as "file:line: text" lines. */
struct config_errors {
	FILE *out;	 /* gets a line for each of the first CONFIG_ERRORS_MAX; or NULL */
	unsigned errors; /* all of them: 0 means that the file is good */
	unsigned warnings;
	bool passing; /* one is no mistake of the file: memory is short, or somebody was writing it */
};

#define CONFIG_ERRORS_MAX   20
#define CONFIG_WARNINGS_MAX 5

struct config *config_load(const char *path, struct config_errors *errors);
void config_free(struct config *config);
const char *config_reload_refusal(const struct config *running, const struct config *wanted);

/* Returns the rules of the decision, but for the maps: these are an interface's. */
static inline struct decide_rules config_decide_rules(const struct config *config)
{
	return (struct decide_rules){
		.lookup = config->lookup,
		.extensions = config->extensions,
		.leaves_peers = config->leaves_peers,
		.drop_malformed = !config->queue.malformed_pass,
	};
}

/* Tells whether the kernel changes sources in place. */
static inline bool config_kernel_changes_sources(const struct config *config)
{
	return config->kernel == CONFIG_KERNEL_OUTER || config->kernel == CONFIG_KERNEL_AUTO;
}

/* Tells whether the kernel changes what an error quotes in place, too: in audit, nothing. */
static inline bool config_kernel_changes_quotes(const struct config *config)
{
	return config->kernel == CONFIG_KERNEL_AUTO && !config->audit;
}

/* Size of the text of a prefix, with its NUL: "192.168.1.0/24", "2001:db8::1". */
#define CONFIG_PREFIX_TEXT 50
void config_prefix_text(struct prefix p, char text[CONFIG_PREFIX_TEXT]);

/* Size of the text of a range: "10.0.0.0/8", "192.0.0.0-192.0.0.8". */
#define CONFIG_RANGE_TEXT (2 * CONFIG_PREFIX_TEXT)
bool config_range_text(struct address first, struct address last, char text[CONFIG_RANGE_TEXT]);

#endif
