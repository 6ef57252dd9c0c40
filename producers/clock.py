"""The one place of this package that sleeps: pauses between attempts, with jitter."""

import asyncio
import random

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0

#: suspend the current task for so many seconds
sleep = asyncio.sleep  # noqa: TID251 - producers can't import the worker's clock; nobody else here sleeps


def pause_after(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row; jitter keeps a thousand producers apart."""
    # 2 ** failures overflows a float after a week of outage; past the cap the exponent no longer matters
    longest = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(failures, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter is no secret
