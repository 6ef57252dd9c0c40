"""Scrape the workers of the demo and pick the figures that a person wants to see."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from urllib.parse import urlsplit

from worker.cli.demo_view import note
from worker.top.words import count

SAMPLE = re.compile(r"^(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<value>[0-9.e+-]+)$", re.MULTILINE)
WITHIN_S = 5.0
#: shown also when nobody counted any: a 0 is news
ALWAYS = (
    "swarmline_requests_redelivered_total",
    "swarmline_fenced_writes_total",
    "swarmline_requests_deduplicated_total",
)
SHOWN = (
    "swarmline_requests_enqueued_total",
    "swarmline_requests_completed_total",
    "swarmline_policy_rejections_total",
    "swarmline_sessions_opened_total",
    *ALWAYS,
)
TURNS = "swarmline_request_duration_seconds"

Series = tuple[str, str]


async def selection_of(urls: Sequence[str]) -> list[str]:
    """Return readable lines: the sums over the workers that show their metrics at these addresses."""
    texts = await asyncio.gather(*[asyncio.to_thread(_scrape, url) for url in urls])
    totals: Counter[Series] = Counter()
    for text in texts:
        for sample in SAMPLE.finditer(text):
            totals[sample["name"], sample["labels"] or ""] += float(sample["value"])  # pyright: ignore[reportArgumentType]
    return list(_lines(totals))


def _scrape(url: str) -> str:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=WITHIN_S)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().read().decode()
    except OSError as error:
        note(f"no metrics from {url}: {error}")
        return ""
    finally:
        connection.close()


def _lines(totals: Counter[Series]) -> Iterator[str]:
    for wanted in SHOWN:
        found = {labels: value for (name, labels), value in totals.items() if name == wanted and value}
        for labels, value in sorted(found.items()) or ([("", 0)] if wanted in ALWAYS else []):
            yield f"{wanted}{f'{{{labels}}}' if labels else ''}  {value:g}"
    turns = sum(value for (name, _), value in totals.items() if name == f"{TURNS}_count")
    total_s = sum(value for (name, _), value in totals.items() if name == f"{TURNS}_sum")
    if turns:
        yield f"{TURNS}  {count(int(turns), 'turn')}, {total_s / turns * 1e3:.1f} ms on average"
