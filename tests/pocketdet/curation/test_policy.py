import pytest

from pocketdet.config import Validate
from pocketdet.curation.account import refuse_losses, violation_rows
from pocketdet.curation.policy import merge
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.errors import DatasetError
from pocketdet.formats import Finding, ReadResult

LIMITS = {
    "min_side_px": (4, "ignore"),
    "min_area_share": (0, "ignore"),
    "max_occlusion": (2, "ignore"),
    "max_truncation": (0.8, "ignore"),
    "crowds": "ignore",
}


def limits(classes=(), **other):
    return {"policy": {"default": {**LIMITS, **other}, "classes": dict(classes)}}


def rules(**other):
    base = {
        "sources": {"a": {"format": "coco"}},
        "classes": ("person",),
        "mapping": {},
        "policy": {"default": LIMITS, "classes": {}},
        "max_dropped": 0.02,
        "empty_images": "keep",
    }
    return Validate(**{**base, **other})


def source(*boxes, findings=()):
    classes = tuple({box.label: None for box in boxes})
    images = (Image("images/1.jpg", (100, 100), boxes), Image("images/2.jpg", (100, 100)))
    return ReadResult(Dataset(classes, images), tuple(findings), ("x.json", "x.json"))


def box(label="person", xyxy=(0, 0, 10, 20), **other):
    return Box(label, xyxy, **other)


def merged(*boxes, **other):
    dataset, accounts = merge({"a": source(box(), *boxes)}, rules(**other))
    return dataset.images[0].boxes[1:], accounts["a"]


def test_sources_get_folders_of_their_own():
    dataset, accounts = merge({"a": source(box()), "b": source(box())}, rules())
    assert [(image.path, image.source) for image in dataset] == [
        ("a/images/1.jpg", "a"),
        ("a/images/2.jpg", "a"),
        ("b/images/1.jpg", "b"),
        ("b/images/2.jpg", "b"),
    ]
    assert accounts["b"].pictures == 2


@pytest.mark.parametrize("name", ["pedestrian", "Pedestrian", "PEDESTRIAN"])
def test_names_are_mapped_without_regard_to_case(name):
    boxes, account = merged(box(name), mapping={"pedestrian": "person"})
    assert [b.label for b in boxes] == ["person"]
    assert account.classes == {"person": 2}


def test_class_names_are_matched_without_regard_to_case():
    boxes, _ = merged(box("Person"))
    assert boxes[0].label == "person"


def test_mapped_to_ignore_and_to_drop():
    boxes, account = merged(
        box("cyclist"), box("car"), box("Car"), mapping={"Cyclist": "ignore", "car": "drop"}
    )
    assert [(b.label, b.ignore) for b in boxes] == [
        ("DontCare", "policy: cyclist is mapped to ignore")
    ]
    assert account.mapped_to_drop == {"car": 1, "Car": 1}
    assert account.lost == 0


def test_a_star_takes_all_other_names():
    boxes, account = merged(
        box("car"), box("pedestrian"), mapping={"pedestrian": "person", "*": "drop"}
    )
    assert [b.label for b in boxes] == ["person"]
    assert account.mapped_to_drop == {"car": 1}


def test_a_source_may_map_a_name_in_its_own_way():
    sources = {
        "a": {"format": "kitti", "mapping": {"Rider": "ignore"}},
        "b": {"format": "coco"},
    }
    read = {name: source(box(), box("rider")) for name in sources}
    dataset, _ = merge(read, rules(sources=sources, mapping={"rider": "person"}))
    labels = {image.path: [b.label for b in image.boxes] for image in dataset if image.boxes}
    assert labels == {
        "a/images/1.jpg": ["person", "DontCare"],
        "b/images/1.jpg": ["person", "person"],
    }


def test_an_unknown_name_is_an_error_with_file_record_class_and_remedy():
    with pytest.raises(DatasetError) as error:
        merged(box("perzon", (1, 2, 30, 40)), box("perzon"))
    message = str(error.value)
    assert "'perzon', 2 boxes, first a/x.json: box 2 (1, 2, 30, 40) of images/1.jpg" in message
    assert "validate.classes" in message
    assert "validate.mapping" in message


def test_many_unknown_names_are_all_named():
    with pytest.raises(DatasetError) as error:
        merged(*(box(f"class {n}") for n in range(40)))
    assert all(f"'class {n}'" in str(error.value) for n in range(40))


def test_a_class_that_nothing_counts_for_is_an_error():
    with pytest.raises(DatasetError, match="no object that counts is a 'bicycle'"):
        merged(box("bicycle", ignore="iscrowd"), classes=("person", "bicycle"))


@pytest.mark.parametrize(
    ("given", "ignore"),
    [
        (box(xyxy=(0, 0, 3.9, 20)), "policy: a side below 4 px"),
        (box(xyxy=(0, 0, 4, 20)), ""),
        (box(occlusion=3), "policy: occlusion above level 2"),
        (box(occlusion=2), ""),
        (box(truncation=0.81), "policy: truncation above 0.8"),
        (box(truncation=0.8), ""),
        (box(ignore="iscrowd", occlusion=3), "iscrowd"),
        (box("DontCare", ignore="DontCare"), "DontCare"),
    ],
)
def test_what_counts(given, ignore):
    boxes, account = merged(given)
    assert [b.ignore for b in boxes] == [ignore]
    assert account.ignored == ({ignore: 1} if ignore else {})


