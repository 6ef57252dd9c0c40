"""A private Redis-compatible server for demos, tests and benchmarks: started by us, gone with us."""

from worker.embedded.binary import ServerNotFoundError
from worker.embedded.process import ServerStartError
from worker.embedded.server import EmbeddedServer, PersistDirectoryBusyError

__all__ = ["EmbeddedServer", "PersistDirectoryBusyError", "ServerNotFoundError", "ServerStartError"]
