"""The screen as text: what a person would see, without colours."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

from worker.top.app import Top

GOLDEN = Path(__file__).parent / "screens"
#: width of a character and height of a line in the picture
WIDTH, HEIGHT = 12.2, 24.4
SECONDS = re.compile(r"\d\.\d s|\b\d\d s(?: (?= ))?")


def screen_text(app: Top) -> str:
    """Return the lines of the screen."""
    picture = ET.fromstring(app.export_screenshot())  # noqa: S314 - textual's own picture
    cells: dict[tuple[int, int], str] = {}
    for text in picture.iter("{http://www.w3.org/2000/svg}text"):
        if "clip-path" in text.attrib:
            row, column = round(float(text.attrib["y"]) / HEIGHT), round(float(text.attrib["x"]) / WIDTH)
            for offset, character in enumerate(text.text or ""):
                cells[row, column + offset] = " " if character == "\xa0" else character
    lines = range(max((row for row, _ in cells), default=0) + 1)
    width = app.size.width
    return "\n".join("".join(cells.get((row, at), " ") for at in range(width)).rstrip() for row in lines).strip("\n")


def still(text: str) -> str:
    """Return a screen without what is different each time: seconds and fractions of them."""
    return SECONDS.sub("0.0 s", text)


def golden(name: str, text: str) -> str:
    """Return the recorded screen of a name; one that was never recorded is recorded now, for a person to look at."""
    path = GOLDEN / f"{name}.txt"
    if not path.exists():
        path.write_text(text + "\n", encoding="utf-8")
        message = f"recorded {path}: look at it, and run again"
        raise AssertionError(message)
    return path.read_text(encoding="utf-8").rstrip("\n")
