# SPDX-License-Identifier: Apache-2.0
import numpy as np

from rankseg.visualization.agent_maps import YELLOW, AgentMap, draw_agent_maps


def yellow(picture: np.ndarray) -> np.ndarray:
    return (picture == YELLOW).all(-1)


def test_agents_are_marked_where_they_are():
    image = np.full((110, 110, 3), 100, np.uint8)  # drawn at twice the size
    activation = np.zeros((110, 110))
    activation[:, 55:] = 0.5
    shown = [AgentMap(1, (27.0, 82.0), activation, 0.5)]
    page = draw_agent_maps(image, [(27.0, 82.0), (82.0, 27.0)], shown)
    assert page.shape[1] == 6 + 2 * 226
    top, left = 28, 6
    assert yellow(page)[top + 54, left + 164] and yellow(page)[top + 164, left + 54]
    second = page[top : top + 220, left + 226 : left + 446].astype(int)
    assert yellow(second)[54, 164] and not yellow(second)[164, 54]
    cold, hot = second[180, 30], second[180, 200]
    assert hot[0] - hot[2] > 30 and cold[2] > cold[0]  # red against blue


def test_a_map_of_nothing_is_drawn_too():
    image = np.zeros((20, 30, 3), np.uint8)
    maps = [AgentMap(i, (0.0, 0.0), np.zeros((20, 30)), 0.0) for i in range(1, 5)]
    page = draw_agent_maps(image, [(0.0, 0.0)], maps, truth=image)
    assert page.shape[0] == 2 * (28 + 226) and page.shape[1] == 6 + 4 * (330 + 6)
