"""The tour: a real AI feature is judged, mended, promoted, and one part of it is rolled back.

Every step is a command that you can type yourself; this file only copies files between them and prints. The model's
replies are replayed from `recordings/` (see the example's README); with --live the model on this machine is asked.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[1]
DEMO = Path.cwd() / "interlock-demo"
AUTHOR, APPROVER = "tomasz-verhoeven", "henrike-delacourt"
CODES = {0: "READY or done", 1: "BLOCKED", 2: "usage", 3: "HOLD", 4: "waits for approval", 5: "done in part"}
BOLD, DIM, PLAIN = (
    ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else ("", "", "")
)


PROGRESS = ("Plan: ", "adversarial, ", "gold: ")
"""How lines begin on stderr that only say how far a run is."""


class Unexpected(SystemExit):
    """A step did not end as the tour says it does: the tour is wrong, or Interlock is."""


def say(text: str) -> None:
    """A heading between steps."""
    print(f"\n{BOLD}── {text} {'─' * max(2, 96 - len(text))}{PLAIN}", flush=True)


def interlock(*words: str, exits: int, show: int | None = None) -> str:
    """Run one real command in the demo's folder, print it and its output, and insist on its exit code."""
    shown = " ".join(f'"{word}"' if " " in word else word for word in words)
    print(f"{BOLD}$ interlock {shown}{PLAIN}", flush=True)
    env = {**os.environ, "COLUMNS": os.environ.get("COLUMNS", "110"), "PYTHONIOENCODING": "utf-8"}
    if sys.stdout.isatty():
        env.setdefault("FORCE_COLOR", "1")
    done = subprocess.run(
        [sys.executable, "-m", "interlock", *words], cwd=DEMO, env=env, capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if not line.startswith(PROGRESS)]
    lines = [*said, *done.stdout.rstrip().splitlines()]
    print("\n".join(lines if show is None else lines[:show]))
    if show is not None and len(lines) > show:
        print(f"{DIM}… {len(lines) - show} more lines{PLAIN}")
    print(f"{DIM}[exit {done.returncode}: {CODES.get(done.returncode, 'fault')}]{PLAIN}\n", flush=True)
    if done.returncode != exits:
        print(done.stderr, file=sys.stderr)
        raise Unexpected(f"the tour expected exit {exits}, not {done.returncode}")
    return done.stdout + done.stderr


def lay(source: Path) -> None:
    """Copy files over the demo's folder, as somebody edits a feature."""
    for file in sorted(path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        to = DEMO / file.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, to)


def versions(**parts: str) -> None:
    """Number the parts that were edited, as somebody does who means it."""
    manifest = DEMO / "interlock.yaml"
    text = manifest.read_text(encoding="utf-8")
    for part, version in parts.items():
        text, found = re.subn(
            rf'(\n  {part}:.*?version: )"[^"]*"', rf'\g<1>"{version}"', text, count=1, flags=re.DOTALL
        )
        if not found:
            raise Unexpected(f"interlock.yaml has no version of `{part}`")
    manifest.write_text(text, encoding="utf-8")


def begin(base_url: str | None) -> None:
    """A fresh ./interlock-demo/ with the example's files."""
    if DEMO.exists():
        shutil.rmtree(DEMO)
    leave_out = shutil.ignore_patterns("demo", "live", "labels", ".interlock", "__pycache__", "interlock.lock")
    shutil.copytree(EXAMPLE, DEMO, ignore=leave_out)
    if base_url:
        manifest = DEMO / "interlock.yaml"
        text = manifest.read_text(encoding="utf-8")
        text = text.replace('call: "app.assistant:answer"}', f'call: "app.assistant:answer", url: "{base_url}"}}', 1)
        text = text.replace("concurrency: 8", "concurrency: 1").replace("calls: replay-strict", "calls: record")
        manifest.write_text(text, encoding="utf-8")


