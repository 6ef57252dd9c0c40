"""Connections that find the node which serves a slot, should the server be one of a Redis Cluster."""

import asyncio
import contextlib
from typing import Any, cast

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection
from redis.exceptions import AuthorizationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as Disconnected

from schemas.cluster import ASK_MODE, ASK_SLOTS, Node, Nodes


class _AtNode(AbstractConnection):
    """Connects to whoever serves its slot, as the nodes say at that moment; without a slot to any node."""

    __slots__ = ()
    host: str
    port: int

    def __init__(self, *, slot: int | None, nodes: Nodes, **options: Any) -> None:
        super().__init__(**options)  # pyright: ignore[reportUnknownMemberType]
        self._slot, self._nodes = slot, nodes
        self._patience_s = self.socket_connect_timeout and self.socket_connect_timeout / 2
        nodes.begin_at((self.host, self.port))

    async def connect(self) -> None:
        """Connect where the slot is served; raise RedisError."""
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
        """Disconnect; whatever the reason is, another node is asked first the next time."""
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
        with contextlib.suppress(ResponseError):  # of a proxy that does not know it
            self._nodes.learn_mode(await self._ask(ASK_MODE))
        if self._nodes.is_cluster:
            try:
                self._nodes.learn_slots(await self._ask(ASK_SLOTS), node)
            except NoPermissionError as fault:
                raise AuthorizationError(f"on a Redis Cluster the user needs +cluster|slots: {fault}") from None

    async def _ask(self, question: tuple[str, ...]) -> object:
        await self.send_command(*question, check_health=False)
        return cast("object", await self.read_response(disable_decoding=True))


class NodeConnection(_AtNode, Connection):
    """Without TLS."""


class TlsNodeConnection(_AtNode, SSLConnection):
    """With TLS."""
