"""`pocketdet evaluate`: score weights, a file or a bundle on a subset, at any time."""

import json as json_
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from pocketdet import project
from pocketdet.files import write_text


def evaluate(
    weights: Annotated[
        Path | None, typer.Option(help="A .safetensors file of the project's design.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="A converted file: .tflite, .onnx or .mlpackage.")
    ] = None,
    bundle: Annotated[Path | None, typer.Option(help="A bundle's folder or zip.")] = None,
    subset: Annotated[str, typer.Option(help="A list in data/subsets.")] = "val",
    json: Annotated[Path | None, typer.Option(help="File to write all numbers to.")] = None,
) -> None:
    """Score the trained net, or any file made of it, on a subset: the same code as the pipeline's.

    Without --weights, --file or --bundle it is the trained net. Each file runs in its own runtime.
    """
    from pocketdet import subject as subjects
    from pocketdet.config import Evaluate
    from pocketdet.dataset import Dataset, read_paths
    from pocketdet.scoring import outputs
    from pocketdet.subject import Subject

    given = [option for option in (weights, file, bundle) if option]
    if len(given) > 1:
        raise typer.BadParameter("one of --weights, --file and --bundle")
    here = project.root()
    paths = {
        name: project.option(here, "evaluate", name)
        for name in ("raw", "dataset", "subsets", "design", "trained", "point")
    }
    section, seed = project.section(here, "evaluate", Evaluate), project.value(here, "seed")
    known = sorted(path.stem for path in paths["subsets"].glob("*.txt"))
    if not known:
        raise project.ProjectError(f"no subsets in {paths['subsets']} yet; run: dvc repro")
    if subset not in known:
        raise typer.BadParameter(
            f"no subset {subset!r} in {paths['subsets']}; there is {', '.join(known)}",
            param_hint="--subset",
        )
    members = paths["subsets"] / f"{subset}.txt"
    opened: AbstractContextManager[Subject]
    if bundle:
        opened = subjects.of_bundle(bundle)
    elif file:
        opened = nullcontext(subjects.of_file(file, paths["design"], paths["point"]))
    else:
        trained = weights or paths["trained"] / "weights.safetensors"
        opened = nullcontext(subjects.of_weights(trained, paths["design"], paths["point"]))
    log, out = Console(stderr=True, markup=False), Console()
    with opened as net:
        everything = Dataset.load(paths["dataset"] / "dataset.json")
        result, assessed = subjects.score(
            net,
            subset,
            everything.subset(read_paths(members)),
            paths["raw"],
            paths["subsets"] / "groups.csv",
            section,
            seed,
            log.print,
        )
    how = f"{net.runtime.name}{', emulated' if net.runtime.emulated else ''}"
    out.print(Text(f"{net.name} ({how}) on {subset}: {len(result.dataset)} pictures"))
    if net.point is None:
        out.print(Text(f"No operating point yet: precision and recall at {section.score_min:g}."))
    for header, *rows in outputs.printed(subset, result, assessed):
        table = Table(Column(header[0], no_wrap=True), *header[1:])
        for row in rows:  # the interval below its number, so that all fits 80 columns
            table.add_row(*(Text(cell.replace(" [", "\n[")) for cell in row))
        out.print(table)
    if json:
        found = {"subject": net.name, "runtime": how} | outputs.summary(subset, result, assessed)
        write_text(json, json_.dumps(found, indent=1, ensure_ascii=False) + "\n")
        out.print(Text(f"All numbers are in {json}"), soft_wrap=True)
