"""Settings come from three places, and every fault in them is named at once."""

from pathlib import Path

import pytest

from worker.errors import ConfigurationError
from worker.settings import Settings, load_settings, source_of

CANARY = "hunter2"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    for field in Settings.model_fields:
        monkeypatch.delenv(f"SWARMLINE_{field.upper()}", raising=False)


def url_of(settings: Settings) -> str:
    return settings.redis_url.get_secret_value()


def test_defaults_stand_when_nothing_is_given() -> None:
    settings = load_settings()
    assert url_of(settings) == "redis://localhost:6379/0"
    assert (settings.namespace, settings.shards, settings.metrics_host) == ("swarmline", 1, "127.0.0.1")


def test_our_own_address_wins_over_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://plain:1")
    assert url_of(load_settings()) == "redis://plain:1"
    assert source_of("redis_url") == "REDIS_URL"
    monkeypatch.setenv("SWARMLINE_REDIS_URL", "redis://ours:1")
    assert url_of(load_settings()) == "redis://ours:1"
    assert source_of("redis_url") == "SWARMLINE_REDIS_URL"


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMLINE_SHARDS", "4")
    monkeypatch.setenv("SWARMLINE_REDIS_URL", "redis://ours:1")
    options = {"shards": 8, "redis_url": "redis://typed:1", "namespace": None}
    settings = load_settings(options)
    assert (settings.shards, url_of(settings), settings.namespace) == (8, "redis://typed:1", "swarmline")
    assert source_of("shards", options) == "command line"
    assert source_of("namespace", options) == "default"


def test_housekeeping_uses_the_main_redis_unless_it_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMLINE_REDIS_URL", "redis://main:1")
    assert load_settings().housekeeping_url == "redis://main:1"
    monkeypatch.setenv("SWARMLINE_ARQ_REDIS_URL", "redis://arq:1")
    assert load_settings().housekeeping_url == "redis://arq:1"


def test_every_fault_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMLINE_SHARDS", "0")
    monkeypatch.setenv("SWARMLINE_NAMESPACE", "a{b}")
    monkeypatch.setenv("SWARMLINE_TURN_BUCKETS_S", "1,2,1")
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"lease_s": "soon"})
    named = {fault.partition(":")[0] for fault in caught.value.faults}
    assert named == {"SWARMLINE_SHARDS", "SWARMLINE_NAMESPACE", "SWARMLINE_TURN_BUCKETS_S", "--lease-s"}


def test_a_mistyped_name_is_refused_with_the_nearest_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMLINE_LEASE", "5")
    with pytest.raises(ConfigurationError, match=r"SWARMLINE_LEASE: .* SWARMLINE_LEASE_S"):
        load_settings()


def test_names_for_the_tests_of_the_project_are_no_typos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMLINE_TEST_SERVER", "valkey")
    assert load_settings()


@pytest.mark.parametrize(
    "url", [f"http://u:{CANARY}@h", f"{CANARY}://x", f"redis://u:{CANARY}/x@h", f"redis://[{CANARY}", "redis://h:99999"]
)
def test_a_fault_in_an_address_does_not_show_its_password(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("SWARMLINE_REDIS_URL", url)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__


def test_settings_do_not_show_passwords() -> None:
    settings = load_settings({"redis_url": f"redis://u:{CANARY}@h:1"})
    assert CANARY not in repr(settings) + str(settings) + settings.model_dump_json()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().shards = 2  # pyright: ignore[reportAttributeAccessIssue]


def test_a_stall_limit_below_the_lease_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="max_loop_stall_s"):
        load_settings({"lease_s": 30, "max_loop_stall_s": 10})


def test_buckets_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMLINE_WAIT_BUCKETS_S", "0.1, 1,10")
    assert load_settings().wait_buckets_s == (0.1, 1.0, 10.0)


def test_what_the_environment_does_not_say_may_stand_in_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secrets, file = tmp_path / "secrets", tmp_path / "worker.toml"
    secrets.mkdir()
    (secrets / "swarmline_redis_url").write_text("redis://secret:1\n")
    (secrets / "SWARMLINE_NAMESPACE").write_text("secret")
    (secrets / "of-somebody-else").write_text("x")
    file.write_text(
        'redis_url = "redis://file:1"\nnamespace = "file"\nlease_s = 15.0\nshards = 3\nwait_buckets_s = [1, 2]\n'
    )
    monkeypatch.setenv("SWARMLINE_SECRETS_DIR", str(secrets))
    monkeypatch.setenv("SWARMLINE_CONFIG_FILE", str(file))
    monkeypatch.setenv("SWARMLINE_NAMESPACE", "environment")
    monkeypatch.setenv("REDIS_URL", "redis://plain:1")
    settings = load_settings({"shards": 4})
    assert (url_of(settings), settings.namespace, settings.lease_s) == ("redis://secret:1", "environment", 15.0)
    assert (settings.shards, settings.wait_buckets_s) == (4, (1.0, 2.0))
    assert source_of("redis_url") == str(secrets / "swarmline_redis_url")
    assert source_of("namespace") == "SWARMLINE_NAMESPACE"
    assert source_of("lease_s") == f"{file}: lease_s"


