"""How jobs are written and read: JSON of a known shape, since arq's own pickle runs what it reads.

A job that arq can read but not handle would end its worker and be found again by the next one, so the shape is checked
here, where a fault only buries that one job.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json, to_json

#: the last millisecond that `datetime` knows
LAST_MS = 253_402_300_799_999


class JobFields(BaseModel):
    """A job as arq 0.28 lays it out."""

    model_config = ConfigDict(strict=True, frozen=True)

    f: Annotated[str, Field(max_length=200)]  # name of the function
    a: list[Any]  # its arguments
    k: dict[str, Any]  # its keyword arguments
    t: int | None = None  # which try, if the sender says so
    et: Annotated[int, Field(ge=0, le=LAST_MS)]  # when it was queued, ms


def write_job(fields: Mapping[str, object]) -> bytes:
    """Return a job or a result as JSON; what is no JSON (an exception) is written as its `repr`."""
    return to_json(fields, fallback=repr)


def read_job(raw: bytes) -> dict[str, Any]:
    """Return the fields of a job; raises ValueError for everything that arq could stumble over."""
    fields = from_json(raw)
    JobFields.model_validate(fields)
    return fields
