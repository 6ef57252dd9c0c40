"""The connection under a `Link`: to the server that a URL names, or to the node of its cluster that serves a slot."""

import asyncio
import contextlib
from functools import cache
from typing import Any, cast

from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
    parse_url,
)
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as Disconnected
from redis.exceptions import NoPermissionError, ReadOnlyError, RedisError, ResponseError

from schemas.cluster import ASK_MODE, ASK_SLOTS, ELSEWHERE, Node, Nodes


def tls_options(url: str) -> dict[str, bool]:
    """Return what redis-py needs beyond the URL: without it, it takes a certificate made out to anybody.

    The URL decides where it says something itself (`ssl_check_hostname=`, `ssl_cert_reqs=none`).
    """
    return {"ssl_check_hostname": True} if url.startswith("rediss:") and "ssl_cert_reqs=none" not in url else {}


def connection_to(url: str, slot: int | None, *, timeout_s: float) -> AbstractConnection:
    """Return a connection that looks for the node of a slot whenever it connects; nothing is opened yet.

    Without a slot it goes to any node. `timeout_s` limits one attempt to connect, and no answer.
    """
    options = cast("dict[str, Any]", {**tls_options(url), **parse_url(url)})
    kind = options.pop("connection_class", Connection)
    options |= {
        "socket_connect_timeout": timeout_s,
        "socket_timeout": None,  # the deadline of the call covers it, without redis-py's task per write
        "socket_read_size": 1 << 18,
        "retry": Retry(NoBackoff(), 0),
    }
    if kind is UnixDomainSocketConnection:
        nodes_of(url).is_cluster = False  # the way to other nodes can't be a socket of this machine
        return UnixDomainSocketConnection(**options)
    options |= {"socket_keepalive": True, "slot": slot, "nodes": nodes_of(url)}
    return _TlsNodeConnection(**options) if kind is SSLConnection else _NodeConnection(**options)


@cache
def nodes_of(url: str) -> Nodes:
    """Return what this process knows of the servers behind a URL: what one connection has learnt, all know."""
    del url
    return Nodes()


def is_elsewhere(error: Exception) -> bool:
    """Tell whether an answer says that this node does not serve what was asked for: nothing was done."""
    return isinstance(error, ReadOnlyError) or str(error).partition(" ")[0] in ELSEWHERE


class _AtNode(AbstractConnection):
    """Connects to whoever serves its slot, as the nodes say at that moment."""

    __slots__ = ()
    host: str
    port: int

    def __init__(self, *, slot: int | None, nodes: Nodes, **options: Any) -> None:
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType]
        self._slot, self._nodes = slot, nodes
        self._patience_s = self.socket_connect_timeout and self.socket_connect_timeout / 2
        nodes.begin_at((self.host, self.port))

    async def connect(self) -> None:
        """Connect where the slot is served; raises RedisError."""
        if self.is_connected:
            return
        fault: Exception = Disconnected(f"the nodes of the cluster do not agree on who serves slot {self._slot}")
        for node in self._nodes.route_to(self._slot):
            try:
                await self._connect_to(node)
            except (RedisError, OSError) as error:
                fault = error
            else:
                if self._nodes.owner(self._slot) in (None, node):
                    return
                await super().disconnect(nowait=True)
        raise fault

    async def disconnect(self, nowait: bool = False) -> None:  # noqa: FBT001, FBT002 - as redis-py calls it
        """Disconnect; whatever the reason is, another node is asked first when it connects again."""
        self._nodes.doubt((self.host, self.port))
        await super().disconnect(nowait)

    async def _connect_to(self, node: Node) -> None:
        self.host, self.port = node
        try:
            # a node that is frozen must leave time to ask another one
            async with asyncio.timeout(self._patience_s if self._nodes.are_many else None):
                await super().connect()
                await self._learn_of_nodes(node)
        except BaseException:
            await self.disconnect(nowait=True)
            raise

    async def _learn_of_nodes(self, node: Node) -> None:
        nodes = self._nodes
        with contextlib.suppress(ResponseError):  # of a proxy, or a server that is too old: it is told so later
            nodes.learn_mode(await self._ask(ASK_MODE))
        if nodes.is_cluster:
            try:
                nodes.learn_slots(await self._ask(ASK_SLOTS), node)
            except NoPermissionError as error:
                raise Disconnected(f"on a Redis Cluster the user needs +cluster|slots: {error}") from error

    async def _ask(self, question: tuple[str, ...]) -> object:
        await self.send_command(*question, check_health=False)
        return cast("object", await self.read_response(disable_decoding=True))


class _NodeConnection(_AtNode, Connection):
    """Without TLS."""


class _TlsNodeConnection(_AtNode, SSLConnection):
    """With TLS."""
