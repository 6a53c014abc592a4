"""The peak of intake, over all of its processes, with twenty large messages in flight at once."""

from bench.gateway.load import Load
from bench.gateway.servers import postern
from bench.harness import figure, tree_mb, tree_peak_mb
from tests.harness.certificates import Authority

LOAD = Load(20, 50_000_000)


def measure() -> None:
    """Print the peak in MB, and what it holds before the first client."""
    with postern("sqlite", Authority("Postern bench: CA")) as server:
        process = server.smtpd()
        figure("intake_idle_mb", tree_mb(process.pid), "MB")
        figure("intake_peak_mb", tree_peak_mb(process.pid, lambda: LOAD.send(server.port)), "MB")
