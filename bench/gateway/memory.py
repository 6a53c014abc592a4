"""The peak of an intake process with twenty large messages in flight at once."""

import time

from bench.gateway.load import Load
from bench.gateway.scale import SMALL
from bench.gateway.servers import postern
from bench.harness import figure, forget_peaks, peak_mb
from tests.harness.certificates import Authority

LOAD, WARM_UP = Load(20, 50_000_000), Load(20, SMALL)
SETTLE = 4  # seconds


def measure() -> None:
    """Print the peak in MB."""
    with postern("sqlite", Authority("Postern bench: CA")) as server:
        process = server.smtpd()
        # What a process loads with its first messages is not what messages take.
        WARM_UP.send(server.port)
        time.sleep(SETTLE)
        forget_peaks(process.pid)
        LOAD.send(server.port)
        figure("intake_peak_mb", peak_mb(process.pid), "MB")
