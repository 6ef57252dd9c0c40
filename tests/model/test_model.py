"""The scripts do what a small model in Python does, whatever workers do and in whichever order."""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.helpers.server import Server
from tests.model.machine import ShardMachine

#: more examples than CI runs: SWARMLINE_TEST_EXAMPLES=1000
EXAMPLES = int(os.environ.get("SWARMLINE_TEST_EXAMPLES", "0"))  # noqa: TID251 - an option of the tests

pytestmark = [pytest.mark.timeout(60 + 2 * EXAMPLES), pytest.mark.unguarded_keyspace]


def test_the_scripts_agree_with_the_model(server: Server) -> None:
    machine = type("Machine", (ShardMachine,), {"url": server.url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES or 25,
            stateful_step_count=50,
            derandomize=not EXAMPLES,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