@contextmanager
def model(live: bool) -> Iterator[str | None]:
    """The address of the local model, or None when its recorded replies are replayed."""
    if not live:
        yield None
        return
    sys.path.insert(0, str(EXAMPLE / "live"))
    from serve import serve  # type: ignore[import-not-found]

    with serve() as url:
        print(
            f"The model answers at {url}, on one thread: 3 s for a free answer, 0.8 s for a route. The whole tour asks for 45 minutes."
        )
        yield url


def promote(environment: str, reason: str) -> None:
    """Plan, approve by somebody else, apply."""
    said = interlock("promote", environment, "--reason", reason, "--as", AUTHOR, exits=4)
    plan = next(line.split()[1] for line in said.splitlines() if line.startswith("plan "))
    interlock("approve", plan, "--as", APPROVER, exits=0)
    interlock("apply", plan, "--as", AUTHOR, exits=0)


def tour() -> None:
    """All steps, in order."""
    say("1  The first try: a model may phrase the answers. Is it safe to operate?")
    lay(EXAMPLE / "demo" / "1-first-try")
    versions(prompt="1", retriever="1", guardrails="1")
    interlock("keys", "--new", APPROVER, "--role", "approver", "--role", "risk", exits=0)
    interlock("lock", "--reason", "first try", "--as", AUTHOR, exits=0)
    interlock("check", "--as", AUTHOR, exits=1)

    say("2  The better bundle: quote with a citation, abstain without evidence, hand account security to a person")
    for overlay in (EXAMPLE / "demo" / "1-first-try").rglob("*"):
        if overlay.is_file():
            part = overlay.relative_to(EXAMPLE / "demo" / "1-first-try")
            shutil.copyfile(EXAMPLE / part, DEMO / part)
    versions(prompt="2", retriever="2", guardrails="2")
    interlock("bundle", "diff", "lock", exits=0, show=12)
    interlock(
        "lock", "--reason", "answers are quoted, evidence is demanded, security goes to people", "--as", AUTHOR, exits=0
    )
    interlock("check", "--as", AUTHOR, exits=3)

    say("3  READY for staging, where no customer sees it. Going forward asks: a plan, and somebody else's yes")
    promote("staging", "first bundle that abstains")
    interlock("status", exits=0)

    say(
        "4  A prompt edit that looks harmless, and a better escalation guide. What does the average say, and the slices?"
    )
    lay(EXAMPLE / "demo" / "3-harmless-edit")
    versions(prompt="3", runbook="2")
    interlock("bundle", "diff", "live", "--env", "staging", "--texts", exits=0, show=40)
    interlock(
        "lock", "--reason", "tidier routing prompt; escalation guide says who calls back", "--as", AUTHOR, exits=0
    )
    interlock("check", "--ways-back", "--as", AUTHOR, exits=1)
    interlock("promote", "production", "--as", AUTHOR, exits=1)

    say("5  Staging is a lab, so it may go there to be looked at. Going back never asks: only the prompt, at once")
    promote("staging", "look at the new prompt")
    interlock("rollback", "prompt", "--env", "staging", "--reason", "it breaks a slice", "--as", AUTHOR, exits=0)
    interlock("status", exits=0)

    say(
        "6  The same prompt goes back in the folder, the evidence for this combination exists already: nothing is measured"
    )
    shutil.copyfile(EXAMPLE / "prompts" / "router.md", DEMO / "prompts" / "router.md")
    versions(prompt="2")
    interlock("lock", "--reason", "prompt as it was", "--as", AUTHOR, exits=0)
    interlock("check", "--env", "staging", "--as", AUTHOR, exits=0)
    interlock("history", exits=0)
    interlock("report", "--out", "report.html", exits=0)


def main() -> None:
    """Run the tour and say where things are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--live", action="store_true", help="ask the local model instead of replaying its recorded replies"
    )
    live = parser.parse_args().live
    started = time.monotonic()
    with model(live) as base_url:
        begin(base_url)
        tour()
    say("Done")
    print(
        f"{time.monotonic() - started:.0f} s. Everything is in ./{DEMO.name}/: open {DEMO.name}/report.html in a browser, or"
    )
    print(f"  cd {DEMO.name} && ../.venv/bin/interlock check     # change a file first, and see what it owes")


if __name__ == "__main__":
    main()
