# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""zsh completes the commands of both programs from their help, and the kinds of rules: in a terminal, where a word is begun
and the tabulator is struck."""
import os
import pathlib
import pty
import re
import shutil
import subprocess

import pytest

COMPLETION = pathlib.Path(__file__).resolve().parents[2] / "completion/zsh"
PROGRAMS = {name: os.environ.get(name.upper(), "") for name in ("icmpnatd", "icmpnatctl")}
pytestmark = [pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh"),
              pytest.mark.skipif(not all(PROGRAMS.values()), reason="ICMPNATD or ICMPNATCTL does not name a program")]
SETUP = r"""
PS1= PS2= ; unsetopt prompt_sp prompt_cr list_beep beep
fpath=({directory} $fpath); autoload -Uz compinit; compinit -D -u
for name in icmpnatd icmpnatctl; do eval "$name() {{ case \$1 in help | --help) command \$programs[$name] \"\$@\" ;; *) print -r -- \"<\$*>\" ;; esac }}"; done
"""


@pytest.fixture(scope="module")
def shell():
    """shell(line): the arguments with which a program was started, after the line was typed and completed."""
    terminal, end = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "HOME": "/nonexistent", "LC_ALL": "C"}
    zsh = subprocess.Popen(["zsh", "-f", "-i"], stdin=end, stdout=end, stderr=end, env=environment, start_new_session=True)
    os.close(end)
    programs = " ".join(f"{name} {path}" for name, path in PROGRAMS.items())

    def until(pattern):
        text = ""
        while not (found := re.search(pattern, text)):
            text += os.read(terminal, 4096).decode()
        return found[1]

    def ask(line):
        os.write(terminal, f"{line}\t\n".encode())
        return until(r"(?:^|\n)<([^\n]*)>\r").rstrip()

    os.write(terminal, f"typeset -A programs=({programs})\n{SETUP.format(directory=COMPLETION)}\nprint -r -- '<re''ady>'\n".encode())
    assert until(r"<(ready)>") == "ready"
    yield ask
    zsh.kill()
    zsh.wait()
    os.close(terminal)


@pytest.mark.parametrize("typed, completed", [
    ("icmpnatctl wa", "watch"),
    ("icmpnatctl sta", "stat"),
    ("icmpnatctl --soc", "--socket"),
    ("icmpnatctl -s x stats --exp", "-s x stats --explain"),
    ("icmpnatctl maps --exp", "maps --exp"),
    ("icmpnatctl watch --i", "watch --interval"),
    ("icmpnatctl -c /etc/hostn", "-c /etc/hostname"),
    ("icmpnatd --che", "--check"),
    ("icmpnatd --print-rules=mi", "--print-rules=mixed"),
    ("icmpnatd -c /etc/hostn", "-c /etc/hostname"),
])
def test_completion(shell, typed, completed):
    assert shell(typed) == completed
