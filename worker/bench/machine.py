"""What the machine says: processor time of a process, and what kind of machine it is."""

import os
import platform
import sys
from pathlib import Path


def cpu_s(pid: int) -> float:
    """Return the processor seconds, user and system, that a process and its threads have used; 0.0 if it is gone."""
    try:
        # The name in parentheses may hold blanks: count from behind it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
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
