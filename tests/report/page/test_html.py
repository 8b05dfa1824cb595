# SPDX-License-Identifier: Apache-2.0
import base64
import re

import cv2
import numpy as np
from rankseg.report.page.html import Html, join, label_map, photo, table, tag, text


def decode(html: str) -> np.ndarray:
    kind, data = re.search(r"data:image/(\w+);base64,([^\"]+)", html).groups()
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    return kind, picture[..., ::-1]


def test_what_users_write_is_escaped_once():
    nasty = "<script>&\"'"
    escaped = "&lt;script&gt;&amp;&quot;&#x27;"
    assert text(nasty) == escaped and text(text(nasty)) == escaped
    assert tag("p", nasty, title=nasty) == f'<p title="{escaped}">{escaped}</p>'
    assert join([Html("<b>"), nasty]) == f"<b>{escaped}"
    assert nasty not in table([nasty], [[nasty, nasty]], nasty)


def test_attributes_that_are_python_words_and_those_without_value():
    assert tag("i", class_="x", aria_label="y", open=None) == '<i class="x" aria-label="y"></i>'


def test_pictures_are_embedded_small():
    kind, picture = decode(photo(np.full((600, 300, 3), 200, np.uint8), "a<b"))
    assert kind == "jpeg" and picture.shape == (256, 128, 3) and abs(picture.mean() - 200) < 2
    kind, picture = decode(photo(np.full((32, 30, 3), 7, np.uint8), ""))
    assert kind == "png" and picture.shape == (32, 30, 3) and (picture == 7).all()
    assert "a<b" not in photo(np.zeros((9, 9, 3), np.uint8), "a<b")


def test_label_maps_keep_their_colours():
    label = np.array([[0, 1], [255, 1]]).repeat(300, 0).repeat(300, 1)
    kind, picture = decode(label_map(label, [(1, 2, 3), (40, 50, 60)], ""))
    assert kind == "png" and picture.shape == (256, 256, 3)
    assert {tuple(map(int, c)) for c in picture.reshape(-1, 3)} == {
        (1, 2, 3),
        (40, 50, 60),
        (255, 255, 255),
    }
