"""The decision table, row by row."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from gateway.rules.outcome import (
    Action,
    Class,
    History,
    HostResult,
    Phase,
    RecipientReply,
    asked_to_come_again,
    judge,
    own_fault,
    printable,
)
from gateway.rules.routing import Policy
from gateway.rules.tls import OnTLSFailure

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
RITA = "rita@partner.example"
OTTO = "otto@partner.example"
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def host(class_, phase=Phase.RCPT, **fields):
    if class_ in {Class.TLSFAIL, Class.TLSFAIL_SOFT}:
        fields.setdefault("result_type", "certificate-expired")
    return HostResult(mx_host="mx1.partner.example", class_=class_, phase=phase, sentence="what happened", **fields)


OK, TEMP, NEXT = host(Class.OK), host(Class.TEMP), host(Class.NEXT)
TLSFAIL, SOFT = host(Class.TLSFAIL), host(Class.TLSFAIL_SOFT)
PERMANENT = host(Class.PERMANENT, enhanced="5.1.1")
OVERSIZE, AMBIGUOUS, CONFIG = host(Class.OVERSIZE), host(Class.AMBIGUOUS), host(Class.CONFIG)
NO_STARTTLS = host(Class.TLSFAIL, result_type="starttls-not-supported")


def decide(*results, policy=None, now=NOW, **history):
    history.setdefault("queued_at", NOW)
    return judge(results, RITA, policy or Policy(), History(**history), now)


def wait(verdict, now=NOW):
    return verdict.at and (verdict.at - now) / MINUTE


@pytest.mark.parametrize(
    ("row", "results", "action", "minutes", "code"),
    [
        (1, [host(Class.TEMP, Phase.LOOKUP)], Action.RETRY, 5, ""),
        (2, [host(Class.PERMANENT, Phase.LOOKUP, enhanced="5.1.2")], Action.BOUNCE, None, "5.1.2"),
        (4, [host(Class.PERMANENT, Phase.LOOKUP, enhanced="5.1.10")], Action.BOUNCE, None, "5.1.10"),
        (5, [host(Class.PERMANENT, Phase.LOOKUP, enhanced="5.4.6")], Action.BOUNCE, None, "5.4.6"),
        (6, [TEMP, TEMP], Action.RETRY, 5, ""),
        (7, [NEXT], Action.RETRY, 5, ""),
        (7, [NEXT, OK], Action.DELIVERED, None, ""),
        (8, [NO_STARTTLS], Action.HOLD, None, ""),
        (9, [SOFT], Action.RETRY, 1, ""),
        (10, [TLSFAIL], Action.HOLD, None, ""),
        (11, [TLSFAIL, TLSFAIL], Action.HOLD, None, ""),
        (12, [TLSFAIL, SOFT], Action.RETRY, 1, ""),
        (13, [TLSFAIL, TEMP], Action.RETRY, 1, ""),
        (13, [TLSFAIL, NEXT], Action.RETRY, 1, ""),
        (13, [TLSFAIL, OK], Action.DELIVERED, None, ""),  # any success wins
        (16, [TEMP], Action.RETRY, 5, ""),
        (17, [PERMANENT], Action.BOUNCE, None, "5.1.1"),
        (18, [OVERSIZE], Action.HOLD, None, ""),
        (19, [host(Class.PERMANENT)], Action.BOUNCE, None, "5.0.0"),  # a refusal without an enhanced code
        (19, [TLSFAIL, PERMANENT], Action.BOUNCE, None, "5.1.1"),  # the portal is no way round a refusal
        (20, [host(Class.TEMP, Phase.DOT)], Action.RETRY, 5, ""),
        (21, [AMBIGUOUS], Action.AMBIGUOUS, 15, ""),
        (21, [TLSFAIL, AMBIGUOUS], Action.AMBIGUOUS, 15, ""),  # never diverted on this alone
        (22, [host(Class.TEMP, Phase.BODY)], Action.RETRY, 5, ""),
        (23, [TEMP, OK], Action.DELIVERED, None, ""),
        (24, [CONFIG], Action.RETRY, 5, "4.7.5"),
        ("-", [], Action.RETRY, 5, ""),
    ],
)
def test_a_first_attempt_is_judged_by_its_row(row, results, action, minutes, code):
    verdict = decide(*results)
    assert (verdict.action, wait(verdict), verdict.enhanced) == (action, minutes, code), row


@pytest.mark.parametrize("results", [[TLSFAIL], [SOFT], [TLSFAIL, TEMP]])
@pytest.mark.parametrize(("elapsed", "minutes"), [(0, 1), (1, 5), (6, 15), (21, 30), (51, 9)])
def test_a_sticky_domain_without_tls_is_retried_and_staff_hear_of_it(results, elapsed, minutes):
    verdict = decide(*results, sticky=True, first_tls_failure_at=NOW - elapsed * MINUTE)
    assert (verdict.action, wait(verdict), verdict.alert_staff) == (Action.RETRY, minutes, True)
    assert (verdict.tls_failed, verdict.reason) == (True, "certificate-expired")


@pytest.mark.parametrize(
    ("answer", "action", "code"),
    [
        (OnTLSFailure.PORTAL, Action.HOLD, ""),
        (OnTLSFailure.BOUNCE, Action.BOUNCE, "5.7.5"),
        (OnTLSFailure.DEFER, Action.RETRY, ""),
    ],
)
@pytest.mark.parametrize("sticky", [True, False])
def test_after_the_grace_the_policy_says_what_becomes_of_it(answer, action, code, sticky):
    policy = Policy(on_tls_failure=answer)
    verdict = decide(TLSFAIL, policy=policy, sticky=sticky, first_tls_failure_at=NOW - HOUR, failures=2)
    assert (verdict.action, verdict.enhanced) == (action, code)
    assert (verdict.result_type, verdict.alert_staff) == ("certificate-expired", sticky)


def test_a_host_without_starttls_bounces_with_its_own_code():
    assert decide(NO_STARTTLS, policy=Policy(on_tls_failure=OnTLSFailure.BOUNCE)).enhanced == "5.7.4"


@pytest.mark.parametrize(
    ("elapsed", "action", "minutes"), [(1, Action.RETRY, 5), (6, Action.RETRY, 9), (15, Action.HOLD, None)]
)
def test_rows_9_and_12_a_broken_handshake_holds_at_15_minutes(elapsed, action, minutes):
    verdict = decide(SOFT, first_tls_failure_at=NOW - elapsed * MINUTE)
    assert (verdict.action, wait(verdict)) == (action, minutes)


def test_some_hosts_without_tls_and_some_unreachable_hold_after_the_grace():
    assert decide(TLSFAIL, TEMP, first_tls_failure_at=NOW - HOUR).action is Action.HOLD


@pytest.mark.parametrize("elapsed", [0, 60, 600])
@pytest.mark.parametrize("sticky", [True, False])
def test_row_16_a_host_that_proved_its_tls_and_puts_off_never_leads_to_the_portal(elapsed, sticky):
    greylisting = host(Class.TEMP, protocol="TLSv1.3", smtp_code=450)
    for results in ([TLSFAIL, greylisting], [greylisting, SOFT]):
        verdict = decide(*results, sticky=sticky, first_tls_failure_at=NOW - elapsed * MINUTE)
        assert (verdict.action, wait(verdict), verdict.smtp_code) == (Action.RETRY, 5, 450)
        assert (verdict.tls_failed, verdict.alert_staff, verdict.result_type) == (False, False, "")


def test_a_connection_that_was_cut_after_its_tls_is_no_word_of_the_host():
    lost = host(Class.TEMP, Phase.BODY, protocol="TLSv1.3")
    assert decide(TLSFAIL, lost).action is Action.RETRY
    assert decide(TLSFAIL, lost, first_tls_failure_at=NOW - HOUR).action is Action.HOLD


def test_tls_that_was_had_and_not_proved_is_none():
    unproved = host(Class.TEMP, protocol="TLSv1.3", result_type="dnssec-invalid")
    assert decide(TLSFAIL, unproved, first_tls_failure_at=NOW - HOUR).action is Action.HOLD


@pytest.mark.parametrize("level", ["dane", "mta-sts", "fingerprint"])
def test_a_promise_makes_sticky_even_where_nothing_was_ever_delivered(level):
    verdict = decide(host(Class.TLSFAIL, level=level))
    assert (verdict.action, wait(verdict), verdict.alert_staff) == (Action.RETRY, 1, True)


@pytest.mark.parametrize("level", ["verify", "secure", "dane-only"])
def test_where_nothing_is_promised_nothing_is_waited_for(level):
    verdict = decide(host(Class.TLSFAIL, level=level))
    assert (verdict.action, verdict.alert_staff) == (Action.HOLD, False)


def test_unreachable_hosts_are_never_a_reason_to_hold():
    """If the MX is down the notice can't arrive either."""
    assert decide(TEMP, first_tls_failure_at=NOW - 3 * HOUR, failures=9).action is Action.RETRY


