import os

import pytest

from pocketdet.errors import PocketdetError
from pocketdet.quiet import quiet


def test_what_succeeds_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        os.write(2, b"noise from C++")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_what_fails_shows_all(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        os.write(2, b"the reason")
        raise ValueError("why")

    with pytest.raises(ValueError, match="why"), quiet():
        fail()
    assert capfd.readouterr().err == "the reason"


def test_what_is_said_to_the_user_stands_alone(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        os.write(2, b"noise from C++")
        raise PocketdetError("the reason")

    with pytest.raises(PocketdetError), quiet():
        fail()
    assert capfd.readouterr().err == ""
