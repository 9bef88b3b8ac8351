# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright (C) 2026 the icmpnatd authors
"""What the documents point at exists: files, drawings, pages of the manual and their sections."""
import pathlib
import re
import xml.etree.ElementTree

import pytest

from bench.plot import PICTURES, data

TOP = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = [*sorted(TOP.glob("*.md")), *sorted((TOP / "doc").glob("*.md"))]
PAGES = {path.name.removesuffix(".in"): path for path in sorted((TOP / "man").glob("icmpnat*"))
         if not path.with_name(path.name + ".in").exists()}  # not what is made of it in the same directory


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document):
    text = document.read_text()
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text) + re.findall(r'<img src="([^":]+)"', text)
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_pages_name_pages_of_ours(page):
    named = re.findall(r"^\.Xr (icmpnat[\w.-]+) (\d)", PAGES[page].read_text(), re.M)
    assert named and [name for name in map(".".join, named) if name not in PAGES] == []


def test_sections_that_are_named_exist():
    """icmpnatd-rules(7), SEVERAL UPLINKS, and .Xr icmpnatd-rules 7 , SEVERAL UPLINKS"""
    sources = [*DOCUMENTS, *PAGES.values(), *(TOP / "etc/examples").glob("*.conf")]
    found = []
    for text in (re.sub(r"\n# ", " ", path.read_text()) for path in sources):
        found += re.findall(r"(icmpnat[\w.-]+)\((\d)\)(?:\]\([^)]*\))?, ([A-Z][A-Z ]+[A-Z])", text)
        found += re.findall(r"^\.Xr (icmpnat[\w.-]+) (\d) ,\n([A-Z][A-Z ]+[A-Z])", text, re.M)
    assert len(found) >= 3
    for name, number, section in found:
        assert f"\n.Sh {section}\n" in PAGES[f"{name}.{number}"].read_text(), (name, section)


@pytest.mark.parametrize("path", (TOP / "doc").glob("*.svg"), ids=lambda path: path.name)
def test_a_drawing_has_text_that_can_be_read(path):
    """At the 800 pixels that the documents ask for."""
    drawing = xml.etree.ElementTree.parse(path).getroot()
    assert drawing.get("viewBox").split()[2] == drawing.get("width") == "800"
    sizes = re.findall(r"font(?:-size)?: (?:\d+ )?(\d+)px", path.read_text())
    assert sizes and min(map(int, sizes)) >= 13


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_diagram_shows_what_the_table_says(picture):
    """tests/bench/run --plot draws it again."""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", (TOP / f"doc/performance-{picture.name}.svg").read_text())
    for row, cells in data(picture).items():
        assert row in texts
        assert f"{sum(median for median, *_ in cells):,.0f}" in [text.removesuffix(" (cut)") for text in texts], row
