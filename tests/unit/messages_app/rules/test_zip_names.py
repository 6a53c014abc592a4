"""Names in one archive: none twice, none with a path."""

from messages_app.rules.zip_names import unique


def test_a_name_that_stands_already_is_numbered():
    files = [(3, "plan.pdf", ""), (4, "Plan.pdf", ""), (5, "plan.pdf", ""), (6, "plan (2).pdf", ""), (7, "x", "")]
    names = unique([*files, (8, "x", "")])
    assert list(names.values()) == ["plan.pdf", "Plan (2).pdf", "plan (3).pdf", "plan (2) (2).pdf", "x", "x (2)"]


def test_no_name_leaves_the_folder_or_is_empty():
    names = unique([(3, "../../etc/passwd", ""), (4, "C:\\a\\b.txt", ""), (5, "", "text/plain"), (6, "..", "")])
    assert list(names.values()) == ["passwd", "b.txt", "attachment-5.txt", "attachment-6.bin"]
