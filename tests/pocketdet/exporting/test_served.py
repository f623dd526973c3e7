from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pocketdet.detector.spec import NetSpec
from pocketdet.errors import ExportError
from pocketdet.exporting.served import serve, without_normalisation


def test_a_free_batch_is_refused(tiny_spec: NetSpec) -> None:
    from pocketdet.detector import net

    with pytest.raises(ExportError, match="batch of 1"):
        serve(net.build(tiny_spec))


def test_the_net_without_its_normalisation_is_the_same_net(
    tiny_trained: Path, tiny_pictures: list[npt.NDArray[np.uint8]]
) -> None:
    from pocketdet.detector import net

    whole = net.load(tiny_trained / "design", tiny_trained / "trained", batch=1)
    core = without_normalisation(whole)
    picture = tiny_pictures[0][None].astype(np.float32)
    expected, found = whole(picture), core((picture - 127) / 128)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, atol=1e-5)


def test_a_net_that_is_not_normalised_is_refused() -> None:
    import keras

    picture = keras.Input((8, 8, 3), batch_size=1)
    model = keras.Model(picture, {"out": keras.layers.ReLU()(picture)}, name="strange")
    with pytest.raises(ExportError, match="strange: expected a layer 'normalise'"):
        without_normalisation(model)
