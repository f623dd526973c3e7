"""What a run of the pipeline came to: a table in the terminal, an artifact in Prefect."""

import base64
from dataclasses import dataclass
from pathlib import Path

from flows.walk import Outcome
from pocketdet import project
from tasks import spool

PICTURE_BYTES = 400_000  # of one that travels inside the artifact


@dataclass(frozen=True)
class RunAccount:
    """A run's outcomes and where its results are.

    Attributes:
        root: The project's folder, or the clean clone's.
        origin: The project's folder.
        outcomes: Of each stage, in running order.
        branch: Git branch that holds params and dvc.lock of a run in a clean clone.
        notes: How it was run.
        news: What came of it beyond the stages, such as a new champion.
    """

    root: Path
    origin: Path
    outcomes: tuple[Outcome, ...]
    branch: str = ""
    notes: tuple[str, ...] = ()
    news: tuple[str, ...] = ()

    @property
    def failed(self) -> list[Outcome]:
        """The stages that failed."""
        return [outcome for outcome in self.outcomes if outcome.status == "Failed"]

    @property
    def unchanged(self) -> bool:
        """Whether nothing ran, nothing had to be brought back and nothing came of it."""
        return not self.news and all(outcome.status == "Cached" for outcome in self.outcomes)

    @property
    def report(self) -> Path | None:
        """The HTML report, if there is one."""
        page = self._option("page")
        return page / "index.html" if page and (page / "index.html").exists() else None

    @property
    def bundle(self) -> Path | None:
        """The bundle's zip, if there is one."""
        folder = self._option("bundle")
        zips = sorted(folder.glob("*.zip")) if folder else []
        return zips[0] if zips else None

    @property
    def picture(self) -> Path | None:
        """The most telling picture: detections, or else any curves."""
        for stage, pattern in (("evaluate", "*.jpg"), ("evaluate", "*.png"), ("train", "*.png")):
            folder = self._option("report", stage)
            for path in sorted(folder.glob(pattern)) if folder else ():
                if path.is_file() and path.stat().st_size <= PICTURE_BYTES:
                    return path
        return None

    @property
    def mlflow_run(self) -> spool.RunLink | None:
        """Where this result was recorded."""
        return spool.run_of(self.report, self.origin) if self.report else None

    def _option(self, name: str, stage: str = "package") -> Path | None:
        try:
            return project.option(self.root, stage, name)
        except project.ProjectError:
            return None

    def summary(self) -> str:
        """One line: how many stages ran, were restored, cached, failed."""
        counts: dict[str, int] = {}
        for outcome in self.outcomes:
            counts[outcome.status] = counts.get(outcome.status, 0) + 1
        return ", ".join(f"{count} {status.lower()}" for status, count in counts.items())

    def places(self) -> list[tuple[str, str]]:
        """(what, where) of the results."""
        rows = [("report", str(self.report))] if self.report else []
        rows += [("bundle", str(self.bundle))] if self.bundle else []
        if run := self.mlflow_run:
            rows.append(("MLflow run", run.url or f"{run.run} in {run.uri}"))
        if self.branch:
            rows.append(("branch", f"{self.branch}  (git checkout {self.branch} && dvc checkout)"))
        return rows

    def markdown(self) -> str:
        """For Prefect's artifact."""
        lines = [
            f"**{self.summary()}**",
            "",
            *(f"- {line}" for line in (*self.news, *self.notes)),
            "",
        ]
        for what, where in self.places():
            link = Path(where).as_uri() if where.startswith("/") else where
            is_link = link.startswith(("file:", "http"))
            lines.append(f"- {what}: [{where}]({link})" if is_link else f"- {what}: `{where}`")
        lines += ["", "| stage | state | seconds |", "| --- | --- | ---: |"]
        lines += [f"| {o.stage} | {o.status} | {o.seconds:.1f} |" for o in self.outcomes]
        for outcome in self.failed:
            lines += ["", f"**{outcome.stage}**", "", "```", outcome.error, "```"]
        if picture := self.data_uri():
            lines += ["", f"![{self.picture.name if self.picture else ''}]({picture})"]
        return "\n".join(lines)

    def data_uri(self) -> str | None:
        """The picture as an address that holds it, so that it outlives the file."""
        if not self.picture:
            return None
        kind = "png" if self.picture.suffix == ".png" else "jpeg"
        return f"data:image/{kind};base64,{base64.b64encode(self.picture.read_bytes()).decode()}"
