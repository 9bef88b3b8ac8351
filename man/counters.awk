# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
# Completes a manual page with what the program's lists of counters (src/**/*.def) say. A line of the page
#	@entries FILE WORD@
# becomes a list of the entries of src/FILE that have WORD among their words outside of quotes: the first string
# of an entry is the name of a counter, the second its sentence. An entry without a sentence is an ICMP type
# (core/icmp_type.def), whose words are a name, the IP version and the type.
# Usage: awk -v src=.../src -f counters.awk PAGE

function fail(text) {
	print "counters.awk: " text | "cat >&2"
	failed = 1
	exit 1
}

# An item of the list; strings come with an escaped quote as \001, which split() does not take for their end.
function item(string, words,    word) {
	if (words ~ /^ICMP_TYPE/) {
		split(words, word, ", ")
		string[2] = string[2] (word[2] == 6 ? "-v6" : "")
		string[4] = (word[2] == 6 ? "ICMPv6" : "ICMP") " type " word[3]
	}
	gsub(/\001/, "\"", string[4])
	return ".It Sy " string[2] "\n" string[4] "\n"
}

function print_entries(file, wanted,    line, string, words, list, longest) {
	while ((getline line <file) > 0) {
		gsub(/\\"/, "\001", line)
		if (line !~ /^[A-Z_]+\(.*"/)
			continue
		split(line, string, "\"")
		words = string[1] string[3]
		if ((" " words) !~ ("[ (]" wanted "[,(]"))
			continue
		list = list item(string, words)
		if (length(string[2]) > length(longest))
			longest = string[2]
	}
	close(file)
	if (list == "")
		fail("no " wanted " in " file)
	print ".Bl -tag -width " longest " -compact\n" list ".El"
}

/^@entries .*@$/ {
	sub(/@$/, "")
	print_entries(src "/" $2, $3)
	next
}

{ print }

END { if (failed) exit 1 }
