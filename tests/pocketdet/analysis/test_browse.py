"""FiftyOne on a real MongoDB; its mAP, its saved views, and its App in a browser."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from browsing import chromium
from PIL import Image as PIL
from servers import background, free_port, wait_for

from pocketdet.analysis import mongo
from pocketdet.dataset import Box, Dataset, Image
from pocketdet.detector.decode import Detections
from pocketdet.errors import BrowseError
from pocketdet.scoring import coco

pytestmark = pytest.mark.slow

CLASSES = ("person", "bicycle")
VIEWS = {
    "train": 4, "val": 8, "test": 8, "source a": 20, "slice night": 2, "policy violations": 1,
    "label errors?": 1,
}  # fmt: skip
RUN = """
import json, sys, types
from pathlib import Path
from pocketdet.analysis import browse
here = Path(sys.argv[1])
def path_of(stage, name):
    return here / name
scene = browse.read(here, path_of)
if sys.argv[2] == "app":
    browse.explore(here, path_of, int(sys.argv[3]), print)
dataset = browse.build(scene, "pocketdet-test")
views = {n: len(dataset.load_saved_view(n)) for n in dataset.list_saved_views()}
hits = dataset.match_tags("test").count_values("predictions.detections.at_point")
print("\\n" + json.dumps({"mAP": dataset.info["mAP"], "views": views, "hits": hits}))
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mongo")
    try:
        uri = mongo.start(folder)
    except BrowseError as error:
        if "cannot be fetched" not in str(error):
            raise
        pytest.skip(str(error))
    yield {
        **os.environ, mongo.VARIABLE: uri, "FIFTYONE_DO_NOT_TRACK": "1",
        "FIFTYONE_DEFAULT_DATASET_DIR": str(folder / "datasets"),
    }  # fmt: skip
    mongo.stop(folder)


def scene(folder: Path) -> float:
    """Files as the stages leave them; gives pycocotools' AP of val and test together."""
    rng = np.random.default_rng(0)
    images, found, subsets = [], {}, {"train": [], "val": [], "test": []}
    (folder / "raw/a").mkdir(parents=True)
    for n in range(20):
        path = f"a/{n:02}.jpg"
        PIL.new("RGB", (300, 150), (10 * n, 90, 90)).save(folder / "raw" / path)
        low = rng.uniform(0, (90, 100), (5, 2))
        truth = np.concatenate([low, low + rng.uniform(10, 50, (5, 2))], axis=1)
        # FiftyOne lets a detection in a crowd match the crowd although an object fits it as well,
        # pycocotools lets it match the object: here what is ignored lies apart.
        truth[[2, 4], ::2] += 140
        labels = rng.integers(0, 2, 5)
        ignore = ["", "", "iscrowd" if n % 3 else "", "", "difficult"]
        boxes = [Box(CLASSES[label], tuple(box), why) for box, label, why in
                 zip(truth.tolist(), labels, ignore, strict=True)]  # fmt: skip
        if n % 5 == 0:
            boxes.append(Box("DontCare", (150, 75, 290, 150), "DontCare"))
        images.append(Image(path, (300, 150), tuple(boxes), "a"))
        noisy = np.concatenate([truth, truth[:3]]) + rng.normal(0, 4, (8, 4))
        noisy[:, 2:] = np.maximum(noisy[:, 2:], noisy[:, :2] + 1)
        scores = np.sort(rng.permutation(1000)[:8] / 1000)[::-1]
        of = np.concatenate([labels, rng.integers(0, 2, 3)])
        subset = "train" if n < 4 else "val" if n < 12 else "test"
        subsets[subset].append(path)
        if subset != "train":
            arrays = (noisy.astype(np.float32), scores.astype(np.float32), of.astype(np.int32))
            found[path] = Detections(*arrays)
    data = Dataset(CLASSES, tuple(images))
    for name in ("dataset", "subsets", "report/slices"):
        (folder / name).mkdir(parents=True)
    data.save(folder / "dataset/dataset.json")
    for name, paths in subsets.items():
        (folder / f"subsets/{name}.txt").write_text("".join(f"{path}\n" for path in paths))
        if name != "train":
            part = data.subset(paths)
            rows = coco.results(part, {path: found[path] for path in paths})
            (folder / f"report/detections_{name}.json").write_text(json.dumps(rows))
    (folder / "subsets/subsets.json").write_text(json.dumps({name: {} for name in subsets}))
    (folder / "point").write_text(json.dumps({"score_min": 0.5}))
    (folder / "report/slices/night.txt").write_text("a/04.jpg\t0\na/04.jpg\t2\na/05.jpg\n")
    corners = "1,1,9,9\n"
    (folder / "report/violations.csv").write_text(
        f"image,rule,x1,y1,x2,y2\na/00.jpg,min_side_px,{corners}"
    )
    (folder / "report/suspects.csv").write_text(
        "image,kind,suspicion,class,suggested,x1,y1,x2,y2\n"
        f"a/07.jpg,missing,0.9,person,person,{corners}"
    )
    evaluated = data.subset([*subsets["val"], *subsets["test"]])
    return coco.score(evaluated, found).overall["AP"]


def test_map_saved_views_and_marks(server, tmp_path):
    expected = scene(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(tmp_path), "build"], env=server, capture_output=True,
        text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert 0.1 < expected < 0.9
    assert found["mAP"] == pytest.approx(expected, abs=1e-6)
    assert found["views"].items() >= VIEWS.items()
    assert {"hits", "false alarms", "misses"} <= set(found["views"])
    assert found["hits"]["tp"] > 5
    assert found["hits"]["fp"] > 1


def test_the_app_shows_the_saved_views(server, tmp_path):
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    scene(tmp_path)
    port = free_port()
    script = tmp_path / "run_app.py"
    script.write_text(RUN)
    log = tmp_path / "log.txt"
    env = {**server, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"}
    with (
        background("run_app", str(tmp_path), "app", str(port), cwd=tmp_path, env=env, log=log),
        chromium() as page,
    ):

        def answers() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        def text() -> str:
            return page.find_element(By.TAG_NAME, "body").text

        wait_for(answers, 180, lambda: log.read_text()[-3000:])
        page.get(f"http://127.0.0.1:{port}/datasets/pocketdet-{tmp_path.name}")
        wait_for(lambda: "Unsaved view" in text(), 120, text)

        def listed() -> bool:
            """Whether the list of saved views is open; an advertisement may lie over it."""
            try:
                page.find_element(By.XPATH, "//*[contains(text(), 'Unsaved view')]").click()
            except WebDriverException:
                ActionChains(page).send_keys(Keys.ESCAPE).perform()
            return all(n in text() for n in ("misses", "policy violations", "slice night"))

        wait_for(listed, 60, text)
