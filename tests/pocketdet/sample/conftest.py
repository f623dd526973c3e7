"""Pictures of the sample data set, drawn once for all tests beside this file."""

import pytest

from pocketdet.sample import Rendering, render

SIZE_WH = (400, 300)
COUNT = 48


@pytest.fixture(scope="session")
def renderings() -> list[Rendering]:
    return [render("street_coco", 0, SIZE_WH, index) for index in range(COUNT)]
