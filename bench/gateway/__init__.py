"""Mail in and mail out, beside Postfix from Debian in the same run.

Both ends and the store are on this machine; sealing, the audit log and `fsync` are on. What differs
between the two is the server alone: the same clients, the same TLS fronts, the same disk.
`ROUNDS=1` makes a quick run, `MESSAGES=200` a small one, `SECTIONS=intake,delivery` a part of it.
"""

import os

from bench.gateway import delivery, intake, latency, memory, queue_size

NEEDS = ("postfix", "postgresql", "redis", "smtp-sink", "stunnel")
SECTIONS = {
    "intake": intake.measure,
    "memory": memory.measure,
    "delivery": delivery.measure,
    "latency": latency.measure,
    "queue_size": queue_size.measure,
}


def measure() -> None:
    """Print every figure of the gateway, or those of the sections that SECTIONS names."""
    for name in os.environ.get("SECTIONS", ",".join(SECTIONS)).split(","):
        SECTIONS[name]()
