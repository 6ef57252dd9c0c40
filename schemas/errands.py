"""What housekeeping is asked to do beside its chores: the one argument of each job, as JSON.

A long errand is done in slices. Each is a short job that may be run twice without harm, and asks for the next one.
"""

from typing import Annotated, Final

from pydantic import AfterValidator, Field

from schemas.dead_letters import DeadReason
from schemas.model import Name, WireModel
from schemas.names import is_client_id

REDRIVE_JOB: Final = "redrive_dead_letters"
DISPOSE_JOB: Final = "dispose_swarm"
EXPORT_JOB: Final = "export_session"


def _check_client_id(text: str) -> str:
    if not is_client_id(text):
        raise ValueError("is no client id")
    return text


Root = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
#: an entry id, or the part of it that is a time
Moment = Annotated[str, Field(pattern=r"^\(?\d{1,19}(-\d{1,20})?$")]


class Slice(WireModel):
    """Which slice of an errand a job is; `root` is the same for all slices of one errand."""

    root: Root
    shard: int = Field(default=0, ge=0, le=1023)


class RedriveOrder(Slice):
    """Send dead letters again, the newest first; those that come after the errand began are left alone."""

    reason: DeadReason | None = None
    swarm_name: Name | None = None
    #: where the shard under way goes on; None = nothing of it was looked at
    before: Moment | None = None
    #: when the errand began, ms by Redis' clock; None = now
    began: Moment | None = None


class DisposeOrder(Slice):
    """Ask every session of a swarm to dispose."""

    swarm_name: Name
    force: bool = False
    cursor: str = Field(default="0", pattern=r"^\d{1,20}$")


class ExportOrder(WireModel):
    """Give out all that is kept of one session."""

    client_id: Annotated[str, AfterValidator(_check_client_id)]
    swarm_name: Name
