# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""The manual pages say what the program says: names, sentences, options, settings, ranges, messages.

What the program knows is read from its lists of counters and messages, or asked of the program itself.
Both directions are compared, so that the manual holds nothing that is gone. Needs mandoc, and the
daemon's path in ICMPNATD: icmpnatctl(8), whose counters come from their lists, stands beside it in the build directory.
"""
import functools
import ipaddress
import os
import pathlib
import re
import runpy
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
DAEMON = os.environ.get("ICMPNATD", "")
needs_daemon = pytest.mark.skipif(not DAEMON, reason="ICMPNATD does not name the daemon")
STRING = r'"((?:[^"\\]|\\.)*)"'
CTL = str(pathlib.Path(DAEMON).resolve().parents[1] / "man/icmpnatctl.8") if DAEMON else ""
UNKNOWN = "zzzzzzzz"  # no setting: the program lists all that it knows


@functools.lru_cache
def source(name):
    return (TOP / name).read_text()


def section(name, title):
    """The mdoc of a section."""
    match = re.search(rf"^\.Sh {title}\n(.*?)(?=^\.Sh |\Z)", source(name), re.M | re.S)
    assert match, f"{name} has no section {title}"
    return match[1]


@functools.lru_cache
def text(name, title):
    """A section as it is printed, a paragraph on each line."""
    page = ".Dd January 1, 2000\n.Dt X 8\n.Os\n.Sh NAME\n.Nm x\n.Nd x\n.Sh X\n" + section(name, title)
    printed = subprocess.run(["mandoc", "-T", "ascii", "-O", "width=1000"], input=page, text=True,
                             stdout=subprocess.PIPE, check=True).stdout
    lines = re.sub(".\b", "", printed).splitlines()
    return "\n".join(" ".join(line.split()) for line in lines if line.strip())


def items(mdoc, macro):
    """What the items of the lists in a section are about."""
    return re.findall(rf"^\.It {macro} (\S+)$", mdoc, re.M)


def entries(name, macro, fields):
    """The entries of a list of X(...) macros: words and strings, as fields says."""
    pattern = ", ".join({"w": r"(\w+)", "s": STRING}[f] for f in fields)
    body = source(name)
    found = re.findall(rf"^{macro}\({pattern}\)$", body, re.M)
    assert found and len(found) == len(re.findall(rf"^{macro}\(", body, re.M)), f"{name} is not what this test reads"
    return [tuple(field.replace('\\"', '"') for field in entry) for entry in found]


def run(*arguments):
    return subprocess.run([DAEMON, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def check(directory, configuration):
    file = directory / "test.conf"
    file.write_text(configuration)
    return run("--check", "--config", str(file))


def assert_described(page, title, name, sentence):
    shown = text(page, title).replace("\n", " ")
    assert f" {name} {sentence}" in " " + shown, f"{page}, {title}: no \"{name} {sentence}\""


@needs_daemon
def test_every_outcome_has_its_sentence():
    for _, name, _, sentence in entries("src/core/outcome.def", "OUTCOME", "wsws"):
        assert_described(CTL, "OUTCOMES", name, sentence)


@needs_daemon
def test_every_outcome_stands_under_its_fate():
    fates = {name: fate for _, name, fate, _ in entries("src/core/outcome.def", "OUTCOME", "wsws")}
    described = {}
    for part in re.split(r"^\.Ss ", section(CTL, "OUTCOMES"), flags=re.M)[1:]:
        described.update((name, part.split(":")[0].upper()) for name in items(part, "Sy"))
    assert described == fates


def address(fields, version):
    """Of four bytes, or of two halves in hexadecimal."""
    return ipaddress.IPv4Address(".".join(fields)) if version == "4" else ipaddress.IPv6Address(int("".join(fields), 16))


def test_every_private_range_is_described():
    """In the order of the table. IPv4-mapped addresses are no range: they are told from IPv6 altogether."""
    body, ranges = source("src/core/private.def"), []
    found = re.findall(rf"^RANGE_V([46])\((\w+), +(.*), {STRING}\)$", body, re.M)
    assert found and len(found) == len(re.findall(r"^RANGE_", body, re.M))
    for version, kind, fields, name in found:
        fields = re.split(", *", fields)
        half = len(fields) // 2
        first, last = address(fields[:half], version), address(fields[half:], version)
        prefixes = [str(prefix) for prefix in ipaddress.summarize_address_range(first, last)]
        if kind != "MAPPED":
            ranges.append((str(first) if first == last else prefixes[0] if len(prefixes) == 1 else f"{first}-{last}",
                           name))
    described = re.findall(r"^\.It (\S+) Ta (.*)$", section("man/icmpnatd.conf.5", "PRIVATE ADDRESSES"), re.M)
    assert described == ranges


def counters():
    """(group, name, sentence) of every counter that is no outcome and no ICMP type."""
    yield "mode", "audit", re.search(rf"^#define AUDIT_SENTENCE +{STRING}$", source("src/daemon/answer.c"), re.M)[1]
    for group, _, name, sentence in entries("src/core/stats.def", "STAT", "wwss"):
        yield group.lower(), name, sentence
    kernel = entries("src/io/queue_counters.def", "QUEUE_COUNTER", "ss")
    assert len(kernel) == 4
    for name, sentence in kernel:
        yield "kernel", name, sentence
    for _, name, _, sentence in entries("src/io/rule_counters.def", "RULE_COUNTER", "wsws"):
        yield "rules", name, sentence
    for _, name, sentence in entries("src/io/host_counters.def", "HOST_COUNTER", "wss"):
        yield "host", name, sentence
    for _, version, number, name, _ in entries("src/core/icmp_type.def", "ICMP_TYPE", "wwwsw"):
        v6 = version == "6"
        yield "type", name + "-v6" * v6, f"ICMP{'v6' * v6} type {number}"


@needs_daemon
def test_every_counter_has_its_sentence():
    for _, name, sentence in counters():
        assert_described(CTL, "COUNTERS", name, sentence)


@needs_daemon
def test_every_counter_stands_in_its_group():
    described = set()
    for part in re.split(r"^\.Ss ", section(CTL, "COUNTERS"), flags=re.M)[1:]:
        described.update((part.split("\n")[0], name) for name in items(part, "Sy"))
    assert described == {(group, name) for group, name, _ in counters()}


@needs_daemon
def test_every_icmp_type_is_named():
    match = re.search(r"^\.Ss type\n(.*?)^\.Ss ", section(CTL, "COUNTERS"), re.M | re.S)
    named = items(match[1], "Sy")
    assert named == [name for group, name, _ in counters() if group == "type"]


@needs_daemon
def test_every_option_is_described():
    options = re.findall(r"^\s+(-\w), (--[\w-]+)", run("--help").stdout, re.M)
    assert len(options) >= 5
    described = re.findall(r"^\.It Fl (\w)\b.* , Fl \\-([\w-]+)", section("man/icmpnatd.8", "OPTIONS"), re.M)
    assert [("-" + short, "--" + long) for short, long in described] == options
    synopsis = text("man/icmpnatd.8", "SYNOPSIS")
    assert all(re.search(rf"{short}\b", synopsis) for short, _ in options)


@needs_daemon
def test_every_kind_of_rules_is_described():
    kinds = re.findall(r"^ {20,}([\w-]+)  ", run("--help").stdout, re.M)
    assert len(kinds) >= 3
    assert items(section("man/icmpnatd-rules.7", "KINDS OF RULES"), "Cm") == kinds


def known_names(answer):
    """The names in: unknown setting "zzzzzzzz": expected a, b or c"""
    match = re.search(rf'unknown setting "{UNKNOWN}": expected (.*)$', answer.stderr, re.M)
    return re.split(r", | or ", match[1]) if match else []


def settings(directory):
    """All names that the daemon knows: of settings, and of the members of a map."""
    found = []
    for name in known_names(check(directory, f"{UNKNOWN} = 1;\n")):
        members = known_names(check(directory, f'outside = [ "eth0" ];\n{name} = {{ {UNKNOWN} = 1; }};\n'))
        found += [f"{name}.{member}" for member in members] or [name]
    of_map = known_names(check(directory, f'outside = [ "eth0" ];\nmaps = ( {{ {UNKNOWN} = 1; }} );\n'))
    return found, of_map


@needs_daemon
def test_every_setting_is_described(tmp_path):
    names, of_map = settings(tmp_path)
    assert "outside" in names and "queue.number" in names and "private" in of_map
    assert sorted(items(section("man/icmpnatd.conf.5", "SETTINGS"), "Va")) == sorted(names)
    assert sorted(items(section("man/icmpnatd.conf.5", "MAPS"), "Va")) == sorted(of_map)


def assignment(setting, value):
    group, _, member = setting.rpartition(".")
    return f"{group} = {{ {member} = {value}; }};" if group else f"{setting} = {value};"


def described_settings():
    """(setting, its description) of the section SETTINGS."""
    parts = re.split(r"^\.It Va (\S+)\n", section("man/icmpnatd.conf.5", "SETTINGS"), flags=re.M)
    return list(zip(parts[1::2], parts[2::2]))


@needs_daemon
def test_ranges_are_as_described(tmp_path):
    def is_good(setting, value):
        return check(tmp_path, f'outside = [ "eth0" ];\n{assignment(setting, value)}\n').returncode == 0

    ranges = [(setting, *map(int, match.groups())) for setting, description in described_settings()
              if (match := re.match(r"Integer, (\d+) to (\d+)(?: packets)?; default (\d+)[;.]", description))]
    assert len(ranges) >= 3
    for setting, low, high, default in ranges:
        assert [is_good(setting, value) for value in (low - 1, low, default, high, high + 1)] == \
            [False, True, True, True, False], setting


OTHER_VALUES = {
    "outside": '[ "eth1" ]', "maps": '( { private = "192.168.42.1"; public = "1.2.3.2"; } )', "maps_file": '"table"',
    "hop_names": '( { address = "1.2.3.9"; } )', "mode": '"audit"', "queue.number": "7", "queue.workers": "2",
    "queue.length": "9", "queue.overload": '"drop"', "queue.malformed": '"drop"', "lookup": '"always"',
    "extensions": '"strip"', "errors": '"all"', "private_peers": '"leave"', "rules": '"external"', "kernel": '"never"',
    "control.socket": '"/s"', "control.group": '""'}


@needs_daemon
def test_what_asks_for_other_rules_is_described(tmp_path):
    """As the log does: where what is printed for nft differs."""
    (tmp_path / "table").write_text("192.168.42.1 1.2.3.1\n")

    def rules(**values):
        values = {"outside": '[ "eth0" ]', "maps": '( { private = "fd42::1"; public = "2001:db8::1"; } )', **values}
        (tmp_path / "f").write_text("".join(assignment(*setting) + "\n" for setting in values.items()))
        return run("--config", tmp_path / "f", "--print-rules").stdout

    asking = {setting for setting, value in OTHER_VALUES.items() if rules(**{setting: value}) != rules()}
    described = re.search(r"^When\n\.Va (.*)\nor a map have changed", source("man/icmpnatd-rules.7"), re.M)[1]
    assert set(OTHER_VALUES) == {setting for setting, _ in described_settings()}
    assert asking == {*described.split(" , "), "maps", "maps_file"}


def known_settings():
    """(setting, type, what the program's table says of it)"""
    table = re.search(r"settings\[\] = \{\n(.*?)\n\};", source("src/config/settings.c"), re.S)[1].splitlines()
    found = [re.fullmatch(rf"\t\{{{STRING}, {STRING}, (\w+), (.*)\}},", line) for line in table]
    assert found and all(found), "src/config/settings.c is not what this test reads"
    return [(f"{group}.{name}".lstrip("."), kind, rest) for group, name, kind, rest in map(re.Match.groups, found)]


def test_every_setting_of_the_table_is_described():
    assert sorted(setting for setting, _ in described_settings()) == sorted(row[0] for row in known_settings())


@pytest.mark.parametrize("setting, kind, known", [pytest.param(*row, id=row[0]) for row in known_settings()])
def test_setting_is_as_described(setting, kind, known):
    """Its type, its range, its default, and whether a reload takes a change of it."""
    description = dict(described_settings())[setting]
    if kind == "INTEGER":
        low, high, default = re.search(r"\.min = (\d+), \.max = (\d+), \.number = (\d+)", known).groups()
        assert re.match(rf"Integer, {low} to {high}( packets)?; default {default}[;.]", description)
    elif kind == "CHOICE":
        choices, default = re.search(r"\.choices = \{(.*?)\}, \.number = (\d+)", known).groups()
        choices = re.findall(STRING, choices)
        assert description.startswith(f"String; default\n.Qq {choices[int(default)]} ")
        assert set(re.findall(r"^\.(?:It )?Qq ([\w-]+)", description, re.M)) == set(choices)
    elif kind == "LIST":
        assert re.match(r".*; (no default|default: empty)\.\n", description)
    else:
        default = re.search(r"\.text = ([^,]*)", known)[1].replace("ICMPNATD_SOCKET", "/run/icmpnatd/control").strip('"')
        assert re.match(rf"String, .*at most \d+ characters; default\n\.Qq {default} ", description)
    # Only the setting itself: what stands between two of their lists speaks of others, too.
    assert (f'RESTART("{setting}")' in known) == (".Em restart" in description.split("\n.El")[0])
    assert (f'RESTART_FROM_NEVER("{setting}")' in known) == \
        ("A change from\n.Qq never\nto another value takes a restart." in description)


@needs_daemon
def test_lengths_are_as_described(tmp_path):
    def is_good(setting, length):
        value = "/".ljust(length, "x") if setting == "control.socket" else "x" * length
        return check(tmp_path, f'outside = [ "eth0" ];\n{assignment(setting, chr(34) + value + chr(34))}\n').returncode == 0

    lengths = [(setting, int(match[1])) for setting, description in described_settings()
               if (match := re.match(r"String, .*at most (\d+) characters;", description))]
    assert len(lengths) == 2
    for setting, most in lengths:
        assert [is_good(setting, length) for length in (most, most + 1)] == [True, False], setting


def examples():
    """The complete configurations among the displays of the manuals."""
    for page, title in (("man/icmpnatd.8", "EXAMPLES"), ("man/icmpnatd-rules.7", "SEVERAL UPLINKS"),
                        ("man/icmpnatd-ha.7", "THE THREE FILES"), ("man/icmpnatd.conf.5", "EXAMPLES")):
        displays = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", section(page, title), re.M | re.S)
        for number, body in enumerate(displays):
            if re.search(r"^outside =", body, re.M):
                yield pytest.param(body, id=f"{page}-{number}")


def test_there_are_examples():
    assert len(list(examples())) >= 8


@needs_daemon
@pytest.mark.parametrize("example", examples())
def test_example_is_good(tmp_path, example):
    answer = check(tmp_path, example)
    assert (answer.returncode, answer.stdout) == (0, "configuration OK\n"), answer.stderr


@needs_daemon
def test_an_example_shows_every_setting(tmp_path):
    names, _ = settings(tmp_path)
    last = list(examples())[-1].values[0]
    shown = re.findall(r"^(?: *|# )(\w+) = [^{]", last, re.M)
    assert sorted(shown) == sorted(name.split(".")[-1] for name in names)


def messages(calls="log_error|log_warning"):
    """A pattern for every line that the daemon logs as an error or a warning, or says on a reload."""
    for name in ("daemon/main.c", "daemon/daemon.c", "daemon/guard.c", "daemon/queues.c", "daemon/reload.c", "daemon/run.c",
                 "daemon/upgrade.c", "engine/policy.c", "engine/worker.c", "engine/workers.c", "io/notify.c", "rules/own.c"):
        body = re.sub(r'" PRIu32\s*"', "u", source(f"src/{name}"))
        body = re.sub(r'(?<!\\)"\s*"', "", body)  # strings in a row are one
        also = "" if name == "daemon/main.c" else "|fputs"  # which prints the help there
        for message in re.findall(rf"(?:{calls}{also})\(\s*{STRING}", body):
            message = message.replace('\\"', '"').replace("\\n", "")
            if message != "%s":
                yield re.sub(r"%(s|u|d|zu)", r"\\S+", re.escape(message))


def explained():
    """The messages in the manual; a word in capitals stands for what differs."""
    heads = re.findall(r'^\.It "(.*)"$', section("man/icmpnatd.8", "DIAGNOSTICS"), re.M)
    return [head.replace(r"\(dq", '"') for head in heads]


def test_every_message_is_explained():
    patterns = list(messages())
    assert len(patterns) >= 20
    missing = [pattern for pattern in patterns if not any(re.fullmatch(pattern, head) for head in explained())]
    assert missing == []


def test_every_explained_message_exists():
    patterns = list(messages("log_error|log_warning|log_info"))
    gone = [head for head in explained() if not any(re.fullmatch(pattern, head) for pattern in patterns)]
    assert explained() and gone == []


@pytest.mark.parametrize("name", ["icmpnatd.conf", "keepalived.conf", "conntrackd.conf"])
def test_the_pair_of_the_manual_is_the_one_that_is_tested(name):
    """But for comments, which the manual has around the files."""
    after = section("man/icmpnatd-ha.7", "THE THREE FILES").split(f".Ss {name}\n")[1]
    shown = re.search(r"^\.Bd -literal.*?\n(.*?)^\.Ed", after, re.M | re.S)[1]
    file = source(f"etc/examples/ha/{name}").splitlines()
    assert shown.splitlines() == [line for line in file if not line.strip().startswith("#")]


def test_who_may_what_is_what_is_tested():
    table = runpy.run_path(str(TOP / "tests/control/permissions.py"))
    rows = [row.split(" Ta ") for row in
            re.findall(r"^\.It (.* Ta .*)$", section("man/icmpnatctl.8.in", "WHO MAY WHAT"), re.M)]
    assert rows[0][1:] == [f"Sy {who}" for who in table["PEOPLE"]]
    assert rows[1:] == [[f"Li {request}", *("yes" if who in may else "no" for who in table["PEOPLE"])]
                        for request, may in table["REQUESTS"].items()]


def test_sums_that_the_kernel_mends_are_those_of_the_rules():
    """For each kind of quoted packet, the manual names the place that src/rules/nft_inner.c has."""
    rules = source("src/rules/nft_inner.c")
    page = source("man/icmpnatd-rules.7")
    for version in "4", "6":
        kinds, = re.findall(rf"kinds_v{version}\[\] = {{(.*?)^}};", rules, re.S | re.M)
        sums = {int(place) for place in re.findall(r'{"\w+", (\d+),', kinds)} - {0}
        row, = re.findall(rf"^\.It IPv{version} Ta sum of .*$", page, re.M)
        assert {int(place) for place in re.findall(r"B@(\d+)", row)} - {18} == sums
