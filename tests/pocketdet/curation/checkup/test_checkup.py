"""Everything that the folders of tests/dirty_folder.py have wrong with them is found."""

from pathlib import Path

import dirty_folder
import pytest

from pocketdet import formats
from pocketdet.curation import checkup
from pocketdet.curation.checkup import Checkup, Thresholds
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.formats import ReadRules

# The best open checker is LibreYOLO's doctor: 36 checks of YOLO folders. Each of them, and ours.
# It was run on dirty_folder.yolo (commit c41461e, 2026-06): of the 36 it reports 32 there;
# missing_names, missing_split and path_not_found need a broken data.yaml of their own, and
# crowded_image never fires on few pictures, since the crowd itself is in its 99th percentile.
DOCTOR = {
    "config.missing_names": "reading.failed",
    "config.nc_names_mismatch": "config.class_count",
    "config.missing_split": "config.missing_split",
    "config.path_not_found": "config.path_not_found",
    "config.duplicate_names": "reading.class_named_twice",
    "files.orphan_label": "reading.picture_not_found",
    "files.missing_label": "reading.picture_without_annotation",
    "files.missing_image": "reading.listed_picture_not_found",
    "files.unsupported_ext": "files.no_picture",
    "files.case_collision": "files.same_name",
    "labels.syntax": "reading.malformed_row",
    "labels.polygon_line": "reading.polygon",
    "labels.class_out_of_range": "reading.unknown_class",
    "labels.coords_out_of_range": "reading.outside_the_picture",
    "labels.degenerate_box": "reading.zero_area",
    "labels.tiny_object": "labels.tiny_box",
    "labels.huge_box": "labels.huge_box",
    "labels.extreme_aspect": "labels.extreme_aspect",
    "labels.duplicate_box": "labels.duplicate_box",
    "labels.crowded_image": "labels.crowded_picture",
    "labels.identical_files": "labels.identical_files",
    "balance.class_zero_instances": "balance.absent_class",
    "balance.class_few_instances": "balance.rare_class",
    "balance.imbalance": "balance.imbalance",
    "balance.split_coverage": "balance.subset_coverage",
    "balance.background_ratio": "balance.empty_pictures",
    "balance.split_skew": "balance.subset_skew",
    "images.corrupt": "pictures.broken",
    "images.exif_orientation": "pictures.turned_by_exif",
    "images.odd_mode": "pictures.odd_mode",
    "images.tiny_or_extreme": "pictures.tiny_or_extreme",
    "images.uniform": "pictures.uniform",
    "images.exact_duplicates": "pictures.copies",
    "images.near_duplicates": "pictures.near_duplicates",
    "splits.leakage_exact": "subsets.leak",
    "splits.leakage_near": "subsets.near_leak",
}
# What it has no check for, or gets wrong, on the same YOLO folder: it takes a byte order mark for
# a syntax error, and 16-bit grey for one colour; in the VOC and COCO folders it reads nothing.
ONLY_OURS = {
    "yolo": {"subsets.overlap": 1, "reading.reversed": 1, "reading.not_a_number": 3},
    "voc": {
        "reading.broken_file": 1,  # an entity bomb
        "reading.in_two_official_lists": 1,
        "reading.listed_without_annotation": 1,
        "reading.outside_the_picture": 1,
        "reading.picture_not_found": 1,
        "reading.picture_without_annotation": 1,
        "reading.reversed": 1,
        "reading.size_differs_from_the_file": 2,
        "reading.unsafe_file_name": 1,
    },
    "coco": {
        "reading.duplicate_id": 2,
        "reading.malformed_row": 2,
        "reading.not_a_number": 1,
        "reading.picture_annotated_twice": 1,
        "reading.picture_not_found": 1,
        "reading.picture_without_annotation": 1,
        "reading.unknown_class": 1,
        "reading.unknown_image_id": 1,
        "reading.unsafe_file_name": 1,
    },
}
WORKERS = 2


def examine(name: str, folder: Path, **rules) -> Checkup:
    return checkup.examine(name, folder, ReadRules(**rules), Thresholds(), WORKERS)


def counts(found: Checkup) -> dict[str, int]:
    return {symptom.check: symptom.count for symptom in found.symptoms}


@pytest.fixture(scope="module")
def yolo(tmp_path_factory) -> Path:
    return dirty_folder.yolo(tmp_path_factory.mktemp("dirty") / "yolo")


@pytest.fixture(scope="module")
def found(yolo) -> Checkup:
    return examine("yolo", yolo)


def test_the_doctor_has_36_checks():
    assert len(DOCTOR) == 36


@pytest.mark.parametrize("theirs", sorted(DOCTOR))
def test_all_that_the_doctor_finds(theirs, found, yolo, tmp_path):
    harm = {
        "config.missing_names": lambda text: text.replace("names:", "labels:"),
        "config.missing_split": lambda text: text.replace("val: images/val\n", ""),
    }
    if theirs in harm:
        text = (yolo / "data.yaml").read_text()
        (tmp_path / "data.yaml").write_text(harm[theirs](text))
        for name in ("images", "labels"):
            (tmp_path / name).mkdir()
        (tmp_path / "labels/a.txt").touch()
        found = examine("yolo", tmp_path)
    assert DOCTOR[theirs] in counts(found)


