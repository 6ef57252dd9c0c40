"""`swarmline dead`: look at dead letters, send them again, or drop them."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Annotated, NamedTuple, TypeAlias, TypeVar

import typer

from schemas.dead_letters import DeadLetter, DeadReason
from worker.cli.asking import Row, asked, moment, print_rows
from worker.cli.errors import told_plainly
from worker.cli.options import AsJson, Namespace, RedisUrl
from worker.cli.producing import producer_of
from worker.cli.progress import with_bar
from worker.errors import EXIT_USAGE
from worker.settings import Settings, load_settings
from worker.store.dead_letters import Buried, Graveyard
from worker.store.links import Links
from worker.top.words import printable

dead = typer.Typer(help="Requests that were given up: count, list, show, send again, drop.", no_args_is_help=True)

Ids = Annotated[list[str] | None, typer.Argument(help="As `dead ls` prints them.", metavar="[ID]...")]
Id = Annotated[str, typer.Argument(help="As `dead ls` prints it.", metavar="ID")]
Count = Annotated[int, typer.Option("--count", help="How many to list, newest first.", min=1)]
Reason = Annotated[DeadReason | None, typer.Option("--reason", help="Only those with this reason.")]
SwarmName = Annotated[str | None, typer.Option("--swarm", help="Only those for this swarm.")]
Client = Annotated[str | None, typer.Option("--client", help="Only those of this client.")]
All = Annotated[bool, typer.Option("--all", help="All that the other options leave.")]
Later = Annotated[bool, typer.Option("--later", help="Leave it to the housekeeping of a worker, and don't wait.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]
DropDeadline = Annotated[bool, typer.Option("--drop-deadline", help="Send them without the deadline that they had.")]


_T = TypeVar("_T")
#: shard and entry id of a dead letter
Place: TypeAlias = tuple[int, str]
_ID = re.compile(r"(\d{1,4})/(\d{1,20}-\d{1,20})")


class Wanted(NamedTuple):
    """Which dead letters are meant."""

    reason: DeadReason | None = None
    swarm: str | None = None
    client: str | None = None
    readable: bool = False

    def has(self, buried: Buried) -> bool:
        """Tell whether a dead letter is meant."""
        return (
            (self.reason is None or (buried.letter is not None and buried.letter.reason is self.reason))
            and self.swarm in (None, buried.original("swarmName"))
            and self.client in (None, buried.original("clientId"))
            and not (self.readable and buried.letter is None)
        )


@dead.command("ls")
def ls(
    *,
    count: Count = 20,
    reason: Reason = None,
    swarm: SwarmName = None,
    client: Client = None,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the newest first."""

    async def listed(graveyard: Graveyard) -> tuple[list[Buried], int]:
        found = [buried async for buried in _all(graveyard, Wanted(reason, swarm, client), at_most=count)]
        return sorted(found, key=lambda buried: _age(_place(buried)))[:count], await graveyard.count()

    found, kept = _with_graveyard(redis_url, namespace, listed)
    if as_json:
        typer.echo(json.dumps([_plain(buried) for buried in found], ensure_ascii=False))
    elif not found:
        typer.echo("no dead letters")
    for buried in () if as_json else found:
        typer.echo(printable(_line(buried)))
    if not as_json and len(found) == count < kept:
        typer.echo(f"the newest {count} of {kept}: --count lists more, `dead reasons` counts them", err=True)


@dead.command("reasons")
def reasons(*, redis_url: RedisUrl = None, namespace: Namespace = None, as_json: AsJson = False) -> None:
    """Count dead letters by reason and swarm, the most frequent first."""

    async def counted(graveyard: Graveyard) -> list[Row]:
        groups: dict[tuple[str, str], list[int]] = {}
        async for buried in _all(graveyard, Wanted()):
            reason = buried.letter.reason if buried.letter else "unreadable"
            groups.setdefault((reason, buried.original("swarmName")), []).append(_buried_at_ms(buried))
        ranked = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
        return [_group(reason, swarm, at_ms) for (reason, swarm), at_ms in ranked]

    print_rows(_with_graveyard(redis_url, namespace, counted), as_json=as_json, empty="no dead letters")


