# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""Draws doc/performance-*.svg from the tables in doc/performance.md: tests/bench/run --plot."""

import pathlib
import re
from dataclasses import dataclass

DOC = pathlib.Path(__file__).resolve().parents[2] / "doc"
LICENCE = ("<!-- SPDX-License-Identifier: GPL-2.0-or-later -->\n<!-- Copyright (C) 2026 the icmpnatd authors -->\n"
           "<!-- Drawn by tests/bench/plot.py from the table in doc/performance.md. -->\n")
BLUE, GREY, PART = "#0969da", "#818b98", "#b6d4f5"
OURS = "icmpnatd", "in place", "queued", "with the rules"
WIDTH, ROW, MARGIN = 800, 30, 82  # pixels


@dataclass
class Picture:
    name: str
    table: str     # its title; the first of that title counts
    columns: list  # which are drawn, one behind the other, each with its legend
    rows: list     # in that order
    title: str
    most: int = None  # what is longer is cut


PICTURES = [
    Picture("drain", "Drain of a filled queue, per error", [("processor time, ns", "")],
            ["floor", "rewriting floor", "icmpnatd", "icmpnatd, 100,000 maps", "icmpnatd, IPv6", "icmpnatd, lookups always",
             "example", "Python", "Python, scapy"], "Processor time for an error that waits in the queue, ns", 7000),
    Picture("live", "Live, at 50,000 errors a second, per error",
            [("the emitter's, ns", "of the kernel, which emits and queues"), ("processor time, ns", "of the program on the queue")],
            ["as it is", "nft", "icmpnatd", "floor", "example"], "Processor time for an error, at 50,000 a second, ns"),
    Picture("in-place", "The source changed in place, per error or datagram", [("emitter and daemon, ns", "")],
            ["IPv4, as it is", "IPv4, in place", "IPv4, queued", "IPv6, as it is", "IPv6, in place", "IPv6, queued",
             "forwarded, as it is", "forwarded, with the rules"], "Processor time for an error, or a datagram that is forwarded, ns"),
]


def cells(text):
    """The median and the quartiles of a cell like "4,048 [3,940..4,187]"."""
    numbers = [float(number.replace(",", "")) for number in re.findall(r"[\d,]+\.?\d*", text.replace("..", " "))]
    return numbers if len(numbers) == 3 else numbers * 3


def read_table(title):
    """{row: {column: (median, low, high)}}"""
    lines = iter((DOC / "performance.md").read_text().splitlines())
    assert any(line.strip() == title for line in lines), title
    names = re.split(r" {2,}", next(lines).strip())
    table = {}
    for line in lines:
        if not line.strip():
            return table
        row, *values = re.split(r" {2,}", line.strip())
        table[row] = {name: cells(value) for name, value in zip(names, values)}
    return table


def data(picture):
    """Of each row the cells that are drawn."""
    table = read_table(picture.table)
    return {row: [table[row][column] for column, _ in picture.columns] for row in picture.rows}


def draw_row(axes, y, row, values, most):
    """A bar for each column, one behind the other, the quartiles of each, and the sum of the medians."""
    total, past = 0, 0
    ours = any(word in row for word in OURS)
    for number, (median, low, high) in enumerate(values):
        shown = min(median, most)
        axes.barh(y, shown, left=total, height=0.62, color=PART if number < len(values) - 1 else BLUE if ours else GREY)
        if shown < most and high > low:
            axes.errorbar(total + median, y, xerr=[[median - low], [high - median]], color="#1f2328", capsize=3, linewidth=1)
        past = max(past, total + min(high, most))
        total += median
    axes.text(past + most * 0.012, y, f"{total:,.0f}" + (" (cut)" if total > most else ""), va="center")


def draw(picture, pyplot):
    rows = data(picture)
    most = picture.most or max(sum(high for *_, high in values) for values in rows.values())
    height = ROW * len(rows) + MARGIN + (24 if len(picture.columns) > 1 else 0)
    figure, axes = pyplot.subplots(figsize=(WIDTH / 72, height / 72))
    figure.subplots_adjust(left=215 / WIDTH, right=1 - 15 / WIDTH, top=1 - 40 / height, bottom=(height - ROW * len(rows) - 46) / height)
    for number, (row, values) in enumerate(rows.items()):
        draw_row(axes, -number, row, values, most)
    axes.set_yticks([-number for number in range(len(rows))], rows)
    axes.set_xlim(0, most * 1.19)
    axes.set_ylim(0.6 - len(rows), 0.6)
    axes.set_title(picture.title, fontsize=15, x=-200 / (WIDTH - 230), ha="left")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    for side in "top", "right":
        axes.spines[side].set_visible(False)
    if len(picture.columns) > 1:
        handles = [pyplot.Rectangle((0, 0), 1, 1, color=colour) for colour in (PART, GREY)]
        figure.legend(handles, [legend for _, legend in picture.columns], loc="lower center", ncol=2, frameon=False)
    return figure


def main():
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot
    pyplot.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "icmpnatd", "font.size": 14})
    for picture in PICTURES:
        path = DOC / f"performance-{picture.name}.svg"
        draw(picture, pyplot).savefig(path, metadata={"Date": None, "Title": picture.title})
        text = re.sub(r'(width|height)="([\d.]+)pt"', r'\1="\2"', path.read_text())
        text = re.sub(r"<!DOCTYPE.*?>\n", LICENCE, text, flags=re.S)
        path.write_text(re.sub(r" +$", "", text, flags=re.M))
        print(path)


if __name__ == "__main__":
    main()
