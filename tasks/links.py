"""Where a result was recorded: its MLflow run and its commit, found by the content of its page.

    python -m tasks.links PAGE

prints them as JSON. No output of a stage holds them, as they differ from run to run.
"""

import json
import sys
from pathlib import Path

from tasks import spool
from tasks.store import Store, TrackingError


def links(page: Path) -> dict[str, str]:
    """What -> where; empty where nothing is known of the page on this machine."""
    run = spool.run_of(page)
    if run is None:
        return {}
    found = {"MLflow run": run.url or f"{run.run} in {run.uri}"}
    try:
        tags = Store.open().tags(run.run)
    except TrackingError:
        return found
    commit = tags.get("mlflow.source.git.commit")
    if commit:
        changed = " and uncommitted changes" if tags.get("git.dirty") == "true" else ""
        found["commit"] = commit + changed
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(links(Path(sys.argv[1]))) + "\n")