@dead.command("show")
def show(letter_id: Id, *, redis_url: RedisUrl = None, namespace: Namespace = None, as_json: AsJson = False) -> None:
    """Show one dead letter with all the fields that its entry had, contents of messages included."""
    (buried,) = _with_graveyard(redis_url, namespace, lambda graveyard: _found(graveyard, [letter_id]))
    shown = _plain(buried) | {"original": _original(buried.letter)}
    if as_json:
        typer.echo(json.dumps(shown, ensure_ascii=False))
        return
    for name, value in {**_plain(buried), **{f"orig.{k}": v for k, v in _original(buried.letter).items()}}.items():
        typer.echo(printable(f"{name:<20} {value}"))


@dead.command("redrive")
def redrive(
    letter_ids: Ids = None,
    *,
    every: All = False,
    reason: Reason = None,
    swarm: SwarmName = None,
    client: Client = None,
    drop_deadline: DropDeadline = False,
    later: Later = False,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Send dead letters again, each under a new request id, and drop them."""
    if later:
        if letter_ids or client is not None or drop_deadline or not every:
            raise _refused("--later goes with --all, --reason and --swarm only")
        _leave_to_housekeeping(reason, swarm, load_settings({"redis_url": redis_url, "namespace": namespace}), as_json)
        return

    async def again(graveyard: Graveyard) -> list[dict[str, str]]:
        chosen = await _chosen(graveyard, letter_ids, every, Wanted(reason, swarm, client, readable=every))
        return await _send_again(graveyard, chosen, keeps_deadline=not drop_deadline)

    done = _with_graveyard(redis_url, namespace, again)
    _print_redriven(done, as_json=as_json)


async def _send_again(graveyard: Graveyard, places: Sequence[Place], *, keeps_deadline: bool) -> list[dict[str, str]]:
    done: list[dict[str, str]] = []
    for place in with_bar(places, "sent again"):
        buried = await graveyard.find(*place)
        if buried is None:
            continue  # somebody else was faster
        if buried.letter is None:
            raise _refused(f"{_id(buried)} is no dead letter that is known here; `dead drop` removes it")
        new_id = await graveyard.redrive(buried, keeps_deadline=keeps_deadline)
        done.append({"id": _id(buried), "requestId": new_id})
    return done


def _print_redriven(done: list[dict[str, str]], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(done))
    for one in () if as_json else done:
        typer.echo(f"{one['id']} -> {one['requestId']}")
    if not as_json and len(done) != 1:
        typer.echo(f"{len(done)} sent again; what still has its reason comes back here", err=True)


def _leave_to_housekeeping(reason: DeadReason | None, swarm: str | None, settings: Settings, as_json: bool) -> None:
    async def asked_for() -> str:
        async with producer_of(settings) as producer:
            return await producer.redrive_dead_letters(reason=reason, swarm_name=swarm)

    with told_plainly():
        errand = asyncio.run(asked_for())
    typer.echo(json.dumps({"errand": errand}) if as_json else f"asked for, errand {errand}")


@dead.command("drop")
def drop(
    letter_ids: Ids = None,
    *,
    every: All = False,
    reason: Reason = None,
    swarm: SwarmName = None,
    client: Client = None,
    yes: Yes = False,
    redis_url: RedisUrl = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Delete dead letters for good; on a terminal, --all asks first."""

    async def gone(graveyard: Graveyard) -> int:
        chosen = await _chosen(graveyard, letter_ids, every, Wanted(reason, swarm, client))
        if every and chosen and not yes and sys.stdin.isatty():
            typer.confirm(f"Delete {len(chosen)} dead letters for good?", abort=True, err=True)
        return sum([await graveyard.drop(*place) for place in with_bar(chosen, "dropped")])

    count = _with_graveyard(redis_url, namespace, gone)
    typer.echo(json.dumps({"dropped": count}) if as_json else f"{count} dropped")


def _with_graveyard(redis_url: str | None, namespace: str | None, work: Callable[[Graveyard], Awaitable[_T]]) -> _T:
    """Run `work` on the dead letters that options and environment name; `QueueUnavailable` ends the command with 69."""

    async def worked(links: Links) -> _T:
        return await work(Graveyard(links))

    return asked(worked, redis_url=redis_url, namespace=namespace)


async def _all(graveyard: Graveyard, wanted: Wanted, *, at_most: int | None = None) -> AsyncIterator[Buried]:
    """Yield what is meant, `at_most` of each shard."""
    for shard in range(await graveyard.shards()):
        found = 0
        async for buried in graveyard.newest_first(shard):
            if wanted.has(buried):
                found += 1
                yield buried
            if found == at_most:
                break


async def _chosen(graveyard: Graveyard, letter_ids: list[str] | None, every: bool, wanted: Wanted) -> list[Place]:
    """Return where the letters lie that were named, or all that are meant, the oldest first; ends the command with 2.

    Not the letters: a hundred thousand of them may be more than the memory holds.
    """
    if letter_ids and not every and wanted == Wanted():
        return [_place(buried) for buried in await _found(graveyard, letter_ids)]
    if letter_ids or not every:
        raise _refused("name dead letters by their ids, or give --all with or without other options")
    return sorted([_place(buried) async for buried in _all(graveyard, wanted)], key=_age, reverse=True)


async def _found(graveyard: Graveyard, letter_ids: list[str]) -> list[Buried]:
    found: list[Buried] = []
    for letter_id in letter_ids:
        match = _ID.fullmatch(letter_id)
        if match is None:
            raise _refused(f"{letter_id!r} is no id of a dead letter: they look like 0/1795365314230-0")
        buried = await graveyard.find(int(match[1]), match[2])
        if buried is None:
            raise _refused(f"there is no dead letter {letter_id}")
        found.append(buried)
    return found


def _refused(reason: str) -> typer.Exit:
    typer.echo(f"swarmline: {reason}", err=True)
    return typer.Exit(EXIT_USAGE)


def _place(buried: Buried) -> Place:
    return buried.shard, buried.entry_id


def _age(place: Place) -> tuple[int, int, int]:
    """Return what sorts the newest first."""
    shard, entry_id = place
    ms, _, number = entry_id.partition("-")
    return -int(ms), -int(number), shard


def _buried_at_ms(buried: Buried) -> int:
    return int(buried.entry_id.partition("-")[0])


def _group(reason: str, swarm: str, at_ms: list[int]) -> Row:
    oldest, newest = moment(min(at_ms)), moment(max(at_ms))
    return {"reason": reason, "swarm": swarm, "count": len(at_ms), "oldest": oldest, "newest": newest}


def _id(buried: Buried) -> str:
    return f"{buried.shard}/{buried.entry_id}"


def _line(buried: Buried) -> str:
    if buried.letter is None:
        return f"{_id(buried)}  (not a dead letter that is known here)"
    at = moment(buried.letter.at_ms)
    names = " ".join(buried.original(name) or "-" for name in ("swarmName", "clientId", "kind", "requestId"))
    return f"{_id(buried)}  {at}  {buried.letter.reason}  {names}  {buried.letter.error}"


def _plain(buried: Buried) -> dict[str, str | int]:
    """Return what a dead letter is about, without the contents of its request."""
    names = ("requestId", "clientId", "swarmName", "kind")
    about: dict[str, str | int] = {"id": _id(buried), **{name: buried.original(name) for name in names}}
    if buried.letter is not None:
        letter = buried.letter
        about |= {"reason": letter.reason, "error": letter.error, "attempts": letter.attempts, "atMs": letter.at_ms}
    return about


def _original(letter: DeadLetter | None) -> dict[str, str]:
    fields = {} if letter is None else letter.original
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, value in fields.items()}
