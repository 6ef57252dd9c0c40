"""What the machine says: processor time of a process, and what kind of machine it is."""

import os
import platform
import sys
from pathlib import Path


def cpu_s(pid: int) -> float:
    """Return the processor seconds that the threads of a process have used; 0.0 if it is gone.

    From the scheduler, in nanoseconds; where it keeps no such account, from the clock ticks of 10 ms.
    """
    try:
        accounts = [thread.read_text().split() for thread in Path(f"/proc/{pid}/task").glob("*/schedstat")]
        return sum(int(account[0]) for account in accounts) / 1e9 if accounts else _ticked_s(pid)
    except FileNotFoundError:
        return 0.0


def _ticked_s(pid: int) -> float:
    # The name in parentheses may hold blanks: count from behind it.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def describe() -> dict[str, str | int]:
    """Return cores, processor, system and Python of this machine."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cores": os.cpu_count() or 0,
        "processor": names[0] if names else platform.processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": sys.version.split()[0],
    }
