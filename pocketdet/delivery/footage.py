"""Frames of video files and cameras, by OpenCV, which is no part of a light install."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pocketdet.errors import DatasetError

SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")  # what is taken for a video


def frames(
    source: Path | int, every: int, most: int | None = None
) -> Iterator[tuple[int, float, npt.NDArray[np.uint8]]]:
    """Frames in order: number from 0, time from the start in s, picture (H, W, 3) RGB.

    Args:
        source: A video file, or the number of a camera.
        every: Take each so many-th frame.
        most: Stop after this many taken; None for all.

    Raises:
        DatasetError: OpenCV is missing, or the source cannot be opened or gives no frame.
    """
    cv2 = _opencv(source)
    capture = cv2.VideoCapture(source if isinstance(source, int) else str(source))
    try:
        if not capture.isOpened():
            what = f"camera {source}" if isinstance(source, int) else str(source)
            raise DatasetError(f"{what}: cannot be opened; is it there, and a kind of video?")
        number = taken = 0
        while most is None or taken < most:
            if number % every:
                if not capture.grab():
                    break
            else:
                good, bgr = capture.read()
                if not good:
                    break
                yield number, capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, bgr[:, :, ::-1].copy()
                taken += 1
            number += 1
        if not taken:
            raise DatasetError(f"{source}: gives no frame; is it a whole video?")
    finally:
        capture.release()


def _opencv(source: Path | int) -> Any:
    try:
        import cv2
    except ImportError as error:
        raise DatasetError(
            f"{source}: videos and cameras need OpenCV: pip install opencv-python-headless"
        ) from error
    return cv2
