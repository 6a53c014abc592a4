"""The peak of an intake process with twenty large messages in flight at once."""

from bench.gateway.load import Load
from bench.gateway.servers import postern
from bench.harness import figure, peak_mb
from tests.harness.certificates import Authority

LOAD = Load(20, 50_000_000)


def measure() -> None:
    """Print the peak in MB, that of the start included."""
    with postern("sqlite", Authority("Postern bench: CA")) as server:
        process = server.smtpd()
        LOAD.send(server.port)
        figure("intake_peak_mb", peak_mb(process.pid), "MB")
