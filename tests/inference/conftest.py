# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.apis import load_config
from rankseg.testing.predicting import saved, write_images


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Config and checkpoint of random weights."""
    config, checkpoint = saved(tmp_path_factory.mktemp("made"))
    return load_config(str(config)), checkpoint


@pytest.fixture
def images(tmp_path):
    """Folder of images in several formats."""
    return write_images(tmp_path / "in")
