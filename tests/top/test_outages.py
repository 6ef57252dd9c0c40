"""The screen outlives Redis, and says what is the matter."""

import pytest
import redis.asyncio as redis_asyncio

from schemas.keyspace import meta_key
from tests.conftest import StartServer
from tests.helpers.eventually import eventually
from tests.helpers.roles import Roles, users_file
from tests.helpers.server import Server
from tests.store.stage import NAMESPACE, Stage
from tests.top.screen import screen_text
from worker.top.app import Top

SIZE = (110, 26)


async def until(app: Top, text: str) -> None:
    await eventually(lambda: text in screen_text(app), within_s=15)


async def test_an_outage_is_told_with_the_last_figures_and_ends_by_itself(start_server: StartServer) -> None:
    server = start_server()
    app = Top(server.url, NAMESPACE, every_s=0.1)
    async with app.run_test(size=SIZE):
        await until(app, f"no worker has ever started in namespace {NAMESPACE}")
        server.kill()
        await until(app, "No answer from Redis for")
        assert "no worker has ever started" in screen_text(app)
        server.start()
        await eventually(lambda: "No answer from Redis" not in screen_text(app), within_s=15)


async def test_a_frozen_redis_is_told_as_well(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.top.app.PATIENCE_S", 0.3)
    server = start_server()
    app = Top(server.url, NAMESPACE, every_s=0.1)
    async with app.run_test(size=SIZE):
        await until(app, "no worker has ever started")
        server.pause()
        await until(app, "No answer from Redis for")
        server.resume()
        await eventually(lambda: "No answer from Redis" not in screen_text(app), within_s=15)


async def test_a_screen_that_starts_before_redis_waits_for_it(start_server: StartServer) -> None:
    server = start_server()
    server.kill()
    app = Top(server.url, NAMESPACE, every_s=60)
    async with app.run_test(size=SIZE):
        await until(app, "No answer from Redis for")
        server.start()
        await until(app, "no worker has ever started")


async def test_a_namespace_of_another_protocol_is_told(stage: Stage) -> None:
    await stage.redis.hset(meta_key(NAMESPACE), "protocol", 7)
    app = Top(stage.url, NAMESPACE, every_s=60)
    async with app.run_test(size=SIZE):
        await until(app, "has protocol 7")


@pytest.fixture
def roles(start_server: StartServer, tmp_path_factory: pytest.TempPathFactory) -> Roles:
    """Run a server with the roles of deploy/acl."""
    return Roles(start_server(options=("--aclfile", str(users_file(tmp_path_factory.mktemp("acl"))))))


async def test_an_observer_sees_all_but_contents_and_reads_which_right_is_missing(roles: Roles) -> None:
    stage = await furnished(roles.server)
    app = Top(roles.url("observer"), NAMESPACE, every_s=0.2)
    async with app.run_test(size=SIZE) as pilot:
        await until(app, "errors -")
        await until(app, "1 dead letter")
        for key, shown in (("2", "w-1"), ("3", "support:alice"), ("4", "to admit")):
            await pilot.press(key)
            await until(app, shown)
            assert "may not" not in screen_text(app)
        await pilot.press("5")
        await until(app, "This Redis user may not read this (XREVRANGE")
        await pilot.press("6")
        await until(app, "refused the subscription")
    await stage.close()
    await stage.redis.aclose()


async def test_an_admin_sees_all_and_nothing_is_refused(roles: Roles) -> None:
    stage = await furnished(roles.server)
    roles.refused()
    app = Top(roles.url("admin"), NAMESPACE, every_s=0.2)
    async with app.run_test(size=SIZE) as pilot:
        await until(app, "consuming")
        for key, shown in (("2", "w-1"), ("3", "support:alice"), ("4", "to admit"), ("5", "unknown_kind")):
            await pilot.press(key)
            await until(app, shown)
        await pilot.press("6")
        await eventually(lambda: app.front == "events")
    await stage.close()
    await stage.redis.aclose()
    assert roles.refused() == []


async def furnished(server: Server) -> Stage:
    """Return a shard with a worker, a held session and a dead letter."""
    client = redis_asyncio.Redis.from_url(server.url)
    await client.hset(meta_key(NAMESPACE), mapping={"protocol": 1, "shards": 1})
    stage = Stage(client, server.url)
    await stage.announce()
    worker = await stage.worker("w-1")
    await stage.push("r-1")
    await stage.push("r-2", kind="dance")
    await worker.claim()
    return stage