def test_an_address_family_that_this_machine_lacks_says_nothing_about_the_host():
    no_ipv6 = host(Class.TEMP, Phase.CONNECT, no_route=True)
    assert decide(TLSFAIL, no_ipv6).action is Action.HOLD
    assert decide(no_ipv6).action is Action.RETRY  # but our whole network may be down


@pytest.mark.parametrize(
    ("results", "reason"),
    [([TEMP], "expired"), ([NEXT], "expired"), ([AMBIGUOUS], "expired"), ([CONFIG], "expired")],
)
def test_after_five_days_the_sender_hears_4_4_7(results, reason):
    verdict = decide(*results, queued_at=NOW - timedelta(days=5), failures=40)
    assert (verdict.action, verdict.reason, verdict.enhanced) == (Action.BOUNCE, reason, "4.4.7")


def test_deferred_tls_failures_expire_too():
    policy = Policy(on_tls_failure=OnTLSFailure.DEFER, max_queue=HOUR)
    assert decide(TLSFAIL, policy=policy, queued_at=NOW - HOUR).enhanced == "4.4.7"


def test_row_24_our_own_fault_alerts_staff_and_never_holds():
    verdict = decide(CONFIG, first_tls_failure_at=NOW - HOUR)
    assert (verdict.action, verdict.alert_staff) == (Action.RETRY, True)
    assert verdict.until == NOW + 120 * HOUR  # staff hear when it ends


