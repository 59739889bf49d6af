"""What the contract's own checks name is found in the image's environment, and in what is read."""

import pytest

from deploy.image_config import ImageConfig
from deploy.own_checks import CommandCheck
from verify.observe.own import environment_of, found_in, substituted

CONFIG = ImageConfig("sha256:x", "sha256:y", (), environment={"PATH": "/bin", "HOME": "/home/a"})


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("/x:$PATH", "/x:/bin"),
        ("${HOME}s/$HOMES/$HOME.", "/home/as///home/a."),
        ("$NOPE-$$-$1x", "--x"),
        ("a $ b $", "a $ b $"),
    ],
)
def test_a_variable_in_a_text_is_the_image_s_as_go_expands_it(text: str, becomes: str) -> None:
    assert substituted(text, CONFIG.environment) == becomes


def test_a_check_s_own_variables_may_name_the_image_s_and_earlier_ones() -> None:
    own = {"PATH": "/x:$PATH", "TOOLS": "$PATH/tools"}
    check = CommandCheck(name="a", command=["x"], environment=own)
    assert environment_of(check, CONFIG) == {"PATH": "/x:/bin", "HOME": "/home/a", "TOOLS": "/x:/bin/tools"}


def test_what_of_the_expressions_is_in_a_text_is_told_each_once() -> None:
    assert found_in("one\ntwo\n", ["^one", "two$", "(?m)two$", "^one", "three"]) == ["^one", "(?m)two$"]
