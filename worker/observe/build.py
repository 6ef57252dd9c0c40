"""Which Swarmline this is."""

from importlib.metadata import PackageNotFoundError, version

from schemas.names import PROTOCOL_VERSION

#: shown by a source tree that was not installed
NOT_INSTALLED = "0+source"


def build_info() -> dict[str, str]:
    """Return version of the software and of the wire protocol, as text."""
    try:
        installed = version("swarmline")
    except PackageNotFoundError:
        installed = NOT_INSTALLED
    return {"version": installed, "protocol": str(PROTOCOL_VERSION)}
