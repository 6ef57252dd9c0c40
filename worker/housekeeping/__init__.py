"""The periodic work, on arq: sweep, reclaim, trim, sample; each due action happens once, however many workers run.

`arq worker.housekeeping.WorkerSettings` runs it alone, by arq's own command.
"""


def __getattr__(name: str) -> object:
    """Build `WorkerSettings` when arq's command asks for it: importing this package must read no environment."""
    if name == "WorkerSettings":
        from worker.housekeeping.standalone import worker_settings  # noqa: PLC0415 - see above

        return worker_settings()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
