"""Stage `sample`: draws one source of the built-in data set, in the convention its name ends with.

python -m tasks.sample --source street_coco --out data/raw/street_coco
"""

import os
from pathlib import Path

from pocketdet import formats
from pocketdet.config import Params
from pocketdet.dataset import Dataset
from pocketdet.sample import convention, count_of, generate
from tasks.stage import say, stage

PROGRESS_EVERY = 50  # pictures


@stage(outs=("out",))
def sample(params: Params, source: str, out: Path) -> None:
    """Draw one source of the built-in data set."""
    section = params.sample
    name = convention(source)
    count = count_of(source, section.sources, section.images)
    images = []
    pictures = generate(source, count, params.seed, section.size_wh, os.cpu_count() or 1)
    for done, picture in enumerate(pictures, 1):
        file = out / picture.image.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture.jpeg)
        images.append(picture.image)
        if done % PROGRESS_EVERY == 0 or done == count:
            say(f"sample: {source}: {done} of {count} pictures")
    labels = {box.label: None for image in images for box in image.boxes if not box.ignore}
    formats.write(name, Dataset(tuple(sorted(labels)), tuple(images)), out)


if __name__ == "__main__":
    sample()
