#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
# Writes metrics of icmpnatd for the textfile collector of node_exporter: the counters, whether every packet is
# accounted for, whether the daemon works, and what icmpnatctl doctor found. Run it from a timer, as root, every five
# minutes for instance: the doctor takes a second or two. Options for icmpnatctl may follow the directory.
#
#	sh icmpnatd-textfile.sh /var/lib/prometheus/node-exporter
#
# What wants an alert:
#
#	icmpnatd_up == 0                    nobody answers
#	icmpnatd_status_result == 1         the daemon does not work: icmpnatctl status says why
#	icmpnatd_doctor_result == 1         something is wrong: icmpnatctl doctor says what, and what mends it
#	icmpnatd_doctor_result == 3         the doctor could not look at everything: its first lines say why; where that
#	                                    must be so, as in a container, leave this alert out
#	icmpnatd_doctor_result == 2 or icmpnatd_doctor_result > 3     the doctor does not run: icmpnatctl doctor says why
#	icmpnatd_accounts_complete == 0     a packet is missing: icmpnatctl stats --check
#	increase(icmpnatd_outcome_total{fate="leaked"}[1h]) > 0
#	time() - node_textfile_mtime_seconds{file=~".*icmpnatd.prom"} > 1800     this script does not run
set -u
: "${1:?usage: icmpnatd-textfile.sh DIRECTORY [OPTION OF ICMPNATCTL]...}"
directory=$1
shift
new=$(mktemp "$directory/icmpnatd.XXXXXX") || exit 1 # the collector reads what ends in .prom
trap 'rm -f "$new"' EXIT

# gauge NAME HELP: begins a metric.
gauge() { printf '# HELP icmpnatd_%s %s\n# TYPE icmpnatd_%s gauge\n' "$1" "$2" "$1"; }

# value NAME HELP NUMBER
value() { gauge "$1" "$2" && printf 'icmpnatd_%s %d\n' "$1" "$3"; }

# write [OPTION OF ICMPNATCTL]...: prints all metrics.
write() {
	if icmpnatctl "$@" stats --prometheus; then
		value up "Whether icmpnatd answers." 1
		icmpnatctl "$@" stats --check >/dev/null
		value accounts_complete "Whether every packet is accounted for." $((!$?))
		icmpnatctl "$@" status >/dev/null
		value status_result "Exit status of the status: 0 the daemon works, 1 it does not, 3 that cannot be told." $?
	else
		value up "Whether icmpnatd answers." 0
	fi
	findings=$(icmpnatctl "$@" doctor --json)
	value doctor_result "Exit status of the doctor: 0 all is well, 1 a problem, 3 not everything could be looked at." $?
	gauge doctor_findings "What the doctor found, by state."
	echo "$findings" | awk -F '"' '
		BEGIN { n["ok"] = n["note"] = n["problem"] = n["unknown"] = 0 }
		$2 == "check" && $4 != "result" { n[$8]++ }
		END { for (state in n) printf "icmpnatd_doctor_findings{state=\"%s\"} %d\n", state, n[state] }'
}

write "$@" >"$new" && chmod 644 "$new" && mv "$new" "$directory/icmpnatd.prom"
