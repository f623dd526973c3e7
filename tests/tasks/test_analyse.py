import csv
import shutil
from collections import Counter

from pocketdet.dataset import SUBSETS, Dataset, read_paths


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_same_inputs_same_bytes(small, stages):
    contents = []
    for _ in range(2):
        stages("validate", "split", "analyse")
        contents.append(
            {
                path: path.read_bytes()
                for out in ("dataset", "validate", "subsets", "analyse")
                for path in sorted((small / out).rglob("*"))
            }
        )
        shutil.rmtree(small / ".pocketdet")
    assert contents[0] == contents[1]


def test_the_page_opens_offline_and_names_leakage(small, stages):
    shutil.copy(small / "raw/a_coco/images/000000.jpg", small / "raw/b_voc/JPEGImages/000000.jpg")
    stages("validate", "split", "analyse")
    page = (small / "analyse/index.html").read_text()
    assert "NO LEAKAGE" in page
    assert "1 group of pictures that belong together" in page
    for loaded in ("http://", "https://", 'src="pictures', "<script", '<link rel="style'):
        assert loaded not in page
    first = "a_coco/images/000000.jpg"
    subset = next(
        name
        for name in ("train", "val", "test")
        if first in (small / f"subsets/{name}.txt").read_text().splitlines()
    )
    other = "val" if subset != "val" else "train"
    for name, change_ in ((subset, "remove"), (other, "append")):
        path = small / f"subsets/{name}.txt"
        paths = path.read_text().splitlines()
        getattr(paths, change_)(first)
        path.write_text("\n".join(sorted(paths)) + "\n")
    stages("analyse")
    page = (small / "analyse/index.html").read_text()
    assert "NO LEAKAGE" not in page
    rows = table(small / "analyse/duplicates.csv")
    assert {(r["path"], r["straddles"]) for r in rows} == {
        (first, "yes"),
        ("b_voc/JPEGImages/000000.jpg", "yes"),
    }
    assert (small / "analyse/twins.jpg").is_file()


def test_pictures_annotated_twice_and_boxes_beyond_a_limit_are_shown(small, stages):
    shutil.copy(small / "raw/a_coco/images/000000.jpg", small / "raw/b_voc/JPEGImages/000000.jpg")
    label = small / "raw/c_kitti/label_2/000003.txt"
    label.write_text(label.read_text() + "bicycle 0 3 -10 30 20 70 50 -1 -1 -1 -1 -1 -1 -1\n")
    stages("validate", "split", "analyse")
    page = (small / "analyse/index.html").read_text()
    assert "of every source and rule in turn" in page
    assert [(r["source"], r["rule"]) for r in table(small / "validate/violations.csv")] == [
        ("c_kitti", "max_occlusion")
    ]
    twice = table(small / "analyse/agreement.csv")
    assert [(r["class"], r["source"], r["other source"], r["mean IoU"]) for r in twice] == [
        ("bicycle", "a_coco", "b_voc", "1.000"),
        ("person", "a_coco", "b_voc", "1.000"),
    ]


def test_counts_on_disk_agree_with_the_data_set(small, stages):
    stages("validate", "split", "analyse")
    data = Dataset.load(small / "dataset/dataset.json")
    rows = table(small / "analyse/counts.csv")
    for label in data.classes:
        objects = sum(b.label == label and not b.ignore for i in data for b in i.boxes)
        assert sum(int(r["objects"]) for r in rows if r["class"] == label) == objects
    for name in ("heights", "heights_parts", "aspects", "aspects_parts", "shapes"):
        assert (small / f"analyse/{name}.png").stat().st_size > 1000
        assert (small / f"analyse/{name}.csv").is_file()
    parts = {"all": list(data)}
    for image in data:
        parts.setdefault(image.source, []).append(image)
    for name in SUBSETS:
        parts[name] = list(data.subset(read_paths(small / f"subsets/{name}.txt")))
    expected = {
        (part, label): sum(b.label == label and not b.ignore for i in images for b in i.boxes)
        for part, images in parts.items()
        for label in data.classes
    }
    page = (small / "analyse/index.html").read_text()
    for name in ("heights_parts", "aspects_parts"):
        found = Counter()
        for row in table(small / f"analyse/{name}.csv"):
            found.update({(row["part"], label): int(row[label]) for label in data.classes})
        assert found == expected
        assert f"({name}.csv)" in page
