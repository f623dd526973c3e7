"""dvc.yaml's lists of code files are those that imports reach."""

import textwrap
from pathlib import Path

import pytest
from conftest import REPOSITORY

from flows import deps


def test_dvc_yaml_names_exactly_the_code_that_its_stages_reach():
    text = (REPOSITORY / "dvc.yaml").read_text()
    assert deps.rewrite(REPOSITORY, text) == text, "run: make deps"


@pytest.fixture
def project(tmp_path) -> Path:
    for name, text in {
        "tasks/__init__.py": '"""What tasks are."""\n',
        "tasks/train.py": "def run():\n    from pocketdet.net import head\n",
        "tasks/split.py": "import pocketdet.words\n",
        "pocketdet/__init__.py": "VERSION = 1\n",
        "pocketdet/words.py": "",
        "pocketdet/net/__init__.py": '"""Nets."""\n',
        "pocketdet/net/head.py": "from . import blocks\nfrom ..cards import read\n",
        "pocketdet/net/blocks.py": "import tasks_elsewhere, numpy\n",
        "pocketdet/cards/__init__.py": "def read(name): return open(f'{name}.yaml')\n",
        "pocketdet/cards/phone.yaml": "",
        "pocketdet/cards/notes.txt": "",
        "pocketdet/unused.py": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_reaches_through_functions_packages_and_relative_imports(project):
    assert deps.reachable(project, "train") == [
        "pocketdet/__init__.py",
        "pocketdet/cards/__init__.py",
        "pocketdet/cards/phone.yaml",
        "pocketdet/net/blocks.py",
        "pocketdet/net/head.py",
        "tasks/train.py",
    ]
    assert deps.reachable(project, "split") == [
        "pocketdet/__init__.py",
        "pocketdet/words.py",
        "tasks/split.py",
    ]


def test_import_for_types_only_is_none(project):
    (project / "tasks/split.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pocketdet.words\n"
    )
    assert deps.reachable(project, "split") == ["tasks/split.py"]


def test_import_by_computed_name_is_refused(project):
    (project / "pocketdet/words.py").write_text("import importlib\nimportlib.import_module('x')\n")
    with pytest.raises(deps.DynamicImportError, match=r"words\.py:2: import by name"):
        deps.reachable(project, "split")


def test_stage_without_module_is_named(project):
    with pytest.raises(FileNotFoundError, match=r"stage evaluate of .* has no module"):
        deps.reachable(project, "evaluate")


def test_rewrite_keeps_data_comments_and_layout(project):
    text = textwrap.dedent("""\
        # the DAG
        stages:
          split:
            foreach: ${sources}
            do:
              cmd: python -m tasks.split ${item}
              params: [seed]   # of everything
          train:
            cmd: >-
              python -m tasks.train
              --more
            deps:
              - ${data}
              - pocketdet/old.py
            outs:
              - models
    """)
    wanted = textwrap.dedent("""\
        # the DAG
        stages:
          split:
            foreach: ${sources}
            do:
              cmd: python -m tasks.split ${item}
              deps:
                - pocketdet/__init__.py
                - pocketdet/words.py
                - tasks/split.py
              params: [seed]   # of everything
          train:
            cmd: >-
              python -m tasks.train
              --more
            deps:
              - ${data}
              - pocketdet/__init__.py
              - pocketdet/cards/__init__.py
              - pocketdet/cards/phone.yaml
              - pocketdet/net/blocks.py
              - pocketdet/net/head.py
              - tasks/train.py
            outs:
              - models
    """)
    assert deps.rewrite(project, text) == wanted
    assert deps.rewrite(project, wanted) == wanted


def test_check_prints_the_difference_and_fails(project, monkeypatch, capsys):
    monkeypatch.chdir(project)
    Path("dvc.yaml").write_text("stages:\n  split:\n    cmd: python -m tasks.split\n")
    assert deps.main(["--check"]) == 1
    assert "+      - pocketdet/words.py" in capsys.readouterr().out
    assert deps.main([]) == 0
    assert deps.main(["--check"]) == 0
    assert deps.main(["--chek"]) == 2
