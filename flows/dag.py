"""dvc.yaml as stages and edges, read by DVC itself: no edge is stated anywhere else."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx
import yaml
from dvc.repo import Repo, lock_repo
from dvc.stage import PipelineStage, Stage


@dataclass(frozen=True)
class Node:
    """A stage, or a tracked source (`data/raw/NAME.dvc`).

    Attributes:
        name: As `dvc repro` takes it, `sample@street_coco` for one of a foreach.
        needs: Names of the nodes that make its inputs.
    """

    name: str
    needs: tuple[str, ...]

    @property
    def is_source(self) -> bool:
        """Whether it is a tracked file or folder without a command."""
        return self.name.endswith(".dvc")


def nodes(root: Path, targets: Collection[str] = ()) -> list[Node]:
    """The stages that the targets need and the targets, in an order in which they can run.

    Args:
        root: The folder of dvc.yaml.
        targets: Names as in dvc.yaml, `sample` for all of a foreach; none = all stages.

    Raises:
        KeyError: A target is no stage; the message lists the stages.
    """
    with _repo(root) as repo:
        graph = repo.index.graph  # an edge points from a stage to what it needs
        names = {stage: _name(stage, root) for stage in graph}
        place = {name: number for number, name in enumerate(names.values())}
    known = {name.partition("@")[0] for name in place if not name.endswith(".dvc")}
    for target in targets:
        if target not in place and target not in known:
            raise KeyError(f"{target!r} is no stage of dvc.yaml: one of {', '.join(sorted(known))}")
    graph = networkx.relabel_nodes(graph, names)
    wanted: set[str] = set()
    for name in place:
        # A tracked file that no stage reads is none of the pipeline's business.
        if {name, name.partition("@")[0]} & set(targets or known):
            wanted |= {name, *networkx.descendants(graph, name)}
    order = networkx.lexicographical_topological_sort(
        graph.subgraph(wanted).reverse(), key=lambda name: place[name]
    )
    return [Node(name, tuple(sorted(graph.successors(name)))) for name in order]


def stages(root: Path) -> list[str]:
    """The names of the stages, as dvc.yaml lists them."""
    raw = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))
    return list(raw["stages"])


def changed(root: Path, name: str) -> bool:
    """DVC's one answer to whether a stage is out of date.

    True of a stage with a missing output too, and never of one whose inputs are still to be remade:
    ask when all that it needs has run.
    """
    with _repo(root) as repo:
        stage = next(stage for stage in repo.index.graph if _name(stage, root) == name)
        return bool(stage.changed())


def missing(root: Path, name: str) -> bool:
    """Whether an output of a stage, or the tracked file or folder, is not there."""
    with _repo(root) as repo:
        stage = next(stage for stage in repo.index.graph if _name(stage, root) == name)
        return any(not out.exists for out in stage.outs)


def cache(root: Path) -> Path:
    """The folder of DVC's cache."""
    with _repo(root) as repo:
        return Path(repo.cache.local_cache_dir)


def has_remote(root: Path) -> bool:
    """Whether `dvc push` and `dvc pull` know where to."""
    with _repo(root) as repo:
        return bool(repo.config["core"].get("remote"))


def push(root: Path) -> None:
    """Send all outputs and sources to DVC's remote."""
    with _repo(root) as repo:
        repo.push(run_cache=True)


def share_cache(root: Path, folder: Path) -> None:
    """Let a clone use another project's cache, by links where the disk allows."""
    with _repo(root) as repo, repo.config.edit("local") as config:
        section: dict[str, Any] = config.setdefault("cache", {})
        section |= {"dir": str(folder), "type": "hardlink,symlink,copy"}


def check_out(root: Path) -> None:
    """Bring back from the cache all outputs and sources as committed, where the cache has them."""
    with _repo(root) as repo:
        repo.checkout(allow_missing=True)


@contextmanager
def _repo(root: Path) -> Iterator[Repo]:
    # A new one each time, as it keeps what it read: 15 ms. Under the lock even to read, as the DVC
    # of a stage beside this one may be in the midst of writing dvc.lock.
    with Repo(str(root), _wait_for_lock=True) as repo, lock_repo(repo):
        yield repo


def _name(stage: Stage, root: Path) -> str:
    if isinstance(stage, PipelineStage):
        return str(stage.name)
    return Path(stage.path).relative_to(root.resolve()).as_posix()
