"""The roles of deploy/acl, on a server of the test's own."""

from dataclasses import dataclass
from pathlib import Path

import redis as redis_py

from tests.helpers.processes import ROOT
from tests.helpers.server import Server

FILES = ROOT / "deploy" / "acl"
ROLES = ("worker", "producer", "observer", "admin")
PASSWORD = "canary-4711"
#: what redis-py tells about itself on a new connection; it goes on without, and Redis 7.0 does not know it
HARMLESS = "client|setinfo"


@dataclass(frozen=True, slots=True)
class Roles:
    """A server that has read the files of deploy/acl; its default user is there for the test."""

    server: Server

    def url(self, role: str) -> str:
        """Return the address with the user of a role."""
        return self.server.url.replace("://", f"://{role}:{PASSWORD}@")

    def refused(self) -> list[str]:
        """Return what the server has refused to anybody for lack of a right, newest first, and forget it."""
        with redis_py.Redis.from_url(self.server.url) as client:
            entries = client.acl_log()
            client.acl_log_reset()
        lines = [f"{entry['username']}: {entry['reason']} {entry['object']}" for entry in entries]
        return [line for line in lines if not line.endswith(HARMLESS)]

    def may(self, role: str, *words: str) -> bool:
        """Ask the server whether a role may call a command; runs nothing. Arguments that Redis misses are put in."""
        with redis_py.Redis.from_url(self.server.url) as client:
            for missing in range(5):
                try:
                    return bool(client.execute_command("ACL", "DRYRUN", role, *words, *["1"] * missing) == b"OK")
                except redis_py.ResponseError as error:
                    if "wrong number of arguments" not in str(error):
                        raise
        message = f"how many arguments does {words} want?"
        raise AssertionError(message)


def users_file(directory: Path) -> Path:
    """Put the files together as deploy/acl/README.md says, but with a default user for the test."""
    rules = {role: (FILES / f"{role}.acl").read_text().strip() for role in ROLES}
    lines = [text.replace(f"{role.upper()}-PASSWORD", PASSWORD) for role, text in rules.items()]
    path = directory / "users.acl"
    path.write_text("\n".join(["user default on nopass ~* &* +@all", *lines]) + "\n")
    return path
