"""`swarmline version`: which software speaks which protocol."""

import json
import platform

import typer

from worker.cli.options import AsJson
from worker.observe.build import build_info


def version(*, as_json: AsJson = False) -> None:
    """Show the version of Swarmline, of its wire protocol and of Python."""
    about = build_info() | {"python": platform.python_version()}
    if as_json:
        typer.echo(json.dumps(about))
    else:
        typer.echo(f"swarmline {about['version']} (protocol {about['protocol']}, Python {about['python']})")