@pytest.mark.parametrize(
    ("waited", "policy", "action", "minutes", "code"),
    [
        (0 * HOUR, Policy(), Action.RETRY, 5, "4.3.0"),
        (119 * HOUR, Policy(), Action.RETRY, 5, "4.3.0"),
        (120 * HOUR, Policy(), Action.BOUNCE, None, "5.3.0"),
        (0 * HOUR, Policy(max_queue=2 * MINUTE), Action.RETRY, 2, "4.3.0"),
        (HOUR, Policy(max_queue=HOUR), Action.BOUNCE, None, "5.3.0"),
        (130 * HOUR, Policy(max_queue=200 * HOUR, portal_after=HOUR), Action.RETRY, 5, "4.3.0"),
    ],
)
def test_what_broke_inside_is_tried_again_for_as_long_as_the_policy_gives(waited, policy, action, minutes, code):
    verdict = own_fault(policy, History(queued_at=NOW - waited), NOW)
    assert (verdict.action, wait(verdict), verdict.enhanced) == (action, minutes, code)


@pytest.mark.parametrize(
    ("waited", "failures", "warned", "minutes", "warns"),
    [
        (230, 5, False, 10, False),  # the next try falls on the fourth hour
        (240, 6, False, 240, True),
        (240, 6, True, 240, False),
    ],
)
def test_what_broke_inside_is_late_like_any_other_after_four_hours(waited, failures, warned, minutes, warns):
    history = History(queued_at=NOW - waited * MINUTE, failures=failures, delay_warned=warned)
    verdict = own_fault(Policy(max_queue=24 * HOUR), history, NOW)
    assert (wait(verdict), verdict.warn_sender) == (minutes, warns)
    assert verdict.until == history.queued_at + 24 * HOUR


