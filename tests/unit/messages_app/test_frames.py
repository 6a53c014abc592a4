"""How high the frame of an HTML body is."""

import pytest

from messages_app.rules.frames import frame_sizes


@pytest.mark.parametrize(("text", "images", "expected"), [
    ("", 0, (1, 1)),
    ("Hello", 0, (1, 1)),
    ("x" * 400, 0, (1, 3)),  # 5 lines in a wide window, 12 on a phone
    ("\n" * 12, 0, (3, 3)),
    ("Hello", 1, (2, 2)),
    ("Hello\n" * 5000, 0, (7, 7)),
])  # fmt: skip
def test_a_frame_has_room_for_its_lines_up_to_a_limit(text, images, expected):
    assert frame_sizes(text, images=images) == expected
