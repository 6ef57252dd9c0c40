"""Jobs are JSON of a known shape; nothing else gets past the reader."""

import json
import pickle  # noqa: TID251 - what an attacker would send
from typing import Any

import pytest
from arq.jobs import DeserializationError, deserialize_job_raw, serialize_job

from worker.housekeeping.codec import LAST_MS, read_job, write_job

JOB = {"t": None, "f": "sweep", "a": [], "k": {}, "et": 1_795_365_314_101}


def test_what_arq_writes_arq_reads() -> None:
    raw = serialize_job("sweep", (1, "a"), {"x": None}, None, 12, serializer=write_job)
    assert json.loads(raw)["f"] == "sweep"
    assert deserialize_job_raw(raw, deserializer=read_job) == ("sweep", [1, "a"], {"x": None}, None, 12)


def test_an_exception_is_written_as_text() -> None:
    assert json.loads(write_job({"r": LookupError("gone")})) == {"r": "LookupError('gone')"}


@pytest.mark.parametrize(
    "change",
    [{"f": 1}, {"a": "x"}, {"k": []}, {"t": "1"}, {"et": "now"}, {"et": -1}, {"et": LAST_MS + 1}, {"et": None}],
    ids=str,
)
def test_a_job_of_another_shape_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(DeserializationError):
        deserialize_job_raw(json.dumps(JOB | change).encode(), deserializer=read_job)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"\xff", pickle.dumps(JOB), b"[" * 100_000], ids=lambda raw: repr(raw[:9])
)
def test_what_is_no_job_is_refused(raw: bytes) -> None:
    with pytest.raises(DeserializationError):
        deserialize_job_raw(raw, deserializer=read_job)
