"""Runs in the client's own environment: MediaPipe Tasks' ObjectDetector, as an app would use it.

python mediapipe_detect.py MODEL OUT PHOTO...    writes {photo: [[label, score, x, y, w, h], ...]}
"""

import json
import sys
from pathlib import Path

import mediapipe
from mediapipe.tasks import python
from mediapipe.tasks.python import vision

model, out, *photos = sys.argv[1:]
options = vision.ObjectDetectorOptions(
    base_options=python.BaseOptions(model_asset_path=model),
    max_results=-1,
    # Without it the Python API takes 0, and not the threshold in the metadata.
    score_threshold=0.01,
)
found = {}
with vision.ObjectDetector.create_from_options(options) as detector:
    for photo in photos:
        result = detector.detect(mediapipe.Image.create_from_file(photo))
        found[photo] = [
            (
                detection.categories[0].category_name,
                detection.categories[0].score,
                detection.bounding_box.origin_x,
                detection.bounding_box.origin_y,
                detection.bounding_box.width,
                detection.bounding_box.height,
            )
            for detection in result.detections
        ]
Path(out).write_text(json.dumps(found))
