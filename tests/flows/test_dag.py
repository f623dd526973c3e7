"""Stages and edges as DVC sees them."""

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet

import pytest
from conftest import REPOSITORY, run
from dvc.repo import Repo

from flows import dag

# Of DVC, about a package that it uses.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value will soon:DeprecationWarning")


def test_real_pipeline_in_an_order_in_which_it_can_run():
    nodes = dag.nodes(REPOSITORY)
    done = set()
    for node in nodes:
        assert set(node.needs) <= done, node
        done.add(node.name)
    names = [node.name for node in nodes]
    assert {"sample@street_coco", "validate", "package"} <= done
    assert names.index("train") < names.index("evaluate") < names.index("convert")


def test_order_does_not_change_from_call_to_call(toy):
    assert dag.nodes(toy.root) == dag.nodes(toy.root)


def test_edges(toy):
    needs = {node.name: node.needs for node in dag.nodes(toy.root)}
    assert needs["split"] == ("data/raw/photos.dvc",)
    assert needs["package"] == ("analyse", "evaluate")


def test_target_brings_what_it_needs(toy):
    names = [node.name for node in dag.nodes(toy.root, ["train"])]
    assert names == ["data/raw/photos.dvc", "split", "train"]


def test_name_of_a_foreach_means_all_of_it():
    names = {node.name for node in dag.nodes(REPOSITORY, ["sample"])}
    assert names == {"sample@street_coco", "sample@street_voc", "sample@street_kitti"}


def test_unknown_target_lists_the_stages(toy):
    with pytest.raises(KeyError, match=r"'trian' is no stage of .*: one of analyse, evaluate"):
        dag.nodes(toy.root, ["trian"])


def test_tracked_file_that_no_stage_reads_is_left_out(toy):
    toy.edit("data/raw/spare.txt", "nobody reads it")
    run(toy.root, "dvc", "add", "-q", "data/raw/spare.txt")
    assert "data/raw/spare.txt.dvc" not in [node.name for node in dag.nodes(toy.root)]


def test_changed_is_dvcs_answer(toy):
    assert not dag.changed(toy.root, "evaluate")
    toy.params(evaluate__nms_iou=0.1)
    assert dag.changed(toy.root, "evaluate")
    assert not dag.changed(toy.root, "package")  # until evaluate has run
    (toy.root / "page/index.html").unlink()
    assert dag.changed(toy.root, "package")


def test_sources_of_the_user_are_seen_through_gitignore(toy):
    """DVC takes `/data/*` in .gitignore for `/data/` and then overlooks data/raw/NAME.dvc."""
    assert dag.nodes(toy.root)[0] == dag.Node("data/raw/photos.dvc", ())


def test_waits_while_another_dvc_writes_its_lock_file(toy):
    path = toy.root / "dvc.lock"
    whole = path.read_text()
    with ThreadPoolExecutor() as pool:
        with Repo(str(toy.root)) as repo, repo.lock:
            path.write_text(whole[: len(whole) // 2] + ": [")  # no YAML
            answer = pool.submit(dag.changed, toy.root, "evaluate")
            with pytest.raises(NotYet):
                answer.result(timeout=1)
            path.write_text(whole)
        assert answer.result(timeout=60) is False
