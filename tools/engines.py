"""The network run in every way that was tried, side by side: `python -m tools.engines`."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import typer
from threadpoolctl import threadpool_limits

from models.architecture import Size
from streamer.about import machine
from streamer.engine import Engine, load_engine
from streamer.engine.base import Floats, State
from tools.scoring import markdown

BATCHES = (1, 16, 64, 256, 1024)
ROUNDS, CALLS = 15, 5
HOPS = 50  # of the one long row

Way = Callable[[Floats, State], object]


def _session(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _onnx(engine: Engine, session: onnxruntime.InferenceSession, bound: bool) -> Way:
    """Run the graph, with inputs and outputs bound to memory of their own or not."""

    def run(samples: Floats, state: State) -> object:
        plan = engine._plan(samples.shape[1] // engine.segment.hop)
        names = ("sample_windows", "feature_windows", "advance", "hop", "tail", "features", "h", "c")
        feed = {"samples": samples} | dict(zip(names, (*plan, *state), strict=True))
        outputs = [output.name for output in session.get_outputs()]
        if not bound:
            return session.run(outputs, feed)
        binding = session.io_binding()
        for name, value in feed.items():
            binding.bind_cpu_input(name, value)
        for name in outputs:
            binding.bind_output(name)
        session.run_with_iobinding(binding)
        return binding.copy_outputs_to_cpu()

    return run


def _compiled(engine: Engine) -> Way:
    """Run the Keras model compiled by XLA; it compiles for every batch size."""
    import tensorflow as tf

    step = tf.function(engine._step.python_function, jit_compile=True)  # type: ignore[attr-defined]
    static = engine._plan(1)

    @tf.function(jit_compile=True)
    def hop(samples, tail, cached, h, c):  # type: ignore[no-untyped-def]
        return step(samples, static.sample_windows, static.feature_windows, int(static.advance[0]), int(static.hop[0]),
                    tail, cached, h, c)  # fmt: skip

    return lambda samples, state: [np.asarray(x) for x in hop(samples, *state)]


def ways(folder: Path) -> dict[str, Way]:
    """Return every way to run a hop of rows, on one thread unless its name says otherwise.

    Parameters
    ----------
    folder : Path
        For the quantised graph.
    """
    from onnxruntime.quantization import quantize_dynamic

    numba, onnx, keras = (load_engine(name) for name in ("numba", "onnx", "tensorflow"))
    path = onnx.model.folder / "model.onnx"
    quantize_dynamic(path, folder / "int8.onnx")
    return {
        "numba kernels": numba.run,
        "ONNX Runtime": _onnx(onnx, _session(path), False),
        "ONNX Runtime, I/O binding": _onnx(onnx, _session(path), True),
        "ONNX Runtime, 2 threads": _onnx(onnx, _session(path, 2), False),
        "ONNX Runtime, int8 weights": _onnx(onnx, _session(folder / "int8.onnx"), False),
        "TensorFlow, tf.function": keras.run,
        "TensorFlow, XLA": _compiled(keras),
    }


def measure(rounds: int = ROUNDS) -> dict[str, str]:
    """Time every way at every batch size, one after the other in each round, and return the table.

    Parameters
    ----------
    rounds : int
    """
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    random = np.random.default_rng(1)
    engine = load_engine("numba")
    flops = Size().megaflops(engine.segment) * 1e6 * engine.segment.hop / 250
    cells: dict[str, list[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        all_ways = ways(Path(folder))
        matrix = random.standard_normal((256, 72), np.float32), random.standard_normal((72, 160), np.float32)
        for batch, hops in [(batch, 1) for batch in BATCHES] + [(1, HOPS)]:
            samples = random.standard_normal((batch, hops * engine.segment.hop), np.float32)
            state = engine.initial(batch)
            taken: dict[str, list[float]] = {}
            expected = np.asarray(all_ways["ONNX Runtime"](samples, state)[0])  # type: ignore[index]
            for name, way in all_ways.items():
                if hops > 1 and "XLA" in name:
                    continue
                got = np.asarray(way(samples, state)[0])  # type: ignore[index]
                assert np.abs(got - expected).max() < (1e-4 if "int8" not in name else 1.0), name
            for _ in range(rounds):
                for name, way in all_ways.items():
                    if hops > 1 and "XLA" in name:
                        continue
                    way(samples, state)  # the caches are its own
                    begin = time.perf_counter()
                    for _ in range(CALLS):
                        way(samples, state)
                    taken.setdefault(name, []).append((time.perf_counter() - begin) / CALLS / batch / hops)
                with threadpool_limits(1):
                    begin = time.perf_counter()
                    for _ in range(100):
                        _ = matrix[0] @ matrix[1]
                    taken.setdefault("", []).append((time.perf_counter() - begin) / 100)
            rate = 2 * 256 * 72 * 160 / float(np.median(taken.pop("")))
            for name in all_ways:
                if name not in taken:
                    cells.setdefault(name, []).append("")
                    continue
                seconds = float(np.median(taken[name]))
                share = 100 * flops / seconds / rate
                cells.setdefault(name, []).append(f"{1e6 * seconds:.1f} ({share:.0f} %)")
    heads = ["", *(f"batch {batch}" for batch in BATCHES), f"1 row, {HOPS} hops"]
    title = (
        f"A hop of a row, us, medians of {rounds} rounds of {CALLS} calls; in brackets the arithmetic done in a second "
        "as a share of what numpy's float32 product of 256 x 72 by 72 x 160 reaches on one thread in the same round"
    )
    return {title: markdown(heads, [[name, *row] for name, row in cells.items()])}


def main() -> None:
    """Print the table."""
    typer.echo(machine())
    for title, table in measure().items():
        typer.echo(f"\n{title}\n\n{table}")


if __name__ == "__main__":
    typer.run(main)
