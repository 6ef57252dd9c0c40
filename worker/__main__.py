"""The command `swarmline`, also as `python -m worker`: runs a verb and turns what it raises into an exit code."""

import sys

from worker.errors import SwarmlineError

#: 128 + SIGINT, as shells have it
EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line; exits with a code of worker/errors.py."""
    from worker.cli.app import app  # noqa: PLC0415 - importing this module must stay cheap for spawned processes

    try:
        app()
    except SwarmlineError as error:
        # only the text: a traceback helps nobody with a wrong setting, and may show an address with its password
        print(f"swarmline: {error}", file=sys.stderr)  # noqa: T201 - a command line prints
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
