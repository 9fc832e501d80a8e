"""Models of a realistic size with random weights, made when they are first measured."""
import pathlib
import subprocess
import sys

MAKER = pathlib.Path(__file__).resolve().parent.parent / "random_gguf.py"


def make(asked, shape):
    """The file in this shape; made unless it is there."""
    path = asked.files / f"{shape}.random.Q4_K_M.gguf"
    if not path.exists():
        subprocess.run([sys.executable, MAKER, shape, path], check=True)
    return path
