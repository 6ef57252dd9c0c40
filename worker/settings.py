"""The settings of a worker: one frozen model, and the only reader of the environment."""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from schemas.names import BODY_MAX_BYTES, RESULT_TTL_S, is_namespace
from worker.errors import ConfigurationError

PREFIX = "SWARMLINE_"
#: what other tools call the address of Redis; read only when SWARMLINE_REDIS_URL is absent
PLAIN_REDIS_URL = "REDIS_URL"
#: names that steer the project's own tests; no setting, and no typo either
TEST_PREFIX = "SWARMLINE_TEST_"
REDIS_SCHEMES = ("redis", "rediss", "unix")
#: what may follow the `?` of an address, and how it is written: the options of redis-py that are left to the user
URL_OPTIONS = {"db": r"\d+", "username": ".+", "password": ".+", "client_name": ".+"}
TLS_OPTIONS = {
    "ssl_ca_certs": ".+",
    "ssl_ca_data": ".+",
    "ssl_certfile": ".+",
    "ssl_keyfile": ".+",
    "ssl_ciphers": ".+",
    "ssl_cert_reqs": "none|optional|required",
    "ssl_check_hostname": r"(?i:true|false|yes|no|y|n|t|f|1|0)",
}

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LogFormat = Literal["auto", "json", "console"]


def _checked_url(url: SecretStr) -> SecretStr:
    # no message may repeat the value, and urllib's do: it may hold a password
    try:
        parts = urlsplit(url.get_secret_value())
        port = parts.port
    except ValueError:
        message = "the host or the port can't be read; write / ? # : @ [ of a password as %2F %3F %23 %3A %40 %5B"
        raise ValueError(message) from None
    if port == 0:
        message = "the port should be 1 to 65535"
        raise ValueError(message)
    if parts.scheme not in REDIS_SCHEMES:
        message = "should begin with redis://, rediss:// or unix://"
        raise ValueError(message)
    if parts.scheme != "unix" and not re.fullmatch("[0-9]*", parts.path.strip("/")):
        # redis-py would take database 0
        message = "behind the host should stand the number of a database, as in /0; write a / of a password as %2F"
        raise ValueError(message)
    _check_url_options(parts)
    return url


def _check_url_options(parts: SplitResult) -> None:
    # redis-py would raise in the middle of the first connection; and names are not repeated either, since a password
    # with a bare ? may look like one
    known = URL_OPTIONS | TLS_OPTIONS if parts.scheme == "rediss" else URL_OPTIONS
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in known:
            message = f"after the ? should stand one of {', '.join(known)}; write a ? of a password as %3F"
            raise ValueError(message)
        if not re.fullmatch(known[name], value, re.DOTALL):
            message = f"the value of {name}= can't be read"
            raise ValueError(message)


def _checked_namespace(name: str) -> str:
    if not is_namespace(name):
        message = "should be 1 to 64 characters of A-Z a-z 0-9 _ . : -"
        raise ValueError(message)
    return name


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _listed(value: object) -> object:
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _rising(bounds: tuple[float, ...]) -> tuple[float, ...]:
    if not bounds or any(low >= high for low, high in pairwise(bounds)):
        message = "should be a rising list of numbers, separated by commas"
        raise ValueError(message)
    return bounds


def _levels(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.strip().split("=") for part in value.split(",")]
    if any(len(pair) != 2 for pair in pairs):  # noqa: PLR2004 - a name and a level
        message = "should look like worker.lane=DEBUG,arq=INFO"
        raise ValueError(message)
    return dict(pairs)


RedisUrl = Annotated[SecretStr, AfterValidator(_checked_url)]
Buckets = Annotated[tuple[float, ...], NoDecode, BeforeValidator(_listed), AfterValidator(_rising)]
Level = Annotated[LogLevel, BeforeValidator(_upper)]
Levels = Annotated[dict[str, Level], NoDecode, BeforeValidator(_levels)]


