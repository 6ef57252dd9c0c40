"""Every relative link of every page leads somewhere: the file is there, and so is the heading."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.helpers.processes import ROOT

#: directories that hold no page of ours
FOREIGN = {".venv", "node_modules", ".git", "build", "dist"}
PAGES = sorted(page for page in ROOT.rglob("*.md") if not FOREIGN & set(page.relative_to(ROOT).parts))

FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+)\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)
ELSEWHERE = ("http://", "https://", "mailto:")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose_of(page: Path) -> str:
    """Return a page without its code: what looks like a link there is none."""
    return CODE.sub("", FENCE.sub("", page.read_text(encoding="utf-8")))


@cache
def anchors_of(page: Path) -> set[str]:
    """Return the anchors of the headings of a page, as repository hosts make them."""
    headings = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    texts = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "") for heading in headings]
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


def fault_of(page: Path, link: str) -> str | None:
    """Return what is wrong with a link of a page."""
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists():
        return f"{link}: there is no such file"
    if anchor and target.suffix == ".md" and anchor not in anchors_of(target):
        return f"{link}: there is no such heading; there are {', '.join(sorted(anchors_of(target)))}"
    return None


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = [link for pair in LINK.findall(prose_of(page)) for link in pair if link]
    faults = [fault_of(page, link) for link in links if not link.startswith(ELSEWHERE)]
    assert [fault for fault in faults if fault] == []


def test_every_page_of_the_docs_is_in_their_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [page.name for page in (ROOT / "docs").iterdir() if page.is_file() and page.name != "README.md"]
    assert [name for name in pages if f"]({name})" not in index] == []


def test_every_decision_has_a_number_of_its_own_and_is_in_their_index() -> None:
    decisions = sorted(page.name for page in (ROOT / "docs" / "adr").glob("0*.md"))
    assert [name[:4] for name in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    index = (ROOT / "docs" / "adr" / "README.md").read_text(encoding="utf-8")
    assert [name for name in decisions if f"]({name})" not in index] == []
