"""What runs by the clock around the store of messages: keys, the audit chain, the end of weeks."""

from celery import shared_task
from django.utils import timezone

from messages_app import audit_chain, clock, drafts, retention, store
from messages_app.sealing import keymaking, shred


@shared_task
def make_keys() -> None:
    """Keep bucket keys made for the longest retention and two weeks more."""
    keymaking.make_buckets(timezone.now())


@shared_task
def chain_audit() -> None:
    """Link the audit events that are pending and sign the head."""
    while audit_chain.link_pending() == audit_chain.BATCH:
        pass


@shared_task
def tidy() -> None:
    """Shred what is left over: the queue's wraps, authors' copies, keys of weeks that are over, orphaned files.

    Nothing where it may be the clock that is wrong.
    """
    if not clock.TRUST.may_end():
        return
    now = timezone.now()
    retention.shred_spools()
    retention.shred_sent(now)
    drafts.shred_ended(now)
    shred.shred_unwrapped()
    shred.destroy_ended_buckets(now)
    store.sweep_orphans()
