"""A walk through every page and state, as each kind of person meets them, with an inspector who looks at each."""

from tests.harness.tours.public import everybody
from tests.harness.tours.reader import rita
from tests.harness.tours.sender import sam
from tests.harness.tours.staff import ada
from tests.harness.tours.states import what_ended

TOURS = {"everybody": everybody, "rita": rita, "what ended": what_ended, "sam": sam, "ada": ada}

__all__ = ["TOURS"]
