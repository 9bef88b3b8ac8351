# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Figures, their spread and their targets: as a table, and as JSON."""

import json
import os
import platform
import statistics
import time
from dataclasses import dataclass, field

NOISY = 0.25   # a spread (between the quartiles, of the median) that makes a figure meaningless
BLURRED = 0.05 # .. that makes a target undecided that lies between the quartiles


@dataclass
class Summary:
    """One value a round."""
    values: list

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def quartiles(self):
        if len(self.values) < 2:
            return self.values[0], self.values[0]
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return low, high

    @property
    def spread(self):
        low, high = self.quartiles
        return (high - low) / abs(self.median) if self.median else 0.0 if low == high else float("inf")

    def json(self):
        low, high = self.quartiles
        return {"median": self.median, "q1": low, "q3": high, "values": self.values}


@dataclass
class Column:
    title: str
    tail: bool = False  # of a distribution: its spread is no flaw of the measurement
    digits: int = 0


@dataclass
class Figure:
    """Rows of contenders, columns of what was measured of each."""
    title: str
    columns: dict
    rows: dict = field(default_factory=dict)

    def add(self, row, **values):
        cells = self.rows.setdefault(row, {})
        for key, value in values.items():
            cells.setdefault(key, []).append(value)

    def ratios(self, column, above, below):
        """Of two rows, round by round."""
        return [a / b for a, b in zip(self.rows[above][column], self.rows[below][column])]

    def noisy(self):
        return [f"{self.title}: {row}: {self.columns[key].title}"
                for row, cells in self.rows.items() for key, values in cells.items()
                if not self.columns[key].tail and Summary(values).spread > NOISY]

    def print(self):
        lines = [["", *(column.title for column in self.columns.values())]]
        lines += [[row, *(cell(column, cells.get(key)) for key, column in self.columns.items())]
                  for row, cells in self.rows.items()]
        first, *widths = [max(map(len, texts)) for texts in zip(*lines)]
        print(f"\n{self.title}")
        for row, *texts in lines:
            print(row.ljust(first) + "".join(text.rjust(width + 3) for text, width in zip(texts, widths)))

    def json(self):
        return {"title": self.title, "rows": {
            row: {key: Summary(values).json() for key, values in cells.items()}
            for row, cells in self.rows.items()}}


def cell(column, values):
    """A median, its quartiles if they differ, and a mark if they differ too much."""
    if not values:
        return "-"
    summary = Summary(values)
    median, low, high = (f"{v:,.{column.digits}f}" for v in (summary.median, *summary.quartiles))
    noisy = "noisy " if not column.tail and summary.spread > NOISY else ""
    return f"{noisy}{median}" + (f" [{low}..{high}]" if low != high else "")


@dataclass
class Target:
    """What the values of the rounds must reach: with their median, or each of them."""
    text: str
    values: list
    at_least: float = None
    at_most: float = None
    each: bool = False

    @property
    def goal(self):
        return self.at_most if self.at_least is None else self.at_least

    @property
    def decisive(self):
        """The median, or the worst value where each counts."""
        if not self.each:
            return Summary(self.values).median
        return max(self.values) if self.at_least is None else min(self.values)

    @property
    def verdict(self):
        low, high = Summary(self.values).quartiles
        if low < self.goal < high and Summary(self.values).spread > BLURRED and not self.each:
            return "noisy"
        reached = self.decisive <= self.goal if self.at_least is None else self.decisive >= self.goal
        return "pass" if reached else "miss"

    def line(self):
        low, high = Summary(self.values).quartiles
        spread = f"worst of {len(self.values)}" if self.each else f"[{low:.2f}..{high:.2f}]"
        goal = f"at most {self.goal:g}" if self.at_least is None else f"at least {self.goal:g}"
        return f"{self.text:44}{self.decisive:13,.2f} {spread:20}{goal:18}{self.verdict}"

    def json(self):
        return {"text": self.text, "at_least": self.at_least, "at_most": self.at_most, "each": self.each,
                "verdict": self.verdict, **Summary(self.values).json()}


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "?")
    with open("/proc/stat") as file:
        stolen = int(file.readline().split()[8])
    return {"kernel": platform.release(), "processor": model, "processors": len(os.sched_getaffinity(0)),
            "load": os.getloadavg()[0], "stolen": stolen / os.sysconf("SC_CLK_TCK"),
            "time": time.strftime("%Y-%m-%dT%H:%M:%S")}


def write_json(path, rounds, before, figures, targets):
    with open(path, "w") as file:
        json.dump({"rounds": rounds, "before": before, "after": machine(),
                   "figures": {name: figure.json() for name, figure in figures.items()},
                   "targets": [target.json() for target in targets]}, file, indent=1)
        file.write("\n")