@pytest.mark.parametrize(("failures", "told"), [(0, True), (1, False)])
def test_what_broke_inside_alerts_staff_the_first_time(failures, told):
    assert own_fault(Policy(), History(queued_at=NOW, failures=failures), NOW).alert_staff is told


def test_what_broke_inside_comes_back_to_no_null_sender():
    history = History(queued_at=NOW - HOUR, null_sender=True)
    assert own_fault(Policy(max_queue=HOUR), history, NOW).action is Action.DROP


@pytest.mark.parametrize(
    ("policy", "home", "action"),
    [
        (Policy(), False, Action.HOLD),
        (Policy(hold_oversize=False), False, Action.BOUNCE),
        (Policy(), True, Action.BOUNCE),  # nothing is held on the way home
    ],
)
def test_row_18_what_a_host_cannot_take_is_held(policy, home, action):
    assert decide(OVERSIZE, policy=policy, home=home).action is action


@pytest.mark.parametrize(
    ("code", "reason"),
    [("5.3.4", "oversize"), ("5.2.3", "oversize"), ("", "oversize"), ("5.6.3", "unfit"), ("5.6.7", "unfit")],
)
def test_row_18_too_big_is_told_from_of_another_kind(code, reason):
    for policy in (Policy(), Policy(hold_oversize=False)):
        assert decide(host(Class.OVERSIZE, enhanced=code), policy=policy).reason == reason


@pytest.mark.parametrize("results", [[TLSFAIL], [SOFT], [TLSFAIL, TEMP]])
def test_on_the_way_home_tls_failures_wait_and_alert(results):
    verdict = decide(*results, home=True, first_tls_failure_at=NOW - 9 * HOUR)
    assert (verdict.action, wait(verdict), verdict.alert_staff) == (Action.RETRY, 5, True)


def test_on_the_way_home_refusals_bounce_as_usual():
    assert decide(PERMANENT, home=True).action is Action.BOUNCE


def test_row_26_each_recipient_has_its_own_reply():
    replies = (
        RecipientReply(address=RITA, class_=Class.PERMANENT, smtp_code=550, enhanced="5.1.1", sentence="unknown"),
        RecipientReply(address=OTTO, class_=Class.OK, sentence="taken"),
    )
    results = [host(Class.OK, replies=replies)]
    verdicts = [judge(results, who, Policy(), History(queued_at=NOW), NOW).action for who in (RITA, OTTO)]
    assert verdicts == [Action.BOUNCE, Action.DELIVERED]


@pytest.mark.parametrize(
    ("result", "action"),
    [(PERMANENT, Action.DROP), (TLSFAIL, Action.HOLD), (TEMP, Action.RETRY), (OVERSIZE, Action.HOLD)],
)
def test_row_27_a_null_sender_is_told_nothing_and_holding_is_allowed(result, action):
    verdict = decide(result, null_sender=True, now=NOW + 5 * HOUR)
    assert (verdict.action, verdict.warn_sender) == (action, False)


@pytest.mark.parametrize(
    ("result", "age", "warned", "due"),
    [
        (TEMP, 4, False, True),
        (AMBIGUOUS, 4, False, True),
        (TEMP, 4, True, False),  # once
        (TEMP, 3, False, False),
        (PERMANENT, 4, False, False),  # it hears of the bounce
    ],
)
def test_the_sender_is_warned_once_after_4_hours(result, age, warned, due):
    assert decide(result, queued_at=NOW - age * HOUR, delay_warned=warned).warn_sender is due


