"""`pocketdet annotations`: convert and check annotated folders, inside or outside of a project."""

import json
import os
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table
from rich.text import Text

from pocketdet.config import FormatName
from pocketdet.config import Source as Entry

if TYPE_CHECKING:  # formats need packages that the base install lacks
    from pocketdet.curation.checkup import Checkup
    from pocketdet.formats import Finding, ReadRules

SHOWN = 3  # places a symptom
STYLES = {"error": "red", "warning": "yellow", "note": ""}

app = typer.Typer(help=__doc__.partition(": ")[2].capitalize(), no_args_is_help=True)

Source = Annotated[
    Path, typer.Argument(help="Folder with annotations, or one COCO file.", exists=True)
]
Images = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the pictures, if they lie elsewhere.", file_okay=False, exists=True
    ),
]
Stored = Annotated[
    bool,
    typer.Option(
        "--stored-pixels",
        help="Boxes were drawn on the pixels as stored, by a tool that does not heed EXIF "
        "orientation. Without it: on the picture as viewers show it.",
    ),
]
Negatives = Annotated[
    bool,
    typer.Option("--negatives", help="Pictures without annotation have no objects."),
]
Doubtful = Annotated[
    bool,
    typer.Option(
        "--drop-doubtful",
        help="Leave out and count files, pictures and classes that cannot be made sense of.",
    ),
]


@app.command()
def convert(
    source: Source,
    out: Annotated[Path, typer.Argument(help="Folder to write; new or empty.")],
    from_: Annotated[FormatName, typer.Option("--from", help="How it is annotated.")],
    to: Annotated[FormatName, typer.Option("--to", help="How to annotate.")],
    images: Images = None,
    stored_pixels: Stored = False,
    negatives: Negatives = False,
) -> None:
    """Write an annotated folder, with its pictures, in another format.

    What the format cannot hold goes into pocketdet.json beside the annotations, which pocketdet
    reads back and other tools do not. Boxes end up on upright pictures' pixels.
    """
    from pocketdet.sources.conversion import convert as write

    rules = _rules(from_, images, stored_pixels, negatives)
    converted = write(source, from_, to, out, rules)
    result = converted.read
    err = Console(stderr=True)
    for title, findings in (
        ("Dropped", [f for f in result.findings if f.dropped]),
        ("Changed", [f for f in result.findings if not f.dropped]),
        (f"What {to} cannot hold", list(converted.lost)),
    ):
        _print_findings(err, title, findings)
    for kind, count in result.unread.items():
        err.print(f"Not converted, because boxes alone are: {count} x {kind}", style="yellow")
    boxes = sum(len(image.boxes) for image in result.dataset)
    Console().print(Text(f"{len(result.dataset)} pictures, {boxes} boxes: {out}"), soft_wrap=True)


@app.command()
def check(
    source: Source,
    format: Annotated[FormatName, typer.Option(help="How it is annotated.")],
    images: Images = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all that was found as JSON.")
    ] = False,
    stored_pixels: Stored = False,
    negatives: Negatives = False,
    fast: Annotated[bool, typer.Option("--fast", help="Decode no picture.")] = False,
    input_px: Annotated[
        int, typer.Option(help="Longer side of the net's input, at which boxes may be tiny.", min=1)
    ] = 320,
) -> None:
    """Say what is wrong or odd, by reason.

    Exit status 1: something would be dropped, or is in two subsets.
    """
    from pocketdet.curation import checkup

    rules = _rules(format, images, stored_pixels, negatives)
    workers = 0 if fast else os.cpu_count() or 1
    err = Console(stderr=True)
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("pictures", total=None)
        found = checkup.examine(
            format,
            source,
            rules,
            checkup.Thresholds(input_px=input_px),
            workers,
            lambda done: bar.update(task, completed=done, description=f"{done} pictures"),
        )
    if as_json:
        sys.stdout.write(json.dumps(found.data(), indent=1, ensure_ascii=False) + "\n")
    else:
        _print(found)
    raise typer.Exit(1 if found.errors else 0)


def entry(format: FormatName, stored: bool, negatives: bool, doubtful: bool = False) -> Entry:
    """A source as params.yaml would say by these options.

    Args:
        format: How it is annotated.
        stored: Boxes were drawn on the pixels as stored.
        negatives: Pictures without annotation have no objects.
        doubtful: What cannot be made sense of is dropped.
    """
    return Entry(
        format=format,
        orientation="stored" if stored else "upright",
        unannotated="negative" if negatives else None,
        doubtful="drop" if doubtful else "fail",
    )


def _rules(format: FormatName, images: Path | None, stored: bool, negatives: bool) -> "ReadRules":
    from pocketdet.formats import ReadRules

    return replace(ReadRules.of(entry(format, stored, negatives)), images=images)


def _print(found: "Checkup") -> None:
    out = Console()
    table = Table(
        Column("what", no_wrap=True),
        Column("check", no_wrap=True),
        Column("count", justify="right"),
        Column("boxes", justify="right"),
    )
    for symptom in found.symptoms:
        boxes = str(symptom.boxes) if symptom.boxes else ""
        cells = (symptom.severity, symptom.check, str(symptom.count), boxes)
        table.add_row(*cells, style=STYLES[symptom.severity])
    if found.symptoms:
        out.print(table)
    for symptom in found.symptoms:  # a column of the table would be too narrow for them
        where = ", ".join(symptom.where[:SHOWN])
        if len(symptom.where) > SHOWN:
            where += f" and {len(symptom.where) - SHOWN} more"
        what = "" if symptom.what in where else symptom.what
        line = "; ".join(filter(None, (what, where)))
        out.print(Text(f"{symptom.check}: {line}"), soft_wrap=True)
    for kind, count in found.unread.items():
        out.print(f"Not read, because boxes alone are: {count} x {kind}")
    out.print(
        f"{found.images} pictures, {found.boxes} boxes, {found.ignored} of them ignored; "
        f"{found.errors} errors"
    )


def _print_findings(out: Console, title: str, findings: list["Finding"]) -> None:
    """Counts by reason, with the first of each."""
    if not findings:
        return
    table = Table("reason", Column("count", justify="right"), "first", title=title)
    for reason, count in Counter(finding.reason for finding in findings).items():
        first = next(finding for finding in findings if finding.reason == reason)
        where = f"{first.file}: {first.record} {first.detail}".rstrip()
        table.add_row(Text(reason), str(count), Text(where))
    out.print(table)
