"""What a process that parses somebody's file may take of the machine; beyond it the process dies, and it alone."""

from __future__ import annotations

import math
import resource


def confine(memory_bytes: int) -> None:
    """Bound the address space of this process; where it dies, it leaves no dump of what it read."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def allow_cpu(seconds: float) -> None:
    """So many more seconds of processor time, within what this process may have at all; `inf` for no other bound."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    if math.isinf(seconds):
        resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))
        return
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = math.ceil(used.ru_utime + used.ru_stime) + math.ceil(seconds)
    resource.setrlimit(
        resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard)
    )
