"""How a program ends: one sentence and an exit code, never a traceback."""

from __future__ import annotations

import os
import shlex
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers import BROKEN_STREAMS, ROOT

from dcgan_tf.system import messages
from dcgan_tf.system.startup import why_no_gpu
from dcgan_tf.training.curves import LINE

PROGRAM = """
import os, signal, sys, time
from dcgan_tf.system.errors import UserError
from dcgan_tf.system.messages import say, warn
from dcgan_tf.system.signals import run_program

def main():
    say("begins")
    {body}
    say("ends")

run_program(main)
"""


def line_of(body: str) -> list[str]:
    return [sys.executable, "-W", "error", "-c", PROGRAM.format(body=body)]


def process(body: str, env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "", **(env or {})}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(line_of(body), env=env, **pipes, **options)


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
        ("raise KeyboardInterrupt", 130, "begins\n", ""),
        *(
            (f"os.kill(os.getpid(), {number}); time.sleep(9)", 128 + number, "begins\n", "")
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU)
        ),
    ],
)
def test_the_end(body: str, code: int, out: str, err: str):
    heard = lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL)  # noqa: E731  # also where nohup runs pytest
    program = process(body, preexec_fn=heard)
    assert (*program.communicate(timeout=300), program.returncode) == (out, err, code)


def test_an_ignored_signal_stays_ignored():
    """As nohup starts a program."""
    ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    body = "signals.StopRequest().__enter__(); os.kill(os.getpid(), signal.SIGHUP)"
    program = process(f"from dcgan_tf.system import signals; {body}", preexec_fn=ignore)
    assert (*program.communicate(timeout=300), program.returncode) == ("begins\nends\n", "", 0)


@pytest.mark.parametrize("streams", [*BROKEN_STREAMS, ""])
def test_what_is_printed_never_ends_a_program(tmp_path: Path, streams: str):
    body = "from dcgan_tf.system.messages import progress; [warn('x' * 999) or say('x') for _ in progress(range(99))]"
    command = f"{shlex.join(line_of(f'{body}; raise SystemExit(7)'))} {streams}"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(["bash", "-c", command], cwd=tmp_path, env=env, capture_output=True).returncode == 7


def test_names_that_the_log_cannot_encode():
    program = process("say('猫.png')", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert program.communicate(timeout=300) == ("begins\n\\u732b.png\nends\n", "")


def test_a_pipe_gets_each_line_at_once():
    program = process("print('now'); time.sleep(60)")
    assert [program.stdout.readline() for _ in range(2)] == ["begins\n", "now\n"]
    program.send_signal(signal.SIGINT)
    assert (*program.communicate(timeout=300), program.returncode) == ("", "", 130)


def test_a_log_gets_whole_lines_of_a_progress_bar():
    body = "from dcgan_tf.system import messages; messages.LOG_SECONDS = 0; list(messages.progress(range(3), 'Work'))"
    program = process(body)
    lines = program.communicate(timeout=300)[1].split("\n")
    assert lines[0].startswith("Work:  33%") and lines[-2].startswith("Work: 100%") and lines[-1] == ""
    assert len(lines) >= 4 and not any("\r" in line for line in lines)


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_a_progress_line_fits_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch):
    termios = pytest.importorskip("termios", reason="for POSIX")
    import fcntl

    _, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(terminal, "w") as file, messages.shown(), monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", file)
        bar = messages.progress(initial=320, total=400, bar_format=LINE)
        bar.set_description_str("epoch 18/23", refresh=False)
        bar.set_postfix({"d_loss": "1.387", "g_loss": "0.693"}, refresh=False)
        line = str(bar)
        bar.close()
    assert len(line) <= columns and "| 320/400 [00:00<" in line
    assert line.endswith(", d_loss=1.387, g_loss=0.693]") or columns < 80


def test_who_sets_the_level_of_messages_sees_them(tmp_path: Path):
    """A package takes TensorFlow's place that says why and aborts."""
    (tmp_path / "tensorflow").mkdir()
    code = 'import os\nos.write(2, b"F cpu_feature_guard: compiled to use AVX\\n")\nos.abort()\n'
    (tmp_path / "tensorflow" / "__init__.py").write_text(code)
    env = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "TF_CPP_MIN_LOG_LEVEL": "0"}
    line = [sys.executable, str(ROOT / "main.py"), "--dataset=mnist", "--pretrained"]
    done = subprocess.run(line, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.stderr == "F cpu_feature_guard: compiled to use AVX\n"


@pytest.mark.parametrize("program", [[str(ROOT / "main.py")], ["-m", "dcgan_tf"], ["-m", "dcgan_tf.download"]])
def test_a_python_without_the_packages_is_told(tmp_path: Path, program: list[str]):
    line = [sys.executable, "-S", *program, "--help"]  # without its site-packages
    done = subprocess.run(line, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("Error: This Python has no package ") and done.stderr.count("\n") == 1


def test_why_there_is_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert why_no_gpu() == "TensorFlow sees no GPU"
    (tmp_path / "nvidia-smi").touch(0o755)
    assert why_no_gpu().startswith("TensorFlow sees no GPU; pip install 'dcgan_tf[cuda]'")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert why_no_gpu() == "TensorFlow sees no GPU"