SMALL = (0, 0, 3, 20)


def test_a_class_may_have_limits_of_its_own():
    boxes, account = merged(
        box("dog", SMALL),
        box("dog", (0, 0, 9, 9)),
        box("person", SMALL),
        classes=("person", "dog"),
        **limits(classes={"dog": {"min_side_px": (2, "drop")}}),
    )
    assert [(b.label, b.ignore) for b in boxes] == [
        ("dog", ""),
        ("dog", ""),
        ("person", "policy: a side below 4 px"),
    ]
    assert [(v.number, v.rule, v.found, v.limit) for v in account.violations] == [
        (4, "min_side_px", 3, 4)
    ]


@pytest.mark.parametrize(
    ("rule", "given"),
    [
        ({"min_side_px": (4, "drop")}, box(xyxy=SMALL)),
        ({"min_area_share": (0.01, "drop")}, box(xyxy=(0, 0, 9, 9))),
        ({"max_occlusion": (1, "drop")}, box(occlusion=2)),
        ({"max_truncation": (0.3, "drop")}, box(truncation=0.5)),
        ({"crowds": "drop"}, box(ignore="iscrowd")),
    ],
)
def test_what_the_policy_drops_is_counted(rule, given):
    boxes, account = merged(given, **limits(**rule))
    assert boxes == ()
    assert account.policy_dropped.total() == 1
    assert (account.lost, account.boxes) == (0, 2)
    assert account.violations[0].rule == next(iter(rule))
    assert account.data()["violations"] == {next(iter(rule)): 1}


def test_a_rejected_picture_goes_with_all_its_boxes():
    read = source(box(), box("car"), box(xyxy=SMALL))
    other = {"mapping": {"car": "drop"}, **limits(min_side_px=(4, "reject"))}
    dataset, accounts = merge({"a": read, "b": source(box())}, rules(**other))
    assert [i.path for i in dataset] == ["a/images/2.jpg", "b/images/1.jpg", "b/images/2.jpg"]
    account = accounts["a"]
    assert account.rejected == {"policy: a side below 4 px": 1}
    assert (account.rejected_boxes, account.boxes, account.classes) == (3, 3, {})


def test_a_limit_may_fail_and_the_strongest_consequence_wins():
    with pytest.raises(DatasetError) as error:
        merged(
            box(xyxy=SMALL, truncation=0.9),
            **limits(min_side_px=(4, "ignore"), max_truncation=(0.8, "fail")),
        )
    message = str(error.value)
    assert "max_truncation" in message
    assert "a/images/1.jpg: box 2, person (0, 0, 3, 20): 0.9" in message
    assert "ignore, drop or reject" in message


def test_violations_are_listed_and_counted_by_annotator():
    _, account = merged(
        box(annotator="Ann"), box(xyxy=SMALL, annotator="Bob"), box(xyxy=SMALL), box("DontCare",
        ignore="DontCare"),
    )  # fmt: skip
    data = account.data()
    assert data["judged"] == 4
    assert data["annotators"] == {
        "Ann": {"boxes": 1, "violations": 0},
        "Bob": {"boxes": 1, "violations": 1},
    }
    first = dict(zip(*violation_rows({"a": account})[:2], strict=True))
    assert first == {
        "source": "a", "image": "a/images/1.jpg", "box": 3, "class": "person",
        "rule": "min_side_px", "found": "3", "limit": "4", "action": "ignore", "annotator": "Bob",
        "x1": "0", "y1": "0", "x2": "3", "y2": "20",
    }  # fmt: skip


def test_limits_of_an_unknown_class_are_refused():
    with pytest.raises(ValueError, match=r"policy\.classes\.cat: none of \['person'\]"):
        rules(**limits(classes={"cat": {}}))


@pytest.mark.parametrize(("rule", "pictures"), [("keep", 2), ("drop", 1)])
def test_pictures_without_objects(rule, pictures):
    _, account = merged(empty_images=rule)
    assert (account.pictures, account.empty_dropped) == (pictures, 2 - pictures)


BAD = Finding("x.json", "annotation 9", "zero area", "person [1, 1, 1, 9]")
CHANGED = Finding("x.json", "annotation 8", "reaches out of the picture", dropped=False)


def test_losses_up_to_the_share_pass_and_more_fail_with_a_table():
    _, accounts = merge({"a": source(box(), box(), box(), findings=[BAD, CHANGED])}, rules())
    assert (accounts["a"].lost, accounts["a"].boxes) == (1, 4)
    assert accounts["a"].by_reason(dropped=False) == {"reaches out of the picture": 1}
    refuse_losses(accounts, 0.25)
    with pytest.raises(DatasetError) as error:
        refuse_losses(accounts, 0.24)
    message = " ".join(str(error.value).split())
    assert "1 of 4 boxes (25.0%) would be dropped, at most 24.0% may be" in message
    assert "a zero area 1 first a/x.json: annotation 9 person [1, 1, 1, 9]" in message
