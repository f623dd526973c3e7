"""Slices: parts of a data set by what their pictures and boxes are, named in params.yaml.

    dark people: brightness < 0.3 and label == 'person'

An expression has comparisons (== != < <= > >= in, not in), `and`, `or`, `not`, + - * / of numbers,
numbers, texts, lists of them, and the attributes below. It is parsed, never executed.

What is not known is neither true nor false (Kleene's logic): an object whose occlusion no one
annotated is not in `occlusion >= 1`, nor in `occlusion < 1`. A detection has no occlusion at all,
so that `occlusion` alone cannot rule it out.
"""

import ast
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from pocketdet.errors import ParamsError

Column = npt.NDArray[np.float64] | npt.NDArray[np.str_]
Bools = npt.NDArray[np.bool_]

IMAGE_ATTRIBUTES = {
    "source": "name of the source in data/raw",
    "path": "of the picture below data/raw",
    "image_width": "px",
    "image_height": "px",
    "brightness": "mean luma of the picture, 0..1",
    "objects": "objects of the picture that count",
}
BOX_ATTRIBUTES = {
    "label": "class",
    "width": "px",
    "height": "px",
    "area": "px^2",
    "side": "root of the area, px",
    "relative_side": "root of the share of the picture's area, 0..1",
    "aspect": "width / height",
    "x": "centre, share of the picture's width, 0..1",
    "y": "centre, share of the picture's height, 0..1",
    "occlusion": "KITTI's level, 0 to 3; annotated objects only",
    "truncation": "share outside the picture, 0..1; annotated objects only",
}
TEXTS = ("source", "path", "label")
MAX_LENGTH = 1000  # characters of an expression
MAX_DEPTH = 50  # of nested parts; people write three or four

