import pytest

from pocketdet.report.tables import count, number


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        ("", "–"),
        (0, "0.000"),
        ("0.81890", "0.819"),
        (-0.4151, "-0.415"),
        (1, "1"),
        (3.0109, "3.01"),
        (46.82, "46.8"),
        (349.2, "349"),
        (12345.6, "12,346"),
        (4.6e-5, "4.6e-05"),
    ],
)
def test_numbers_for_people(value, text) -> None:
    assert number(value) == text


def test_counts_for_people() -> None:
    assert (count("12345"), count(0), count(None), count("")) == ("12,345", "0", "–", "–")
