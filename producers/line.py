"""One connection to Redis, with explicit time-outs and keepalive, kept open by reconnecting with back-off."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol, Self, cast
from urllib.parse import urlsplit

import hiredis
from redis.asyncio.connection import SSLConnection, UnixDomainSocketConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, AuthorizationError, ReadOnlyError, RedisError

from producers.answers import Answers, Deliver
from producers.clock import pause_after, sleep
from producers.errors import InvalidRequest
from producers.node import NodeConnection, TlsNodeConnection
from schemas.cluster import Nodes

#: probes after 15 s of silence, then every 5 s; a peer is given up after three
_KEEPALIVE: Final = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}

#: of who we are, and of what we may do
_REFUSALS: Final = (AuthenticationError, AuthorizationError)

_UNREADABLE: Final = "the URL must begin with redis://, rediss:// or unix://; port and database must be numbers"

#: how long a task that keeps a line open may take to notice that it was cancelled
_CANCEL_EVERY_S: Final = 0.1

#: how OpenSSL begins, and what to do then
_BAD_CERTIFICATE: Final = "CERTIFICATE_VERIFY_FAILED"
_TRUST: Final = "name the file of its CA in the URL, ?ssl_ca_certs=FILE, and the host as the certificate does"

Argument = str | bytes | int


#: a command and its arguments as Redis reads them; redis-py's own takes eight times as long as this one in C
pack = cast("Callable[[tuple[Argument, ...]], bytes]", hiredis.pack_command)  # pyright: ignore[reportUnknownMemberType]


class LineLost(Exception):
    """The connection is gone; `hopeless` when trying again can't help, as with a wrong password."""

    def __init__(self, reason: str, *, hopeless: bool = False) -> None:
        super().__init__(reason)
        self.hopeless = hopeless


class _Connection(Protocol):
    """The part of redis-py's connection that is used, with the types that it lacks."""

    @property
    def is_connected(self) -> bool: ...
    async def connect(self) -> None: ...
    async def disconnect(self, *, nowait: bool = False) -> None: ...
    async def send_packed_command(self, command: bytes, check_health: bool = True) -> None: ...  # noqa: FBT001, FBT002


class Line:
    """One open connection."""

    def __init__(self, connection: _Connection, answers: Answers) -> None:
        self._connection = connection
        self._answers = answers

    @classmethod
    async def open(cls, connection: _Connection, answers: Answers, timeout_s: float) -> Self:
        """Connect and log in within `timeout_s` seconds; raise LineLost."""
        try:
            async with asyncio.timeout(timeout_s):
                await connection.connect()
        except BaseException as fault:
            # also when cancelled half-way: a forgotten socket would be closed by nobody
            await connection.disconnect(nowait=True)
            if isinstance(fault, RedisError | OSError | TimeoutError):
                reason = str(fault) or f"no connection within {timeout_s:g} s"
                # over a unix socket redis-py wraps a refused password once more
                hopeless = any(isinstance(one, _REFUSALS) for one in (fault, fault.__cause__))
                if _BAD_CERTIFICATE in reason:
                    hopeless, reason = True, f"{reason}: {_TRUST}"
                raise LineLost(reason, hopeless=hopeless) from None
            raise
        return cls(connection, answers)

    async def write(self, data: bytes) -> None:
        """Send packed commands; raise LineLost."""
        # redis-py would connect again by itself, without the subscriptions and in the middle of our numbering
        if not self._connection.is_connected:
            raise LineLost("connection closed")
        try:
            await self._connection.send_packed_command(data, check_health=False)
        except (RedisError, OSError) as fault:
            raise LineLost(str(fault)) from None

    async def deliver_answers(self, deliver: Deliver) -> None:
        """Hand each answer to `deliver`, errors of commands as ResponseError objects, until LineLost is raised."""
        try:
            await self._answers.deliver(deliver)
        except ReadOnlyError:
            # after a failover the old primary is a replica: its successor may be found by a new look-up
            raise LineLost("this Redis is a read-only replica now") from None
        except (RedisError, OSError) as fault:
            raise LineLost(str(fault), hopeless=isinstance(fault, AuthenticationError)) from None

    async def close(self) -> None:
        """Close without waiting for the peer."""
        await self._connection.disconnect(nowait=True)


