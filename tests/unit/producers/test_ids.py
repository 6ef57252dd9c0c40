"""Request ids."""

import os
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from producers.ids import new_request_id
from schemas.names import is_request_id

COUNT = 3_000


def test_an_id_is_a_uuid_of_version_7() -> None:
    text = new_request_id()
    assert str(UUID(text)) == text
    assert (UUID(text).version, UUID(text).variant) == (7, "specified in RFC 4122")
    assert is_request_id(text)


def test_ids_are_all_different_and_sort_by_time() -> None:
    ids = [new_request_id() for _ in range(COUNT)]
    assert len(set(ids)) == COUNT
    assert [text[:13] for text in ids] == sorted(text[:13] for text in ids)


def test_ids_made_in_several_threads_are_all_different() -> None:
    with ThreadPoolExecutor(4) as threads:
        batches = threads.map(lambda _: [new_request_id() for _ in range(COUNT)], range(8))
    assert len({text for batch in batches for text in batch}) == 8 * COUNT


def test_a_forked_child_makes_ids_of_its_own() -> None:
    new_request_id()  # the pool of random bytes is filled
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, new_request_id().encode())
        os._exit(0)
    os.waitpid(child, 0)
    with os.fdopen(reader) as pipe:
        os.close(writer)
        theirs = pipe.read()
    assert theirs[19:] != new_request_id()[19:]
    assert is_request_id(theirs)
