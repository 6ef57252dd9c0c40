"""What a check can find, and the promises that are checked."""

from typing import NamedTuple

#: name -> what must hold, as the report says it
PROMISES = {
    "lost": "every request that was taken has its terminal reply",
    "doubled": "no request has two replies, two commits or two places in an outbox",
    "order": "requests of one session are committed in the order in which they were taken",
    "state": "the state of every session is that of a sequential replay",
    "stale": "nobody commits what a younger holder has begun again",
    "journal": "a journaled step of an earlier attempt is not run again",
    "attempts": "no attempt is charged for an outage of Redis",
    "status": "no request ends in a way that nobody asked for",
    "poison": "a request that kills workers is buried, and nothing else is because of it",
    "rubbish": "every entry that is no request is buried exactly once",
    "disposal": "no session is disposed by its TTL while a request waits in it",
    "outbox": "who follows a session gets every item once, in order",
    "leftovers": "no keys, connections, files or dead workers are left over",
}


class Finding(NamedTuple):
    """One broken promise."""

    promise: str
    what: str
