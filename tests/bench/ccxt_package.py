"""ccxt, fetched from the npm registry in the version that ccxt/package.json names."""

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "ccxt"


def install(folder):
    """Where cancel.mjs is beside ccxt, and why not: one of the two is None."""
    if not shutil.which("node") or not shutil.which("npm"):
        return None, "node and npm are not installed"
    if not (folder / "node_modules" / "ccxt").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copy(SOURCE / "package.json", folder)
        done = subprocess.run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts",
                               "--loglevel=error"], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            return None, f"npm could not fetch ccxt: {' '.join(done.stderr.split())[:200]}"
    shutil.copy(SOURCE / "cancel.mjs", folder)
    return folder, None
