# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""icmpnatd --explain IN --write OUT writes what the daemon would send, byte for byte, or nothing. Needs the
daemon's path in ICMPNATD."""
import collections
import contextlib
import os
import pathlib
import pty
import re
import resource
import signal
import stat
import struct
import subprocess
import tempfile
import threading
import time

import pytest

from test_explain import CONFIG, DAEMON, ETHERNET, LINKS, QUOTE, TO_CLIENT, damaged, pytestmark  # noqa: F401

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
MICRO, NANO = 0xA1B2C3D4, 0xA1B23C4D
ERROR, PING = bytes(ETHERNET / TO_CLIENT / QUOTE), bytes(ETHERNET / QUOTE)
Frame = collections.namedtuple("Frame", "seconds fraction length data")


def frame(data, seconds=1700000000, fraction=123456, padding=0):
    return Frame(seconds, fraction, len(data) + padding, data)


def capture(frames, link=1, magic=MICRO, order="<"):
    """The bytes of a pcap file."""
    records = (struct.pack(order + "IIII", f.seconds, f.fraction, len(f.data), f.length) + f.data for f in frames)
    return struct.pack(order + "IHHIIII", magic, 2, 4, 0, 0, 65535, link) + b"".join(records)


def frames_of(data):
    """(magic, link, frames) of a pcap file of this machine."""
    magic, _, _, _, _, _, link = struct.unpack("=IHHIIII", data[:24])
    frames, at = [], 24
    while at < len(data):
        seconds, fraction, captured, length = struct.unpack("=IIII", data[at:at + 16])
        frames.append(Frame(seconds, fraction, length, data[at + 16:at + 16 + captured]))
        at += 16 + captured
    return magic, link, frames


class Explain:
    """Files in a directory: f, the configuration; in; out."""

    def __init__(self, directory, config=CONFIG):
        self.directory, self.input, self.output = directory, directory / "in", directory / "out"
        (directory / "f").write_text(config)

    def command(self, source="in", target="out"):
        return [DAEMON, "-c", "f", "--explain", source, "--write", target]

    def run(self, source="in", target="out", status=0, **options):
        done = subprocess.run(self.command(source, target), cwd=self.directory, capture_output=True, **options)
        assert done.returncode == status, done
        return done

    def write(self, data):
        """What is written of the bytes of a capture."""
        self.input.write_bytes(data)
        self.run()
        return frames_of(self.output.read_bytes())

    def assert_refused(self, message, *arguments, left=("f", "in"), **options):
        lines = self.run(*arguments, status=1, **options).stderr.decode().splitlines()
        assert lines[0] == "icmpnatd: " + message
        assert sorted(os.listdir(self.directory)) == sorted(left)


@pytest.fixture
def explain(tmp_path):
    return Explain(tmp_path)


def goldens():
    """{(maps, extensions, lookup): [(name, input, expected)]} of the packets that no flow changes."""
    found = collections.defaultdict(list)
    for path in sorted(GOLDEN.glob("*.txt")):
        text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.M)
        fields = re.findall(r"^([\w-]+):(.*(?:\n  .*)*)", text, re.M)
        values = {name: "".join(value.split()) for name, value in fields}
        maps = tuple(value.strip() for name, value in fields if name == "map")
        if values["flow"] != "none" or set(values) - {"map", "flow", "extensions", "lookup", "input", "expected", "outcome"}:
            continue
        data = bytes.fromhex(values["input"])
        expected = data if values["expected"] == "same" else bytes.fromhex(values["expected"])
        if data and len(data) <= 2048 and total_length(data) >= len(data):
            found[maps, values["extensions"], values.get("lookup", "auto")].append((path.stem, data, expected))
    return found


def total_length(packet):
    """What the IP header says: what is longer is padded, by a link."""
    where = {4: (2, 0), 6: (4, 40)}.get(packet[0] >> 4)
    return where[1] + int.from_bytes(packet[where[0]:where[0] + 2], "big") if where else 0


def config_of(maps, extensions, lookup):
    lines = []
    for text in maps:
        private, _, public, *words = text.split()
        words = [f"{word} = true;" if word == "npt" else f'part = "{word}";' for word in words]
        lines.append(f'{{ private = "{private}"; public = "{public}"; {" ".join(words)} }}')
    return f'outside = [ "eth0" ]; maps = ( {", ".join(lines)} ); extensions = "{extensions}"; lookup = "{lookup}";'


