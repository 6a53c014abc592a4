"""Attempts against scripted hosts over real sockets, row by row of the decision table."""

import io
import ssl
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from gateway.delivery import Connections, attempt
from gateway.demand import Demand
from gateway.mx import Address
from gateway.rules.outcome import Action, Class, History, Phase
from gateway.rules.routing import Home, Policy
from gateway.rules.tls import Level
from gateway.smtp_client import Outgoing, Timeouts, open_session, send
from tests.fakes.dns import SERVFAIL, TIMEOUT, Zone, dns_server
from tests.fakes.mx import DROP, HANG, RESET, Script, mx_host, server_context

RITA, OTTO = "rita@partner.example", "otto@partner.example"
MX1, MX2 = "mx1.partner.example", "mx2.partner.example"
NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
SECRETS = (b"sam@", b"rita@", b"otto@", b"anary", b"MAIL", b"RCPT", b"DATA")
BIG = b"Subject: big\r\n\r\n" + b"0123456789abcdef" * 4 * 1024 * 400 + b"\r\n"


@pytest.fixture
def try_it(settings_for, job_for, ca):
    """Run an attempt against one scripted host; its port and the DNS are made for it."""
    with ExitStack() as stack:

        def run(script=None, *recipients, context=None, zone=None, connections=None, settings=None, **job):
            host = stack.enter_context(mx_host(script, context or server_context(ca, MX1)))
            dns = stack.enter_context(dns_server(zone or Zone().mx("partner.example", MX1)))
            made = settings_for(dns, host.port, **(settings or {}))
            return attempt(job_for(*recipients, **job), made, connections), host

        yield run


def action(report, recipient=RITA, **history):
    return report.verdict(recipient, History(queued_at=NOW, **history), NOW).action


def assert_nothing_in_clear(host):
    assert not [secret for secret in SECRETS if secret in bytes(host.clear)]


def test_a_message_is_delivered_over_verified_tls_with_evidence(try_it):
    report, host = try_it()
    (result,) = report.results
    assert action(report) is Action.DELIVERED
    assert (result.class_, result.phase, result.protocol) == (Class.OK, Phase.DONE, "TLSv1.3")
    assert result.starttls_offered
    assert (len(result.chain_fingerprints[0]), result.verify_code) == (64, None)
    assert "trustme" in result.subject
    assert report.tls_verified
    assert host.messages == [b"Subject: the canary\r\n\r\nCanary in the text.\r\n..leading dot\r\n"]
    assert bytes(host.clear) == b"EHLO gateway.home.example\r\nSTARTTLS\r\n"


def test_the_row_of_an_attempt_says_in_one_sentence_what_was_seen_and_what_came_of_it(try_it):
    report, _ = try_it(Script(ehlo="250 plain"))
    columns = report.columns(RITA, report.verdict(RITA, History(queued_at=NOW), NOW))
    assert columns["sentence"] == f"{MX1} offered no STARTTLS, so the message was held"
    assert (columns["outcome"], columns["result_type"]) == ("hold", "starttls-not-supported")


