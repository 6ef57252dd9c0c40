"""The command `swarmline`, also as `python -m worker`: runs a verb and turns what it raises into an exit code."""

import errno
import os
import sys
import traceback

from worker.errors import EXIT_CRASH, SwarmlineError
from worker.observe.redaction import redact_url

#: 128 + SIGINT, as shells have it
EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line; exits with a code of worker/errors.py."""
    _fill_standard_files()
    try:
        from worker.cli.app import app  # noqa: PLC0415 - importing this module must stay cheap for spawned processes

        app()
    except SwarmlineError as error:
        # only the text: a traceback helps nobody with a wrong setting, and may show an address with its password
        print(f"swarmline: {error}", file=sys.stderr)  # noqa: T201 - a command line prints
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - Python's own traceback would show addresses with their passwords
        print(redact_url(_told(error)), file=sys.stderr)  # noqa: T201
        sys.exit(EXIT_CRASH)


def _told(error: Exception) -> str:
    """Return the traceback, or only the text of what is no bug: a file that can't be read or written, a full disk."""
    if isinstance(error, OSError) and (error.filename is not None or error.errno == errno.ENOSPC):
        return f"swarmline: {error}"
    return traceback.format_exc()


def _fill_standard_files() -> None:
    """Open /dev/null where whoever started us closed standard input, output or error, as some daemons do.

    Else the next connection would take the number, and libuv ends the process when it closes a file below 3.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - children have no others either
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


if __name__ == "__main__":
    main()
