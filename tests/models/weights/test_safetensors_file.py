# SPDX-License-Identifier: Apache-2.0
import json
import struct
import sys

import pytest
import torch

from rankseg.models.weights.checkpoint_file import load_checkpoint_file
from rankseg.models.weights.pretrained import read_state
from rankseg.models.weights.safetensors_file import write_safetensors

META = {"classes": ["a", "b"], "palette": [[0, 0, 0], [255, 0, 0]]}


def raw(tensors: dict[str, list[float]], **header: str) -> bytes:
    """Return a file of float32 vectors: length of the header, header, values."""
    body, offset, entries = b"", 0, {"__metadata__": header}
    for name, values in tensors.items():
        data = struct.pack(f"<{len(values)}f", *values)
        where = [offset, offset + len(data)]
        entries[name] = {"dtype": "F32", "shape": [len(values)], "data_offsets": where}
        body, offset = body + data, offset + len(data)
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + body


def test_reads_tensors_and_class_names(tmp_path):
    file = tmp_path / "a.safetensors"
    file.write_bytes(raw({"x": [1.0, -2.5], "y": [3.0]}, dataset_meta=json.dumps(META)))
    found = load_checkpoint_file(str(file), "cpu")
    assert {k: v.tolist() for k, v in found["state_dict"].items()} == {"x": [1, -2.5], "y": [3]}
    assert found["meta"] == {"dataset_meta": META}
    assert load_checkpoint_file(str(file), "meta")["state_dict"]["x"].is_meta


def test_follows_a_link_to_a_file_of_another_name(tmp_path):
    (tmp_path / "blob").write_bytes(raw({"x": [1.0]}))
    (tmp_path / "a.safetensors").symlink_to("blob")
    assert read_state(tmp_path / "a.safetensors")["x"].tolist() == [1]


def test_writes_tensors_that_share_memory(tmp_path):
    whole = torch.arange(6.0).reshape(2, 3)
    state = {"whole": whole, "again": whole, "column": whole[:, 1], "step": torch.tensor(7)}
    write_safetensors(tmp_path / "a.safetensors", state, META)
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]
    found = read_state(tmp_path / "a.safetensors")
    assert {name: value.tolist() for name, value in found.items()} == {
        "whole": [[0, 1, 2], [3, 4, 5]], "again": [[0, 1, 2], [3, 4, 5]],
        "column": [1, 4], "step": 7,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "[1]", '"a"', "{", "[" * 100_000])
def test_ignores_metadata_of_other_programs(text, tmp_path):
    file = tmp_path / "a.safetensors"
    file.write_bytes(raw({"x": [1.0]}, dataset_meta=text))
    assert load_checkpoint_file(str(file))["meta"] == {}


@pytest.mark.parametrize(
    "content", [b"", b"\x10\0\0\0\0\0\0\0{broken", raw({"x": [1.0, 2.0]})[:-4]]
)
def test_raises_on_damaged_file(content, tmp_path):
    file = tmp_path / "a.safetensors"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.safetensors .*safetensors format.*download it again"):
        load_checkpoint_file(str(file))


def test_names_the_package_that_is_missing(tmp_path, monkeypatch):
    file = tmp_path / "a.safetensors"
    file.write_bytes(raw({"x": [1.0]}))
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for call in (lambda: load_checkpoint_file(str(file)), lambda: write_safetensors(file, {}, {})):
        with pytest.raises(ValueError, match=r"a\.safetensors.*Run: pip install safetensors"):
            call()
