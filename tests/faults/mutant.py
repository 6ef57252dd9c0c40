"""The real command, but with one guard taken out of its scripts, as `--mutant=NAME`, its first argument, says.

The fault tests must notice every mutant, or they prove nothing.
"""

import sys

from worker.__main__ import main
from worker.store import script

#: name -> changes: script, a guard in it, what stands there in the mutant
MUTANTS = {
    # The fence has more lines: a request must still be at the head, and a worker learns from its renewal that its lease
    # is gone. Only without all of them a late commit gets through for certain.
    "no fence": (
        ("renew", "if not lease_end and ARGV[4] ~= '1' then", "if false then"),
        (
            "commit",
            "session.fence ~= fence or session.status ~= 'held' and session.status ~= 'disposing' or session.broken",
            "false",
        ),
        ("commit", "elseif not call('ZSCORE', workers_key, worker_id) then", "elseif false then"),
        ("commit", "if not is_record_of(heads[i], ARGV[at]) then", "if not heads[i] then"),
    ),
    "no dedup": (
        (
            "admit_and_claim",
            "elseif known then\n    return meet_known_id(flat, fields, known)\n  end\n  local",
            "end\n  local",
        ),
    ),
    "popped at claim": (
        ("admit_and_claim", "if mailbox[1] then", "call('DEL', session.mailbox_key)\n  if mailbox[1] then"),
    ),
}


def plant(name: str) -> None:
    """Make the loader hand out scripts with the fault in them."""
    changes = MUTANTS[name]
    missing = [(file, guard) for file, guard, _ in changes if guard not in script.load(file).source]
    assert not missing, f"guards of {name!r} that are no more: {missing}"
    script.load.cache_clear()
    assemble = script.assemble

    def assemble_mutant(text: str) -> str:
        text = assemble(text)
        for _, guard, instead in changes:
            text = text.replace(guard, instead)
        return text

    script.assemble = assemble_mutant


if __name__ == "__main__":
    plant(sys.argv.pop(1).removeprefix("--mutant="))
    main()
