"""What a scanner's answer means, and what may leave."""

import pytest

from messages_app.rules.scans import UNSCANNED, Scanned, Verdict, may_leave, read_reply


@pytest.mark.parametrize(("reply", "expected"), [
    ("stream: OK\0", Scanned(Verdict.CLEAN)),
    ("instream(127.0.0.1@3310): OK", Scanned(Verdict.CLEAN)),
    ("stream: Win.Test.EICAR_HDB-1 FOUND\0", Scanned(Verdict.INFECTED, "Win.Test.EICAR_HDB-1")),
    ("stream: a\x1bb FOUND", Scanned(Verdict.INFECTED, "ab")),
    ("INSTREAM size limit exceeded. ERROR", UNSCANNED),
    ("stream: OK and more", UNSCANNED),
    ("", UNSCANNED),
])  # fmt: skip
def test_only_a_plain_answer_is_a_verdict(reply, expected):
    assert read_reply(reply) == expected


@pytest.mark.parametrize(("verdict", "scanner", "required", "leaves"), [
    (Verdict.CLEAN, True, True, True),
    (Verdict.INFECTED, True, False, False),
    (Verdict.INFECTED, False, False, False),  # what was found once stays found without the scanner
    (Verdict.UNSCANNED, True, True, False),
    (Verdict.UNSCANNED, True, False, True),
    (Verdict.NONE, True, True, False),  # held before there was a scanner
    (Verdict.NONE, False, True, True),
])  # fmt: skip
def test_a_file_leaves_only_where_nothing_speaks_against_it(verdict, scanner, required, leaves):
    assert may_leave(verdict, scanner=scanner, required=required) is leaves
