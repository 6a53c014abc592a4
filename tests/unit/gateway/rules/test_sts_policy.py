"""MTA-STS records and policies: vectors good, bad and hostile (RFC 8461 sections 3.1, 3.2 and 4.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.sts_policy import LONGEST_AGE, InvalidPolicy, Mode, STSPolicy, parse_policy, parse_record

GOOD = "version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\nmax_age: 604800\n"


@pytest.mark.parametrize(
    ("texts", "policy_id"),
    [
        (["v=STSv1; id=20160831085700Z;"], "20160831085700Z"),  # RFC 8461, section 3.1
        (["v=STSv1;id=a"], "a"),
        (["v=STSv1 \t;\tid=a \t; "], "a"),  # white space stands around each semicolon
        (["v=STSv1; id=a; foo.bar-1_x=y:z"], "a"),  # extensions are ignored
        (["v=STSv1; foo=bar; id=a"], "a"),
        (["v=STSv1; id=" + "a" * 32], "a" * 32),
        (["v=spf1 -all", "v=STSv1; id=a;"], "a"),  # records of other kinds don't count
        (["v=STSv10; id=b", "v=STSv1; id=a;"], "a"),
    ],
)
def test_a_valid_record_has_an_id(texts, policy_id):
    assert parse_record(texts) == policy_id


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["v=STSv1;"],  # no id
        ["v=STSv1"],
        ["v=STSv1; id="],
        ["v=STSv1; id=a-b"],  # letters and digits alone
        ["v=STSv1; id=" + "a" * 33],
        ["v=STSv1; id=ä"],
        ["v=STSv1; id=a; id=a"],
        ["v=STSv1; id=a; id=b"],
        ["v=STSv1; id=a; id=-"],
        ["v=STSv1; ID=a"],  # names are told apart by case
        ["v=stsv1; id=a"],
        [" v=STSv1; id=a"],
        ["id=a; v=STSv1"],
        ["v=STSv1; id=a; foo"],
        ["v=STSv1; id=a;; foo=b"],
        ["v=STSv1; id=a; foo=b c"],
        ["v=STSv1; id=a\n"],
        ["v=STSv1; id=a\x00"],
        ["v=STSv2; id=a"],
        ["v=STSv1; id=a;", "v=STSv1; id=a;"],  # more than one is none
        ["v=STSv1; id=a;", "v=STSv1; id=b;"],
        ["v=STSv1; id=a;", "v=STSv1; broken"],  # a broken one counts among them
    ],
)
def test_anything_else_is_no_record(texts):
    assert parse_record(texts) is None


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        (GOOD, STSPolicy(Mode.ENFORCE, ("mail.example.com", "*.example.net"), 604800)),
        (GOOD.replace("\n", "\r\n"), STSPolicy(Mode.ENFORCE, ("mail.example.com", "*.example.net"), 604800)),
        (GOOD.rstrip(), STSPolicy(Mode.ENFORCE, ("mail.example.com", "*.example.net"), 604800)),
        (GOOD + "\n\n", STSPolicy(Mode.ENFORCE, ("mail.example.com", "*.example.net"), 604800)),
        ("max_age:1\nmx:A.Example\nmode:testing\nversion:STSv1", STSPolicy(Mode.TESTING, ("a.example",), 1)),
        ("version: STSv1 \t\nmode: none\nmax_age: 0\n", STSPolicy(Mode.NONE, (), 0)),
        (f"version: STSv1\nmode: none\nmax_age: {LONGEST_AGE}", STSPolicy(Mode.NONE, (), LONGEST_AGE)),
        # Of a key that comes twice the first counts; mx is the one that may be repeated.
        (
            GOOD + "mode: none\nmax_age: 1\nversion: STSv2",
            STSPolicy(Mode.ENFORCE, ("mail.example.com", "*.example.net"), 604800),
        ),
        (
            GOOD + "future-key: any value, ünicode too\n",
            STSPolicy(Mode.ENFORCE, ("mail.example.com", "*.example.net"), 604800),
        ),
        ("version: STSv1\nmode: enforce\nmx: a.b\nmx: a.b\nmax_age: 9", STSPolicy(Mode.ENFORCE, ("a.b",), 9)),
    ],
)
def test_a_valid_policy_is_read(text, policy):
    assert parse_policy(text.encode()) == policy


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "version"),
        (b"<html>not found</html>", "key and a value"),
        (GOOD.replace("STSv1", "STSv2").encode(), "version"),
        (GOOD.replace("version", "Version").encode(), "version"),
        (GOOD.replace("enforce", "Enforce").encode(), "mode"),
        (GOOD.replace("enforce", "reject").encode(), "mode"),
        (GOOD.replace("mode: enforce\n", "").encode(), "mode"),
        (GOOD.replace("max_age: 604800\n", "").encode(), "max_age"),
        (GOOD.replace("604800", str(LONGEST_AGE + 1)).encode(), "max_age"),
        (GOOD.replace("604800", "-1").encode(), "max_age"),
        (GOOD.replace("604800", "1e9").encode(), "max_age"),
        (GOOD.replace("604800", "00000604800").encode(), "max_age"),  # ten digits at most
        (GOOD.replace("604800", "\u0661\u0662").encode(), "max_age"),  # digits, but not those
        (b"version: STSv1\nmode: enforce\nmax_age: 9\n", "no MX"),
        (b"version: STSv1\nmode: testing\nmax_age: 9\n", "no MX"),
        (GOOD.replace("*.example.net", "*").encode(), "host name"),
        (GOOD.replace("*.example.net", "*.*.example.net").encode(), "host name"),
        (GOOD.replace("*.example.net", "mail.*.example.net").encode(), "host name"),
        (GOOD.replace("*.example.net", "m*.example.net").encode(), "host name"),
        (GOOD.replace("*.example.net", ".example.net").encode(), "host name"),
        (GOOD.replace("*.example.net", "example.net.").encode(), "host name"),
        (GOOD.replace("*.example.net", "a.example, b.example").encode(), "host name"),
        (GOOD.replace("*.example.net", "münchen.example").encode(), "host name"),
        (GOOD.replace("mx: *.example.net", "mx:").encode(), "key and a value"),
        (GOOD.replace("mx: *", "mx : *").encode(), "key and a value"),
        (GOOD.replace("mx: *", " mx: *").encode(), "key and a value"),
        (GOOD.replace("\n", "\r").encode(), "control"),
        (GOOD.encode() + b"\x00", "control"),
        (GOOD.encode() + b"note: a\x1bb", "control"),
        ("version: STSv1\u2028mode: none\u2028max_age: 1".encode(), "control"),
        (GOOD.encode() + b"note: \xff", "UTF-8"),
        (b"\xef\xbb\xbf" + GOOD.encode(), "key and a value"),
        (GOOD.encode("utf-16"), "UTF-8"),
    ],
)
def test_anything_else_is_no_policy(content, why):
    with pytest.raises(InvalidPolicy, match=why):
        parse_policy(content)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("mail.example.com", True),
        ("MAIL.Example.COM.", True),
        ("other.example.com", False),
        ("mx1.example.net", True),
        ("a.mx1.example.net", False),  # one label, no more
        ("example.net", False),
        (".example.net", False),
        ("*.example.net", False),  # no host has such a name
        ("mail.example.com.evil.example", False),
        ("evilexample.net", False),
        ("", False),
    ],
)
def test_a_wildcard_stands_for_exactly_one_label(host, allowed):
    assert parse_policy(GOOD.encode()).matches(host) is allowed


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_no_content_breaks_the_parser(content):
    try:
        policy = parse_policy(content)
    except InvalidPolicy:
        return
    assert policy.mx or policy.mode is Mode.NONE


KEYS = st.sampled_from(["version", "mode", "mx", "max_age", "note", "MX"])
VALUES = st.sampled_from(
    ["STSv1", "enforce", "none", "testing", "a.example", "*.a.example", "*", "9", "99999999999", ""]
)


@given(st.lists(st.tuples(KEYS, VALUES), max_size=8), st.sampled_from(["\n", "\r\n", "\r", "\n\n"]))
def test_whatever_is_accepted_promises_something_sound(pairs, end):
    try:
        policy = parse_policy(end.join(f"{key}: {value}" for key, value in pairs).encode())
    except InvalidPolicy:
        return
    assert dict(reversed(pairs))["version"] == "STSv1"
    assert 0 <= policy.max_age <= LONGEST_AGE
    assert all(policy.matches(mx.replace("*", "one")) for mx in policy.mx)


@given(st.lists(st.text(max_size=60), max_size=4))
def test_no_text_breaks_the_parser_of_records(texts):
    found = parse_record(texts)
    assert found is None or found.isalnum()
