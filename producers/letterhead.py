"""The short way from a message to a packed XADD, for who sends many: what all of them share is packed once."""

from typing import Final

from producers.errors import InvalidRequest
from producers.ids import new_request_id
from producers.line import Argument, pack
from producers.packing import Parcel, write_body
from schemas.keyspace import ShardKeys

#: the 17 arguments of an XADD, each as its length in bytes and itself; each %b alone stands for some that are packed
_MESSAGE: Final = (
    b"*17\r\n%b"
    b"$36\r\n%b\r\n"
    b"$8\r\nclientId\r\n$%d\r\n%b\r\n"
    b"$9\r\nswarmName\r\n$%d\r\n%b\r\n"
    b"$4\r\nkind\r\n$7\r\nexecute\r\n"
    b"$4\r\nbody\r\n$%d\r\n%b\r\n"
    b"%b"
)


class Letterhead:
    """What the plain messages of a producer to one shard begin and end with."""

    __slots__ = ("_head", "_keys", "_tail")

    def __init__(self, keys: ShardKeys, reply_to: str) -> None:
        self._keys = keys
        self._head = _packed("XADD", keys.requests, "*", "v", 1, "requestId")
        self._tail = _packed("replyTo", reply_to)

    def pack_message(self, client_id: str, swarm_name: str, message: str) -> Parcel:
        """Pack an `execute` with nothing but a message: `pack_request` at a fraction of its cost.

        `client_id` and `swarm_name` are checked already; raise InvalidRequest for a message that is no text.
        """
        if type(message) is not str:
            raise InvalidRequest("message must be a str")
        body = write_body({"message": message})
        request_id = new_request_id()
        client, swarm = client_id.encode(), swarm_name.encode()
        packed = _MESSAGE % (
            self._head,
            request_id.encode(),
            len(client),
            client,
            len(swarm),
            swarm,
            len(body),
            body,
            self._tail,
        )
        return Parcel(request_id, client_id, swarm_name, self._keys, packed)


def _packed(*arguments: Argument) -> bytes:
    """Return arguments as they stand inside of a packed command."""
    return pack(arguments).partition(b"\r\n")[2]
