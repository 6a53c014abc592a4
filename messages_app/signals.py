"""News for the packages above. Receivers run inside the sender's transaction.

Send with `send`, not `send_robust`: a receiver that fails must roll back what it
was told of. Receivers write rows there, and enqueue tasks on commit.
"""

from django.dispatch import Signal

# message: Message, recipients: list[Recipient]; committed by the portal or a report. Intake nudges by itself.
accepted = Signal()
# recipient: Recipient, sender_name: str (display name of the From header, "" where unknown); one recipient at a time.
held = Signal()
# gate: Gate; a held copy got a first-contact policy.
gated = Signal()
# user: User, recipients: list[Recipient]; an account claimed held mail.
claimed = Signal()
# recipient: Recipient, user: User; read for the first time.
read = Signal()
# recipient: Recipient, over: bool; its reader asks the sender for more time, or (over) for the message once more.
extension_asked = Signal()
# recipients: list[Recipient], account: bool; their reader deleted these copies, or (account) all that they had.
deleted = Signal()
# recipient: Recipient; its time is over. was_read: bool.
expired = Signal()
# message: Message, recipients: list[Recipient]; failed for good, the sender is to be told.
bounced = Signal()
# message: Message, recipients: list[Recipient]; delivered, where the message was written in the portal.
delivered = Signal()
# identifier: str (of the notice, out of its mark), status: str (RFC 3463); a notice of ours came back undelivered.
notice_returned = Signal()
# identifier: str (of the notice), address: str; somebody wrote back to a notice of ours.
notice_answered = Signal()
# message: Message, recipients: list[Recipient]; held together, so that the sender gets one report.
held_together = Signal()
# domain: str, sentence: str; enforced TLS used to work there, or is promised, and can't be had. Once a day and domain.
tls_lost = Signal()
# domain: str, sentence: str ("" where nothing was seen), until: datetime; mail there waits for a fault of our own, and
# until then. Once a day in all.
own_fault = Signal()
# delegation: Delegation, client: Client; somebody accepted to read the owner's mail.
delegated = Signal()
# recipient: Recipient; a held copy that nobody had opened was delivered after all.
released = Signal()
