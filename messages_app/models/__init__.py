"""What is stored of a message: the message, its recipients, wraps, parts, attempts and events."""

from messages_app.models.attempt import Attempt
from messages_app.models.audit_event import AuditEvent, AuditHead, AuditLink
from messages_app.models.bucket_key import BucketKey
from messages_app.models.delegation import Delegation, owners_of
from messages_app.models.draft import Draft, DraftFile
from messages_app.models.gate import Gate
from messages_app.models.key_wrap import KeyWrap
from messages_app.models.message import Message
from messages_app.models.part import Part
from messages_app.models.recipient import Recipient

__all__ = [
    "Attempt",
    "AuditEvent",
    "AuditHead",
    "AuditLink",
    "BucketKey",
    "Delegation",
    "Draft",
    "DraftFile",
    "Gate",
    "KeyWrap",
    "Message",
    "Part",
    "Recipient",
    "owners_of",
]
