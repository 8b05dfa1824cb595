# SPDX-License-Identifier: Apache-2.0
"""mmengine's runner, strict about the weights it loads."""

from pathlib import Path

from mmengine.runner import Runner

from rankseg.engine.checkpoint import misfit


class StrictRunner(Runner):
    """Refuses a checkpoint of which not every name and shape fits.

    mmengine loads what fits, leaves the rest at random and says so in a warning; here a run does
    not start (or resume) on half a network.
    """

    def load_checkpoint(self, filename, map_location="cpu", strict: bool = True, **kwargs) -> dict:
        """Load a checkpoint file into the model; arguments as in mmengine.

        Raises:
            FileNotFoundError: If ``filename`` is not a file on this machine.
            ValueError: If it does not fit, saying what.
        """
        if not Path(filename).is_file():
            raise FileNotFoundError(
                f"checkpoint {filename} is not a file on this machine: checkpoints of a run lie in "
                "its work folder, as iter_*.pth and best_*.pth"
            )
        try:
            return super().load_checkpoint(filename, map_location, strict, **kwargs)
        except RuntimeError as error:
            raise misfit(filename, error) from error
