/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 the icmpnatd authors */
/*
 * config_load(): any bytes as a file, and up to three more that it may include, or name as a
 * table of maps. A line "%%file" begins the next file; their names are 101, 102 and 103, for
 * they are memory, and found in /proc/self/fd. Whatever it says, loading must
 * return, give back all memory, and complain exactly if it refuses; what it
 * accepts must be tables that find what a plain search through the maps finds.
 */
#define _GNU_SOURCE
#include <ifaddrs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"
#include "config/map.h"
#include "core/npt.h"
#include "fuzz.h"
#include "rules/rules.h"

#define FILES	  4
#define FIRST	  100 /* descriptor of the file that is loaded */
#define MAIN_FILE "/proc/self/fd/100"
#define SEPARATOR "\n%%file\n"

/* In the place of libc's: this host has no address, whichever it has. */
int getifaddrs(struct ifaddrs **list)
{
	*list = NULL;
	return 0;
}

void freeifaddrs(struct ifaddrs *list)
{
	EXPECT(!list);
}

static void open_files(void)
{
	static bool open;

	for (int i = 0; !open && i < FILES; i++) {
		int fd = memfd_create("configuration", MFD_CLOEXEC);

		EXPECT(fd >= 0 && fd < FIRST && dup2(fd, FIRST + i) == FIRST + i);
		close(fd);
	}
	open = true;
}

static void write_file(int i, const uint8_t *bytes, size_t size)
{
	EXPECT(ftruncate(FIRST + i, 0) == 0);
	EXPECT(pwrite(FIRST + i, bytes, size, 0) == (ssize_t)size);
}

/* Writes the parts of the input; the last file gets all that is left. */
static void write_files(const uint8_t *bytes, size_t size)
{
	const size_t gap = sizeof(SEPARATOR) - 1;

	for (int i = 0; i < FILES; i++) {
		const uint8_t *end = i < FILES - 1 && size ? memmem(bytes, size, SEPARATOR, gap) : NULL;
		const size_t length = end ? (size_t)(end - bytes) : size;

		write_file(i, bytes, length);
		bytes += end ? length + gap : length;
		size -= end ? length + gap : length;
	}
}

/* Whether a name behind these words could be that of a file of this host: one with a slash, which a
 * backslash may stand for, or one of the first descriptors. The name ends with its line. */
static bool names_others(const uint8_t *bytes, size_t size, const char *words, bool same_line)
{
	const uint8_t *end = bytes + size, *name, *newline;

	while (size && (bytes = memmem(bytes, (size_t)(end - bytes), words, strlen(words)))) {
		bytes += strlen(words);
		newline = memchr(bytes, '\n', (size_t)(end - bytes));
		newline = newline ? newline : end;
		name = memchr(bytes, '"', (size_t)((same_line ? newline : end) - bytes));
		if (name && name > newline)
			return true;
		if (name && (memchr(name, '/', (size_t)(newline - name)) ||
				    memchr(name, '\\', (size_t)(newline - name)) || newline - name < 4 ||
				    (name[1] >= '0' && name[1] <= '9' && memcmp(name + 1, "10", 2) != 0)))
			return true;
	}
	return false;
}

/* Whether an input could make the program read a file of this host. */
static bool reaches_out(const uint8_t *bytes, size_t size)
{
	return names_others(bytes, size, "@include", true) || names_others(bytes, size, "maps_file", false);
}

/* Of the maps that a table holds, the one for an address: an interface's own
 * beats one for all, then the longest prefix wins. */
static uint32_t search(const struct config *config, enum addrmap_part part, uint8_t outside, struct address a)
{
	uint32_t best = ADDRMAP_NONE;

	for (uint32_t i = 0; i < config->n_entries; i++) {
		const struct addrmap_entry *map = &config->entries[i], *old = &config->entries[best];

		if (!(map->parts >> part & 1) || (map->outside != ADDRMAP_ANY && map->outside != outside) ||
			!prefix_contains(map->private, a))
			continue;
		if (best == ADDRMAP_NONE || (map->outside != ADDRMAP_ANY && old->outside == ADDRMAP_ANY) ||
			((map->outside == ADDRMAP_ANY) == (old->outside == ADDRMAP_ANY) &&
				map->private.length > old->private.length))
			best = i;
	}
	return best;
}

static void check_address(const struct config *config, struct address a)
{
	for (size_t i = 0; i < config->n_outside; i++)
		for (int part = 0; part < ADDRMAP_PARTS; part++)
			EXPECT(addrmap_find(&config->outside[i].maps[part], a) ==
				search(config, (enum addrmap_part)part, (uint8_t)i, a));
}