_COMPARE: dict[type[ast.cmpop], Callable[[Column, Column], Bools]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_ARITHMETIC: dict[type[ast.operator], Callable[[Column, Column], Column]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip


@dataclass(frozen=True)
class Truth:
    """What is true and what is false; the rest is unknown, (N,) each."""

    yes: Bools
    no: Bools


def _depth(tree: ast.AST) -> int:
    """Nodes from the top to the deepest one; counted, as Python's own limit can be moved."""
    depth, level = 0, [tree]
    while level:
        depth, level = depth + 1, [child for n in level for child in ast.iter_child_nodes(n)]
    return depth


class Expression:
    """A slice's expression, checked when made."""

    def __init__(self, name: str, text: str) -> None:
        """Parse it.

        Args:
            name: Of the slice, for messages.
            text: The expression.

        Raises:
            ParamsError: It is no such expression, names an unknown attribute, or compares a text
                with a number.
        """
        self.name, self.text = name, text
        if len(text) > MAX_LENGTH:
            self._refuse(f"longer than {MAX_LENGTH} characters")
        try:
            self._body = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            self._refuse(f"no expression ({error})")
        if _depth(self._body) > MAX_DEPTH:
            self._refuse("nested too deeply")
        self.names = frozenset(n.id for n in ast.walk(self._body) if isinstance(n, ast.Name))
        known = {**IMAGE_ATTRIBUTES, **BOX_ATTRIBUTES}
        for unknown in sorted(self.names - set(known)):
            near = get_close_matches(unknown, known, 1)
            hint = f"; did you mean {near[0]}?" if near else f", expected {', '.join(known)}"
            self._refuse(f"unknown attribute {unknown!r}{hint}")
        empty = {n: np.empty(0, np.str_) if n in TEXTS else np.empty(0) for n in known}
        try:
            self.truth(empty, 0)
        except OverflowError:
            self._refuse("a number is too large")

    def truth(self, columns: Mapping[str, Column], n: int) -> Truth:
        """What of N rows is in the slice.

        Args:
            columns: Attribute -> (N,) values, NaN where unknown; an attribute that is not among
                them is unknown everywhere.
            n: Rows.
        """
        return self._truth(self._body, columns, n)

    def _truth(self, node: ast.expr, columns: Mapping[str, Column], n: int) -> Truth:
        if isinstance(node, ast.BoolOp):
            parts = [self._truth(value, columns, n) for value in node.values]
            yes, no = [p.yes for p in parts], [p.no for p in parts]
            if isinstance(node.op, ast.And):
                return Truth(np.logical_and.reduce(yes), np.logical_or.reduce(no))
            return Truth(np.logical_or.reduce(yes), np.logical_and.reduce(no))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self._truth(node.operand, columns, n)
            return Truth(inner.no, inner.yes)
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            parts = [
                self._compare(op, left, right, columns, n)
                for op, left, right in zip(node.ops, sides[:-1], sides[1:], strict=True)
            ]
            yes, no = [p.yes for p in parts], [p.no for p in parts]
            return Truth(np.logical_and.reduce(yes), np.logical_or.reduce(no))
        self._refuse(f"{ast.unparse(node)!r} is no comparison")

    def _compare(
        self, op: ast.cmpop, left: ast.expr, right: ast.expr, columns: Mapping[str, Column], n: int
    ) -> Truth:
        a = self._value(left, columns, n)
        if isinstance(op, ast.In | ast.NotIn):
            if isinstance(right, ast.List | ast.Tuple):
                parts = [self._compare(ast.Eq(), left, each, columns, n) for each in right.elts]
                found = Truth(
                    np.logical_or.reduce([p.yes for p in parts] or [np.zeros(n, np.bool_)]),
                    np.logical_and.reduce([p.no for p in parts] or [np.ones(n, np.bool_)]),
                )
            else:
                text = self._value(right, columns, n)
                if a is None or text is None:
                    return Truth(np.zeros(n, np.bool_), np.zeros(n, np.bool_))
                if not (_is_text(a) and _is_text(text)):
                    self._refuse("`in` needs a list, or texts on both sides")
                holds = np.char.find(text.astype(np.str_), a.astype(np.str_)) >= 0
                found = Truth(holds, ~holds)
            return found if isinstance(op, ast.In) else Truth(found.no, found.yes)
        b = self._value(right, columns, n)
        if a is None or b is None:
            return Truth(np.zeros(n, np.bool_), np.zeros(n, np.bool_))
        if type(op) not in _COMPARE or _is_text(a) != _is_text(b):
            compared = f"{ast.unparse(left)} with {ast.unparse(right)}"
            self._refuse(f"cannot compare {compared}: one is a text, the other a number")
        holds = _COMPARE[type(op)](a, b)
        known = np.ones(n, np.bool_)
        if not _is_text(a):
            known = ~(np.isnan(a.astype(np.float64)) | np.isnan(b.astype(np.float64)))
        return Truth(holds & known, ~holds & known)

    def _value(self, node: ast.expr, columns: Mapping[str, Column], n: int) -> Column | None:
        """(N,) values, or None where the attribute is unknown everywhere."""
        if isinstance(node, ast.Constant) and not isinstance(node.value, bool):
            if isinstance(node.value, str):
                return np.full(n, node.value)
            if isinstance(node.value, int | float):
                return np.full(n, float(node.value))
        if isinstance(node, ast.Name):
            return columns.get(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            inner = self._number(node.operand, columns, n)
            return None if inner is None else -inner
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            a, b = (self._number(side, columns, n) for side in (node.left, node.right))
            if a is None or b is None:
                return None
            with np.errstate(divide="ignore", invalid="ignore"):
                return _ARITHMETIC[type(node.op)](a, b)
        self._refuse(f"{ast.unparse(node)!r} is no number, text or attribute")

    def _number(
        self, node: ast.expr, columns: Mapping[str, Column], n: int
    ) -> npt.NDArray[np.float64] | None:
        value = self._value(node, columns, n)
        if _is_text(value):
            self._refuse(f"{ast.unparse(node)!r} is a text, expected a number")
        return None if value is None else value.astype(np.float64)

    def _refuse(self, why: str) -> NoReturn:
        raise ParamsError(f"params.yaml: evaluate.slices.{self.name}: {self.text!r}: {why}")


def parse(named: Mapping[str, str]) -> list[Expression]:
    """The slices of params.yaml.

    Raises:
        ParamsError: One is wrong.
    """
    return [Expression(name, text) for name, text in named.items()]


def by_source(sources: Sequence[str]) -> list[Expression]:
    """A slice for each source, where there is more than one."""
    several = sorted(set(sources) - {""})
    if len(several) < 2:
        return []
    return [Expression(f"source_{name}", f"source == {name!r}") for name in several]


def _is_text(value: Column | None) -> bool:
    return value is not None and value.dtype.kind == "U"
