"""The grammar of commands."""

import pytest

from gateway.smtp.grammar import (
    AddressLiteral,
    BadSyntax,
    NotASCII,
    client_name,
    parse_mailbox,
    parse_parameters,
    split_command,
    split_path,
)


@pytest.mark.parametrize(
    ("path", "local", "domain"),
    [
        ("sam@home.example", "sam", "home.example"),
        ("Sam@Home.Example", "Sam", "Home.Example"),
        ("sam+tag=x/y@home.example", "sam+tag=x/y", "home.example"),
        ('"sam i. am"@home.example', "sam i. am", "home.example"),
        (r'"sam\"\\ "@home.example', 'sam"\\ ', "home.example"),
        ('"a@b"@home.example', "a@b", "home.example"),
        ('""@home.example', "", "home.example"),
        ("sam@localhost", "sam", "localhost"),
        ("sam@under_score.example", "sam", "under_score.example"),
        ("postmaster", "postmaster", ""),
        ("PostMaster", "PostMaster", ""),
        ("@relay.example,@other.example:sam@home.example", "sam", "home.example"),
        ("s\u00e4m@b\u00fccher.example", "s\u00e4m", "b\u00fccher.example"),
        ("a" * 100 + "@home.example", "a" * 100, "home.example"),  # long VERP senders are real
    ],
)
def test_a_mailbox_has_a_local_part_and_a_domain(path, local, domain):
    mailbox = parse_mailbox(path, utf8=True)
    assert (mailbox.local, mailbox.domain) == (local, domain)


def test_the_address_is_kept_as_given_without_its_source_route():
    assert parse_mailbox('@relay.example:"Sam"@Home.Example', utf8=False).address == '"Sam"@Home.Example'


@pytest.mark.parametrize(
    "path",
    [
        "",
        "sam",
        "@home.example",
        "sam@",
        "sam@@home.example",
        "sam@home.example@evil.example",
        ".sam@home.example",
        "sam.@home.example",
        "s..am@home.example",
        "sam@home..example",
        "sam@.home.example",
        "sam@home.example.",
        "sam@-home.example",
        "sam@home-.example",
        "sam@" + "a" * 64 + ".example",
        "sam@" + ".".join(["a" * 60] * 5),
        "a" * 310 + "@home.example",
        "sam smith@home.example",
        '"sam@home.example',
        'sam"x"@home.example',
        "sam@home.example,rita@partner.example",
        "sam%home.example",
        "<sam@home.example>",
        "@relay.example:",
    ],
)
def test_what_is_no_mailbox_is_bad_syntax(path):
    with pytest.raises(BadSyntax):
        parse_mailbox(path, utf8=True)


@pytest.mark.parametrize("domain", ["[192.0.2.1]", "[IPv6:2001:db8::1]", "[x]"])
def test_an_address_literal_is_told_apart(domain):
    with pytest.raises(AddressLiteral):
        parse_mailbox(f"sam@{domain}", utf8=False)


def test_an_address_outside_ascii_needs_smtputf8():
    with pytest.raises(NotASCII):
        parse_mailbox("s\u00e4m@home.example", utf8=False)


@pytest.mark.parametrize(
    ("argument", "path", "rest"),
    [
        (b"FROM:<sam@home.example>", "sam@home.example", ""),
        (b"from:<>", "", ""),
        (b"FROM: <sam@home.example>", "sam@home.example", ""),
        (b"FROM:<sam@home.example>  SIZE=5  BODY=7BIT ", "sam@home.example", "SIZE=5  BODY=7BIT"),
        (b'FROM:<"a>b"@home.example> SIZE=5', '"a>b"@home.example', "SIZE=5"),
    ],
)
def test_a_path_stands_between_brackets(argument, path, rest):
    assert split_path(b"FROM", argument) == (path, rest)


@pytest.mark.parametrize(
    "argument",
    [
        b"",
        b"FROM",
        b"FROM:",
        b"FROM <sam@home.example>",
        b"TO:<sam@home.example>",
        b"FROM:sam@home.example",
        b"FROM:<sam@home.example",
        b"FROM:<sam@home.example>SIZE=5",
        b"FROM:<sam\t@home.example>",
        b"FROM:<sam@home.example> SIZE=5\tBODY=7BIT",
        b"FROM:<s\xc2\x85m@home.example>",  # a control character in UTF-8
        b"FROM:<s\xe4m@home.example>",
    ],
)
def test_what_is_no_path_is_bad_syntax(argument):
    with pytest.raises(BadSyntax):
        split_path(b"FROM", argument)


def test_keywords_have_no_case_and_values_keep_theirs():
    assert parse_parameters("size=5 Envid=AbC smtputf8") == {"SIZE": "5", "ENVID": "AbC", "SMTPUTF8": ""}


@pytest.mark.parametrize("text", ["SIZE=5 size=6", "=5", "SIZE=", "SIZE=5=6", "-X=1", "S\u00c4=1", "SIZE=\u0665\u00e4"])
def test_bad_parameters_are_bad_syntax(text):
    with pytest.raises(BadSyntax):
        parse_parameters(text)


@pytest.mark.parametrize(
    ("argument", "name"),
    [
        (b"client.home.example", "client.home.example"),
        (b"[192.0.2.1]", "[192.0.2.1]"),
        (b"[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"),
        (b"DESKTOP_7", "DESKTOP_7"),
        (b"", ""),
        (b"a b", ""),
        (b"a(comment)", ""),  # it would change the Received line's meaning
        (b"a;b", ""),
        (b"\xff", ""),
        (b"x" * 256, ""),
    ],
)
def test_a_client_name_is_a_domain_or_a_literal(argument, name):
    assert client_name(argument) == name


def test_a_command_is_a_verb_and_the_rest():
    assert split_command(b"mail FROM:<> ") == (b"MAIL", b"FROM:<>")
