import csv
import io
import json
from dataclasses import replace
from typing import Any

import numpy as np

from pocketdet.exporting import ledger
from pocketdet.exporting.ledger import Row
from pocketdet.exporting.parity import Agreement

GOOD = Agreement(48, 0.01, 0.001, 100, 1, 1, 0.9, 0.99, 0.02)
INT8 = Row(
    variant="int8",
    file="int8.tflite",
    runtime="LiteRT",
    status="ok",
    size_mb=2.9,
    agreement=GOOD,
    ap=44.0,
    ap_drop=1.5,
    ap_drop_max=2.0,
    partitions=3,
    outside={"XNNPACK": [("TILE", "neck_a"), ("TILE", "neck_b")], "GPU": []},
)
ABSENT = Row("coreml", "detector.mlpackage", "Core ML", "not run: no coremltools", 5.0)


def problems(**changes: Any) -> list[str]:
    return list(ledger.failures([replace(INT8, **changes)], max_lost=0.05, noisy={}))


def test_good_and_not_run_files_pass() -> None:
    assert list(ledger.failures([INT8, ABSENT], max_lost=0.05, noisy={})) == []


def test_a_drop_beyond_the_limit_names_file_drop_and_limit() -> None:
    (line,) = problems(ap_drop=3.14159)
    assert line == "int8: AP drop 3.14 points, at most 2 allowed (verify.max_ap_drop.int8)"


def test_an_unknown_drop_is_no_pass() -> None:
    (line,) = problems(ap=None, ap_drop=None)
    assert "AP drop unknown" in line


def test_nan_fails_although_its_ap_is_fine() -> None:
    (line,) = problems(agreement=replace(GOOD, tensor_max=np.nan))
    assert "NaN" in line


def test_lost_boxes_fail_where_no_ap_is_measured() -> None:
    (line,) = problems(agreement=replace(GOOD, missing=5), ap=None, ap_drop=None, ap_drop_max=None)
    assert "5 of the net's 100 boxes missing and 1 added, a share of 0.060" in line


def test_a_negative_drop_passes() -> None:
    assert problems(ap_drop=-5.0) == []


def test_csv_and_json_hold_the_same() -> None:
    text = ledger.as_csv([INT8, ABSENT])
    int8, absent = csv.DictReader(io.StringIO(text))
    assert float(int8["ap_drop"]) == 1.5
    assert int8["ops"] == "XNNPACK: not TILE x2; GPU: all"
    assert absent["status"] == "not run: no coremltools"
    assert absent["ap"] == absent["tensor_max"] == absent["images"] == ""
    value = json.loads(ledger.as_json([INT8, ABSENT], 45.5))
    assert value["net_ap"] == 45.5
    assert value["files"]["int8"]["outside"]["XNNPACK"][1] == ["TILE", "neck_b"]
    assert value["files"]["coreml"]["ap"] is None


def test_text_is_a_table() -> None:
    header, int8, absent = ledger.as_text([INT8, ABSENT]).splitlines()
    assert header.split()[:3] == ["variant", "status", "size_mb"]
    assert int8[header.index("ap_drop_max") :].split() == ["2", "3"]
    assert absent.endswith("-")
