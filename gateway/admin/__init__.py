"""What staff decide: who may submit, how each domain is reached, and which certificates are trusted there."""

from gateway.admin import app_passwords, certificates, history, policies, published, queued, relays

__all__ = ["app_passwords", "certificates", "history", "policies", "published", "queued", "relays"]
