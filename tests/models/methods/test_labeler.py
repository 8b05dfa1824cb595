# SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from rankseg.models.methods.labeler import check_labeler, drop_missing_labeler


def test_missing_checkpoint_names_the_command_or_the_last_one(build, tmp_path):
    network = build("Supervised").student
    folder = tmp_path / "runs" / "mine_supervised"
    file = str(folder / "iter_600.pth")
    with pytest.raises(FileNotFoundError, match="no file .*iter_600.pth. Train the supervised"):
        check_labeler(network, file)
    (tmp_path / "mine_supervised.py").touch()
    cure = f"first: python tools/train.py {tmp_path / 'mine_supervised.py'}"
    with pytest.raises(FileNotFoundError, match=cure):
        check_labeler(network, file, str(tmp_path / "mine.py"))
    folder.mkdir(parents=True)
    for number in (90, 100):
        torch.save(network.state_dict(), folder / f"iter_{number}.pth")
    with pytest.raises(FileNotFoundError, match=r"--cfg-options model.labeler=.*/iter_100.pth"):
        check_labeler(network, file, str(tmp_path / "mine.py"))
    check_labeler(network, str(folder / "iter_90.pth"))


def test_checkpoint_of_another_network_is_refused_and_none_is_loaded(build, tmp_path):
    model = build("Supervised")
    before = {k: v.clone() for k, v in model.student.state_dict().items()}
    state = {k: torch.zeros_like(v) for k, v in model.student.state_dict().items()}
    torch.save(state, tmp_path / "w.pth")
    check_labeler(model.student, str(tmp_path / "w.pth"))
    assert all(torch.equal(v, before[k]) for k, v in model.student.state_dict().items())
    del state["decode_head.conv_seg.bias"]
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="same network .*missing .*decode_head.conv_seg.bias"):
        check_labeler(model.student, str(tmp_path / "w.pth"))


def test_method_checks_the_labeler_before_training(build, tmp_path):
    network = dict(labeler=str(tmp_path / "a.pth"), flip_labels=True, single_pass=True)
    torch.save(build("Supervised").state_dict(), tmp_path / "a.pth")
    model = build("RankMatch", **network)
    model.check_weights()
    (tmp_path / "a.pth").unlink()
    with pytest.raises(FileNotFoundError, match=r"model\.labeler .*a\.pth"):
        model.check_weights("mine.py")
    build("RankMatch").check_weights()


def test_teacher_takes_the_place_of_the_labeler(tmp_path):
    config = dict(labeler="w.pth", flip_labels=True, single_pass=True, teacher=dict(momentum=0.1))
    drop_missing_labeler(config)
    assert (config["labeler"], config["labels_from"]) == (None, "teacher")
    assert config["flip_labels"] and config["single_pass"]
    alone = dict(labeler="w.pth", flip_labels=True, single_pass=True)
    drop_missing_labeler(alone)
    assert alone.pop("teacher") == dict(momentum=0.01)
    assert alone == dict(labeler=None, labels_from="teacher", flip_labels=True, single_pass=True)
    (tmp_path / "w.pth").touch()
    kept = dict(labeler=str(tmp_path / "w.pth"))
    drop_missing_labeler(kept)
    assert kept == dict(labeler=str(tmp_path / "w.pth"))
    untouched = dict(teacher=dict(momentum=0.1))
    drop_missing_labeler(untouched)
    assert untouched == dict(teacher=dict(momentum=0.1))
