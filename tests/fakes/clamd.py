"""A clamd that knows one virus: its INSTREAM protocol on a socket of its own."""

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# The test file of the European Institute for Computer Antivirus Research, in two pieces: this file is none.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}" + b"$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@contextmanager
def clamd(path: Path, limit: int = 1 << 30) -> Iterator[list[bytes]]:
    """Run it at the socket `path`; give what it was shown. Beyond `limit` bytes it refuses, as clamd does."""
    shown: list[bytes] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            """Take one file and answer."""
            if self.rfile.read(10) != b"zINSTREAM\0":
                self.wfile.write(b"UNKNOWN COMMAND\0")
                return
            content = b""
            while size := struct.unpack("!I", self.rfile.read(4))[0]:
                content += self.rfile.read(size)
                if len(content) > limit:
                    self.wfile.write(b"INSTREAM size limit exceeded. ERROR\0")
                    return
            shown.append(content)
            found = EICAR in content
            self.wfile.write(b"stream: Eicar-Signature FOUND\0" if found else b"stream: OK\0")

    server: Any = socketserver.ThreadingUnixStreamServer(str(path), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield shown
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        path.unlink(missing_ok=True)
