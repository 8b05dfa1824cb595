# SPDX-License-Identifier: Apache-2.0
import os
import signal
import sys

IMPORTER = os.getpid()  # in a fork of the process that imported this file, still that process


def tell(pipe) -> None:
    print("not to be captured by a parent that may have ended", file=sys.stderr)
    streams = [one.fileno() for one in (sys.stdout, sys.stderr)]
    pipe.send((IMPORTER, os.getpid(), streams, signal.getsignal(signal.SIGINT)))


def test_processes_have_what_is_imported_and_are_on_their_own(forkserver):
    receiver, sender = forkserver.Pipe(duplex=False)
    process = forkserver.Process(target=tell, args=(sender,))
    process.start()
    importer, child, streams, on_ctrl_c = receiver.recv()
    process.join()
    assert process.exitcode == 0
    assert importer == os.getpid() != child
    assert streams == [1, 2]
    assert on_ctrl_c is signal.default_int_handler
