"""A project of a few trivial stages, and a real Prefect server."""

import json
import os
import re
import shutil
import textwrap
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY, commit, environment, git, run, set_params
from servers import background, free_port, wait_for

CODE = (
    "flows", "tasks", "pocketdet", "prefect.yaml", "params.yaml", "pyproject.toml",
    ".gitignore", ".dvcignore",
)  # fmt: skip

PIPELINE = """\
stages:
  split:
    cmd: python -m toy.split --subsets subsets
    deps: [data/raw/photos, toy/split.py, toy/words.py]
    params: [split.train]
    outs: [subsets]
  analyse:
    cmd: python -m toy.analyse
    deps: [subsets, toy/analyse.py]
    outs: [analysis.txt]
  train:
    cmd: python -m toy.train --trained trained
    deps: [subsets, toy/train.py]
    params: [train.epochs]
    outs: [trained]
  evaluate:
    cmd: python -m toy.evaluate --subsets subsets --trained trained --report scores
    deps: [trained, toy/evaluate.py]
    params: [evaluate.nms_iou]
    outs: [scores]
  package:
    cmd: python -m toy.package --bundle bundle --page page
    deps: [analysis.txt, scores, toy/package.py]
    outs: [bundle, page]
"""

STAGES = {
    "words": "def shout(text):\n    return text.upper()\n",
    "split": """\
        import hashlib, json
        from pathlib import Path
        from toy.words import shout

        text = shout(Path("data/raw/photos/a.txt").read_text())
        Path("subsets").mkdir()
        Path("subsets/test.txt").write_text(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        Path("subsets/subsets.json").write_text(json.dumps({"test": {"sha256": digest}}))
    """,
    "analyse": """\
        from pathlib import Path

        Path("analysis.txt").write_text(Path("subsets/test.txt").read_text() * 2)
    """,
    "train": """\
        import time
        from pathlib import Path
        from tasks import params

        epochs = params.load().train.epochs
        for epoch in range(epochs):
            print("epoch", epoch, flush=True)
            time.sleep(0.05)
        Path("trained").mkdir()
        Path("trained/weights.safetensors").write_text(f"weights of {epochs} epochs")
    """,
    "evaluate": """\
        import json
        from pathlib import Path
        from tasks import params

        Path("scores").mkdir()
        ap = params.load().evaluate.nms_iou  # any number will do
        Path("scores/metrics.json").write_text(json.dumps({"test": {"AP": ap}}))
    """,
    "package": """\
        from pathlib import Path

        Path("bundle").mkdir()
        Path("bundle/toy.zip").write_text(Path("scores/metrics.json").read_text())
        Path("page").mkdir()
        Path("page/index.html").write_text("<p>" + Path("scores/metrics.json").read_text())
    """,
}


@dataclass(frozen=True)
class Toy:
    """A project with the real code, and stages that take no time."""

    root: Path

    def edit(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def params(self, **values: object) -> None:
        set_params(self.root, {key.replace("__", "."): value for key, value in values.items()})

    def commit(self) -> None:
        commit(self.root, "edit")

    def branches(self) -> list[str]:
        return git(self.root, "branch", "--format=%(refname:short)", "--list", "runs/*").split()

    def status(self) -> str:
        return git(self.root, "status", "--porcelain")


@pytest.fixture(scope="session")
def finished_toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy project after its first run, committed. Read only: copy it with `toy`."""
    root = tmp_path_factory.mktemp("finished") / "toy"
    root.mkdir()
    for name in CODE:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, root / name)
    toy = Toy(root)
    toy.edit("dvc.yaml", PIPELINE)
    for name, text in STAGES.items():
        toy.edit(f"toy/{name}.py", text)
    toy.edit("data/raw/photos/a.txt", "a cat")
    toy.params(train__epochs=2)
    git(root, "init", "-q")
    run(root, "dvc", "init", "-q")
    run(root, "dvc", "add", "-q", "data/raw/photos")
    run(root, "dvc", "repro", "-q")
    toy.commit()
    return root


@pytest.fixture
def toy(finished_toy: Path, tmp_path: Path) -> Toy:
    """A copy of the finished toy project, with its cache, to edit and rerun."""
    return Toy(shutil.copytree(finished_toy, tmp_path / "toy", symlinks=True))


@dataclass(frozen=True)
class Server:
    """A Prefect server."""

    url: str
    env: dict[str, str]

    def call(self, path: str, body: object = None) -> Any:
        """POST if there is a body, else GET; the answer."""
        request = urllib.request.Request(
            f"{self.url}/{path}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real server on a free port of loopback, with a database of its own."""
    home = tmp_path_factory.mktemp("prefect")
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    env = {
        **environment(),
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": url,  # the page asks this address
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS": "2",
    }
    server = Server(url, env)
    start = ("prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port))
    log = home / "server.log"
    with background(*start, cwd=home, env=env, log=log) as process:
        wait_for(lambda: healthy(server), 120, lambda: log.read_text()[-3000:])
        yield server
        assert process.poll() is None, log.read_text()[-3000:]


def healthy(server: Server) -> bool:
    try:
        return bool(server.call("health"))
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


@pytest.fixture
def in_toy(toy: Toy, prefect_server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toy]:
    """Flows called in this process run in the toy project and show on the server."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    for name in [n for n in os.environ if re.match("MLFLOW_|PREFECT_|DVC_|POCKETDET_", n)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("DVC_NO_ANALYTICS", "true")
    monkeypatch.chdir(toy.root)
    with temporary_settings({PREFECT_API_URL: prefect_server.url}):
        yield toy
