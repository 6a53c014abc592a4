"""Policies over real HTTPS: kept to, kept, changed, forgotten."""

from tests.fakes.policy_host import policy
from tests.harness.letters import as_sent, letter
from tests.harness.processes import wait_for

NOW = """
waiting = Recipient.objects.filter(address=address, state="deferred", lease_token=None)
waiting.update(next_attempt_at=timezone.now())
"""
EVIDENCE = """
row = Attempt.objects.filter(recipient__address=address).latest("id").evidence[-1]
[row["level"], row["mta_sts"], row["result_type"]]
"""
KNOWN = "PublishedPolicy.objects.filter(domain=domain).values().first()"
OVER = "PublishedPolicy.objects.filter(domain=domain).update(expires_at=timezone.now(), next_look_at=timezone.now())"
STALE = "PublishedPolicy.objects.filter(domain=domain).update(refresh_at=timezone.now())"


def write(postern, partner, name="rita"):
    """Send a letter to somebody there, and return the address."""
    address = partner.mailbox(name)
    postern.submit(address, as_sent(letter(address)))
    return address


def hurry(postern, address, reached, what):
    """Have the message to `address` tried, and tried again, until `reached()`: a drain asks about a domain but once."""
    wait_for(lambda: reached() or (postern.ask(NOW, address=address), False)[1], what, seconds=90, every=0.5)


def test_mail_goes_to_a_host_that_the_policy_names(postern, net):
    partner = net.partner("sts")
    net.publish(partner, policy(partner.host))
    address = write(postern, partner)
    postern.wait_for_state(address, "delivered", "shredded")
    level, note, _ = postern.ask(EVIDENCE, address=address)
    assert (level, partner.host in note) == ("mta-sts", True)


def test_no_other_host_is_even_connected_to_until_a_new_id_names_it(postern, net):
    partner = net.partner("forged")
    host = net.publish(partner, policy("mx.elsewhere.example"))
    address = write(postern, partner)
    row = postern.wait_for_state(address, "deferred")[0]
    assert (row["reason"], partner.host in row["reason_text"]) == ("sts-policy-invalid", True)
    assert not partner.line.conversations
    assert postern.ask(EVIDENCE, address=address)[::2] == ["mta-sts", "sts-policy-invalid"]
    host.serve(policy(f"*.{partner.domain}"))
    net.announce(partner, "2")
    hurry(postern, address, lambda: partner.sink.addressed_to(address), "it is delivered")


def test_a_policy_is_kept_while_its_host_is_away_and_forgotten_at_its_end(postern, net):
    partner = net.partner("kept")
    host = net.publish(partner, policy("mx.elsewhere.example"))
    address = write(postern, partner)
    postern.wait_for_state(address, "deferred")
    host.down = True
    net.announce(partner, "2")

    def asked_in_vain():
        return postern.ask(KNOWN, domain=partner.domain)["result_type"] == "sts-policy-fetch-error"

    hurry(postern, address, asked_in_vain, "the policy is asked for in vain")
    assert postern.recipients(address)[0]["reason"] == "sts-policy-invalid"
    assert not partner.line.conversations
    postern.ask(OVER, domain=partner.domain)
    hurry(postern, address, lambda: partner.sink.addressed_to(address), "it is delivered")
    postern.wait_for_state(address, "delivered", "shredded")
    assert postern.ask(EVIDENCE, address=address)[0] == "verify"


def test_a_policy_that_cannot_be_fetched_the_first_time_leaves_verify(postern, net):
    partner = net.partner("away")
    net.publish(partner, policy("mx.elsewhere.example")).down = True
    address = write(postern, partner)
    postern.wait_for_state(address, "delivered", "shredded")
    level, note, _ = postern.ask(EVIDENCE, address=address)
    assert (level, "could be fetched" in note) == ("verify", True)


def test_a_policy_is_refreshed_by_the_clock(postern, net):
    partner = net.partner("fresh")
    host = net.publish(partner, policy(partner.host))
    postern.wait_for_state(write(postern, partner), "delivered", "shredded")
    host.serve(policy(partner.host, max_age=172800))
    postern.ask(STALE, domain=partner.domain)
    wait_for(
        lambda: postern.ask(KNOWN, domain=partner.domain)["max_age"] == 172800,
        "the policy is fetched anew",
        seconds=60,
    )
