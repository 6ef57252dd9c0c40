"""The renewal of a worker's lease, over a blocking connection for the heartbeat's own thread."""

from typing import Any, NamedTuple, cast

import redis
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from schemas.keyspace import ShardKeys
from worker.store.link import tls_options
from worker.store.script import load


class Renewal(NamedTuple):
    """The answer to one renewal; `hints` are held sids that have control waiting."""

    registered: bool
    now_ms: int
    reclaimed: int
    hints: list[str]


class RenewalLink:
    """Renews the lease of one worker in one shard; used by one thread."""

    def __init__(self, url: str, keys: ShardKeys, worker_id: str, lease_s: float) -> None:
        """Prepare the connection; nothing is opened yet."""
        timeout_s = max(0.2, min(5.0, lease_s / 4))
        self._client = redis.Redis.from_url(  # pyright: ignore[reportUnknownMemberType]
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            **tls_options(url),
        )
        self._keys = (keys.workers, keys.ops(worker_id), keys.ready, keys.suspects, keys.bell)
        self._arguments = (keys.base, worker_id, str(int(lease_s * 1000)))
        #: why the last renewal without an answer had none
        self.fault = ""

    def renew(self, *, register: bool) -> Renewal | None:
        """Extend the lease, or begin one; None when Redis did not answer: the lease is as good as it was."""
        try:
            answer = self._call("1" if register else "0")
        except (RedisError, OSError) as fault:
            self.fault = f"{type(fault).__name__}: {fault}"
            return None
        verdict, now_ms, reclaimed, hints = answer
        return Renewal(verdict == b"ok", int(now_ms), reclaimed, [sid.decode() for sid in hints])

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _call(self, register: str) -> list[Any]:
        script = load("renew")
        arguments = (*self._keys, *self._arguments, register)
        try:
            answer = self._client.evalsha(script.sha, script.keys, *arguments)
        except NoScriptError:
            answer = self._client.eval(script.source, script.keys, *arguments)
        return cast("list[Any]", answer)
