"""The staff's view of mail: where each message is and why, and never what it says."""

from messages_app.admin import attempts, audit_log, bucket_keys, delegations, messages, recipients

__all__ = ["attempts", "audit_log", "bucket_keys", "delegations", "messages", "recipients"]
