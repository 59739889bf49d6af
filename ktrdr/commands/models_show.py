"""`ktrdr models show`: one model."""

import argparse
from typing import Any, Final

from ktrdr.commands.client import Client, named
from ktrdr.commands.figures import of_training
from ktrdr.commands.parts import add_backend, add_json
from ktrdr.commands.tables import moment, print_json, print_pairs

EXAMPLES: Final = """\
examples:
  ktrdr models show mlp_fx_hourly_20260101_120000
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("model", help="the model's name, as `ktrdr models list` shows it")
    add_backend(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print what a model was trained with, and its metrics."""
    model: dict[str, Any] = Client(options.backend).get(named("models", options.model))["model"]
    if options.json:
        print_json(model)
        return 0
    about, metrics = model["metadata"], model["metrics"]
    print_pairs(
        (
            ("model", model["name"]),
            ("strategy", about.get("strategy_name")),
            ("symbols", about.get("symbols")),
            ("timeframes", about.get("timeframes")),
            ("trained on", f"{moment(about.get('start_date'))} to {moment(about.get('end_date'))} UTC"),
            ("created", f"{moment(model['created_at'])} UTC"),
            ("ktrdr", about.get("ktrdr_version")),
            *of_training(metrics.get("training_metrics", {}), metrics.get("test_metrics", {})),
        )
    )
    return 0