def test_golden_packets(tmp_path):
    """With link types by turns, in which one may find what was removed."""
    compared = 0
    for kind, packets in goldens().items():
        explain = Explain(tmp_path, config_of(*kind))
        if subprocess.run([DAEMON, "-c", "f", "--check"], cwd=tmp_path, capture_output=True).returncode:
            continue  # maps that no file may have
        _, _, frames = explain.write(capture([frame(data) for _, data, _ in packets], 101))
        for (name, _, expected), got in zip(packets, frames, strict=True):
            assert (got.data.hex(), got.length) == (expected.hex(), len(expected)), name
        compared += len(packets)
    assert compared > 400


def assert_decodes(explain, frames):
    """Another decoder finds all sums right, and nothing that does not add up."""
    fields = ["ip.checksum.status", "icmp.checksum.status", "icmpv6.checksum.status", "_ws.malformed", "frame.len"]
    decoded = subprocess.run(
        ["tshark", "-r", "out", "-o", "ip.check_checksum:TRUE", "-T", "fields", *(f"-e{name}" for name in fields)],
        cwd=explain.directory, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(decoded) == len(frames)
    for line, got in zip(decoded, frames):
        *sums, malformed, length = line.split("\t")
        assert set(",".join(filter(None, sums)).split(",")) == {"1"} and not malformed, line
        assert int(length) == got.length == len(got.data)


@pytest.mark.parametrize("link", LINKS)
def test_links(tmp_path, link):
    """Headers and trailers of the link stay, but for its length of what became shorter."""
    number, wrap = LINKS[link]
    compared = 0
    for kind, packets in goldens().items():
        packets = [(bytes(wrap(data)), bytes(wrap(expected))) for name, data, expected in packets
                   if len(data) != len(expected) and "-sum" not in name and link != f"ipv{10 - (data[0] >> 4)}"]
        if kind[1] == "strip" and packets:
            explain = Explain(tmp_path, config_of(*kind))
            _, _, frames = explain.write(capture([frame(data) for data, _ in packets], number))
            assert_decodes(explain, frames)
            assert [got.data.hex() for got in frames] == [expected.hex() for _, expected in packets]
            compared += len(packets)
    assert compared >= (3 if link in ("ipv4", "ipv6") else 6)


@pytest.mark.parametrize("magic, order", [(MICRO, "<"), (MICRO, ">"), (NANO, "<"), (NANO, ">")])
def test_timestamps_and_lengths_are_kept(explain, magic, order):
    frames = [frame(PING, 1700000000, 999999), frame(ERROR, 1, 0), frame(PING[:30], 2, 3, padding=len(PING) - 30),
              frame(ERROR, 4, 5, padding=6)]
    got = explain.write(capture(frames, 1, magic, order))
    assert got[:2] == (magic, 1)
    assert [f[:3] for f in got[2]] == [f[:3] for f in frames]
    assert [f.data == g.data for f, g in zip(frames, got[2])] == [True, False, True, False]


def test_what_has_no_errors_is_the_same_file(explain):
    data = capture([frame(PING), frame(b"\x02" * 12), frame(b""), frame(PING[:20], padding=80)])
    explain.write(data)
    assert explain.output.read_bytes() == data


def test_pcapng_becomes_pcap_with_nanoseconds(explain):
    explain.input.write_bytes(capture([frame(PING, 5, 123456789), frame(ERROR, 6, 1)], 1, NANO))
    subprocess.run(["editcap", "-F", "pcapng", "in", "in.pcapng"], cwd=explain.directory, check=True)
    explain.run("in.pcapng")
    magic, link, frames = frames_of(explain.output.read_bytes())
    assert (magic, link, [f[:2] for f in frames]) == (NANO, 1, [(5, 123456789), (6, 1)])
    assert frames[0].data == PING != ERROR != frames[1].data


def test_a_short_capture_of_an_error_stays(explain):
    cut = frame(ERROR[:60], padding=len(ERROR) - 60)
    assert explain.write(capture([cut, frame(PING)]))[2] == [cut, frame(PING)]
    assert b"captured short: 1" in explain.run().stdout


@pytest.mark.parametrize("malformed, left", [("pass", 3), ("drop", 2)])
def test_what_the_daemon_drops_is_left_out(tmp_path, malformed, left):
    explain = Explain(tmp_path, CONFIG + f'queue = {{ malformed = "{malformed}"; }};')
    bad = bytes(LINKS["ethernet"][1](bytes(damaged(TO_CLIENT / QUOTE))))
    frames = [frame(PING), frame(bad), frame(PING)]
    assert explain.write(capture(frames))[2] == [f for f in frames if f.data != bad or left == 3]
    assert (b"\n    the daemon would drop it\n" in explain.run().stdout) == (left == 2)


def test_an_audit_writes_what_would_be_sent_without(tmp_path):
    frames = capture([frame(PING), frame(ERROR)])
    live, audit = (Explain(tmp_path, CONFIG + f'mode = "{mode}";').write(frames) for mode in ("live", "audit"))
    assert live == audit and live[2][1].data != ERROR


def test_the_interface_chooses_the_maps(explain):
    explain.input.write_bytes(capture([frame(ERROR)]))
    explain.run()
    done = subprocess.run([*explain.command(target="-"), "-i", "eth1"], cwd=explain.directory, capture_output=True)
    assert bytes([1, 2, 3, 1]) in explain.output.read_bytes()
    assert bytes([5, 6, 7, 1]) in done.stdout


def test_standard_input_and_output(explain):
    """The packets go to standard output, and the text then to standard error; else it stays where it was."""
    data = capture([frame(PING), frame(ERROR)])
    explain.write(data)
    text = explain.run().stdout
    assert text.startswith(b"#2 ") and text.endswith(b"2 packets, 1 ICMP errors\n")
    both = explain.run("-", "-", input=data)
    assert (both.stdout, both.stderr) == (explain.output.read_bytes(), text)
    out = explain.run("in", "-")
    assert (out.stdout, out.stderr) == (both.stdout, text)
    explain.output.unlink()
    assert explain.run("-", "out", input=data).stdout == text
    assert explain.output.read_bytes() == both.stdout
    alone = subprocess.run([DAEMON, "-c", "f", "--explain", "-"], cwd=explain.directory, input=data, capture_output=True)
    assert (alone.stdout, alone.stderr) == (text, b"")


def test_large(explain):
    """As many errors, and as many frames of other kinds."""
    n = 50000
    explain.input.write_bytes(capture([frame(PING), frame(ERROR)] * n))
    assert explain.run().stdout.endswith(f"\n{2 * n} packets, {n} ICMP errors\n".encode())
    _, _, frames = frames_of(explain.output.read_bytes())
    assert len(frames) == 2 * n and set(frames[::2]) == {frame(PING)} and len(set(frames[1::2])) == 1


# --- what goes wrong

def test_an_old_file_is_replaced_at_the_end(explain):
    explain.output.write_bytes(b"old")
    explain.output.chmod(0o640)
    (explain.directory / "link").symlink_to("out")
    explain.input.write_bytes(capture([frame(PING)]))
    explain.run(target="link")
    assert explain.output.read_bytes() == explain.input.read_bytes()
    assert stat.S_IMODE(explain.output.stat().st_mode) == 0o640
    assert (explain.directory / "link").is_symlink()
    assert sorted(os.listdir(explain.directory)) == ["f", "in", "link", "out"]


def test_a_broken_capture_leaves_the_old_file(explain):
    data = capture([frame(PING), frame(PING)])
    explain.input.write_bytes(data[:-1])
    explain.output.write_bytes(b"old")
    done = explain.run(status=1).stderr.decode()
    assert re.fullmatch(r"icmpnatd: in: truncated .*\nicmpnatd: out was not written\n", done)
    assert explain.output.read_bytes() == b"old"
    explain.output.unlink()
    explain.run(status=1)
    assert sorted(os.listdir(explain.directory)) == ["f", "in"]


@pytest.mark.parametrize("make", [lambda a, b: None, os.link, os.symlink], ids=["name", "link", "symlink"])
def test_the_file_that_is_read_is_not_written(explain, make):
    data = capture([frame(ERROR)])
    explain.input.write_bytes(data)
    make(explain.input, explain.output)
    left = ("f", "in", *(["out"] if explain.output.exists() else []))
    target = "out" if explain.output.exists() else "./in"
    explain.assert_refused(f"{target}: is the file that is read: choose another one", "in", target, left=left)
    with explain.input.open("rb") as file:
        explain.assert_refused(f"{target}: is the file that is read: choose another one", "-", target, left=left, stdin=file)
    with explain.input.open("ab") as file:
        done = subprocess.run(explain.command(target="-"), cwd=explain.directory, stdout=file, stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"standard output: is the file that is read" in done.stderr
    assert explain.input.read_bytes() == data


def test_what_cannot_be_opened(explain):
    explain.input.write_bytes(capture([frame(ERROR)]))
    explain.assert_refused("none/out: No such file or directory", "in", "none/out")
    explain.assert_refused(".: Is a directory", "in", ".")
    explain.assert_refused("/dev/stdout: is standard output: name it -", "in", "/dev/stdout")
    explain.assert_refused("none: No such file or directory", "none")
    explain.assert_refused("standard input: unknown file format", "-", input=b"nonsense")


def test_write_alone_makes_no_sense():
    done = subprocess.run([DAEMON, "--write", "x"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "icmpnatd: --write needs --explain\nTry icmpnatd --help.\n")


def test_no_terminal_gets_packets(explain):
    explain.input.write_bytes(capture([frame(ERROR)]))
    master, slave = pty.openpty()
    done = subprocess.run(explain.command(target="-"), cwd=explain.directory, stdout=slave, stderr=subprocess.PIPE)
    os.close(master), os.close(slave)
    assert (done.returncode, done.stderr) == (1, b"icmpnatd: standard output: is a terminal: redirect it, or name a file\n")


@pytest.mark.parametrize("frames", [1, 5000])
def test_a_full_disk(explain, frames):
    """Found at the end, or on the way."""
    explain.input.write_bytes(capture([frame(ERROR)] * frames))
    explain.assert_refused("/dev/full: No space left on device", "in", "/dev/full")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(explain.command(target="-"), cwd=explain.directory, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"icmpnatd: standard output: No space left on device\n" in done.stderr
    explain.output.write_bytes(b"old")
    explain.assert_refused(
        "out: File too large", left=("f", "in", "out"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))
    assert explain.output.read_bytes() == b"old"


def test_a_closed_pipe(explain):
    explain.input.write_bytes(capture([frame(ERROR)] * 5000))
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(explain.command(target="-"), cwd=explain.directory, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert done.returncode == 1
    assert done.stderr.endswith(b"icmpnatd: standard output: Broken pipe\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_half_file(explain, number):
    process = subprocess.Popen(explain.command("-"), cwd=explain.directory, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(capture([frame(ERROR)] * 100))
    process.stdin.flush()
    process.stdout.read(1)  # it is under way
    assert len(os.listdir(explain.directory)) == 2
    process.send_signal(number)
    rest = process.communicate()
    assert process.returncode == 1
    lines = rest[1].decode().splitlines()
    assert (lines[0], lines[-1]) == ("icmpnatd: interrupted", "icmpnatd: out was not written")
    assert os.listdir(explain.directory) == ["f"]


@pytest.mark.skipif(os.getuid() != 0, reason="all of this runs as an ordinary user")
def test_an_ordinary_user_may():
    with tempfile.TemporaryDirectory() as directory:
        explain = Explain(pathlib.Path(directory))
        explain.input.write_bytes(capture([frame(ERROR)]))
        os.chown(directory, 65534, 65534)
        explain.run(user=65534, group=65534, extra_groups=[])
        assert explain.output.stat().st_uid == 65534
        explain.output.write_bytes(b"old")
        os.chown(explain.output, 0, 0)
        explain.output.chmod(0o644)
        explain.assert_refused("out: Permission denied", left=("f", "in", "out"), user=65534, group=65534, extra_groups=[])


# --- a line on a terminal

class Terminal:
    """Standard error of a program, read all the time, so that the program never waits for that."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        self.text = ""
        self.more = threading.Event()
        self.hangs = time.monotonic() + 100
        self.reader = threading.Thread(target=self.read)

    def read(self):
        with contextlib.suppress(OSError):  # when nobody has it open any more
            while data := os.read(self.master, 4096):
                self.text += data.decode()
                self.more.set()
        os.close(self.master)

    def start(self, command, **options):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=self.slave, **options)
        os.close(self.slave)
        self.reader.start()
        return process

    def shows(self, pattern):
        """Whether it has shown a pattern; waits a moment for more."""
        assert time.monotonic() < self.hangs, self.text[-200:]
        self.more.wait(0.01)
        self.more.clear()
        return re.search(pattern, self.text)

    def left(self):
        """What is left on it in the end: \\r begins the line again."""
        self.reader.join()
        lines = []
        for line in self.text.replace("\r\n", "\n").split("\n"):
            columns = ""
            for text in line.split("\r"):
                columns = text + columns[len(text):]
            lines.append(columns.rstrip())
        return lines


def feed(process, terminal, frames, pattern):
    """Gives a program frames until its terminal has shown a pattern."""
    process.stdin.write(capture([]))
    while not terminal.shows(pattern):
        process.stdin.write(capture(frames)[24:])
        process.stdin.flush()
    process.stdin.close()


TWICE = r"\d+ packets\r *\r\d+ packets"


def test_a_long_work_shows_its_progress_on_a_terminal(explain):
    terminal = Terminal()
    process = terminal.start(explain.command("-"), cwd=explain.directory, stdout=subprocess.PIPE)
    feed(process, terminal, [frame(PING)] * 9, TWICE)
    total = re.fullmatch(r"(\d+) packets, 0 ICMP errors\n", process.stdout.read().decode())
    assert process.wait() == 0
    assert terminal.left() == [""]
    shown = [int(n) for n in re.findall(r"(\d+) packets", terminal.text)]
    assert shown == sorted(shown) and shown[-1] <= int(total[1])


def test_progress_and_text_are_not_mixed(explain):
    """The line is gone before an error is explained."""
    terminal = Terminal()
    process = terminal.start(explain.command("-", "-"), cwd=explain.directory, stdout=subprocess.DEVNULL)
    feed(process, terminal, [frame(PING), frame(ERROR)], r"\d+ packets(?s:.*)#")
    assert process.wait() == 0
    left = terminal.left()
    assert [line for line in left if not re.fullmatch(r"#\d+ 192.*|    .*|\d+ packets, \d+ ICMP errors|", line)] == []
    assert left[-1] == "" and left[-2].endswith("ICMP errors")


def test_a_message_stands_alone(explain):
    """What cannot be written is found when there is much of it."""
    terminal = Terminal()
    process = terminal.start(explain.command("-", "/dev/full"), cwd=explain.directory, stdout=subprocess.DEVNULL)
    process.stdin.write(capture([]))
    with contextlib.suppress(BrokenPipeError):
        while process.poll() is None:
            process.stdin.write(capture([frame(b"x")] * (1000 if terminal.shows("packets") else 1))[24:])
            process.stdin.flush()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    assert process.wait() == 1
    assert terminal.left() == ["icmpnatd: /dev/full: No space left on device", ""]


def test_progress_of_a_file_has_a_share(explain):
    """It is slow because its text is read slowly."""
    explain.input.write_bytes(capture([frame(ERROR)] * 20000))
    terminal = Terminal()
    process = terminal.start(explain.command(), cwd=explain.directory, stdout=subprocess.PIPE)
    while not terminal.shows(r"\d+ packets, \d+ %"):
        assert process.stdout.read(4096)
    process.communicate()
    assert process.returncode == 0
    assert terminal.left() == [""]
    shares = [int(n) for n in re.findall(r", (\d+) %", terminal.text)]
    assert shares == sorted(shares) and shares[-1] <= 100


def test_without_a_terminal_there_is_no_progress(explain):
    """In a work that takes longer than one that shows it on a terminal."""
    silent = subprocess.Popen(explain.command("-"), cwd=explain.directory, stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    silent.stdin.write(capture([frame(PING)]))
    silent.stdin.flush()
    terminal = Terminal()
    watched = terminal.start(explain.command("-", "/dev/null"), cwd=explain.directory, stdout=subprocess.DEVNULL)
    feed(watched, terminal, [frame(PING)] * 9, TWICE)
    silent.stdin.write(capture([frame(PING)])[24:])
    assert (silent.communicate()[1], silent.returncode, watched.wait()) == (b"", 0, 0)
    assert terminal.left() == [""]
