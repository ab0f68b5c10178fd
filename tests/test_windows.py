"""What Windows lacks is hidden: POSIX modules and names. A real Windows was not tried."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT

HIDE = """
import mmap, os, signal, sys
for module in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[module] = None
for name in ("SIGALRM", "setitimer", "getitimer", "ITIMER_REAL", "SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU"):
    delattr(signal, name)
del signal.pthread_kill
for name in ("posix_fallocate", "fork", "kill", "getuid"):
    delattr(os, name)
del mmap.MADV_DONTNEED
import warnings
warnings.simplefilter("ignore")  # filelock says that it uses a plain file as the lock
sys.path.insert(0, {root!r})
from dcgan_tf.cli.program import run
run()
from dcgan_tf.system.startup import peak_memory
peak_memory()
"""


@pytest.mark.slow
def test_training_and_sampling_need_nothing_of_posix(images_dir: Path, tmp_path: Path):
    def run(*args: str) -> str:
        command = [sys.executable, "-c", HIDE.format(root=str(ROOT)), "--dataset=blobs", f"--out_dir={tmp_path}", *args]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    sizes = ["--output_height=16", "--gf_dim=4", "--df_dim=4", "--batch_size=8"]
    data = [f"--data_dir={images_dir}", "--cache_gb=0", f"--cache_dir={tmp_path}"]
    assert "Finished after iteration 2 of 2" in run("--train", "--iterations=2", *sizes, *data)
    assert "Wrote" in run()
    assert list(tmp_path.glob("samples/*/test_random.png"))
