"""Device cards: what a phone can do, every number with its source, one YAML file a device."""

from importlib import resources
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pocketdet.errors import ParamsError

FOLDER = resources.files("pocketdet.devices")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(_Part):
    """A number and where it is from."""

    value: Annotated[float, Field(gt=0)]
    source: Annotated[str, Field(min_length=1)]


class Card(_Part):
    """A device.

    Attributes:
        title: For people.
        unit: What runs the net: one big core ("cpu") or the graphics unit ("gpu").
        ram_mb: Memory of the device, MB.
        gflops: Peak of the unit in float32, 10^9 operations a second; a MAC is two.
        clock_mhz: Of the unit.
        bandwidth_gb_s: Of the memory, 10^9 bytes a second.
        int8_speedup: float32 time over int8 time on this unit; 1 where int8 brings nothing.
        time_factor: Measured over estimated time (see `pocketdet.design.latency`), where known.
    """

    title: str
    unit: Literal["cpu", "gpu"]
    ram_mb: Figure
    gflops: Figure
    clock_mhz: Figure
    bandwidth_gb_s: Figure
    int8_speedup: Figure
    time_factor: Figure | None = None


def names() -> list[str]:
    """All cards there are."""
    return sorted(file.name[:-5] for file in FOLDER.iterdir() if file.name.endswith(".yaml"))


def load(name: str) -> Card:
    """Read a card.

    Raises:
        ParamsError: There is none of this name, or it breaks the rules of a card.
    """
    import yaml

    if name not in names():
        raise ParamsError(
            f"{name!r} is none of {', '.join(names())}, the cards that design.device in "
            "params.yaml may name"
        )
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    try:
        return Card.model_validate(yaml.safe_load(text))
    except (ValidationError, yaml.YAMLError) as error:
        raise ParamsError(f"pocketdet/devices/{name}.yaml: {error}") from error
