# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
import torch

from rankseg import apis
from rankseg.analysis.agent_maps import agent_maps, maps_of


def config(folder):
    (file,) = folder.glob("*/vis_data/config.py")
    return apis.load_config(str(file))


def test_draws_validation_images_and_files(toy_runs, tmp_path):
    folder = toy_runs["rank"]
    cfg, checkpoint = config(folder), str(folder / "iter_4.pth")
    written = agent_maps(cfg, checkpoint, out=tmp_path / "a", images=2, num_agents=3)
    assert [file.name for file in written] == ["12_agents.png", "15_agents.png"]
    picture = cv2.imread(str(written[0]))
    assert picture.shape[1] == 6 + 4 * 226 and picture.shape[0] > 2 * 220  # 2 + 3 pictures

    (tmp_path / "photos").mkdir()
    cv2.imwrite(str(tmp_path / "photos/x.png"), np.full((50, 40, 3), 90, np.uint8))
    (file,) = agent_maps(cfg, checkpoint, [tmp_path / "photos"], out=tmp_path / "b", shown=1)
    assert file == tmp_path / "b/x_agents.png" and cv2.imread(str(file)) is not None


def test_a_run_of_another_method_has_agents_too(toy_runs, tmp_path):
    folder = toy_runs["sup"]
    (file,) = agent_maps(config(folder), str(folder / "iter_4.pth"), out=tmp_path, images=1)
    assert file.is_file()


def test_raises_on_invalid_options_and_configs(toy_runs, tmp_path):
    folder = toy_runs["classes"]
    with pytest.raises(ValueError, match="agents are pixels"):
        agent_maps(config(folder), str(folder / "iter_4.pth"), out=tmp_path)
    folder = toy_runs["sup"]
    args = config(folder), str(folder / "iter_4.pth")
    with pytest.raises(ValueError, match="has no teacher"):
        agent_maps(*args, out=tmp_path, network="teacher")
    with pytest.raises(ValueError, match="num_agents to be 1 to .* but got 999"):
        agent_maps(*args, out=tmp_path, num_agents=999)
    with pytest.raises(ValueError, match="no_such"):
        agent_maps(*args, out=tmp_path, tap="no_such")
    assert not list(tmp_path.iterdir())


def test_each_pixel_belongs_to_the_agent_it_is_like():
    feature = torch.zeros(1, 3, 2, 3)
    for column in range(3):
        feature[0, column, :, column] = 5.0
    positions, maps = maps_of(feature, 3, (20, 30), False, seed=0, shown=9)
    assert [one.number for one in maps] == [1, 2, 3]
    assert positions == [one.position for one in maps]
    assert [one.share for one in maps] == pytest.approx([1 / 3] * 3)
    places = sorted(one.position[1] for one in maps)
    assert places == pytest.approx([4.5, 14.5, 24.5])
    for one in maps:
        row, column = (round(x) for x in one.position)
        assert one.activation.shape == (20, 30)
        assert one.activation[row, column] > 0.9 and one.activation.min() < 0.01
    total = sum(one.activation for one in maps)
    assert np.allclose(total, 1, atol=1e-5)


def test_positions_where_corners_are_aligned():
    feature = torch.randn(1, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    positions, maps = maps_of(feature, 9, (21, 41), True, seed=1, shown=2)
    assert sorted(positions) == [(y, x) for y in (0, 8, 16) for x in (0, 16, 32)]
    again, _ = maps_of(feature, 9, (21, 41), True, seed=1, shown=2)
    assert again == positions


def test_draws_only_the_strongest_agents():
    feature = torch.zeros(1, 3, 1, 6)
    for place, channel in enumerate((0, 1, 1, 1, 2, 2)):
        feature[0, channel, :, place] = 5.0
    positions, maps = maps_of(feature, 3, (1, 6), False, seed=0, shown=2)
    assert len(positions) == 3
    assert [one.share for one in maps] == pytest.approx([1 / 2, 1 / 3])
    assert all(one.position == positions[one.number - 1] for one in maps)


def test_raises_on_two_images_of_one_name(toy_runs, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "x.png"), np.full((50, 40, 3), 90, np.uint8))
    folder = toy_runs["sup"]
    args = config(folder), str(folder / "iter_4.pth"), [tmp_path / "a", tmp_path / "b/x.png"]
    with pytest.raises(ValueError, match="2 named x, .* to x_agents.png"):
        agent_maps(*args, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
