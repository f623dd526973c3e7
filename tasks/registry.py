"""MLflow's model registry: which version of the model is the champion."""

from dataclasses import asdict, dataclass
from typing import Any

from tasks import spool
from tasks.store import Store, answering

ALIAS = "champion"
DECIDED = "decided"  # tag of a version


@dataclass(frozen=True)
class Version:
    """A result that is, or could be, registered.

    Attributes:
        run: MLflow's run id.
        ap: AP on the frozen test subset, 0..1.
        test: sha256 of that subset.
        bundle: sha256 of the bundle's zip.
        number: MLflow's version, once registered.
        decided: Whether it was compared with the champion.
    """

    run: str
    ap: float
    test: str
    bundle: str
    number: str = ""
    decided: bool = False


def find(store: Store, model: str, bundle: str) -> Version | None:
    """The version that holds a bundle.

    Raises:
        tasks.store.TrackingError: The store does not answer.
    """
    with answering():
        versions = map(_version, store.client.search_model_versions(f"name = '{model}'"))
        return next((known for known in versions if known.bundle == bundle), None)


def register(store: Store, model: str, candidate: Version) -> Version:
    """Make a recorded result a version of a model; the same bundle is registered once.

    Raises:
        tasks.store.TrackingError: The store does not answer.
    """
    facts = {k: str(v) for k, v in asdict(candidate).items() if k in ("ap", "test", "bundle")}
    with answering(), spool.lock("mlflow"):
        if not store.client.search_registered_models(f"name = '{model}'"):
            store.client.create_registered_model(model)
        if known := find(store, model, candidate.bundle):
            return known
        source = f"runs:/{candidate.run}/bundle"
        return _version(store.client.create_model_version(model, source, candidate.run, facts))


def champion(store: Store, model: str) -> Version | None:
    """The version that the alias points to.

    Raises:
        tasks.store.TrackingError: The store does not answer.
    """
    with answering():
        found = store.client.search_registered_models(f"name = '{model}'")
        number = found[0].aliases.get(ALIAS) if found else None
        if number is None:
            return None
        return _version(store.client.get_model_version(model, str(number)))


def decide(store: Store, model: str, version: Version, promoted: bool) -> None:
    """Note the verdict on a version, and point the alias to it if it is the champion now.

    Raises:
        tasks.store.TrackingError: The store does not answer.
    """
    with answering():
        if promoted:
            store.client.set_registered_model_alias(model, ALIAS, version.number)
        # Last: without it a verdict that broke off is made again.
        verdict = "champion" if promoted else "kept"
        store.client.set_model_version_tag(model, version.number, DECIDED, verdict)


def _version(known: Any) -> Version:
    tags = known.tags  # none of ours on a version that someone made by hand
    return Version(
        str(known.run_id or ""),
        float(tags.get("ap", "nan")),
        tags.get("test", ""),
        tags.get("bundle", ""),
        str(known.version),
        DECIDED in tags,
    )
