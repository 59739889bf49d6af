"""The commands of the command line: a row here, and a module of the command's name with `_` for each blank.

The module holds EXAMPLES (the end of the command's help), `arguments`, which adds arguments to an argparse parser, and
`run`, which gets the parsed options and returns the exit status. It is loaded for its own help and its own run alone:
at its top it imports only the standard library's quick modules, `parts`, `client`, `tables` and `progress`.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Command:
    """A command: its words, as they are typed, and what it does, for the list of commands."""

    name: str
    what: str

    @property
    def module(self) -> str:
        """The dotted name of the module that does it."""
        return f"{__name__}.{self.name.replace(' ', '_')}"


GROUPS: Final = {
    "data": "price bars",
    "strategies": "what to train, and on which inputs",
    "operations": "trainings, backtests, predictions and uploads",
    "models": "what trainings have learnt",
}
"""The first words of commands of two words."""

COMMANDS: Final = (
    Command("api", "start the backend"),
    Command("worker", "start the worker that KTRDR_WORKER_TYPE names: training or backtest"),
    Command("data list", "list the stored series"),
    Command("data show", "show a series and its newest bars, or print all as CSV"),
    Command("data upload", "upload bars from a CSV file"),
    Command("data sample", "make a year of hourly EURUSD-like bars (about 6,200)"),
    Command("strategies list", "list the strategies"),
    Command("strategies show", "print a strategy with every default filled in"),
    Command("strategies validate", "print the mistakes of a strategy, in a file or at the backend"),
    Command("strategies add", "store a strategy from a file at the backend"),
    Command("strategies delete", "delete a strategy that has no models"),
    Command("strategies schema", "print the JSON schema of a strategy's YAML file, for editors"),
    Command("strategies convert", "convert a strategy of the original ktrdr"),
    Command("train", "train a strategy and follow its progress"),
    Command("backtest", "backtest a strategy's model and print its metrics"),
    Command("predict", "decide by a model on the newest bars"),
    Command("operations list", "list operations, the newest first unless sorted otherwise"),
    Command("operations watch", "follow an operation's progress until it has ended"),
    Command("operations results", "print the results of a completed operation"),
    Command("operations cancel", "cancel an operation that has not ended"),
    Command("operations retry", "queue the request of a failed or cancelled operation again"),
    Command("models list", "list the models, the newest first"),
    Command("models show", "show what a model was trained with, and its metrics"),
    Command("models delete", "delete a model"),
    Command("workers", "list the workers and what they do"),
    Command("backup", "write all that the backend keeps into one file, while it runs"),
    Command("restore", "put a backup in the place of what the data directory holds"),
)