def test_the_sender_hears_of_a_delay_at_4_hours_and_not_at_the_next_try_after_them():
    queued, now, tries = NOW, NOW, []
    while not (verdict := decide(TEMP, now=now, queued_at=queued, failures=len(tries))).warn_sender:
        tries.append((now - queued) / MINUTE)
        now = verdict.at
    assert tries == [0, 5, 20, 50, 110, 230]
    assert now - queued == 4 * HOUR
    later = decide(TEMP, now=now, queued_at=queued, failures=7, delay_warned=True)
    assert later.at == now + 4 * HOUR


@pytest.mark.parametrize(
    ("result", "history", "minutes"),
    [
        (AMBIGUOUS, {}, 15),  # 15 min or more
        (TEMP, {"null_sender": True}, 240),  # nobody is told
        (TEMP, {"delay_warned": True}, 240),
        (host(Class.TLSFAIL), {"sticky": True, "first_tls_failure_at": NOW - 2 * HOUR}, 5),
    ],
)
def test_only_where_a_sender_is_to_be_warned_a_try_is_made_for_it(result, history, minutes):
    policy = Policy(tls_grace=12 * HOUR)
    verdict = decide(result, policy=policy, queued_at=NOW - 235 * MINUTE, failures=6, **history)
    assert wait(verdict) == minutes


def test_the_end_of_a_late_messages_time_is_told_with_the_warning():
    late = decide(TEMP, queued_at=NOW - 4 * HOUR)
    assert late.until == NOW - 4 * HOUR + timedelta(days=5)
    assert decide(TEMP).until is None
    # In a long grace what comes after it is another way, and not the end.
    assert decide(TLSFAIL, queued_at=NOW - 4 * HOUR, sticky=True).until is None


@pytest.mark.parametrize(
    ("results", "history", "sentence"),
    [
        ([OK], {}, "what happened"),
        ([NO_STARTTLS], {}, "what happened, so the message was held"),
        ([TEMP], {}, "what happened, so it will be tried again"),
        ([PERMANENT], {}, "what happened, so the message bounced"),
        ([PERMANENT], {"null_sender": True}, "what happened, so the message was dropped"),
        ([AMBIGUOUS], {}, "what happened, so the message may be there already, and will be tried again"),
    ],
)
def test_an_attempt_is_one_sentence_of_what_was_seen_and_what_came_of_it(results, history, sentence):
    assert decide(*results, **history).whole_sentence == sentence


def test_evidence_is_json_and_names_no_other_recipient():
    replies = (RecipientReply(address=RITA, class_=Class.OK), RecipientReply(address=OTTO, class_=Class.TEMP))
    result = host(Class.OK, replies=replies, chain_fingerprints=("ab",))
    own = json.dumps(result.seen_by(RITA).to_evidence())
    assert OTTO not in own
    assert json.loads(own)["class"] == "ok"
    whole = json.loads(json.dumps(result.to_evidence()))
    assert [reply["class"] for reply in whole["replies"]] == ["ok", "temp"]
    assert whole["chain_fingerprints"] == ["ab"]


def test_a_recipient_without_a_reply_has_the_hosts():
    other = RecipientReply(address=OTTO, class_=Class.OK)
    assert host(Class.TEMP, replies=(other,)).reply_for(RITA).class_ is Class.TEMP


def test_a_peers_words_are_made_printable():
    assert printable("a\r\nb\x00\x1b[2Jc") == "a b [2Jc"


PORTAL_AFTER = Policy(portal_after=3 * HOUR)
REFUSED_CONNECTION = host(Class.TEMP, Phase.CONNECT)
NO_ANSWER_OF_THE_DNS = host(Class.TEMP, Phase.LOOKUP)
BOGUS = host(Class.TEMP, Phase.LOOKUP, result_type="dnssec-invalid")
BROKE_OFF_IN_DATA = host(Class.TEMP, Phase.BODY, protocol="TLSv1.3")
GREYLISTING = host(Class.TEMP, protocol="TLSv1.3", smtp_code=450)
LATER_AFTER_THE_DOT = host(Class.TEMP, Phase.DOT, protocol="TLSv1.3", smtp_code=451)
BUSY_GREETING = host(Class.TEMP, Phase.GREETING, smtp_code=421)


