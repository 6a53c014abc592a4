"""What staff decide: who may submit, how each domain is reached, and which certificates are trusted there."""

from gateway.admin import certificates, history, policies, relays

__all__ = ["certificates", "history", "policies", "relays"]
