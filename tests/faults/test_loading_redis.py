"""A Redis that takes seconds to load its data answers everything with LOADING meanwhile."""

import pytest

from tests.conftest import StartServer
from tests.faults.conftest import StartWorker
from tests.faults.history import Load, checked
from tests.faults.test_dying_redis import most_attempts
from tests.helpers.server import Server

pytestmark = [pytest.mark.timeout(150), pytest.mark.unguarded_keyspace]

#: each command of the append-only file takes half a millisecond: thousands of them take some leases
SLOW = ("--key-load-delay", "500", "--loading-process-events-interval-bytes", "1024")


@pytest.fixture
def own_server(start_server: StartServer) -> Server:
    """Hand out a server that loads slowly."""
    return start_server(appendonly=True, options=SLOW)


async def test_a_redis_that_loads_its_data_is_waited_for(own_server: Server, start_worker: StartWorker) -> None:
    """redis-py#2065, bull#1873: what could have waited ended, or was counted as an attempt."""
    worker = start_worker()
    await worker.ready()
    load = Load(own_server.url, sessions=20, requests=10)
    await load.run()
    own_server.restart()
    await checked(load)
    assert worker.is_running()
    assert await most_attempts(load) == 1
