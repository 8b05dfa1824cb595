# SPDX-License-Identifier: Apache-2.0
"""Files of weights that are damaged, too large unpacked or something else; code in tests/engine."""

import gzip
import io
import json
import os
import random
import shutil
import struct
import weakref
import zipfile
from collections.abc import Callable

import pytest
import torch

from rankseg.models.weights.checkpoint_file import (
    DamagedCheckpointError,
    load_checkpoint_file,
    look_at_checkpoint,
    reading_once,
    trust_checkpoints,
)
from rankseg.models.weights.pretrained import read_state

STATE = {f"{i}.weight": torch.randn(8, 8, generator=torch.Generator()) for i in range(4)}


def saved(content, **options) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def mutated(content: bytes, rng: random.Random) -> bytes:
    """A file with a change somewhere; near its end, where an archive has its list, more often."""
    data, size = bytearray(content), len(content)
    at = rng.choice([rng.randrange(size), size - 1 - rng.randrange(min(size, 900))])
    match rng.randrange(6):
        case 0:
            return bytes(data[:at])
        case 1:
            data[at] ^= 1 << rng.randrange(8)
        case 2:
            data[at : at + 64] = bytes(len(data[at : at + 64]))
        case 3:
            data[at : at + 64] = rng.randbytes(len(data[at : at + 64]))
        case 4:
            data[at:at] = rng.randbytes(8)
        case _:
            del data[at : at + 8]
    return bytes(data)


@pytest.mark.parametrize("archive", [True, False], ids=["archive", "legacy"])
def test_a_damaged_file_is_one_sentence_or_has_the_right_weights(tmp_path, archive):
    content = saved(STATE, _use_new_zipfile_serialization=archive)
    rng, file, refused = random.Random(0), tmp_path / "a.pth", 0
    for _ in range(300):
        file.write_bytes(mutated(content, rng))
        try:
            found = read_state(file)
        except ValueError as error:
            refused += 1
            assert str(file) in str(error) and "\n" not in str(error)
            assert not isinstance(error, UnicodeError)
        else:  # a file without checksums may hold other numbers
            assert not archive or found.keys() == STATE.keys()
            assert not archive or all(torch.equal(found[name], STATE[name]) for name in STATE)
    assert refused > 100


