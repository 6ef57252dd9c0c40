"""The Lua scripts: read from their files, put together from their includes, addressed by content.

A script is never assumed to be loaded: restarts and failovers forget scripts, so callers fall back from EVALSHA to
EVAL. Because the address is the content, workers of two versions run side by side during a roll-out.
"""

import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Final

from schemas.keyspace import lua_prelude

_INCLUDE: Final = re.compile(r"^--#include (\w+)\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """One Lua script; `keys` is how many keys it takes."""

    name: str
    source: str
    sha: str
    keys: int


def _read(*path: str) -> str:
    return files("worker.store").joinpath("lua", *path).read_text(encoding="utf-8")


def _include(name: str) -> str:
    # The spelling of keys comes from schemas.keyspace, so that it is written down in one place only.
    if name == "prefixes":
        return lua_prelude() + "\n"
    return assemble(_read("includes", f"{name}.lua"))


def assemble(source: str) -> str:
    """Replace each `--#include name` line by the snippet of that name; what follows `--#body` becomes one function.

    A function of Lua 5.1 looks up each local that it captures in a chain of all captured ones. What its maker has
    captured already it takes at once, so a body of many functions captures keys and arguments once: a third of what
    an empty call costs.
    """
    assembled = _INCLUDE.sub(lambda match: _include(match[1]), source)
    head, body, tail = assembled.partition("--#body\n")
    return f"{head}return (function()\n{tail}end)()\n" if body else assembled


@cache
def load(name: str) -> Script:
    """Return the script of the file `lua/<name>.lua`."""
    source = assemble(_read(f"{name}.lua"))
    keys = {int(number) for number in re.findall(r"KEYS\[(\d+)\]", source)}
    return Script(name, source, sha1(source.encode(), usedforsecurity=False).hexdigest(), max(keys, default=0))
