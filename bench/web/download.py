"""Download of a sealed attachment of 50 MB, beside nginx sending the plain file; and what memory it takes."""

import contextlib
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.harness import cpu_seconds, figure, forget_peaks, median, peak_mb, ratio, rounds, seconds
from bench.web.browser import Browser
from bench.web.portal import Portal
from tests.harness import components
from tests.harness.processes import Process, free_port, listening, private_directory

MB = 1_000_000
SIZE, LARGE = 50 * MB, 200 * MB
# Downloads a round, and those at once that memory is measured with.
TIMES, AT_ONCE = 4, 8
CONFIGURATION = """
daemon off;
worker_processes 1;
user root;
pid {directory}/pid;
error_log {directory}/error.log;
events {{}}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{ listen 127.0.0.1:{port}; root {directory}/files; }}
}}
"""


def measure(stage: Portal) -> None:
    """Print rates, CPU and their ratios, then the peak of memory at two sizes."""
    user, session = stage.ask("list(mailbox.reader('robin@partner.example'))")
    path = _attachment(stage, user, SIZE)
    with nginx(SIZE) as (server, port):
        ours = _Download(stage.web.pid, Browser(stage.port, session), path, SIZE)
        theirs = _Download(server.pid, Browser(port), "/plain", SIZE)
        seen = rounds({"postern": ours, "nginx": theirs})
    for name, values in seen.items():
        figure(f"download_50m_{name}", median(values), "MB/s")
    figure("download_50m_vs_nginx", ratio(seen["postern"], seen["nginx"]), "ratio")
    for name, each in (("postern", ours), ("nginx", theirs)):
        figure(f"download_50m_{name}_cpu_ms", median(each.cpu_ms), "ms")
    _memory(stage, session, {"50m": path, "200m": _attachment(stage, user, LARGE)})


def _attachment(stage: Portal, user: int, size: int) -> str:
    return f"/messages/{stage.ask('mailbox.attachment(user, size)', user=user, size=size)}/parts/3/"


class _Download:
    """Downloads a file some times; returns MB/s and keeps the server's CPU milliseconds for each."""

    def __init__(self, pid: int, browser: Browser, path: str, size: int) -> None:
        self._pid, self._browser, self._path, self._size = pid, browser, path, size
        self.cpu_ms: list[float] = []

    def __call__(self) -> float:
        before = cpu_seconds(self._pid)
        taken = seconds(self._times)
        self.cpu_ms.append((cpu_seconds(self._pid) - before) * 1000 / TIMES)
        return self._size * TIMES / MB / taken

    def _times(self) -> None:
        for _ in range(TIMES):
            found = self._browser.download(self._path)
            assert found == self._size, f"{self._path}: {found} bytes"


def _memory(stage: Portal, session: str, paths: dict[str, str]) -> None:
    """Print the worker's peak while several download at once: the same at any size."""
    forget_peaks(stage.web.pid)
    figure("download_peak_idle", peak_mb(stage.web.pid), "MB")
    for name, path in paths.items():
        forget_peaks(stage.web.pid)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(_one(stage.port, session, path), range(AT_ONCE)))
        figure(f"download_peak_{name}_x{AT_ONCE}", peak_mb(stage.web.pid), "MB")


def _one(port: int, session: str, path: str) -> Callable[[int], int]:
    return lambda _number: Browser(port, session).download(path)


@contextlib.contextmanager
def nginx(size: int) -> Iterator[tuple[Process, int]]:
    """Run nginx, with `size` random bytes as /plain; give it and its port."""
    with private_directory("nginx") as directory:
        port = free_port()
        (directory / "files").mkdir(mode=0o755)
        (directory / "files" / "plain").write_bytes(secrets.token_bytes(size))
        configuration = _configured(directory, port)
        command = [components.require("nginx"), "-c", str(configuration), "-e", str(directory / "error.log")]
        with Process("nginx", command, log=directory / "log") as process:
            process.wait_until(lambda: listening(port))
            yield process, port


def _configured(directory: Path, port: int) -> Path:
    file = directory / "nginx.conf"
    file.write_text(CONFIGURATION.format(directory=directory, port=port))
    return file