@pytest.mark.parametrize("silence", [REFUSED_CONNECTION, NO_ANSWER_OF_THE_DNS, BROKE_OFF_IN_DATA, BUSY_GREETING])
@pytest.mark.parametrize(
    ("age", "action", "minutes"),
    [(0, Action.RETRY, 5), (178, Action.RETRY, 2), (180, Action.HOLD, None), (60 * 24 * 6, Action.HOLD, None)],
)
def test_with_portal_after_what_nobody_answers_for_is_held_then_and_not_before(silence, age, action, minutes):
    verdict = decide(silence, silence, policy=PORTAL_AFTER, queued_at=NOW - age * MINUTE)
    assert (verdict.action, wait(verdict)) == (action, minutes)
    assert not verdict.tls_failed
    assert verdict.reason == ("unreachable" if action is Action.HOLD else "temporary")


def test_without_portal_after_nobody_ever_goes_to_the_portal_for_silence():
    assert decide(REFUSED_CONNECTION, queued_at=NOW - 100 * HOUR).action is Action.RETRY


def test_why_the_portal_was_used_is_one_sentence():
    verdict = decide(REFUSED_CONNECTION, policy=PORTAL_AFTER, queued_at=NOW - 3 * HOUR)
    assert verdict.whole_sentence == (
        "It could not be delivered in the time after which the portal is used: what happened, so the message was held"
    )


@pytest.mark.parametrize("answer", [GREYLISTING, LATER_AFTER_THE_DOT])
@pytest.mark.parametrize("age", [0, 4, 100])
def test_rows_16_and_20_a_host_that_asks_for_patience_is_never_a_reason_for_the_portal(answer, age):
    for results in ([answer], [REFUSED_CONNECTION, answer], [answer, REFUSED_CONNECTION]):
        assert decide(*results, policy=PORTAL_AFTER, queued_at=NOW - age * HOUR).action is Action.RETRY
    assert decide(answer, policy=PORTAL_AFTER, queued_at=NOW - 120 * HOUR).enhanced == "4.4.7"


@pytest.mark.parametrize(
    ("put_off", "action", "minutes"), [(60, Action.RETRY, 5), (178, Action.RETRY, 2), (180, Action.HOLD, None)]
)
def test_a_host_that_asked_for_patience_before_begins_the_time_anew(put_off, action, minutes):
    last = NOW - put_off * MINUTE
    verdict = decide(REFUSED_CONNECTION, policy=PORTAL_AFTER, queued_at=NOW - 50 * HOUR, last_put_off_at=last)
    assert (verdict.action, wait(verdict)) == (action, minutes)


@pytest.mark.parametrize(
    "results",
    [
        [NEXT],  # row 7: refused, if only in a greeting
        [REFUSED_CONNECTION, NEXT],
        [CONFIG],
        [AMBIGUOUS],
        [AMBIGUOUS, REFUSED_CONNECTION],
        [host(Class.TEMP, Phase.CONNECT, no_route=True)],  # our own network is down
        [],
    ],
)
def test_portal_after_is_for_hosts_that_do_not_answer_alone(results):
    verdict = decide(*results, policy=PORTAL_AFTER, queued_at=NOW - 9 * HOUR)
    assert verdict.action in {Action.RETRY, Action.AMBIGUOUS}


@pytest.mark.parametrize(
    ("results", "action"),
    [([PERMANENT], Action.BOUNCE), ([OK], Action.DELIVERED), ([REFUSED_CONNECTION, PERMANENT], Action.BOUNCE)],
)
def test_portal_after_is_no_way_round_an_answer(results, action):
    assert decide(*results, policy=PORTAL_AFTER, queued_at=NOW - 9 * HOUR).action is action


def test_on_the_way_home_there_is_no_portal_after():
    verdict = decide(REFUSED_CONNECTION, policy=PORTAL_AFTER, queued_at=NOW - 9 * HOUR, home=True)
    assert verdict.action is Action.RETRY


