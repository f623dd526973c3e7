"""The `pocketdet` command."""

import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from pocketdet import project
from pocketdet.commands import annotations as annotations_cli
from pocketdet.commands import evaluate as evaluate_cli
from pocketdet.commands import report as report_cli
from pocketdet.config import FormatName
from pocketdet.errors import ParamsError, PocketdetError

app = typer.Typer(
    help="Which architecture, what weights, what deployment parameters does a "
    "detector need to run on this phone? Exit status: 0 done, 1 failed, 2 wrong usage or params.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
track = typer.Typer(help="The records of runs in MLflow.", no_args_is_help=True)
app.add_typer(track, name="track")
for command in (evaluate_cli.evaluate, report_cli.report, report_cli.compare):
    app.command()(command)
app.add_typer(annotations_cli.app, name="annotations")


@app.command()
def run(
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Another value, as in train.epochs=3."),
    ] = None,
    stages: Annotated[
        list[str] | None,
        typer.Option("--stage", metavar="NAME", help="Stop at this stage; may be repeated."),
    ] = None,
) -> None:
    """Run the pipeline under Prefect, which shows every stage; unchanged ones are Cached.

    With --set the run happens in a clean clone of the last commit, on a branch of its own, and
    leaves this folder alone. `dvc repro` does the same work without Prefect.
    """
    arguments = [word for value in overrides or [] for word in ("--set", value)]
    arguments += [word for value in stages or [] for word in ("--stage", value)]
    raise typer.Exit(project.call(project.root(), "flows.pipeline", *arguments))


@app.command()
def status() -> None:
    """Show which stages are up to date, why the others are not, and where the results lie."""
    raise typer.Exit(project.call(project.root(), "flows.status"))


@app.command()
def preset(
    name: Annotated[str, typer.Argument(help="quick or thorough, see pocketdet/presets.yaml.")],
) -> None:
    """Change params.yaml for a quick trial or a thorough training; comments stay."""
    from pocketdet import presets

    path = project.root() / "params.yaml"
    for key, old, new in presets.apply(path, name):
        typer.echo(f"  {key}: {old} -> {new}")
    typer.echo("Next: dvc repro")


@app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="Folder with pictures and annotations.")],
    name: Annotated[str, typer.Option(help="Name of the source in data/raw and params.yaml.")],
    format: Annotated[FormatName, typer.Option(help="How it is annotated.")],
    classes: Annotated[
        str, typer.Option(help="Classes to detect, separated by commas; sets validate.classes.")
    ] = "",
    others: Annotated[
        Literal["drop", "ignore"] | None,
        typer.Option(help="Of all other names: drop their boxes, or neither reward nor punish."),
    ] = None,
    stored_pixels: annotations_cli.Stored = False,
    negatives: annotations_cli.Negatives = False,
    drop_doubtful: annotations_cli.Doubtful = False,
) -> None:
    """Check a folder of annotated photos and add it to the project.

    It is copied into data/raw, versioned by DVC and named in params.yaml. The first source of your
    own takes the place of the built-in sample.
    """
    from pocketdet import params_file
    from pocketdet.curation import policy
    from pocketdet.sources import importing

    here = project.root()
    params_file.read(here / "params.yaml")  # before anything is copied
    raw = project.option(here, "validate", "raw")
    wanted = [label.strip() for label in classes.split(",") if label.strip()]
    pointer = raw / f"{name}.dvc"
    tracked = pointer.exists()
    entry = annotations_cli.entry(format, stored_pixels, negatives, drop_doubtful)
    added = importing.import_source(source, entry, name, raw)
    try:
        project.output(here, "dvc", "add", "--quiet", str(added.folder))
        rules = importing.add_to_params(here / "params.yaml", name, entry, wanted, others)
    except BaseException:  # Ctrl-C too
        # Nothing half-imported is left, and nothing goes that was there before.
        if added.copied:
            shutil.rmtree(added.folder)
        if not tracked:
            pointer.unlink(missing_ok=True)
        raise
    out = Console(markup=False)  # names come from outside
    out.print(
        f"{added.images} pictures and {added.boxes} boxes of {name!r} are in {added.folder}",
        soft_wrap=True,
    )
    for label, count in sorted(added.labels.items(), key=lambda pair: -pair[1]):
        out.print(f"  {label}: {count}")
    for reason, count in Counter(finding.reason for finding in added.findings).items():
        out.print(f"  found {count} x {reason}; `validate` will list each", style="yellow")
    if added.unread:
        kinds = ", ".join(f"{count} x {kind}" for kind, count in added.unread.items())
        out.print(f"  not read, because boxes alone are: {kinds}", soft_wrap=True)
    for label in importing.absent(wanted, added.labels, rules.mapping):
        out.print(f"  no box of this source is a {label}: is the name right?", style="yellow")
    unknown = policy.unmapped(added.labels, rules)
    if unknown:
        out.print(
            f"Next: say in params.yaml what becomes of {', '.join(unknown)}: name them in "
            'validate.classes or validate.mapping (where "*" stands for all other names), or '
            "import again with --classes and --others; then: dvc repro"
        )
    else:
        out.print("Next: dvc repro")


