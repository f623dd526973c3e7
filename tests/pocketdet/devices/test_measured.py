import json
from dataclasses import replace
from pathlib import Path

import pytest

from pocketdet.detector.decode import OperatingPoint
from pocketdet.detector.spec import Level, NetSpec
from pocketdet.devices import measured
from pocketdet.devices.measured import Measurement, MeasurementError, Times
from pocketdet.errors import BundleError
from pocketdet.exporting.contract import Contract, Variant, coding_of
from pocketdet.preprocess import Preprocessing

NET = NetSpec("b", 1.0, "none", 8, 0, (64, 32), ("person",), (Level(8, ()),), "anchor_free")
TIMES = Times("Redmi Note 7, Android 10", "cpu", 55.0, 53.1, 60.7, 1.6, 50, 18.8, None)
ROW = Measurement("redmi_note_7", "int8", "ab" * 32, NET, TIMES)


def test_rows_are_kept_and_a_second_look_replaces_the_first(tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    wider, other = replace(NET, width=1.4), replace(TIMES, unit="gpu")
    rows = [ROW, replace(ROW, net=wider), replace(ROW, variant="fp16", times=other)]
    for row in rows:
        measured.add(path, row)
    assert sorted(measured.read(path), key=repr) == sorted(rows, key=repr)
    again = replace(ROW, sha256="cd" * 32, times=replace(TIMES, mean_ms=54.0))
    measured.add(path, again)
    assert len(measured.read(path)) == 3
    assert again in measured.read(path)
    first = path.read_bytes()
    measured.add(path, again)
    assert path.read_bytes() == first


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"card": "pixel_1"}]'])
def test_a_file_of_something_else_is_refused_and_stays(tmp_path: Path, text: str) -> None:
    path = tmp_path / "measured.json"
    path.write_text(text)
    for action in (lambda: measured.read(path), lambda: measured.add(path, ROW)):
        with pytest.raises(MeasurementError, match="no list of measurements"):
            action()
    assert path.read_text() == text
    with pytest.raises(MeasurementError, match="nothing measured yet"):
        measured.read(tmp_path / "none.json")


def test_the_contract_beside_a_file_says_what_it_is(tmp_path: Path) -> None:
    variants = (Variant("int8", "int8.tflite", "LiteRT", (), (), "app"),)
    rule, point = Preprocessing(NET.input_wh, "stretch"), OperatingPoint(0.3, 0.6, 20)
    Contract(NET, rule, point, variants, coding_of(NET)).save(tmp_path / "contract.json")
    file = tmp_path / "int8.tflite"
    with pytest.raises(BundleError, match="not one of the files"):
        measured.identify(file)
    file.write_bytes(b"net")
    assert measured.identify(file) == ("int8", NET)
    with pytest.raises(BundleError, match="not one of the files"):
        measured.identify(tmp_path / "contract.json")


def test_a_folder_has_a_hash_of_names_and_contents(tmp_path: Path) -> None:
    folder = tmp_path / "a.mlpackage"
    (folder / "Data").mkdir(parents=True)
    (folder / "Data/weight.bin").write_bytes(b"1")
    first = measured.digest(folder)
    (folder / "Data/weight.bin").rename(folder / "Data/other.bin")
    assert len(first) == 64
    assert measured.digest(folder) != first


def test_the_file_holds_plain_json(tmp_path: Path) -> None:
    measured.add(tmp_path / "measured.json", ROW)
    (row,) = json.loads((tmp_path / "measured.json").read_text())
    assert (row["card"], row["times"]["mean_ms"], row["net"]["width"]) == ("redmi_note_7", 55.0, 1)


@pytest.mark.parametrize("ms", ["0", "-1", "NaN", "1e999"])
def test_times_that_cannot_be_are_refused(tmp_path: Path, ms: str) -> None:
    path = tmp_path / "measured.json"
    measured.add(path, ROW)
    path.write_text(path.read_text().replace('"mean_ms": 55.0', f'"mean_ms": {ms}'))
    with pytest.raises(MeasurementError, match=r"0\.times\.mean_ms"):
        measured.read(path)
