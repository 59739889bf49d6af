"""What goes between a build and its worker has one form, and a message of another is none."""

import pytest
from pydantic import ValidationError

from deploy.build.messages import MESSAGE, Failed, Line, printable
from tests.support.builds import BUILT


@pytest.mark.parametrize("message", [Line(text="a\n"), BUILT, Failed(reason="no")])
def test_a_message_comes_out_as_it_went_in_on_one_line(message: object) -> None:
    text = MESSAGE.dump_json(message).decode()  # type: ignore[arg-type]  # each is one of the three
    assert "\n" not in text
    assert MESSAGE.validate_json(text) == message


@pytest.mark.parametrize(
    "text",
    ["", "{}", "5", "null", '{"text": "x"}', '{"kind": "line"}', '{"kind": "line", "txt": "x"}', '{"kind": "other"}',
     '{"kind": "failed", "reason": "x", "more": 1}', '{"kind": "line", "text": 5}', "Traceback:"],
)  # fmt: skip
def test_what_is_not_exactly_of_the_form_is_no_message(text: str) -> None:
    with pytest.raises(ValidationError):
        MESSAGE.validate_json(text)


def test_a_file_name_that_is_no_utf_8_can_be_told() -> None:
    assert Failed(reason=printable("no such file: a\udce9")).reason == "no such file: a?"