@app.command()
def detect(
    bundle: Annotated[Path, typer.Option(help="A bundle's folder or zip.")],
    out: Annotated[Path, typer.Option(help="Folder for annotated pictures and detections.json.")],
    images: Annotated[
        list[Path] | None, typer.Argument(help="Photos, videos, or folders of them.")
    ] = None,
    camera: Annotated[
        int | None, typer.Option(help="Also the camera of this number; 0 is the first.")
    ] = None,
    every: Annotated[
        int, typer.Option(min=1, help="Of a video or camera: each so many-th frame.")
    ] = 1,
    frames: Annotated[
        int | None, typer.Option(min=1, help="Of a video or camera: stop after so many.")
    ] = None,
) -> None:
    """Find objects in photos and videos with a bundle's LiteRT file, as the phone would.

    Videos and cameras need OpenCV. A camera without --frames runs until it is stopped by Ctrl-C,
    which leaves the pictures but no detections.json. What cannot be read is named and left out; the
    exit status is 1 then.
    """
    from pocketdet.delivery import detect as detection

    sources: list[Path | int] = [*(images or []), *([] if camera is None else [camera])]
    if not sources:
        raise typer.BadParameter("name photos, videos or folders, or a --camera")
    err = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    found = detection.run(sources, bundle, out, err.print, every, frames)
    words = f"{found.detections} detections in {found.photos} photos and frames"
    broken = f", {len(found.broken)} could not be read" if found.broken else ""
    Console(markup=False).print(f"{words}{broken}; see {out}", soft_wrap=True)
    raise typer.Exit(int(bool(found.broken)))


@app.command()
def ops(
    file: Annotated[Path, typer.Argument(help="A .tflite file.")],
) -> None:
    """Show which operations of a file each accelerator takes, and where the others come from.

    Exit status 1 if one of them leaves something to the CPU. The tables are from the documents that
    are named; `design` asks them before training.
    """
    from pocketdet.exporting import delegates, flatbuffer

    graph = flatbuffer.read(file)
    out = Console()
    complete = True
    for delegate in delegates.asked(graph):
        found = delegates.refusals(graph, delegate)
        pieces = delegates.partitions(graph, delegate)
        taken = len(graph.operations) - len(found)
        complete &= not found
        out.print(
            Text(f"{delegate.name}: {taken} of {len(graph.operations)} operations, {pieces} pieces")
        )
        for refusal in found[:10]:
            out.print(Text(f"  not {refusal.kind} of {refusal.layer}: {refusal.reason}"))
        if len(found) > 10:
            out.print(Text(f"  and {len(found) - 10} more"))
        for line in delegates.advice(found):
            out.print(Text(f"  instead: {line}"))
        out.print(Text(f"  by {delegate.source} ({delegate.read})", style="dim"))
    raise typer.Exit(int(not complete))


@app.command()
def profile(
    file: Annotated[Path, typer.Argument(help="In models/converted, or an unpacked bundle.")],
    device: Annotated[str, typer.Option(help="The phone's device card.")],
    adb: Annotated[
        Path | None,
        typer.Option(help="LiteRT's benchmark_model, built for the Android phone that adb sees."),
    ] = None,
    xcode: Annotated[
        Path | None, typer.Option(help="Xcode's performance report of the file, NAME.mlperf.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File of measurements; without: the project's.")
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Timed calls on Android.")] = 100,
) -> None:
    """File what a net takes on a phone under its device card; the next `dvc repro` uses it.

    On Android the file is timed now, on what the card is of: one core, or the GPU. Of an iPhone the
    report is read that Xcode made.
    """
    from pocketdet.devices import android, cards, iphone, measured

    if (adb is None) == (xcode is None):
        raise typer.BadParameter("one of --adb and --xcode")
    kept = out or project.option(project.root(), "profile", "measured")
    card = cards.load(device)  # before the phone is asked
    variant, net = measured.identify(file)
    if adb:
        times = android.measure(file, adb, runs, card.unit)
    elif xcode:
        times = iphone.read(xcode, file.stem)
    row = measured.Measurement(device, variant, measured.digest(file), net, times)
    measured.add(kept, row)
    Console(markup=False).print(
        f"{row.text}: {times.mean_ms:.2f} ms ({times.min_ms:.2f} to {times.max_ms:.2f}); kept in "
        f"{kept} under {device}",
        soft_wrap=True,
    )


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="A bundle's folder or zip.")],
    against: Annotated[
        Path | None, typer.Option(help="A project: is it the bundle that its records name?")
    ] = None,
) -> None:
    """Check a bundle: every byte, what its files say of each other, and its golden vectors.

    The golden vectors run on every runtime that is installed. That proves that the bundle is whole,
    not who made it: hashes and golden vectors are its own, and a forger would write new ones. With
    --against they are the project's: the bundle must be what dvc.lock says that package wrote (else
    the files with other bytes are named), in a git commit, of its data and an MLflow run's weights.
    """
    from pocketdet.delivery import verifying

    opened, checks = verifying.verify(bundle)
    out = Console(soft_wrap=True)
    out.print(Text(f"{opened.name}: {len(opened.files)} files, every byte as the manifest says"))
    for check in checks:
        out.print(Text(f"{check.variant:16} {check.state:8} {check.note}"))
    broken = any(check.state == "failed" for check in checks)
    if against:
        here = project.root(against)
        broken |= bool(project.call(here, "tasks.identity", str(bundle.resolve())))
    raise typer.Exit(int(broken))


