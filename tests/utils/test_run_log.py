# SPDX-License-Identifier: Apache-2.0
import json

from rankseg.report.run_folder import read_machine, read_scalars, read_warnings


def start(folder, name: str, entries: list, log: str = "", tail: str = "") -> None:
    (folder / name / "vis_data").mkdir(parents=True)
    lines = "".join(json.dumps(entry) + "\n" for entry in entries)
    (folder / name / "vis_data/scalars.json").write_text(lines + tail)
    (folder / name / f"{name}.log").write_text(log)


def train(step: int, loss: float) -> dict:
    return {"loss": loss, "lr": 0.1, "time": 0.2, "memory": 9, "iter": step, "step": step}


def test_numbers_of_training_and_of_validations_are_told_apart(tmp_path):
    val = {"mIoU": 40.0, "IoU/cat": 30.0, "time": 1.0, "data_time": 0.5, "step": 20}
    entries = [train(10, 2.0), train(20, 1.0), val, {"pseudo_labels/accuracy": 70.0, "step": 20}]
    start(tmp_path, "20260101_000000", entries)
    found = read_scalars(tmp_path)
    assert found.train == {
        "loss": [(10, 2.0), (20, 1.0)],
        "lr": [(10, 0.1), (20, 0.1)],
        "pseudo_labels/accuracy": [(20, 70.0)],
    }
    assert found.val == {"mIoU": [(20, 40.0)], "IoU/cat": [(20, 30.0)]}


def test_a_resumed_run_goes_on_where_it_began_again(tmp_path):
    start(tmp_path, "20260101_000000", [train(10, 4.0), train(20, 3.0), train(30, 2.0)])
    start(tmp_path, "20260102_000000", [train(20, 5.0), train(30, 6.0)])
    start(tmp_path, "20260103_000000", [])
    assert read_scalars(tmp_path).train["loss"] == [(10, 4.0), (20, 5.0), (30, 6.0)]


def test_a_line_that_a_killed_process_wrote_is_left_out(tmp_path):
    tail = '[1]\n{"loss": 3, "step": "x"}\n{"loss": 1.'
    start(tmp_path, "20260101_000000", [train(10, 4.0)], tail=tail)
    assert read_scalars(tmp_path).train["loss"] == [(10, 4.0)]
    assert read_scalars(tmp_path / "none") == ({}, {})


def test_warnings_count_once_whatever_their_numbers(tmp_path):
    line = "2026/01/01 00:00:0{} - mmengine - {} - {}\n"
    log = (
        line.format(1, "INFO", "all is well")
        + line.format(2, "WARNING", "iteration 7: step skipped")
        + line.format(3, "WARNING", '"FileClient" will be deprecated in future.')
        + line.format(3, "WARNING", "teacher.a.weight is skipped since its requires_grad=False")
        + line.format(4, "ERROR", "lost")
        + "    a second line of it\n"
    )
    start(tmp_path, "20260101_000000", [], log)
    again = line.format(1, "WARNING", "iteration 12: step skipped")
    start(tmp_path, "20260102_000000", [], again)
    assert read_warnings(tmp_path) == {"iteration 12: step skipped": 2, "lost": 1}


def test_the_machine_is_that_of_the_last_start(tmp_path):
    log = "System environment:\n    Python: 3.{} (main)\n    GPU 0,1: H200\n    GCC: gcc\n"
    start(tmp_path, "20260101_000000", [], log.format(11))
    start(tmp_path, "20260102_000000", [], log.format(12))
    assert read_machine(tmp_path) == {"Python": "3.12", "GPU 0,1": "H200"}
