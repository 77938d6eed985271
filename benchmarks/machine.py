"""On what a figure was measured, and where it is kept."""

import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("torch", "timm", "numpy", "pandas", "pillow", "imagehash")


def machine() -> dict[str, Any]:
    """Processor, cores, versions and the commit that was measured."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {
        "processor": models[0].split(": ")[1],
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
        "commit": commit.stdout.strip(),
    }


def footer(facts: dict[str, Any]) -> str:
    """Say it in one line, for under a table."""
    versions = ", ".join(f"{package} {facts[package]}" for package in PACKAGES)
    return (
        f"{facts['cores']} cores of {facts['processor']}, Python {facts['python']}, {versions}; "
        f"commit {facts['commit']}."
    )


def save(out: Path, results: dict[str, Any], text: str) -> None:
    """Write figures as JSON, and what they say in Markdown beside them; print that, too."""
    out.write_text(json.dumps(results, indent=2) + "\n")
    out.with_suffix(".md").write_text(text)
    print(text, flush=True)
