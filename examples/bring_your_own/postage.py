"""What somebody wrote long ago: an async function that answers questions about postage."""

import re
from collections.abc import AsyncIterator

CENTS = {"letter": 110, "postcard": 95, "parcel": 549}
ABROAD_CENTS = 300
ABROAD = re.compile(r"abroad|overseas|france|japan", re.IGNORECASE)


async def answer(question: str, earlier_questions: list[str]) -> AsyncIterator[str]:
    """Yield an answer in pieces; what was asked before tells what "and abroad?" is about."""
    everything = [question, *reversed(earlier_questions)]
    item = next((item for asked in everything for item in CENTS if item in asked.lower()), None)
    if item is None:
        yield f"I know the postage of {', '.join(CENTS)}."
        return
    is_abroad = ABROAD.search(question) is not None
    yield f"A {item} costs "
    yield f"{(CENTS[item] + ABROAD_CENTS * is_abroad) / 100:.2f} euros"
    yield " abroad." if is_abroad else "."