ROWS = [
    (6, {"greeting": "421 busy"}, (Class.TEMP, Phase.GREETING, ""), Action.RETRY),
    (6, {"greeting": DROP}, (Class.TEMP, Phase.GREETING, ""), Action.RETRY),
    (6, {"greeting": HANG}, (Class.TEMP, Phase.GREETING, ""), Action.RETRY),
    (6, {"ehlo": DROP}, (Class.TEMP, Phase.EHLO, ""), Action.RETRY),
    (7, {"greeting": "554 go away"}, (Class.NEXT, Phase.GREETING, ""), Action.RETRY),
    (8, {"ehlo": "250 plain"}, (Class.TLSFAIL, Phase.EHLO, "starttls-not-supported"), Action.HOLD),
    (8, {"ehlo": "502 HELO only"}, (Class.TLSFAIL, Phase.EHLO, "starttls-not-supported"), Action.HOLD),
    (9, {"starttls": "454 later"}, (Class.TLSFAIL_SOFT, Phase.STARTTLS, "starttls-not-supported"), Action.RETRY),
    (10, {"starttls": "502 no"}, (Class.TLSFAIL, Phase.STARTTLS, "starttls-not-supported"), Action.HOLD),
    (12, {"starttls": DROP}, (Class.TLSFAIL_SOFT, Phase.STARTTLS, "validation-failure"), Action.RETRY),
    (12, {"handshake": DROP}, (Class.TLSFAIL_SOFT, Phase.HANDSHAKE, "validation-failure"), Action.RETRY),
    (12, {"handshake": RESET}, (Class.TLSFAIL_SOFT, Phase.HANDSHAKE, "validation-failure"), Action.RETRY),
    (12, {"handshake": HANG}, (Class.TLSFAIL_SOFT, Phase.HANDSHAKE, "validation-failure"), Action.RETRY),
    (11, {"handshake": "554 not TLS"}, (Class.TLSFAIL, Phase.HANDSHAKE, "validation-failure"), Action.HOLD),
    (16, {"ehlo2": "421 busy"}, (Class.TEMP, Phase.EHLO2, ""), Action.RETRY),
    (16, {"mail": "451 later"}, (Class.TEMP, Phase.MAIL, ""), Action.RETRY),
    (16, {"rcpt": "450 4.7.1 greylisted"}, (Class.TEMP, Phase.RCPT, ""), Action.RETRY),
    (16, {"rcpt": "421 4.7.1 good-bye"}, (Class.TEMP, Phase.RCPT, ""), Action.RETRY),
    (17, {"rcpt": "550 5.1.1 unknown"}, (Class.PERMANENT, Phase.RCPT, ""), Action.BOUNCE),
    (18, {"ehlo2": "250-x\r\n250 SIZE 10"}, (Class.OVERSIZE, Phase.MAIL, ""), Action.HOLD),
    (18, {"mail": "552 5.3.4 too big"}, (Class.OVERSIZE, Phase.MAIL, ""), Action.HOLD),
    (18, {"dot": "552 too big"}, (Class.OVERSIZE, Phase.DOT, ""), Action.HOLD),
    (19, {"mail": "550 5.7.1 no"}, (Class.PERMANENT, Phase.MAIL, ""), Action.BOUNCE),
    (19, {"data": "554 no"}, (Class.PERMANENT, Phase.DATA, ""), Action.BOUNCE),
    (19, {"dot": "554 5.7.1 spam"}, (Class.PERMANENT, Phase.DOT, ""), Action.BOUNCE),
    (20, {"dot": "451 later"}, (Class.TEMP, Phase.DOT, ""), Action.RETRY),
    (21, {"dot": DROP}, (Class.AMBIGUOUS, Phase.DOT, ""), Action.AMBIGUOUS),
    (21, {"dot": HANG}, (Class.AMBIGUOUS, Phase.DOT, ""), Action.AMBIGUOUS),
    (21, {"dot": "banana"}, (Class.AMBIGUOUS, Phase.DOT, ""), Action.AMBIGUOUS),
    (23, {"greeting": "HTTP/1.1 400 Bad Request"}, (Class.TEMP, Phase.GREETING, ""), Action.RETRY),
    (23, {"ehlo": "250-" + "x" * 9000}, (Class.TEMP, Phase.EHLO, ""), Action.RETRY),
    (23, {"ehlo": "\r\n".join(["250-x"] * 500) + "\r\n250 x"}, (Class.TEMP, Phase.EHLO, ""), Action.RETRY),
    (23, {"mail": "250-ok\r\n550 no"}, (Class.TEMP, Phase.MAIL, ""), Action.RETRY),
    (23, {"starttls": "250 what"}, (Class.TEMP, Phase.STARTTLS, ""), Action.RETRY),
]