def test_faults_in_files_are_named_with_the_rest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "worker.toml").write_text("lease = 15.0\nshards = 0\n")
    (tmp_path / "swarmline_redis_urll").write_text(f"redis://u:{CANARY}@h")
    (tmp_path / "swarmline_arq_redis_url").write_text(f"http://u:{CANARY}@h")
    monkeypatch.setenv("SWARMLINE_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("SWARMLINE_CONFIG_FILE", str(tmp_path / "worker.toml"))
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert sorted(fault.removeprefix(f"{tmp_path}/") for fault in caught.value.faults) == [
        "swarmline_arq_redis_url: should begin with redis://, rediss:// or unix://",
        "swarmline_redis_urll: no such setting; the nearest name is SWARMLINE_REDIS_URL",
        "worker.toml: lease: no such setting; the nearest name is SWARMLINE_LEASE_S",
        "worker.toml: shards: Input should be greater than or equal to 1",
    ]


@pytest.mark.parametrize(("content", "complaint"), [("a = [", "not TOML"), (None, "can't be read")])
def test_a_file_that_can_not_be_used_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None, complaint: str
) -> None:
    if content is not None:
        (tmp_path / "worker.toml").write_text(content)
    monkeypatch.setenv("SWARMLINE_CONFIG_FILE", str(tmp_path / "worker.toml"))
    monkeypatch.setenv("SWARMLINE_SECRETS_DIR", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        load_settings()
    assert any("there is no directory" in fault for fault in caught.value.faults)


@pytest.mark.parametrize("text", ["worker.lane", "worker.lane=LOUD", "a=b=c"])
def test_levels_of_modules_are_pairs(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SWARMLINE_LOG_LEVELS", text)
    with pytest.raises(ConfigurationError, match="SWARMLINE_LOG_LEVELS"):
        load_settings()
    monkeypatch.setenv("SWARMLINE_LOG_LEVELS", "worker.lane=debug, arq=INFO")
    assert load_settings().log_levels == {"worker.lane": "DEBUG", "arq": "INFO"}


@pytest.mark.parametrize("url", ["redis://127.0.0.1:port", "redis://:geheim/1@127.0.0.1:6379", "redis://h:0"])
def test_an_address_whose_port_is_none_is_refused_without_being_repeated(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("SWARMLINE_REDIS_URL", url)
    with pytest.raises(ConfigurationError, match=r"SWARMLINE_REDIS_URL: the (host or the )?port") as refusal:
        load_settings()
    assert "geheim" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("redis://h/geheim", "behind the host should stand the number of a database"),
        ("redis://h/3/4", "behind the host should stand the number of a database"),
        ("rediss://u:12/geheim@h", "behind the host should stand the number of a database"),
        ("redis://h/0?socket_timeout=1", "after the [?] should stand one of db, username, password, client_name;"),
        ("redis://h?ssl_ca_certs=geheim", "after the [?] should stand one of db"),
        ("redis://u:12?geheim@h", "after the [?] should stand one of db"),
        ("unix:///run/s?db=geheim", "the value of db= can't be read"),
        ("rediss://h?ssl_cert_reqs=geheim", "the value of ssl_cert_reqs= can't be read"),
    ],
)
def test_an_address_with_a_part_that_no_connection_takes_is_refused_without_being_repeated(
    monkeypatch: pytest.MonkeyPatch, url: str, complaint: str
) -> None:
    monkeypatch.setenv("SWARMLINE_REDIS_URL", url)
    with pytest.raises(ConfigurationError, match=f"SWARMLINE_REDIS_URL: {complaint}") as refusal:
        load_settings()
    assert "geheim" not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://h/7",
        "redis://h/",
        "unix:///run/s?db=1&password=x",
        "rediss://h?ssl_ca_certs=f&ssl_cert_reqs=none&ssl_check_hostname=false",
    ],
)
def test_an_address_may_have_options(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("SWARMLINE_REDIS_URL", url)
    assert url_of(load_settings()) == url