/* Both ends of every prefix, and the addresses beside them. */
static void check_tables(const struct config *config)
{
	for (size_t i = 0; i < config->n_entries && i < 64; i++) {
		const struct prefix *p = &config->entries[i].private;
		struct address below = p->base, last = prefix_last(*p), above = last;

		below.hi -= below.lo-- == 0;
		above.hi += ++above.lo == 0;
		check_address(config, p->base);
		check_address(config, last);
		check_address(config, below);
		check_address(config, above);
	}
}

static bool is_terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size);
}

static void check_values(const struct config *config)
{
	EXPECT(config->n_outside >= 1 && config->n_outside <= CONFIG_OUTSIDE_MAX);
	for (size_t i = 0; i < config->n_outside; i++)
		EXPECT(is_terminated(config->outside[i].name, IFNAMSIZ) && config->outside[i].name[0]);
	EXPECT(config->queue.workers >= 1 && config->queue.workers <= CONFIG_WORKERS_MAX);
	EXPECT(config->queue.number + config->queue.workers - 1 <= UINT16_MAX && config->queue.length > 0);
	EXPECT(is_terminated(config->control.socket, CONFIG_PATH_MAX) && config->control.socket[0] == '/');
	EXPECT(is_terminated(config->control.group, sizeof(config->control.group)));
	EXPECT((unsigned)config->lookup <= LOOKUP_NEVER && (unsigned)config->extensions <= EXTENSION_STRIP);
	EXPECT(config->n_files >= 1 && strcmp(config->files[0], MAIN_FILE) == 0);
}

/* A map leads outside: to an address that is neither private nor mapped again. */
static void check_maps(const struct config *config)
{
	for (size_t i = 0; i < config->n_entries; i++) {
		const struct addrmap_entry *map = &config->entries[i];
		const struct address public = addrmap_apply(map, map->private.base);

		EXPECT(map->file < config->n_files && map->line > 0);
		EXPECT((map->parts & ADDRMAP_BOTH) != 0 && map->parts <= (ADDRMAP_BOTH | ADDRMAP_NPT));
		EXPECT(!(map->parts & ADDRMAP_NPT) || map->private.length <= NPT_LENGTH_MAX);
		EXPECT(map->outside == ADDRMAP_ANY || map->outside < config->n_outside);
		EXPECT(address_is_v4(map->private.base) == address_is_v4(public));
		EXPECT(!address_is_private(public) || config_map_is_identity(map));
		EXPECT(map->private.length == map->public.length ||
			(map->public.length > map->private.length && map->parts == 1 << ADDRMAP_OUTER));
	}
}

/* A name is an address outside, of the family that it stands for. */
static void check_hop_names(const struct config *config)
{
	for (size_t i = 0; i < 2 * config->n_outside; i++) {
		const struct config_outside *outside = &config->outside[i / 2];
		const struct config_hop_name *name = &outside->hop_names[i % 2];
		const uint32_t map = addrmap_find(&outside->maps[ADDRMAP_OUTER], name->address);

		if (!name->line)
			continue;
		EXPECT(name->file < config->n_files);
		EXPECT(address_is_v4(name->address) == (i % 2 == 0));
		EXPECT(!address_is_in_private_range(name->address));
		EXPECT(map == ADDRMAP_NONE ||
			address_equal(addrmap_apply(&config->entries[map], name->address), name->address));
	}
}

static void print_rules(const struct config *config)
{
	char *text = NULL;
	size_t size;

	for (unsigned format = 0; format < RULES_FORMATS; format++) {
		FILE *out = open_memstream(&text, &size);

		rules_print(out, config, (enum rules_format)format);
		EXPECT(fclose(out) == 0 && size > 0);
		free(text);
	}
}

/* Loads the files; returns what was said about them, to be freed. */
static char *load(struct config **config, bool silent)
{
	char *said = NULL;
	size_t size;
	FILE *out = open_memstream(&said, &size);
	struct config_errors errors = {.out = silent ? NULL : out};

	*config = config_load(MAIN_FILE, &errors);
	EXPECT(fclose(out) == 0);
	EXPECT((*config == NULL) == (errors.errors > 0));
	EXPECT(silent || (errors.errors + errors.warnings > 0) == (size > 0));
	EXPECT(size == 0 || said[size - 1] == '\n');
	EXPECT(strlen(said) == size);
	return said;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct config *config, *again;
	char *said, *nothing;

	if (reaches_out(bytes, size))
		return 0;
	open_files();
	write_files(bytes, size);
	said = load(&config, false);
	nothing = load(&again, true);
	EXPECT(!config == !again && !*nothing);
	if (config) {
		check_values(config);
		check_maps(config);
		check_hop_names(config);
		check_tables(config);
		print_rules(config);
		EXPECT(!config_reload_refusal(config, again));
	}
	config_free(config);
	config_free(again);
	free(said);
	free(nothing);
	return 0;
}