@dataclass(frozen=True, slots=True)
class Address:
    """Where Redis is and how patient to be with it; the password in `url` never shows in a repr."""

    url: str = field(repr=False)
    connect_timeout_s: float = 5.0
    #: an answer, or any sign of life of a subscription, must come within one to two times this
    answer_timeout_s: float = 5.0
    #: on a Redis Cluster the node that serves this slot is meant; without one, any node
    slot: int | None = None
    #: what is known of the servers there; those made with `at` share it
    nodes: Nodes = field(default_factory=Nodes, compare=False)

    def __post_init__(self) -> None:
        try:
            self._new_connection(Answers())
        except ValueError:
            # without the reason: of a URL that is badly quoted it may hold a part of the password
            raise InvalidRequest(_UNREADABLE) from None
        except (TypeError, RedisError) as fault:
            raise InvalidRequest(f"the URL has an option that no connection takes: {fault}") from None
        parts = urlsplit(self.url)
        if parts.scheme != "unix" and not re.fullmatch("[0-9]*", parts.path.strip("/")):
            # redis-py would take database 0; what stands there is not repeated, since it may be a part of a password
            raise InvalidRequest("behind the host of the URL should stand the number of a database, as in /0")

    def at(self, slot: int) -> "Address":
        """Return the address of the node that serves a slot, should this be a Redis Cluster."""
        return replace(self, slot=slot)

    async def connect(self) -> Line:
        """Return an open line; raise LineLost."""
        answers = Answers()
        return await Line.open(self._new_connection(answers), answers, self.connect_timeout_s)

    def _new_connection(self, answers: Answers) -> _Connection:
        options: dict[str, object] = {**tls_options(self.url), **parse_url(self.url)}
        kind = options.pop("connection_class", None)
        # The wait for an answer is limited by us, per batch: redis-py's socket_timeout starts a timer for each answer
        # and a task for each write, which would double the cost of a request.
        options |= {"socket_timeout": None, "socket_connect_timeout": self.connect_timeout_s}
        options |= {"retry": Retry(NoBackoff(), 0), "health_check_interval": 0, "protocol": 2}
        options |= {"lib_name": None, "lib_version": None, "decode_responses": False}
        options["parser_class"] = answers.serve
        if kind is UnixDomainSocketConnection:
            return cast("Callable[..., _Connection]", kind)(**options)
        options |= {"socket_keepalive": True, "socket_keepalive_options": _keepalive_options()}
        options |= {"slot": self.slot, "nodes": self.nodes}
        make = cast("Callable[..., _Connection]", TlsNodeConnection if kind is SSLConnection else NodeConnection)
        return make(**options)


def tls_options(url: str) -> dict[str, bool]:
    """Return what redis-py needs beyond the URL: without it, it takes a certificate made out to anybody."""
    return {"ssl_check_hostname": True} if url.startswith("rediss:") and "ssl_cert_reqs=none" not in url else {}


def _keepalive_options() -> dict[int, int]:
    return {getattr(socket, name): value for name, value in _KEEPALIVE.items() if hasattr(socket, name)}


async def keep_open(
    address: Address, serve: Callable[[Line], Awaitable[None]], when_lost: Callable[[LineLost], bool]
) -> None:
    """Connect, `serve` until the line is lost, wait a little and connect again, for ever.

    `when_lost` is told each loss; it returns whether the line had worked, so that the next pause is a short one.
    """
    failures = 0
    while True:
        try:
            line = await address.connect()
            try:
                await serve(line)
            finally:
                await line.close()
        except* LineLost as lost:
            worked = when_lost(_first(lost))
            failures = 0 if worked else failures + 1
        await sleep(pause_after(failures))


async def end(keeper: "asyncio.Task[None]") -> None:
    """Cancel a task that keeps a line open, and return when it has ended."""
    while not keeper.done():
        # More than once: a task group that is just gathering its own errors swallows a cancel (gh-116720).
        keeper.cancel()
        await asyncio.wait((keeper,), timeout=_CANCEL_EVERY_S)


def _first(group: BaseExceptionGroup[LineLost]) -> LineLost:
    fault: BaseException = group
    while isinstance(fault, BaseExceptionGroup):
        fault = cast("BaseExceptionGroup[BaseException]", fault).exceptions[0]
    return cast("LineLost", fault)
