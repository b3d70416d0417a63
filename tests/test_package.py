"""What the package promises as a whole."""

import ast
import os
import subprocess
import sys
import zipfile

import pytest

from streamer.engine import load_model
from tests.conftest import ROOT


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", code],
        capture_output=True, text=True, timeout=120, env=os.environ | environment,
    )  # fmt: skip


def test_import_is_light():
    done = python(
        "import sys, streamer; assert not {'tensorflow', 'numba', 'onnxruntime'} & set(sys.modules);"
        "from streamer import Detector; Detector(250, ['II']).push([0.0] * 1000);"
        "assert not {'tensorflow', 'keras', 'matplotlib', 'models', 'zmq'} & set(sys.modules), sys.modules"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "streamer").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_arrows_go_one_way(path):
    imported = {
        name.split(".")[0] if top else name
        for node in ast.walk(ast.parse(path.read_text()))
        for name, top in (
            [(a.name, True) for a in node.names] if isinstance(node, ast.Import)
            else [(node.module or "", True)] if isinstance(node, ast.ImportFrom) else []
        )
    }  # fmt: skip
    assert not imported & {"models", "tools", "tests"}
    if path.parent.name in {"conditioning", "engine", "detect"}:
        assert not imported & {"zmq", "time", "threading", "asyncio", "socket"}


def test_the_wheel_holds_streamer_alone_and_runs_from_an_empty_folder(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path / "dist", ROOT],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
        archive.extractall(tmp_path / "site")
    assert {t for t in tops if not t.endswith(".dist-info")} == {"streamer"}
    empty = tmp_path / "empty"
    empty.mkdir()
    code = (
        "import streamer, sys, numpy as np; from pathlib import Path;"
        f"assert Path(streamer.__file__).is_relative_to({str(tmp_path / 'site')!r}), streamer.__file__;"
        "from streamer.engine import load_model; print(load_model().folder, load_model().digest);"
        "d = streamer.Detector(250, ['II']); d.push(np.zeros(1000)); print(len(d.flush()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=empty, capture_output=True, text=True, timeout=120,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "site" / "streamer" / "model") in done.stdout
    assert load_model().digest in done.stdout


def test_it_runs_where_no_cache_can_be_written(tmp_path):
    """A read-only install without a home: compiled anew, said once, and never a broken import."""
    code = (
        "import warnings; warnings.simplefilter('always')\n"
        "from numba.core import caching\n"
        "caching.CacheImpl._locator_classes = []\n"
        "from streamer import Detector\n"
        "import numpy as np\n"
        "print(len(Detector(250, ['II']).push(np.sin(np.arange(600) / 9))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "NUMBA_CACHE_DIR" in done.stderr
    assert done.stderr.count("set NUMBA_CACHE_DIR") == 1


def test_a_kernel_is_compiled_anew_when_one_that_it_calls_has_changed(tmp_path):
    folder = tmp_path / "pack" / "part"
    folder.mkdir(parents=True)
    (folder / "outer.py").write_text(
        "from streamer.jit import kernel\nfrom inner import inner\n@kernel\ndef outer():\n    return inner()\n"
    )
    said = []
    for value in (1, 2):
        (folder / "inner.py").write_text(
            f"from streamer.jit import kernel\n@kernel\ndef inner():\n    return {value}\n"
        )
        code = "from outer import outer; print(outer())"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, timeout=120,
            env=os.environ | {"PYTHONPATH": f"{ROOT}:{folder}"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said.append(done.stdout.strip())
    assert said == ["1", "2"]


def test_the_model_card_says_what_it_must():
    card = load_model().card
    assert (card.rate, card.stride, card.classes) == (250, 2, ["none", "P", "QRS", "T", "VQRS"])
    assert set(card.profiles) == {"default", "fast", "careful"}
    assert card.right_samples <= 5
    assert card.trained_on
    assert card.licences
    assert card.limits
    assert {"mitdb", "qtdb"} <= set(card.figures)
