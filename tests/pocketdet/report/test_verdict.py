from dataclasses import replace

import pytest

from pocketdet.report.verdict import Line, Verdict

KEPT = Line("file", limit=4.0, measured=3.0, unit="MB")


@pytest.mark.parametrize(
    ("line", "state", "share"),
    [
        (KEPT, "pass", 0.75),
        (replace(KEPT, measured=4.0), "pass", 1.0),
        (replace(KEPT, measured=4.1), "fail", 1.0),
        (replace(KEPT, measured=None), "not run", None),
        (replace(KEPT, measured=float("nan")), "fail", None),
        (replace(KEPT, measured=-1.0), "pass", 0.0),
        (Line("AP50", 0.5, 0.4, at_most=False), "fail", 0.8),
        (Line("AP50", 0.5, 0.5, at_most=False), "pass", 1.0),
        (Line("AP50", 0.0, 0.0, at_most=False), "pass", 0.0),
    ],
)
def test_state_of_a_line(line, state, share) -> None:
    assert line.state == state
    assert line.share == (share if share is None else pytest.approx(share))


def test_one_broken_promise_fails_and_a_missing_number_never_passes() -> None:
    broken, missing = replace(KEPT, measured=9.0), replace(KEPT, measured=None)
    assert Verdict((KEPT,)).word == "PASS"
    assert Verdict((KEPT, missing)).word == "INCOMPLETE"
    assert Verdict((missing, broken, KEPT)).word == "FAIL"
    assert Verdict(()).word == "INCOMPLETE"


def test_terminal_lines_and_json_say_the_same() -> None:
    verdict = Verdict((KEPT, replace(KEPT, measured=None)))
    assert list(verdict.text()) == [
        "PASS     file: 3 MB (limit <= 4)",
        "NOT RUN  file: not run (limit <= 4)",
    ]
    rows = verdict.as_json()
    assert rows["verdict"] == "INCOMPLETE"
    assert [row["state"] for row in rows["lines"]] == ["pass", "not run"]
