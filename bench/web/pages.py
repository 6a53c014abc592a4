"""CPU of the pages: the web worker's own seconds over many requests, beside an empty page of the same server."""

import gzip
from collections.abc import Callable

from bench.harness import figure, median, ratio, rounds, tree_cpu
from bench.web.browser import PASSWORD, Browser, assets
from bench.web.portal import Portal

REQUESTS = 50
SIGN_INS = 4
EMAIL = "rita@partner.example"


def measure(stage: Portal) -> None:
    """Print CPU milliseconds of each page, and the bytes of the inbox."""
    user, session = stage.ask("list(mailbox.reader(email))", email=EMAIL)
    stage.ask("mailbox.fill(user, 1000); mailbox.analyse()", user=user)
    message = f"/messages/{stage.ask('mailbox.page(user)', user=user)}/"
    browser = Browser(stage.port, session)
    _cpu(stage, browser, user, {"ping": "/ping/", "inbox": "/inbox/", "message": message, "body": f"{message}body/"})
    _bytes(browser)


def _cpu(stage: Portal, browser: Browser, user: int, paths: dict[str, str]) -> None:
    pid = stage.web.pid
    contestants = {name: _page(pid, browser, path) for name, path in paths.items()}
    contestants["signin_page"] = _page(pid, Browser(stage.port), "/account/login/")
    contestants["signin"] = _sign_in(pid, stage.port)
    contestants["signin_argon2"] = lambda: stage.ask("mailbox.password_cpu_ms(user, 4)", user=user)
    seen = rounds(contestants)
    for name, values in seen.items():
        figure(f"{name}_cpu_ms", median(values), "ms")
    rest = [whole - argon2 for whole, argon2 in zip(seen["signin"], seen["signin_argon2"], strict=True)]
    figure("signin_without_argon2_cpu_ms", median(rest), "ms")
    for name in ("inbox", "message"):
        figure(f"{name}_vs_ping", ratio(seen[name], seen["ping"]), "ratio")


def _page(pid: int, browser: Browser, path: str) -> Callable[[], float]:
    """Return what gives the CPU milliseconds of a request for `path`."""

    def many() -> None:
        for _ in range(REQUESTS):
            browser.get(path)

    return lambda: tree_cpu(pid, many) * 1000 / REQUESTS


def _sign_in(pid: int, port: int) -> Callable[[], float]:
    """Return what gives the CPU milliseconds of sending the sign-in form from a browser that is known."""
    browser = Browser(port)
    browser.get("/account/login/")

    def many() -> None:
        for _ in range(SIGN_INS):
            browser.cookies.pop("session", None)
            status = browser.post("/account/login/", login=EMAIL, password=PASSWORD)
            assert status == 302, f"sign-in: {status}"

    return lambda: tree_cpu(pid, many) * 1000 / SIGN_INS


def _bytes(browser: Browser) -> None:
    """Print what a first visit to the inbox fetches, HTML, CSS and JS, as it is served and compressed."""
    _, page = browser.get("/inbox/")
    served = [browser.get(path, **{"Accept-Encoding": "gzip, br"}) for path in ["/inbox/", *assets(page)]]
    figure("inbox_bytes_plain", sum(len(browser.get(path)[1]) for path in ["/inbox/", *assets(page)]), "bytes")
    figure("inbox_bytes_served", sum(len(body) for _, body in served), "bytes")
    figure("inbox_bytes_compressed", sum(map(_compressed, served)), "bytes")


def _compressed(answer: tuple[dict[str, str], bytes]) -> int:
    """Return the bytes of a file as it is served; as a proxy would compress it where it came plain."""
    headers, body = answer
    return len(body) if "content-encoding" in headers else len(gzip.compress(body, 6))