@pytest.mark.parametrize("name", sorted(ONLY_OURS))
def test_what_only_ours_finds(name, tmp_path):
    found = examine(name, getattr(dirty_folder, name)(tmp_path / name))
    mine = counts(found)
    assert {check: mine.get(check) for check in ONLY_OURS[name]} == ONLY_OURS[name]
    assert found.errors


def test_counts_of_what_can_be_counted_by_hand(found):
    mine = counts(found)
    expected = {
        "reading.broken_picture": 3,  # corrupt, empty, a bomb's header
        "pictures.broken": 1,  # cut in half: seen by decoding alone
        "reading.malformed_row": 1,
        "reading.not_a_number": 3,  # x, nan, inf
        "pictures.odd_mode": 4,  # CMYK, grey, palette, 16 bit
        "pictures.tiny_or_extreme": 2,
        "pictures.uniform": 1,
        "pictures.copies": 1,
        "subsets.leak": 1,
        "labels.identical_files": 6,
        "labels.duplicate_box": 1,
        "files.no_picture": 1,
        "files.same_name": 2,
    }
    assert {check: mine[check] for check in expected} == expected


def test_what_is_no_dirt_is_read(found, yolo):
    """A byte order mark, Windows line ends, spaces, other alphabets, an upper-case suffix."""
    result = formats.read_all("yolo", yolo, ReadRules(lenient=True))
    boxes = {Path(image.path).name: len(image.boxes) for image in result.dataset}
    assert boxes["bom.png"] == boxes["Ünïcode mit Leerzeichen 名前.PNG"] == 1
    assert boxes["negative.png"] == boxes["empty.png"] == 0
    places = [place for symptom in found.symptoms for place in symptom.where]
    assert not [place for place in places if "bom.png" in place or "名前" in place]


def test_pixels_may_be_left_alone(yolo):
    found = checkup.examine("yolo", yolo, ReadRules(), Thresholds(), 0)
    assert not [check for check in counts(found) if check.startswith("pictures.")]


def test_a_clean_folder_has_no_error_and_no_warning(tmp_path):
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "Annotations").mkdir()
    images = []
    for n in range(12):
        dirty_folder.photo(n).save(tmp_path / f"JPEGImages/{n}.jpg")
        box = Box("person", (10 + n, 10, 40 + n, 60))
        images.append(Image(f"JPEGImages/{n}.jpg", (96, 72), (box,)))
    formats.write("voc", Dataset(("person",), tuple(images)), tmp_path)
    assert examine("voc", tmp_path).symptoms == ()


@pytest.mark.parametrize("folder", ["voc", "coco", "kitti", "yolo"])
def test_an_empty_folder_is_one_error(tmp_path, folder):
    found = examine(folder, tmp_path)
    assert [(s.check, s.severity) for s in found.symptoms] == [("reading.failed", "error")]


def config_symptoms(folder: Path, text: str) -> dict[str, int]:
    """Symptoms of a data.yaml beside train/images/a.png."""
    (folder / "train/images").mkdir(parents=True)
    (folder / "train/labels").mkdir()
    (folder / "train/labels/a.txt").write_text("0 0.5 0.5 0.2 0.2\n" * 3000)
    dirty_folder.photo(1).save(folder / "train/images/a.png")
    (folder / "data.yaml").write_text(text)
    return counts(checkup.examine("yolo", folder, ReadRules(), Thresholds(), 0))


def test_folders_are_looked_for_as_roboflow_names_them_and_never_outside(tmp_path):
    found = config_symptoms(
        tmp_path / "a", "names: [person]\ntrain: ../train/images\nval: /\ntest: ../..\n"
    )
    assert found["config.path_not_found"] == 2


def test_a_list_that_leaves_the_folder_is_an_error(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/train.txt").write_text("train/images/a.png\n/etc/hostname\n../../etc/passwd\n")
    found = config_symptoms(tmp_path / "a", "names: [person]\ntrain: train.txt\n")
    assert found["reading.unsafe_file_name"] == 2
    assert "config.path_not_found" not in found


@pytest.mark.parametrize("value", ["5", "{a: b}", "[[1], {}]", f'"{"x" * 5000}"', '"a\\0b"'])
def test_an_odd_data_yaml_is_no_crash(tmp_path, value):
    found = config_symptoms(
        tmp_path / "a", f"names: [person]\nnc: {value}\npath: {value}\ntrain: {value}\n"
    )
    assert found["config.path_not_found"] >= 1


def test_thousands_of_equal_boxes_are_not_compared_each_with_each(tmp_path):
    found = config_symptoms(tmp_path / "a", "names: [person]\n")
    assert found["labels.duplicate_box"] == 2999
