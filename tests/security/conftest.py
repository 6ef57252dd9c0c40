"""A server with the roles of deploy/acl."""

from collections.abc import Iterator

import pytest

from tests.helpers.roles import Roles, users_file
from tests.helpers.server import Server


@pytest.fixture(scope="session")
def roles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roles]:
    """Run a server that has read the roles, for all tests of this test process."""
    path = users_file(tmp_path_factory.mktemp("acl"))
    with Server(options=("--aclfile", str(path))) as server:
        yield Roles(server)
