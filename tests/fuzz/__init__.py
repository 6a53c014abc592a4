"""Fuzzing: what strangers' bytes reach first. `make fuzz TARGET=smtp SECONDS=60`."""