@pytest.mark.parametrize(("row", "script", "seen", "expected"), ROWS)
def test_what_a_host_does_has_its_row_and_nothing_crosses_in_clear(try_it, row, script, seen, expected):
    report, host = try_it(Script(**script))
    (result,) = report.results
    assert (result.class_, result.phase, result.result_type) == seen, row
    assert action(report) is expected
    assert result.sentence
    assert_nothing_in_clear(host)


def test_row_6_a_refused_connection_is_temporary(settings_for, job_for):
    with mx_host() as gone:
        port = gone.port
    with dns_server(Zone().mx("partner.example", MX1)) as dns:
        report = attempt(job_for(), settings_for(dns, port))
    assert (report.results[0].phase, action(report)) == (Phase.CONNECT, Action.RETRY)


def test_row_11_a_host_with_tls_1_1_only_fails(try_it, ca):
    context = server_context(ca, MX1)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    report, host = try_it(context=context)
    assert (report.results[0].class_, action(report)) == (Class.TLSFAIL, Action.HOLD)
    assert_nothing_in_clear(host)


@pytest.mark.parametrize("ciphers", ["AES256-GCM-SHA384", "ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA384"])
def test_row_11_ciphers_without_forward_secrecy_or_aead_fail(try_it, ca, ciphers):
    context = server_context(ca, MX1)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    report, host = try_it(context=context)
    assert (report.results[0].class_, action(report)) == (Class.TLSFAIL, Action.HOLD)
    assert_nothing_in_clear(host)


def test_row_11_a_host_that_wants_a_certificate_of_ours_fails(try_it, ca):
    context = server_context(ca, MX1)
    context.verify_mode = ssl.CERT_REQUIRED
    ca.configure_trust(context)
    report, host = try_it(context=context)
    assert (report.results[0].class_, action(report)) == (Class.TLSFAIL, Action.HOLD)
    assert_nothing_in_clear(host)


