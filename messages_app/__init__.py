"""The store of messages and the pickup pages; imports neither the gateway nor notifications."""
