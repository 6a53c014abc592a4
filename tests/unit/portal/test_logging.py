"""The logs: one line an event, and never content."""

import io
import json
import logging
import logging.config
import re

import pytest
import structlog

from portal.logging import configuration, configure, withhold


@pytest.fixture
def lines():
    """Return what reads the JSON lines logged so far; afterwards logging is as it was."""
    before = structlog.get_config()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure({"format": "json", "level": "INFO"})
    stream = io.StringIO()
    root.handlers[0].stream = stream
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = handlers, level
    structlog.configure(**before)


def test_an_event_is_one_line_with_its_fields(lines):
    structlog.get_logger("gateway.test").info("delivered", recipient="r-1", smtp_code=250)
    assert len(lines()) == 1
    assert lines()[0] | {"timestamp": ""} == {
        "event": "delivered",
        "recipient": "r-1",
        "smtp_code": 250,
        "level": "info",
        "logger": "gateway.test",
        "timestamp": "",
    }


def test_the_standard_library_logs_the_same_way(lines):
    logging.getLogger("somewhere").warning("host %s answered", "mx.partner.example")
    assert lines()[0]["event"] == "host mx.partner.example answered"
    assert lines()[0]["level"] == "warning"


def test_an_exception_is_logged_without_local_variables(lines):
    def fail(secret_of_sam: str) -> None:
        raise ValueError

    try:
        fail("the " + "eagle lands")  # not in one word, or the source line would show it
    except ValueError:
        logging.getLogger("somewhere").exception("failed")
    assert "ValueError" in lines()[0]["exception"]
    assert "the eagle" not in json.dumps(lines())


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/open/kKFj89wj-SxN/code/", "/open/.../code/"),
        ("/not-me/eyJ1c2VyIjo.1vA:x_-9/", "/not-me/.../"),
        ("/images/1.2:x/", "/images/.../"),
        ("/release/eyJnYXRlIjo.1vA:x_-9/", "/release/.../"),
        ("/release-lock/eyJ1c2VyIjo.1vA:x_-9/", "/release-lock/.../"),
    ],
)
def test_the_token_of_a_link_is_not_logged(lines, path, logged):
    logging.getLogger("django.request").warning("%s: %s", "Gone", path)
    assert lines()[0]["event"] == f"Gone: {logged}"


@pytest.mark.parametrize("name", ["subject", "body", "password", "code", "token"])
def test_a_field_that_names_content_is_withheld(name):
    assert withhold(None, "info", {name: "Hello"}) == {name: "<5 withheld>"}


def test_bytes_are_withheld_under_any_name():
    assert withhold(None, "info", {"reply": b"secret"}) == {"reply": "<6 withheld>"}


@pytest.mark.parametrize("form", ["console", "json"])
def test_both_forms_are_valid_configurations(form):
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logging.config.dictConfig(configuration(form, "INFO"))
    finally:
        root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize("form", ["json", "console"])
def test_what_happened_to_many_at_once_is_a_line_for_each_as_if_logged_by_itself(lines, form):
    root = logging.getLogger()
    made = logging.config.DictConfigurator(configuration(form, "INFO")).configure_formatter
    root.handlers[0].setFormatter(made(configuration(form, "INFO")["formatters"]["events"]))
    log, stream = structlog.get_logger("gateway.test"), root.handlers[0].stream
    rows = [{"message": "m-1", "size": 7, "raw": b"xx"}, {"message": "m-2", "size": 8, "raw": b"xxx"}]
    log.info("accepted", each=rows)
    together = stream.getvalue()
    stream.truncate(0), stream.seek(0)
    for row in rows:
        log.info("accepted", **row)
    assert _timeless(together) == _timeless(stream.getvalue())
    assert together.count("\n") == len(rows)


def _timeless(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "", text)