def certificate(ca, kind):
    """Return a server context whose certificate has one defect."""
    if kind == "expired":
        return server_context(ca, MX1, not_before=NOW - timedelta(days=9000), not_after=NOW - timedelta(days=8000))
    if kind == "not yet valid":
        return server_context(ca, MX1, not_before=NOW + timedelta(days=9000))
    if kind == "common name only":
        return server_context(ca, "other.example", common_name=MX1)
    if kind == "other name":
        return server_context(ca, "partner.example")
    if kind == "unknown issuer":
        return server_context(trustme.CA(), MX1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # a CA's own certificate
    stranger = trustme.CA()
    with stranger.private_key_pem.tempfile() as key, stranger.cert_pem.tempfile() as pem:
        context.load_cert_chain(pem, key)
    return context


@pytest.mark.parametrize(
    ("kind", "code", "result_type"),
    [
        ("expired", 10, "certificate-expired"),
        ("not yet valid", 9, "validation-failure"),
        ("self-signed", 18, "certificate-not-trusted"),
        ("unknown issuer", 20, "certificate-not-trusted"),
        ("other name", 62, "certificate-host-mismatch"),
        ("common name only", 62, "certificate-host-mismatch"),  # SAN dNSName only
    ],
)
def test_row_13_a_bad_certificate_holds_and_is_kept_as_evidence(try_it, ca, kind, code, result_type):
    report, host = try_it(context=certificate(ca, kind))
    (result,) = report.results
    assert (result.class_, result.verify_code, result.result_type) == (Class.TLSFAIL, code, result_type)
    assert action(report) is Action.HOLD
    assert result.chain_fingerprints  # from a second look, which sends nothing
    assert result.subject
    assert not report.tls_verified
    assert host.count("MAIL") == 0
    assert_nothing_in_clear(host)


@pytest.mark.parametrize(
    ("names", "match", "expected"),
    [
        (["partner.example"], (), Action.DELIVERED),
        (["mail.partner.example"], (), Action.DELIVERED),
        (["mx.mallory.example"], (), Action.HOLD),  # the MX host's own name proves nothing
        (["mx.hoster.example"], ("mx.hoster.example",), Action.DELIVERED),
        (["partner.example"], ("mx.hoster.example",), Action.HOLD),
    ],
)
def test_secure_is_immune_to_a_forged_mx_answer(try_it, ca, names, match, expected):
    zone = Zone().mx("partner.example", "mx.mallory.example")
    policy = Policy(level=Level.SECURE, match=match)
    report, host = try_it(context=server_context(ca, *names), zone=zone, policy=policy)
    assert action(report) is expected
    if expected is Action.HOLD:
        assert (report.results[0].verify_code, report.results[0].result_type) == (62, "certificate-host-mismatch")
        assert host.count("MAIL") == 0
    assert_nothing_in_clear(host)


def test_an_imported_ca_replaces_the_public_ones(try_it, ca):
    own = trustme.CA()
    policy = Policy(anchors=(own.cert_pem.bytes().decode(),))
    assert action(try_it(context=server_context(own, MX1), policy=policy)[0]) is Action.DELIVERED
    assert action(try_it(context=server_context(ca, MX1), policy=policy)[0]) is Action.HOLD


@pytest.mark.parametrize(("names", "expected"), [([MX1], Action.DELIVERED), (["other.example"], Action.HOLD)])
def test_a_servers_own_certificate_may_be_imported_and_its_name_still_counts(try_it, names, expected):
    leaf = trustme.CA().issue_cert(*names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    policy = Policy(anchors=(leaf.cert_chain_pems[0].bytes().decode(),))
    assert action(try_it(context=context, policy=policy)[0]) is expected


def test_plain_text_after_the_220_is_noticed(try_it):
    report, host = try_it(Script(after_starttls=b"250 injected\r\n"))
    assert report.results[0].class_ is Class.TLSFAIL_SOFT
    assert_nothing_in_clear(host)


def test_what_a_host_said_before_tls_counts_for_nothing(try_it):
    ehlo = "250-x\r\n250-STARTTLS\r\n250 SIZE 1"
    assert action(try_it(Script(ehlo=ehlo))[0]) is Action.DELIVERED


def refuse_otto(command):
    return "550 5.1.1 unknown" if "otto" in command else "250 2.1.5 ok"


@pytest.mark.parametrize("pipelining", ["250 PIPELINING", "250 HELP"])
@pytest.mark.parametrize("unasked", ["250 2.0.0 and well", "550 5.7.1 and no", "250-half", "banana", "250 a\r\n250 b"])
def test_row_23_a_host_that_speaks_unasked_has_lost_its_place_and_bounces_nobody(try_it, pipelining, unasked):
    """Each answer would be taken for the one before: what is said of Otto would be Rita's."""
    report, host = try_it(Script(ehlo2=f"250-x\r\n{pipelining}\r\n{unasked}", rcpt=refuse_otto), RITA, OTTO)
    assert [action(report, each) for each in (RITA, OTTO)] == [Action.RETRY, Action.RETRY]
    assert host.count("MAIL") == 0
    assert_nothing_in_clear(host)


def test_a_host_that_says_good_bye_unasked_is_asked_again_later(try_it):
    report, host = try_it(Script(ehlo2="250 x\r\n421 4.3.2 shutting down"))
    (result,) = report.results
    assert (result.class_, result.smtp_code, action(report)) == (Class.TEMP, 421, Action.RETRY)
    assert host.count("MAIL") == 0


def test_row_22_what_is_lost_before_the_dot_is_temporary(try_it):
    report, _ = try_it(Script(body=RESET), content=BIG, size=1)
    assert (report.results[0].class_, report.results[0].phase) == (Class.TEMP, Phase.BODY)


@pytest.mark.parametrize(
    "script",
    [
        {"data": "354 go ahead\r\n250 2.0.0 taken"},  # before the message, and before its dot
        {"data": "354 go ahead\r\n354 go ahead"},
        {"data": "354 go ahead\r\nbanana"},
        {"data": "354 go ahead\r\n500 5.5.2 what"},  # it takes the message for commands
        {"data": "354 go ahead\r\n554 5.7.1 no\r\n554 5.7.1 no"},
        {"data": "354 go ahead\r\n55"},
    ],
)
def test_row_23_a_reply_that_comes_before_the_dot_is_not_taken_for_the_dots(try_it, script):
    report, host = try_it(Script(**script))
    (result,) = report.results
    assert (result.class_, result.phase, action(report)) == (Class.TEMP, Phase.BODY, Action.RETRY)
    assert host.messages == []  # without a dot nothing was sent


@pytest.mark.parametrize("then", ["", DROP, RESET])
@pytest.mark.parametrize(
    ("said", "class_", "expected"),
    [
        ("552 5.3.4 too big", Class.OVERSIZE, Action.HOLD),
        ("552 too big", Class.OVERSIZE, Action.HOLD),
        ("554 5.7.1 no", Class.PERMANENT, Action.BOUNCE),
        ("451 4.3.0 no room", Class.TEMP, Action.RETRY),
    ],
)
def test_rows_18_to_20_a_refusal_before_the_dot_is_one(try_it, said, class_, expected, then):
    script = Script(data=f"354 go ahead\r\n{said}", body=then, block=lambda _size: None)
    report, host = try_it(script, content=BIG, size=1)
    (result,) = report.results
    assert (result.class_, result.phase, result.smtp_text) == (class_, Phase.BODY, said[4:])
    assert action(report) is expected
    assert host.messages == []


def test_row_18_an_8_bit_message_is_held_where_it_would_be_recoded(try_it):
    script = Script(ehlo2="250 plain")
    content = "Subject: x\r\n\r\nGrüße\r\n".encode()
    report, host = try_it(script, content=content, body_8bit=True)
    assert (report.results[0].enhanced, action(report)) == ("5.6.3", Action.HOLD)
    assert host.count("MAIL") == 0


def test_a_message_that_is_7_bit_after_all_needs_no_8bitmime(try_it):
    report, host = try_it(Script(ehlo2="250 plain"), body_8bit=True)
    assert action(report) is Action.DELIVERED
    assert "MAIL FROM:<sam@home.example>" in host.commands


def test_row_18_an_internationalised_address_needs_smtputf8(try_it):
    rita = "ritä@partner.example"
    report, _ = try_it(Script(ehlo2="250 plain"), rita)
    assert (report.results[0].enhanced, action(report, rita)) == ("5.6.7", Action.HOLD)


def test_a_message_that_is_declared_as_internationalised_and_is_not_needs_no_smtputf8(try_it):
    report, host = try_it(Script(ehlo2="250-x\r\n250 8BITMIME"), smtputf8=True)
    assert action(report) is Action.DELIVERED
    assert "MAIL FROM:<sam@home.example>" in host.commands


def test_row_18_headers_beyond_ascii_need_smtputf8_where_it_was_declared(try_it):
    content = "Subject: Grüße\r\n\r\nx\r\n".encode()
    report, _ = try_it(Script(ehlo2="250-x\r\n250 8BITMIME"), smtputf8=True, content=content)
    assert (report.results[0].enhanced, action(report)) == ("5.6.7", Action.HOLD)


def test_mail_carries_what_the_message_needs_and_the_host_offers(try_it):
    _, host = try_it(None, "ritä@partner.example", body_8bit=True)
    assert "MAIL FROM:<sam@home.example> SIZE=58 BODY=8BITMIME SMTPUTF8" in host.commands
    assert "RCPT TO:<ritä@partner.example>" in host.commands


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [("reverse_path", "a\r\nRCPT TO:<b>", "5.1.7"), ("recipients", ("a\r\n@partner.example",), "5.1.3")],
)
def test_a_line_end_in_an_address_is_never_written(try_it, field, value, code):
    report, host = try_it(**{field: value})
    reply = report.results[0].replies[0]
    assert (reply.class_, reply.enhanced) == (Class.PERMANENT, code)
    assert host.count("RCPT") == 0


@pytest.mark.parametrize(
    ("row", "trouble", "class_", "enhanced"),
    [
        (1, lambda zone: zone.trouble("partner.example", "MX", SERVFAIL), Class.TEMP, ""),
        (1, lambda zone: zone.trouble("partner.example", "MX", TIMEOUT), Class.TEMP, ""),
        (2, lambda _: None, Class.PERMANENT, "5.1.2"),
        (4, lambda zone: zone.null_mx("partner.example"), Class.PERMANENT, "5.1.10"),
    ],
)
def test_the_dns_can_end_an_attempt_before_any_connection(try_it, row, trouble, class_, enhanced):
    zone = Zone()
    trouble(zone)
    report, host = try_it(zone=zone, settings={"dns_timeout": 0.5})
    (result,) = report.results
    assert (result.class_, result.phase, result.enhanced) == (class_, Phase.LOOKUP, enhanced), row
    assert host.connections == 0


def test_row_5_a_private_address_is_not_connected_to(try_it):
    report, host = try_it(settings={"allow_networks": ()})
    assert (report.results[0].enhanced, host.connections) == ("5.4.6", 0)


def test_row_24_without_a_trust_store_nothing_is_sent_and_nothing_held(try_it, tmp_path):
    for roots in ("missing.pem", "empty.pem"):
        (tmp_path / "empty.pem").touch()
        report, host = try_it(settings={"trust_roots": str(tmp_path / roots)})
        verdict = report.verdict(RITA, History(queued_at=NOW), NOW)
        assert (verdict.action, verdict.enhanced, verdict.alert_staff) == (Action.RETRY, "4.7.5", True)
        assert host.connections == 0


def test_row_24_an_unreadable_imported_certificate_is_our_own_fault(try_it):
    report, _ = try_it(policy=Policy(anchors=("no certificate",)))
    assert report.results[0].class_ is Class.CONFIG


def reply_by_name(answers):
    return lambda line: next(answer for name, answer in answers.items() if name in line)


def test_row_26_each_recipient_is_judged_by_its_own_reply(try_it):
    ines = "ines@partner.example"
    rcpt = reply_by_name({"rita": "250 ok", "otto": "550 5.1.1 unknown", "ines": "450 later"})
    report, host = try_it(Script(rcpt=rcpt), RITA, OTTO, ines)
    assert [action(report, who) for who in (RITA, OTTO, ines)] == [Action.DELIVERED, Action.BOUNCE, Action.RETRY]
    assert len(host.messages) == 1
    assert RITA not in str(report.evidence(OTTO))


@pytest.mark.parametrize("said", ["452 4.5.3 too many", "452 too many", "552 too many"])
def test_row_26_too_many_recipients_go_into_the_next_transaction(try_it, said):
    script = Script(rcpt=["250 ok", said, "250 ok"])
    report, host = try_it(script, RITA, OTTO)
    assert {action(report, who) for who in (RITA, OTTO)} == {Action.DELIVERED}
    assert (len(host.messages), host.count("MAIL")) == (2, 2)


@pytest.mark.parametrize(("said", "expected"), [("452 full", Action.RETRY), ("552 too big", Action.HOLD)])
def test_row_26_what_is_said_of_a_recipient_alone_is_meant(try_it, said, expected):
    report, host = try_it(Script(rcpt=["250 ok", said]), RITA, OTTO)
    assert [action(report, who) for who in (RITA, OTTO)] == [Action.DELIVERED, expected]
    assert (len(host.messages), host.count("MAIL")) == (1, 2)


def test_row_26_too_many_for_the_very_first_is_temporary(try_it):
    report, host = try_it(Script(rcpt="452 4.5.3 too many"))
    assert (action(report), host.count("MAIL")) == (Action.RETRY, 1)


def test_more_than_a_hundred_recipients_are_several_transactions(try_it):
    many = [f"rita{number}@partner.example" for number in range(150)]
    report, host = try_it(None, *many)
    assert {action(report, who) for who in many} == {Action.DELIVERED}
    assert len(host.messages) == 2


@pytest.mark.parametrize(
    ("first", "attempted"),
    [
        ({"greeting": "554 no"}, 2),
        ({"ehlo": "250 plain"}, 2),  # any success wins
        ({"rcpt": "450 later"}, 2),
        ({"rcpt": "550 5.1.1 unknown"}, 1),
        ({"dot": DROP}, 1),  # the next host could make it a second copy
    ],
)
def test_the_next_host_is_tried_until_the_recipient_is_settled(settings_for, job_for, ca, first, attempted):
    zone = Zone().mx("partner.example", MX1).add("partner.example", "MX", (20, MX2)).add(MX2, "A", "127.0.0.2")
    with (
        dns_server(zone) as dns,
        mx_host(Script(**first), server_context(ca, MX1)) as one,
        mx_host(Script(), server_context(ca, MX2), ip="127.0.0.2", port=one.port),
    ):
        report = attempt(job_for(), settings_for(dns, one.port))
    assert [result.mx_host for result in report.results] == [MX1, MX2][:attempted]
    assert (action(report) is Action.DELIVERED) is (attempted == 2)


def test_the_way_home_has_no_mx_look_up_and_may_be_private(try_it, ca, settings_for, job_for):
    zone = Zone().add("mail.home.example", "A", "127.0.0.1")
    with dns_server(zone) as dns, mx_host(None, server_context(ca, "mail.home.example")) as host:
        homes = {"home.example": Home("home.example", f"mail.home.example:{host.port}")}
        report = attempt(job_for("sam@home.example", homes=homes), settings_for(dns, 25, allow_networks=()))
    assert action(report, "sam@home.example", home=True) is Action.DELIVERED
    assert {kind for _, kind in zone.questions} == {"A", "AAAA"}


@pytest.mark.parametrize(("hop", "class_"), [("mail:high", Class.CONFIG), ("nowhere.home.example", Class.TEMP)])
def test_a_home_server_that_can_not_be_found_never_bounces_mail(job_for, settings_for, hop, class_):
    with dns_server(Zone()) as dns:
        job = job_for("sam@home.example", homes={"home.example": Home("home.example", hop)})
        report = attempt(job, settings_for(dns, 25))
    assert report.results[0].class_ is class_


def deliver_twice(settings_for, job_for, ca, script, pause=None):
    with dns_server(Zone().mx("partner.example", MX1)) as dns, mx_host(script, server_context(ca, MX1)) as host:
        with Connections() as connections:
            reports = []
            for _ in range(2):
                reports.append(attempt(job_for(), settings_for(dns, host.port), connections))
                if pause:
                    pause()
        return reports, host


def test_a_drain_reuses_its_connection(settings_for, job_for, ca):
    reports, host = deliver_twice(settings_for, job_for, ca, Script())
    assert [action(report) for report in reports] == [Action.DELIVERED] * 2
    assert (host.connections, len(host.messages)) == (1, 2)
    assert [report.results[0].reused for report in reports] == [False, True]


def test_an_unfinished_transaction_is_reset_before_the_next(settings_for, job_for, ca):
    script = Script(rcpt=["550 5.1.1 unknown", "250 ok"])
    reports, host = deliver_twice(settings_for, job_for, ca, script)
    assert [action(report) for report in reports] == [Action.BOUNCE, Action.DELIVERED]
    assert (host.connections, host.count("RSET")) == (1, 1)


@pytest.mark.parametrize("said", ["502 5.5.1 what", "451 later", "421 good-bye", "354 go ahead", DROP])
def test_a_host_that_does_not_reset_gets_the_next_message_over_another_connection(settings_for, job_for, ca, said):
    script = Script(rcpt=["550 5.1.1 unknown", "250 ok"], rset=said)
    reports, host = deliver_twice(settings_for, job_for, ca, script)
    assert [action(report) for report in reports] == [Action.BOUNCE, Action.DELIVERED]
    assert (host.connections, len(host.messages)) == (2, 1)


def test_a_host_that_would_take_a_message_to_nobody_gets_none(settings_for, job_for, ca):
    script = Script(rcpt=["450 4.2.0 later", "250 ok"], data_to_nobody="354 go ahead")
    reports, host = deliver_twice(settings_for, job_for, ca, script)
    assert [action(report) for report in reports] == [Action.RETRY, Action.DELIVERED]
    assert (host.connections, len(host.messages)) == (2, 1)


@pytest.mark.parametrize("script", [{"messages_until_close": 1}, {"mail": ["250 ok", "421 idle", "250 ok"]}])
def test_a_connection_that_the_host_has_closed_meanwhile_is_made_anew(settings_for, job_for, ca, script):
    reports, host = deliver_twice(settings_for, job_for, ca, Script(**script))
    assert [action(report) for report in reports] == [Action.DELIVERED] * 2
    assert host.connections == 2


def test_a_trouble_of_reading_our_own_message_leaves_no_half_message_behind(try_it, job_for, settings_for, ca):
    class Broken(io.BytesIO):
        def read(self, *_):
            raise ValueError("sealed content is broken")

    with (
        dns_server(Zone().mx("partner.example", MX1)) as dns,
        mx_host(None, server_context(ca, MX1)) as host,
        pytest.raises(ValueError, match="sealed"),
    ):
        attempt(job_for(open_raw=Broken), settings_for(dns, host.port))
    assert host.messages == []


def test_the_caller_hears_once_before_the_first_mail_command(try_it):
    calls = []
    try_it(starting=lambda: calls.append("starting"))
    assert calls == ["starting"]
    calls.clear()
    try_it(Script(ehlo="250 plain"), starting=lambda: calls.append("starting"))
    assert calls == []


def test_a_large_message_arrives_whole(try_it):
    report, host = try_it(content=BIG, settings={"timeouts": Timeouts()}, size=1)
    assert action(report) is Action.DELIVERED
    assert host.messages == [BIG]


def test_a_session_sends_for_a_hundred_messages_at_most(ca, roots):
    with mx_host(None, server_context(ca, MX1)) as host:
        session = open_session(
            Address(MX1, "127.0.0.1", host.port), Demand(roots=roots), helo_name="gateway", timeouts=Timeouts()
        )
        session.messages = 99
        assert session.usable()
        send(session, Outgoing(reverse_path="", size=2, open_raw=lambda: io.BytesIO(b"\r\n")), [RITA])
        assert not session.usable()
        session.quit()


@pytest.mark.parametrize("script", [{"rcpt": HANG}, {"mail": HANG}])
def test_a_slow_host_can_not_outlast_the_lease(try_it, script):
    report, _ = try_it(Script(**script), settings={"budget": 0.3, "timeouts": Timeouts()})
    assert action(report) is Action.RETRY


def test_when_time_is_up_no_further_host_is_asked_and_nobody_is_judged_by_half(settings_for, job_for):
    """One host without TLS and one that was not asked are no reason to hold."""
    with dns_server(Zone().mx("partner.example", MX1)) as dns:
        report = attempt(job_for(), settings_for(dns, 25, budget=0.0))
    assert "ran out" in report.results[0].sentence
    assert action(report) is Action.RETRY
