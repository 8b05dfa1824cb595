# SPDX-License-Identifier: Apache-2.0
from rankseg.projects.machine import Machine, this_machine


def test_this_machine():
    machine = this_machine()
    assert machine.cores >= 1 and machine.memory > 0
    assert str(Machine(4, 16)) == "4 CPU cores, 16 GiB of memory, and no GPU"
    assert str(Machine(4, 16, 24)).startswith("a GPU with 24 GiB, 4 CPU cores")
