"""A worker that serves, and a shell beside it."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import redis.asyncio as redis_asyncio

from tests.acceptance.backstage import Backstage
from tests.acceptance.wire import Wire
from tests.cli.shell import Shell
from tests.helpers.processes import SwarmlineProcess
from tests.helpers.roles import Roles, users_file
from tests.helpers.server import Server

APP = "tests.acceptance.app:app"


@pytest.fixture
async def shell(tmp_path: Path, start_swarmline: Callable[..., SwarmlineProcess]) -> AsyncIterator[Shell]:
    """Run a server with roles and a worker; nothing may be refused for lack of a right."""
    backstage = Backstage(tmp_path / "backstage")
    (tmp_path / "backstage").mkdir()
    with Server(options=("--aclfile", str(users_file(tmp_path)))) as server:
        roles = Roles(server)
        environment = backstage.environment | {"SWARMLINE_REDIS_URL": roles.url("worker")}
        worker = start_swarmline("worker", "--app", APP, "--metrics-port", "-1", **environment)
        ready = await worker.ready()
        redis = redis_asyncio.Redis.from_url(server.url)
        yield Shell(roles, Wire(redis), backstage, worker, ready["worker_id"])
        assert roles.refused() == []
        await redis.aclose()
        worker.kill()
