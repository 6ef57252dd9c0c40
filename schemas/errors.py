"""What is raised when something on the wire is not as the protocol says."""

# WireError
# ├── BadRequest   a request: its stream fields or its body; the sender must change it
# └── BadItem      what the system wrote: a reply, a client-channel item, a bus event, a dead letter


class WireError(ValueError):
    """Something on the wire that protocol version 1 does not allow; the text says what, without quoting values."""


class BadRequest(WireError):
    """A request that can't be taken on as it is; the text says what its sender must change."""


class BadItem(WireError):
    """A reply, client-channel item, bus event or dead letter that this version can't read."""
