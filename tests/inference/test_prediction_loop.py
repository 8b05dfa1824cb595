# SPDX-License-Identifier: Apache-2.0
from rankseg.inference.prediction_loop import ImageProgress


def test_progress_counts_pixels_and_finished_images(monkeypatch):
    shown = []
    monkeypatch.setattr(ImageProgress, "update", lambda self, *state: shown.append(state))
    progress = ImageProgress(pixels=1000, images=3)
    progress.advance(100)
    progress.finish(200)
    progress.advance(100)
    progress.finish(300)  # an image that failed counts as a whole
    progress.finish(500)
    assert shown == [
        (100, "0 of 3 images"),
        (200, "1 of 3 images"),
        (300, "1 of 3 images"),
        (500, "2 of 3 images"),
        (1000, "3 of 3 images"),
    ]