class Settings(BaseSettings):
    """Everything that can be set from outside; each field is SWARMLINE_<FIELD> in the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid")

    # where settings come from, besides the environment
    config_file: Path | None = Field(None, description="a TOML file with settings; names in lower case, no prefix")
    secrets_dir: Path | None = Field(
        None, description="a directory with one file for each setting, as Docker secrets are"
    )

    # where
    redis_url: RedisUrl = Field(SecretStr("redis://localhost:6379/0"), description="Redis; else `REDIS_URL` is read")
    arq_redis_url: RedisUrl | None = Field(
        None, description="Redis of housekeeping, if it is another one: never a cluster"
    )
    namespace: Annotated[str, AfterValidator(_checked_namespace)] = Field(
        "swarmline", description="prefix of every key"
    )
    shards: int = Field(1, ge=1, le=1024, description="shards of the namespace; fixed when it is made")

    # how much at once, for how long
    max_sessions_in_flight: int = Field(1000, ge=1, le=100_000, description="sessions that one process runs at once")
    lease_s: float = Field(10.0, ge=0.1, le=3600, description="life of a worker's lease without a renewal")
    max_loop_stall_s: float = Field(60.0, gt=0, description="a loop blocked for longer loses its work")
    shutdown_grace_s: float = Field(25.0, ge=0, description="time for running turns after SIGTERM")
    hard_stop_s: float = Field(5.0, ge=0, description="time for cancelled turns after that")
    max_attempts: int = Field(3, ge=1, le=100, description="claims of one request before it is buried")
    retry_max_attempts: int = Field(5, ge=1, le=100, description="tries of a turn whose errors may be gone later")
    retry_first_s: float = Field(1.0, gt=0, le=3600, description="about how long the first retry waits; then doubled")
    retry_most_s: float = Field(60.0, gt=0, le=86_400, description="longest wait for a retry")

    # limits
    result_ttl_s: int = Field(RESULT_TTL_S, ge=1, description="life of a terminal reply; also the dedup window")
    body_max_bytes: int = Field(BODY_MAX_BYTES, ge=1024, description="largest body of a request")
    history_max: int = Field(1000, ge=1, description="chat records kept per session")
    outbox_max: int = Field(1000, ge=1, description="items kept per session for clients that resume")
    events_max: int = Field(100_000, ge=0, description="entries of the events stream; 0 switches it off")
    dead_max: int = Field(100_000, ge=1, description="dead letters kept")
    session_grace_s: float = Field(3600.0, ge=60, description="backstop expiry of an idle session, after its TTL")
    allow_eviction: bool = Field(False, description="start although the server may evict keys")
    allow_clock_jump: bool = Field(False, description="start although the server's clock has been put back")
    strict: bool = Field(False, description="refuse to start where a worker would only warn")

    # housekeeping
    housekeeping: bool = Field(True, description="run the periodic work in this worker")
    sweep_interval_s: int = Field(2, ge=1, le=60, description="pause between two sweeps of expired sessions")

    # what can be seen
    metrics_host: str = Field("127.0.0.1", min_length=1, description="address of /metrics and the probes")
    metrics_port: int = Field(9100, ge=-1, le=65_535, description="their port; 0 = any free one, -1 = off")
    health_stall_s: float = Field(10.0, gt=0, description="/livez fails after so long without a claim cycle")
    wait_buckets_s: Buckets | None = Field(None, description="other buckets for queue wait and end-to-end time")
    turn_buckets_s: Buckets | None = Field(None, description="other buckets for the duration of turns")
    log_level: Level = Field("INFO", description="lowest level that is logged")
    log_levels: Levels | None = Field(
        None, description="other levels for modules and what is below them: `worker.lane=DEBUG,arq=INFO`"
    )
    log_format: LogFormat = Field("auto", description="auto = console on a terminal, else json")
    log_contents: bool = Field(
        False, description="let the log repeat contents: texts of exceptions, DEBUG lines of other libraries"
    )
    tracing: bool = Field(False, description="send spans to an OTLP receiver, which the OTEL_* variables name")
    log_client_ids: bool = Field(True, description="client ids in log lines; else a hash of each")
    log_turns: bool = Field(True, description="one line for each finished turn, at INFO")

    @model_validator(mode="after")
    def _stall_covers_lease(self) -> Self:
        # a stall limit below the lease would give sessions away that nobody else may take yet
        if self.max_loop_stall_s < self.lease_s:
            message = f"max_loop_stall_s={self.max_loop_stall_s:g} should not be below lease_s={self.lease_s:g}"
            raise ValueError(message)
        return self

    @property
    def housekeeping_url(self) -> str:
        """Return the address of the Redis that arq uses, with its password."""
        return (self.arq_redis_url or self.redis_url).get_secret_value()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings calls by these names
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the command line first, then SWARMLINE_ names, secrets, the file, and REDIS_URL at last."""
        places = Places.of_environment()
        url = os.environ.get(PLAIN_REDIS_URL)
        known = {name: value for name, value in places.file.items() if name in cls.model_fields}
        file, plain = (
            InitSettingsSource(settings_cls, cast("dict[str, Any]", values))
            for values in (known, {"redis_url": url} if url else {})
        )
        secrets = [SecretsSettingsSource(settings_cls, places.secrets_dir)] if places.secrets_dir else []
        return init_settings, env_settings, *secrets, file, plain