def repacked(content: bytes, **options) -> bytes:
    """An archive with its parts written again."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(buffer, "w", **options) as new,
    ):
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return buffer.getvalue()


def test_an_archive_that_grows_is_refused_unread(tmp_path, monkeypatch):
    content = saved({"weight": torch.zeros(1_000_000)})
    file = tmp_path / "bomb.pth"
    file.write_bytes(repacked(content))
    assert load_checkpoint_file(str(file))["weight"].numel() == 1_000_000
    file.write_bytes(small := repacked(content, compression=zipfile.ZIP_DEFLATED))
    assert len(small) < 10_000
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was read"))
    monkeypatch.setattr(zipfile.ZipFile, "testzip", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(DamagedCheckpointError, match=r"without compression.*grow to 4,0"):
        load_checkpoint_file(str(file))


def test_an_archive_whose_parts_share_their_bytes_is_refused(tmp_path):
    buffer = io.BytesIO(saved({"weight": torch.zeros(10_000)}))
    with zipfile.ZipFile(buffer, "a") as archive:
        large = max(archive.infolist(), key=lambda entry: entry.file_size)
        archive.filelist += [large] * 5  # in the list once more, with the same bytes
        archive._didModify = True
    (tmp_path / "a.pth").write_bytes(buffer.getvalue())
    with pytest.raises(DamagedCheckpointError, match="0 of its .* parts are packed .* grow to 24"):
        load_checkpoint_file(str(tmp_path / "a.pth"))


def test_a_changed_byte_is_noticed_and_missing_checksums_are_accepted(tmp_path):
    file = tmp_path / "a.pth"
    try:
        torch.serialization.set_crc32_options(False)
        content = bytearray(saved(STATE))
    finally:
        torch.serialization.set_crc32_options(True)
    file.write_bytes(content)
    assert torch.equal(load_checkpoint_file(str(file))["0.weight"], STATE["0.weight"])
    content = bytearray(saved(STATE))
    content[content.index(STATE["0.weight"].numpy().tobytes())] ^= 1
    file.write_bytes(content)
    with pytest.raises(DamagedCheckpointError, match=r"damaged: its part a.*data/\d has changed"):
        read_state(file)


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4)


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        (b"", "It is empty: copy"),
        (b"hello", "a file that torch.save wrote"),
        (gzip.compress(saved(STATE)), "a gzip archive: unpack it first"),
        (b"<!DOCTYPE html>", "a web page: download the file again"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1", "git lfs pull"),
        (safetensors(), r"rename it to \w+\.safetensors"),
        (saved(STATE)[:-30], "its end is missing"),
        (bytes(20480), "a file that torch.save wrote"),
    ],
    ids=["empty", "text", "gzip", "web page", "pointer", "safetensors", "cut", "zeros"],
)
def test_another_file_is_named(tmp_path, content, cure):
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(DamagedCheckpointError, match=rf"a\.pth is damaged.*{cure}"):
        load_checkpoint_file(str(tmp_path / "a.pth"))


@pytest.mark.parametrize("read", [read_state, load_checkpoint_file])
@pytest.mark.parametrize(
    ("content", "found"),
    [
        ([1], "a list"),
        (torch.ones(2), "a Tensor"),
        ({"state_dict": [1]}, "a list"),
        ({0: torch.ones(1)}, "a name of type int"),
        ({"state_dict": {"a": torch.ones(1), 1: torch.ones(1)}}, "a name of type int"),
        ({"model": {None: torch.ones(1)}}, "a name of type NoneType"),
    ],
)
def test_weights_without_names_are_refused(tmp_path, read: Callable, content, found):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(
        DamagedCheckpointError, match=rf"a\.pth to hold weights by name, .*holds {found}"
    ):
        read(str(tmp_path / "a.pth"))


def test_a_start_reads_its_checkpoint_once(tmp_path):
    file = tmp_path / "iter_2.pth"
    torch.save({"state_dict": {"a": torch.ones(2)}}, file)
    assert look_at_checkpoint(file) is not look_at_checkpoint(file), "nothing is kept outside"
    with reading_once():
        found = look_at_checkpoint(file)
        with reading_once():  # as a command does around what it calls
            assert look_at_checkpoint(file) is found
        assert load_checkpoint_file(str(file), map_location="meta") is not found
        assert load_checkpoint_file(str(file), map_location="cpu") is found
        assert load_checkpoint_file(str(file), map_location="cpu") is not found, "it is not kept"

        again = weakref.ref(look_at_checkpoint(file)["state_dict"]["a"])
        torch.save({"state_dict": {"a": torch.zeros(3)}}, file)
        assert look_at_checkpoint(file)["state_dict"]["a"].tolist() == [0, 0, 0]
        assert again() is None, "two are in memory"
        other = shutil.copy(file, tmp_path / "iter_4.pth")
        assert look_at_checkpoint(other) is not look_at_checkpoint(file)
        file.unlink()
        with pytest.raises(FileNotFoundError, match="iter_2.pth does not exist"):
            look_at_checkpoint(file)
        last = weakref.ref(look_at_checkpoint(other)["state_dict"]["a"])
    assert last() is None, "it is in memory after the start"


def values(file, read=look_at_checkpoint) -> list[float]:
    return read(str(file))["state_dict"]["a"].tolist()


def test_a_file_that_changed_after_the_look_is_read_again(tmp_path, monkeypatch):
    file = tmp_path / "iter_2.pth"
    torch.save({"state_dict": {"a": torch.ones(2)}}, file)
    with reading_once():
        looked = weakref.ref(look_at_checkpoint(file)["state_dict"]["a"])
        before = file.stat()
        torch.save({"state_dict": {"a": torch.zeros(2)}}, file)
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # as cp -p does
        assert (file.stat().st_size, file.stat().st_ino) == (before.st_size, before.st_ino)
        load, freed = torch.load, []
        monkeypatch.setattr(torch, "load", lambda *a, **k: freed.append(looked()) or load(*a, **k))
        assert values(file, load_checkpoint_file) == [0, 0]
        assert freed == [None], "two are in memory"


def test_a_file_that_changes_while_it_is_looked_at_is_read_again(tmp_path, monkeypatch):
    file = tmp_path / "iter_2.pth"
    torch.save({"state_dict": {"a": torch.ones(2)}}, file)
    load = torch.load

    def then_replaced(*args, **options):
        found = load(*args, **options)
        monkeypatch.setattr(torch, "load", load)
        torch.save({"state_dict": {"a": torch.zeros(2)}}, file)
        return found

    for read in (look_at_checkpoint, load_checkpoint_file):
        with reading_once():
            monkeypatch.setattr(torch, "load", then_replaced)
            torch.save({"state_dict": {"a": torch.ones(2)}}, file)
            assert values(file) == [1, 1]
            assert values(file, read) == [0, 0]


def test_what_was_read_with_trust_is_read_again_without(tmp_path):
    file = tmp_path / "iter_2.pth"
    torch.save({"state_dict": {"a": torch.ones(2)}}, file)
    with reading_once():
        with trust_checkpoints():
            trusted = look_at_checkpoint(file)
        assert load_checkpoint_file(str(file)) is not trusted
