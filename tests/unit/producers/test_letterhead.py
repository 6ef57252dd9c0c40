"""The short way to pack a message."""

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.errors import InvalidRequest
from producers.letterhead import Letterhead
from producers.packing import pack_request
from schemas.keyspace import ShardKeys
from schemas.names import BODY_MAX_BYTES, CLIENT_ID_PATTERN, NAME_PATTERN

KEYS = ShardKeys("ns", 3)
REPLY_TO = "ns:{3}:reply:x"
LETTERHEAD = Letterhead(KEYS, REPLY_TO)


def read(packed: bytes) -> tuple[list[bytes], dict[bytes, bytes]]:
    """Return the first three arguments of a packed XADD, and its fields."""
    reader = hiredis.Reader()
    reader.feed(packed)
    arguments = reader.gets()
    assert reader.gets() is False, "there is more than one command"
    return arguments[:3], dict(zip(arguments[3::2], arguments[4::2], strict=True))


@given(
    st.from_regex(CLIENT_ID_PATTERN, fullmatch=True),
    st.from_regex(NAME_PATTERN, fullmatch=True),
    st.text(alphabet=st.characters(codec="utf-8")),
)
def test_the_short_way_packs_the_same_as_the_long_one(client_id: str, swarm_name: str, message: str) -> None:
    short = LETTERHEAD.pack_message(client_id, swarm_name, message)
    fields = {"message": message, "request_id": short.request_id}
    assert read(short.packed) == read(pack_request(KEYS, client_id, swarm_name, "execute", fields, REPLY_TO).packed)


def test_each_message_has_an_id_of_its_own() -> None:
    parcels = [LETTERHEAD.pack_message("alice", "support", "Hi") for _ in range(2)]
    fields = [read(parcel.packed)[1] for parcel in parcels]
    assert [parcel.request_id.encode() for parcel in parcels] == [one[b"requestId"] for one in fields]
    assert len({parcel.request_id for parcel in parcels}) == 2


@pytest.mark.parametrize("message", [17, None, b"Hi", "\ud800", "x" * BODY_MAX_BYTES])
def test_the_short_way_refuses_what_is_no_message(message: str) -> None:
    with pytest.raises(InvalidRequest):
        LETTERHEAD.pack_message("alice", "support", message)
