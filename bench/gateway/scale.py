"""How much is measured: five rounds, unless the environment asks for a quick look."""

import os

ROUNDS = int(os.environ.get("ROUNDS", "5"))
# Messages of 10 KiB in one measurement; of 1 MiB a fifth of them.
MESSAGES = int(os.environ.get("MESSAGES", "1000"))
SMALL, LARGE = 10 * 1024, 1024 * 1024
