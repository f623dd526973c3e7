"""Keeps dvc.yaml's lists of code files equal to what each stage can reach by imports.

    python -m flows.deps            rewrites the lists
    python -m flows.deps --check    exit status 1 and the difference if they are not equal

A stage reaches the modules that `tasks/STAGE.py` imports, wherever in a file the import stands, and
what those import. With a module come the files beside it that are no Python and that it names:
"page.html" one file, ".yaml" all of that kind. A longer list makes stages run for nothing, one too
short leaves them stale.
"""

import ast
import difflib
import functools
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

FIRST_PARTY = ("tasks", "pocketdet")


class DynamicImportError(Exception):
    """An import whose target only a run can tell."""


def reachable(root: Path, stage: str) -> list[str]:
    """The first-party files that a stage's module can reach, itself included, sorted.

    Raises:
        DynamicImportError: One of them imports by a computed name.
        FileNotFoundError: The stage has no module.
    """
    first = root / "tasks" / f"{stage}.py"
    if not first.is_file():
        raise FileNotFoundError(f"{first}: stage {stage} of dvc.yaml has no module")
    found: set[Path] = set()
    waiting = [first]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        waiting += _imported(root, path)
    code = (path for path in found if _has_content(path))
    files = {*code, *(data for path in found for data in _named(path))}
    return sorted(path.relative_to(root).as_posix() for path in files)


@functools.cache
def _named(path: Path) -> frozenset[Path]:
    """The files beside a module, not Python, that it names in a string."""
    strings = {
        node.value.lstrip("*")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return frozenset(
        other
        for other in path.parent.iterdir()
        if other.is_file()
        and other.suffix not in ("", ".py", ".pyc")
        and {other.name, other.suffix} & strings
    )


@functools.cache
def _imported(root: Path, path: Path) -> frozenset[Path]:
    """The files that a file imports directly, with the packages around them."""
    module = path.relative_to(root).with_suffix("").parts
    package = module[:-1]  # of `a/b.py` and of `a/__init__.py` alike: a
    names: set[tuple[str, ...]] = {package}
    for node in _nodes(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        match node:
            case ast.Import(names=aliases):
                names |= {tuple(alias.name.split(".")) for alias in aliases}
            case ast.ImportFrom(module=source, names=aliases, level=level):
                base = package[: len(package) - level + 1] if level else ()
                start = (*base, *(source.split(".") if source else ()))
                names |= {start, *((*start, alias.name) for alias in aliases)}
            case ast.Call(func=ast.Attribute(attr="import_module") | ast.Name(id="__import__")):
                raise DynamicImportError(
                    f"{path}:{node.lineno}: import by name; flows/deps.py cannot follow it, and "
                    "DVC would not see changes behind it: write a plain import"
                )
    files = set()
    for name in names:
        if name and name[0] in FIRST_PARTY:
            for length in range(1, len(name) + 1):
                stem = root.joinpath(*name[:length])
                files |= {f for f in (stem / "__init__.py", stem.with_suffix(".py")) if f.is_file()}
    return frozenset(files - {path})


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those below `if TYPE_CHECKING:`, which never runs."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from _nodes(other)
        else:
            yield from _nodes(child)


@functools.cache
def _has_content(path: Path) -> bool:
    """Whether a file can change a result: not so an __init__.py that only says what it is for."""
    if path.name != "__init__.py":
        return True
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(not isinstance(n, ast.Expr) or not isinstance(n.value, ast.Constant) for n in body)


def rewrite(root: Path, text: str) -> str:
    """dvc.yaml with exact lists of code; other dependencies and comments stay.

    Args:
        root: The project's folder.
        text: dvc.yaml's.
    """
    yaml = YAML()
    yaml.width = 4096
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load(text)
    for name, stage in document["stages"].items():
        body: dict[str, Any] = stage.get("do", stage)
        others = [dep for dep in body.get("deps", []) if not _is_code(dep)]
        wanted = [*others, *reachable(root, name)]
        if "deps" in body:
            if list(body["deps"]) != wanted:
                body["deps"][:] = wanted
        else:
            body.insert(1, "deps", wanted)  # type: ignore[attr-defined]
    stream = StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def _is_code(dep: object) -> bool:
    return isinstance(dep, str) and dep.split("/")[0] in FIRST_PARTY


def main(arguments: list[str]) -> int:
    """Rewrite dvc.yaml, or with --check print what a rewrite would change."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m flows.deps [--check]\n")
        return 2
    path = Path("dvc.yaml")
    old = path.read_text(encoding="utf-8")
    try:
        new = rewrite(Path(), old)
    except (DynamicImportError, FileNotFoundError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if arguments:
        sys.stdout.writelines(
            difflib.unified_diff(old.splitlines(True), new.splitlines(True), "dvc.yaml", "imports")
        )
        return int(old != new)
    path.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
