"""The checkout that is measured: the one that this program lies in."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONTRACT = ROOT / "deploy" / "docker" / "images.toml"
