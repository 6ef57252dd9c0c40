"""`swarmline config`: what the settings are, where each comes from, and what there is to set."""

import json
from collections.abc import Iterator
from pathlib import Path

import typer
from pydantic import SecretStr

from worker.cli.options import AsJson
from worker.observe.redaction import redact_url
from worker.settings import PREFIX, Settings, load_settings, source_of

config = typer.Typer(help="Show the settings.", no_args_is_help=True)

REFERENCE_HEAD = """# Settings

Each setting is a variable in the environment; the options of `swarmline worker` win over it. What the environment does
not say may stand in files:

* `SWARMLINE_SECRETS_DIR`: a directory with one file for each setting, named as the variable (`swarmline_redis_url` will
  do): secrets of Docker and Kubernetes, credentials of systemd;
* `SWARMLINE_CONFIG_FILE`: a TOML file with lines such as `lease_s = 15.0`; secrets win over it.

A name that begins with `SWARMLINE_` and is not in this table is refused at start, with the nearest name that is, and so
is one in the file; all faults are named at once. `swarmline config show` prints what holds, and where each value comes
from. This page is printed by `swarmline config reference`.

| variable | default | what it is |
|---|---|---|
"""


@config.command()
def show(*, as_json: AsJson = False) -> None:
    """Show every setting with its source; passwords are masked."""
    settings = load_settings()
    rows = [(name, shown(getattr(settings, name)), source_of(name)) for name in Settings.model_fields]
    if as_json:
        typer.echo(json.dumps({name: {"value": value, "source": source} for name, value, source in rows}))
        return
    widths = [max(len(str(row[column])) for row in rows) for column in (0, 1)]
    for name, value, source in rows:
        typer.echo(f"{name:<{widths[0]}}  {value!s:<{widths[1]}}  {source}")


@config.command()
def reference() -> None:
    """Print docs/settings.md."""
    typer.echo(REFERENCE_HEAD + "\n".join(_reference_rows()))


def shown(value: object) -> object:
    """Return a value as it may be printed: addresses without their passwords."""
    if isinstance(value, SecretStr):
        return redact_url(value.get_secret_value())
    return str(value) if isinstance(value, Path) else value


def _reference_rows() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        default = shown(field.default)
        spelled = "" if default is None else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        yield f"| `{PREFIX}{name.upper()}` | {spelled} | {field.description} |"
