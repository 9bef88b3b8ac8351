# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
# shellcheck shell=bash disable=SC2034
# Sourced by ./demo and ./check, in bash, from the top level: installs what is missing on a Debian
# machine, and builds out of tree. Says what it does and why it stops.

BUILD_PACKAGES="gcc make autoconf automake pkg-config libmnl-dev libnetfilter-queue-dev
	libnetfilter-conntrack-dev libnftables-dev libconfig-dev libcap-ng-dev libseccomp-dev"
NET_PACKAGES="iproute2 nftables iptables ethtool iputils-ping procps python3 python3-scapy tcpdump tshark traceroute util-linux conntrack"
# Of the tests that run the programs, whether they are built here or installed.
RUN_PACKAGES="python3-pytest systemd socat conntrack iputils-tracepath bash-completion strace wireguard-tools"

say() { printf '%s\n' "$*" >&2; }

# missing_packages NAME...: prints those that are not installed.
missing_packages() {
	local p
	for p in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || printf '%s ' "$p"
	done
}

# need_packages NAME...: installs what is missing, or says how to.
need_packages() {
	local missing
	command -v dpkg-query >/dev/null || { say "not a Debian machine: these packages are assumed to be here: $*"; return 0; }
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ]; then
		say "missing: $missing"
		say "install them as root: apt-get install --no-install-recommends $missing"
		return 1
	fi
	say "installing: $missing"
	# shellcheck disable=SC2086 # a list of words
	install_packages $missing >"${TMPDIR:-/tmp}/icmpnatd-apt.log" 2>&1 ||
		{ tail -n 5 "${TMPDIR:-/tmp}/icmpnatd-apt.log" >&2; return 1; }
}

# install_packages NAME...: and starts none of the daemons in them.
install_packages() {
	local policy=/usr/sbin/policy-rc.d status
	if [ -e $policy ]; then policy=; else printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy; fi
	apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$@"
	status=$?
	[ -z "$policy" ] || rm -f $policy
	return $status
}

# debian_place: where apt says that Debian's packages are.
# shellcheck disable=SC2016 # the format is apt's
debian_place() { apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' | head -n 1; }

# build DIR CONFIGURE-OPTION...: builds into DIR, which is made or brought up to date.
build() {
	local dir=$1 log=$1/build.log source=$PWD
	shift
	mkdir -p "$dir"
	[ -x configure ] && [ configure -nt configure.ac ] && [ Makefile.in -nt Makefile.am ] ||
		autoreconf -i >"$log" 2>&1 || { tail -n 20 "$log" >&2; return 1; }
	(
		cd "$dir" || exit 1
		[ -f Makefile ] && [ "$(cat options 2>/dev/null)" = "$*" ] || "$source/configure" "$@" || exit 1
		printf '%s' "$*" >options
		make -j "$(nproc)" all
	) >"$log" 2>&1 || { grep -E 'error|Error' "$log" >&2; tail -n 5 "$log" >&2; return 1; }
}
