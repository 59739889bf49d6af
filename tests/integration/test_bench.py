"""A quick run of the measurements: every figure that it takes is there, in JSON and in the table."""

import json
import sys
from pathlib import Path

from tests.integration.conftest import Images, execute


def test_a_quick_run_writes_its_figures_and_leaves_nothing(images: Images, tmp_path: Path) -> None:
    artifacts = images.copy_artifacts(tmp_path)
    words = ("bench", "--quick", "starting", "contents", "--artifacts", str(artifacts.root))
    ended = execute(sys.executable, "-m", *words)
    assert ended.code == 0, ended
    report = json.loads((artifacts.root / "bench.json").read_text(encoding="utf-8"))
    assert report["quick"] is True
    assert report["not_measured"] == {}
    figures = {one["name"]: one for one in report["figures"]}
    assert {"backend: start to healthy", "contents of backend", "ktrdr --help, average of 20"} <= figures.keys()
    assert all(one["ours"]["median"] > 0 for one in figures.values())
    table = (artifacts.root / "bench.md").read_text(encoding="utf-8")
    assert all(f"| {name}" in table for name in figures)
    assert images.left_by(ended.pid) == []
