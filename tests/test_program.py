"""How a program ends: one sentence and an exit code, never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from helpers import ROOT

PROGRAM = """
import os, signal, sys, time
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import say, warn
from dcgan_tf.system.program import run

def main():
    say("begins")
    {body}
    say("ends")

run(main)
"""


def process(body: str) -> subprocess.Popen:
    line = [sys.executable, "-W", "error", "-c", PROGRAM.format(body=body)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": ""}
    return subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("body", "code", "out", "err"),
    [
        ("pass", 0, "begins\nends\n", ""),
        ("warn('Beware.')", 0, "begins\nends\n", "Warning: Beware.\n"),
        ("raise UserError('Give another --flag.')", 1, "begins\n", "Error: Give another --flag.\n"),
        (
            "raise OSError(28, 'No space left', '/x')",
            1,
            "begins\n",
            "Error: [Errno 28] No space left: '/x'; check that it can be read and written, and that its disk has room."
            "\n",
        ),
        ("raise BrokenPipeError", 141, "begins\n", ""),
        ("raise KeyboardInterrupt", 130, "begins\n", ""),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)", 143, "begins\n", ""),
    ],
)
def test_the_end(body: str, code: int, out: str, err: str):
    program = process(body)
    assert (*program.communicate(timeout=60), program.returncode) == (out, err, code)


def test_a_pipe_gets_each_line_at_once():
    program = process("print('now'); time.sleep(60)")
    assert [program.stdout.readline() for _ in range(2)] == ["begins\n", "now\n"]
    program.send_signal(signal.SIGINT)
    assert (*program.communicate(timeout=60), program.returncode) == ("", "", 130)


def test_a_closed_pipe():
    program = process("print('more ' * 100_000, flush=True)")
    program.stdout.close()
    assert program.stderr.read() == "" and program.wait(60) == 141
    program.stderr.close()
