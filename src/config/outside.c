/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The setting "outside": the names of interfaces.
 */
#include <string.h>

#include "config/readers.h"

/* Whether a text can be the name of an interface. Names go into rules and into shell scripts:
 * letters, digits and . _ - @ only, although the kernel takes more. */
static bool is_interface_name(const char *text)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@";
	const size_t length = strlen(text);

	return length > 0 && length < IFNAMSIZ && strspn(text, good) == length && text[0] != '-' &&
	       strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

/* Adds an interface to the configuration. False after a complaint. */
static bool add_interface(struct config_loader *loader, const config_setting_t *setting)
{
	struct config *config = loader->config;
	const char *name = config_tree_string(loader, setting);

	if (!name)
		return false;
	if (!is_interface_name(name)) {
		config_complain(loader->errors, config_tree_place(loader, setting),
			"\"%s\" is not an interface name: expected 1 to %d letters, digits and . _ - @", name,
			IFNAMSIZ - 1);
		return false;
	}
	for (size_t i = 0; i < config->n_outside; i++)
		if (strcmp(config->outside[i].name, name) == 0) {
			config_complain(loader->errors, config_tree_place(loader, setting),
				"outside has \"%s\" twice: remove one of them", name);
			return false;
		}
	strcpy(config->outside[config->n_outside++].name, name);
	return true;
}

/* Reads the array of interfaces. */
void config_outside_read(struct config_loader *loader, const config_setting_t *setting)
{
	const int n = config_setting_length(setting);

	loader->outside_is_good = false;
	if (!config_setting_is_array(setting) && !config_setting_is_list(setting)) {
		config_tree_complain_type(loader, setting, "an array of interfaces like [ \"eth0\" ]");
		return;
	}
	if (n == 0 || n > CONFIG_OUTSIDE_MAX) {
		config_complain(loader->errors, config_tree_place(loader, setting),
			"outside has %d interfaces: expected 1 to %d", n, CONFIG_OUTSIDE_MAX);
		return;
	}
	loader->outside_is_good = true;
	for (unsigned i = 0; i < (unsigned)n; i++)
		if (!add_interface(loader, config_setting_get_elem(setting, i)))
			loader->outside_is_good = false;
}
