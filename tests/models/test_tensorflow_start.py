import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# A package in TensorFlow's place, so that this takes no time: it writes to the descriptor itself.
FAKE = """
import io, logging, os, sys, types
from movierec_cli.models.tensorflow_start import start_tensorflow

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        import importlib.machinery
        return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        os.write(2, b"I0000 chatter\\n")
        logging.getLogger("tensorflow").addHandler(logging.StreamHandler())
        print("progress", file=sys.stderr)
        {body}

sys.meta_path.insert(0, Finder())
start_tensorflow()
os.write(2, b"native log after\\n")
print("end", file=sys.stderr)
logging.getLogger("tensorflow").warning("compiled anew")
logging.getLogger("tensorflow").error("a logger made during the import")
sys.stderr = elsewhere = io.StringIO()
logging.getLogger("tensorflow").error("as is the rest")
print("elsewhere:", elsewhere.getvalue(), file=sys.__stderr__)
"""


def stderr_of(body: str) -> str:
    command = [sys.executable, "-c", FAKE.replace("{body}", body)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stderr


def test_chatter_is_hidden_and_everything_else_comes_through() -> None:
    assert stderr_of("pass").split("\n") == [
        *("progress", "native log after", "end"),
        *("a logger made during the import", "elsewhere: as is the rest", "", ""),
    ]


def test_a_failed_import_shows_what_was_held_back() -> None:
    text = stderr_of("raise ImportError('no such library')")
    assert "I0000 chatter" in text
    assert "no such library" in text
