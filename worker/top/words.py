"""How figures, ages and contents are worded on the screen."""

import json
import re

_SECOND_MS = 1000
_MINUTE_MS = 60 * _SECOND_MS
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS
_PRECISE_BELOW_S = 10
#: controls, ends of lines, changes of the writing direction, and halves of characters, which can't be written at all
_STEERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def duration(ms: float) -> str:
    """Return a duration as a person would say it: 0.4 s, 12 s, 3 min, 5 h, 2 d."""
    ms = max(0, ms)
    if ms < _PRECISE_BELOW_S * _SECOND_MS:
        return f"{ms / _SECOND_MS:.1f} s"
    for unit_ms, below_ms, name in (
        (_SECOND_MS, _MINUTE_MS, "s"),
        (_MINUTE_MS, _HOUR_MS, "min"),
        (_HOUR_MS, _DAY_MS, "h"),
    ):
        if ms < below_ms:
            return f"{ms // unit_ms:.0f} {name}"
    return f"{ms // _DAY_MS:.0f} d"


def count(number: int, one: str) -> str:
    """Return a number with its noun: 1 worker, 1,234 workers."""
    return f"{number:,} {one}" if number == 1 else f"{number:,} {one}s"


def rate(per_s: float | None) -> str:
    """Return a rate: 0.4/s, 1,234/s, or a dash where it is not known."""
    if per_s is None:
        return "-"
    return f"{per_s:,.0f}/s" if per_s >= _PRECISE_BELOW_S or per_s == 0 else f"{per_s:.1f}/s"


def share(part: float | None) -> str:
    """Return a share of one in percent: 0 %, 0.2 %, 12 %, or a dash where it is not known."""
    if part is None:
        return "-"
    percent = part * 100
    return f"{percent:.0f} %" if percent == 0 or percent >= _PRECISE_BELOW_S else f"{percent:.1f} %"


def compact(value: object) -> str:
    """Return JSON on one line."""
    return printable(json.dumps(value, ensure_ascii=False, default=str))


def printable(text: str) -> str:
    """Return a text on one line, with what steers a terminal spelled out: an entry may hold what anybody likes."""
    return _STEERS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