@pytest.mark.parametrize("sticky", [True, False])
@pytest.mark.parametrize(
    ("answer", "met", "action"),
    [
        (OnTLSFailure.PORTAL, True, Action.HOLD),
        (OnTLSFailure.DEFER, True, Action.RETRY),  # want of TLS has another answer, so this copy waits for that
        (OnTLSFailure.BOUNCE, True, Action.RETRY),
        (OnTLSFailure.DEFER, False, Action.HOLD),  # TLS was never in question
        (OnTLSFailure.BOUNCE, False, Action.HOLD),
    ],
)
def test_portal_after_never_overrules_what_is_to_become_of_want_of_tls(answer, met, action, sticky):
    policy = Policy(portal_after=3 * HOUR, on_tls_failure=answer)
    first = NOW - 4 * HOUR if met else None
    verdict = decide(
        REFUSED_CONNECTION, policy=policy, queued_at=NOW - 5 * HOUR, first_tls_failure_at=first, sticky=sticky
    )
    assert (verdict.action, verdict.alert_staff) == (action, False)


@pytest.mark.parametrize("answer", OnTLSFailure)
def test_some_hosts_without_tls_are_judged_by_the_grace_and_not_by_portal_after(answer):
    policy = Policy(portal_after=MINUTE, on_tls_failure=answer)
    assert decide(TLSFAIL, REFUSED_CONNECTION, policy=policy, queued_at=NOW - HOUR).action is Action.RETRY


def test_a_bogus_answer_about_tlsa_records_keeps_its_own_reason():
    verdict = decide(BOGUS, policy=PORTAL_AFTER, queued_at=NOW - 3 * HOUR)
    assert (verdict.action, verdict.reason, verdict.result_type) == (Action.HOLD, "dnssec-invalid", "dnssec-invalid")


def test_a_null_sender_may_be_held_after_portal_after():
    verdict = decide(REFUSED_CONNECTION, policy=PORTAL_AFTER, queued_at=NOW - 3 * HOUR, null_sender=True)
    assert verdict.action is Action.HOLD


@pytest.mark.parametrize(
    ("portal_after", "age", "action", "warned"),
    [
        (3, 4, Action.HOLD, False),  # it hears that the message is held
        (4, 4, Action.HOLD, False),
        (5, 4, Action.RETRY, True),
        (5, 3, Action.RETRY, False),
    ],
)
def test_the_warning_at_4_hours_and_portal_after(portal_after, age, action, warned):
    policy = Policy(portal_after=portal_after * HOUR)
    verdict = decide(REFUSED_CONNECTION, policy=policy, queued_at=NOW - age * HOUR)
    # What comes after it is another way, and not the end.
    assert (verdict.action, verdict.warn_sender, verdict.until) == (action, warned, None)


@pytest.mark.parametrize(
    ("portal_after", "action", "code"),
    [(119, Action.HOLD, ""), (120, Action.HOLD, ""), (121, Action.BOUNCE, "4.4.7")],
)
def test_a_portal_after_beyond_the_end_of_the_queue_never_comes(portal_after, action, code):
    policy = Policy(portal_after=portal_after * HOUR)
    verdict = decide(REFUSED_CONNECTION, policy=policy, queued_at=NOW - 120 * HOUR)
    assert (verdict.action, verdict.enhanced) == (action, code)


@pytest.mark.parametrize(
    "result",
    [REFUSED_CONNECTION, BOGUS, BROKE_OFF_IN_DATA, GREYLISTING, LATER_AFTER_THE_DOT, BUSY_GREETING, TLSFAIL],
)
def test_evidence_tells_later_what_the_judge_saw(result):
    stored = json.loads(json.dumps([result.seen_by(RITA).to_evidence()]))
    assert asked_to_come_again(stored) == result.puts_off == (result in {GREYLISTING, LATER_AFTER_THE_DOT})