@app.command()
def score(
    protocol: Annotated[
        Literal["coco", "voc07", "voc10", "kitti"], typer.Option(help="Whose rules.")
    ],
    ground_truth: Annotated[
        Path, typer.Option(help="COCO: JSON file; VOC: folder of XML or text; KITTI: label_2.")
    ],
    detections: Annotated[
        Path, typer.Option(help="COCO: result JSON; VOC and KITTI: folder of text files.")
    ],
    json: Annotated[Path | None, typer.Option(help="File to write all numbers to.")] = None,
    classes: Annotated[
        str,
        typer.Option(help="VOC: all classes, by commas, if the ground truth does not show each."),
    ] = "",
) -> None:
    """Score detection files by a protocol, inside or outside of a project.

    Plain text for VOC: one file a picture, lines of CLASS [SCORE] X Y WIDTH HEIGHT. All numbers
    are shares from 0 to 1.
    """
    from pocketdet.scoring import score_files

    wanted = [label.strip() for label in classes.split(",") if label.strip()]
    if wanted and protocol not in ("voc07", "voc10"):
        raise typer.BadParameter("for VOC only", param_hint="--classes")
    result = score_files.score(protocol, ground_truth, detections, wanted)
    out = Console()
    out.print(Text(result.title))
    for headings, *rows in result.tables():
        table = Table(Column(headings[0], no_wrap=True), *headings[1:])
        for row in rows:
            table.add_row(*map(Text, row))
        out.print(table)
    for note in (*result.notes, *sorted({f"–: {why}" for why in result.undefined.values()})):
        out.print(Text(note))
    if json:
        result.save(json)
        out.print(Text(f"All numbers are in {json}"), soft_wrap=True)


@app.command()
def fetch(
    name: Annotated[Literal["coco-2017", "voc-2012", "kitti"], typer.Argument(help="Which one.")],
    split: Annotated[str, typer.Option(help="As it calls them.")] = "train",
    classes: Annotated[
        str, typer.Option(help="By commas; a picture shows at least one. Without: any.")
    ] = "",
    most: Annotated[int, typer.Option("--max", help="Pictures, at most.", min=1)] = 5000,
    out: Annotated[
        Path | None, typer.Option(help="Folder of splits; without: its name, here.")
    ] = None,
) -> None:
    """Fetch a public data set, or a part of it, through FiftyOne; again to carry on.

    Of VOC and KITTI the part is taken out of the whole, which is transferred: 2 and 12 GB.
    """
    from pocketdet.sources import fetching

    public, folder = fetching.PUBLIC[name], out or Path(name)
    err = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
    err.print(f"Licence: {public.licence}")
    wanted = [label.strip() for label in classes.split(",") if label.strip()]
    found = fetching.fetch(name, folder, wanted, most, split, err.print)
    Console().print(
        Text(
            f"{found} pictures are in {folder / split}. Next: pocketdet import {folder / split} "
            f"--format {public.format} --name {name}"
        ),
        soft_wrap=True,
    )


@app.command()
def explore(
    port: Annotated[int, typer.Option(help="Of the App, on loopback.", min=1, max=65535)] = 5151,
) -> None:
    """Open the data in FiftyOne: subsets, slices, violations, likely label errors, detections.

    Needs MongoDB: that of FIFTYONE_DATABASE_URI, of `make mongo`, or FiftyOne's own.
    """
    from pocketdet.analysis import browse

    here = project.root()
    browse.explore(
        here,
        lambda stage, name: project.option(here, stage, name),
        port,
        Console(stderr=True).print,
    )


@track.command()
def sync() -> None:
    """Send records that waited here for an MLflow server that could not be reached."""
    raise typer.Exit(project.call(project.root(), "tasks.tracking", "sync"))


def main() -> None:
    """Run the command; errors meant for the user are printed without a traceback."""
    try:
        app()
    except PocketdetError as error:
        Console(stderr=True).print(
            f"pocketdet: {error}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        sys.exit(2 if isinstance(error, ParamsError) else 1)
    except OSError as error:
        if error.filename is None:
            raise
        sys.stderr.write(f"pocketdet: {error.filename}: {error.strerror}\n")
        sys.exit(1)