@dataclass(frozen=True, slots=True)
class Places:
    """What settings may come from besides the environment; `faults` says what can't be used."""

    config_file: Path | None
    secrets_dir: Path | None
    file: Mapping[str, object]
    faults: tuple[str, ...]

    @classmethod
    def of_environment(cls) -> Self:
        """Look where the environment says."""
        config_file, secrets_dir = _path_in("CONFIG_FILE"), _path_in("SECRETS_DIR")
        faults: list[str] = []
        file: Mapping[str, object] = {}
        if secrets_dir and not secrets_dir.is_dir():
            faults.append(f"{PREFIX}SECRETS_DIR: there is no directory {secrets_dir}")
            secrets_dir = None
        if config_file:
            try:
                file = tomllib.loads(config_file.read_text(encoding="utf-8"))
            except OSError as error:
                faults.append(f"{PREFIX}CONFIG_FILE: {config_file} can't be read ({error.strerror})")
            except ValueError as error:
                faults.append(f"{config_file}: not TOML: {error}")
        return cls(config_file, secrets_dir, file, tuple(faults))

    def secret(self, field: str) -> Path | None:
        """Return the file that holds a setting, if there is one."""
        files = self.secrets_dir.iterdir() if self.secrets_dir else ()
        return next((path for path in files if path.name.upper() == PREFIX + field.upper()), None)

    def names(self) -> Iterator[tuple[str, str]]:
        """Yield (where, name of a variable) of everything that is set and could be meant for us."""
        for name in sorted(os.environ):
            yield name, name.upper()
        for path in sorted(self.secrets_dir.iterdir()) if self.secrets_dir else ():
            yield str(path), path.name.upper()
        for name in self.file:
            yield f"{self.config_file}: {name}", PREFIX + name.upper()


def _path_in(name: str) -> Path | None:
    text = next((value for key, value in os.environ.items() if key.upper() == PREFIX + name and value), None)
    return Path(text) if text else None


def load_settings(options: Mapping[str, object] | None = None) -> Settings:
    """Build the settings from command-line options (None = not given) over the environment, secrets and a file.

    Raises ConfigurationError that names all faults at once, unknown SWARMLINE_ names among them.
    """
    given = {name: value for name, value in (options or {}).items() if value is not None}
    places = Places.of_environment()
    faults = [*places.faults, *_unknown_names(places)]
    try:
        settings = Settings(**cast("dict[str, Any]", given))
    except ValidationError as error:
        faults += _faults(error, given)
        # `from None`: pydantic's own text repeats the input, which may be a URL with a password
        raise ConfigurationError(*faults) from None
    if faults:
        raise ConfigurationError(*faults)
    return settings


def hand_down_redis_url(url: str) -> None:
    """Put an address where child processes find it: everybody on the machine can read the arguments of a process."""
    os.environ[f"{PREFIX}REDIS_URL"] = url


def source_of(field: str, options: Mapping[str, object] | None = None) -> str:
    """Return where the value of a field comes from: `command line`, a variable, a file, or `default`."""
    if (options or {}).get(field) is not None:
        return "command line"
    variable = PREFIX + field.upper()
    if any(name.upper() == variable and value for name, value in os.environ.items()):
        return variable
    places = Places.of_environment()
    if secret := places.secret(field):
        return str(secret)
    if field in places.file:
        return f"{places.config_file}: {field}"
    if field == "redis_url" and os.environ.get(PLAIN_REDIS_URL):
        return PLAIN_REDIS_URL
    return "default"


def _unknown_names(places: Places) -> Iterator[str]:
    known = [PREFIX + field.upper() for field in Settings.model_fields]
    for where, name in places.names():
        ours = name.startswith(PREFIX) and not name.startswith(TEST_PREFIX)
        if ours and name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
            yield f"{where}: no such setting; the nearest name is {nearest}"


def _faults(error: ValidationError, given: Mapping[str, object]) -> Iterator[str]:
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        field = str(fault["loc"][0]) if fault["loc"] else ""
        text = fault["msg"].removeprefix("Value error, ")
        yield f"{_spelled(field, given)}: {text}" if field else text


def _spelled(field: str, given: Mapping[str, object]) -> str:
    source = source_of(field, given)
    return "--" + field.replace("_", "-") if source == "command line" else source
