import json
import shutil

from PIL import Image as PIL

from pocketdet.dataset import Dataset


def test_subsets(small, stages):
    stages("validate", "split")
    table = json.loads((small / "subsets/subsets.json").read_text())
    listed = []
    for name in ("train", "val", "test"):
        paths = (small / f"subsets/{name}.txt").read_text().splitlines()
        assert len(paths) == table[name]["images"] > 0
        assert paths == sorted(paths)
        listed += paths
    assert sorted(listed) == [i.path for i in Dataset.load(small / "dataset/dataset.json")]
    assert len({table[name]["sha256"] for name in table}) == 3


def test_copies_stay_in_one_subset(small, stages):
    names = [f"{n:06d}.jpg" for n in range(6)]
    for name in names:
        shutil.copy(small / "raw/a_coco/images" / name, small / "raw/b_voc/JPEGImages" / name)
        with PIL.open(small / "raw/a_coco/images" / name) as photo:
            photo.save(small / "raw/c_kitti/image_2" / name, quality=60)
    stages("validate", "split")
    where = {
        path: name
        for name in ("train", "val", "test")
        for path in (small / f"subsets/{name}.txt").read_text().splitlines()
    }
    for name in names:
        paths = (f"a_coco/images/{name}", f"b_voc/JPEGImages/{name}", f"c_kitti/image_2/{name}")
        assert len({where[path] for path in paths}) == 1
