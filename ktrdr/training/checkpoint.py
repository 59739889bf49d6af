"""A training as it stands after an epoch, as bytes: whoever goes on from there comes to the same end.

Tensors and JSON only, in the safetensors format: reading one executes nothing.
"""

import json
from dataclasses import dataclass
from typing import Any, Final, Protocol

import safetensors  # type: ignore[import-not-found,unused-ignore]  # installed where one computes
import torch  # type: ignore[import-not-found,unused-ignore]

from ktrdr.errors import InvalidError

SCHEMA: Final = 1
ABOUT: Final = "about"
DICE: Final = "dice"
NOISE: Final = "noise"
NAMES: Final = {torch.float32: "float32", torch.uint8: "uint8"}
TYPES: Final = {"F32": torch.float32, "U8": torch.uint8}
Tensors = dict[str, Any]


class Keeper(Protocol):
    """Where a training's checkpoints are kept."""

    def found(self) -> bytes | None:
        """Return the checkpoint from which the training is to go on, or None."""

    def due(self) -> bool:
        """Return whether the next checkpoint is wanted."""

    def keep(self, content: bytes) -> None:
        """Keep a checkpoint in place of the one before. It returns at once, and never raises."""


class Optimizer(Protocol):
    """What of an optimizer a checkpoint holds: how many steps it took, and its moving averages."""

    steps: int

    @property
    def moments(self) -> list[Any]:
        """The averages, always in the same order."""


@dataclass(frozen=True)
class State:
    """A training after an epoch.

    `history` holds losses and accuracies by epoch, `best_loss` the lowest validation loss, `steps` the optimizer's.
    `device` is cpu or cuda. The tensors are those of `capture`.
    """

    history: dict[str, Any]
    best_loss: float
    steps: int
    device: str
    tensors: Tensors

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return len(self.history["train_loss"])

    @property
    def best(self) -> Tensors:
        """The weights of the best epoch."""
        return _named(self.tensors, "best.")


def capture(
    network: Any,
    optimizer: Optimizer,
    dice: Any,
    *,
    best: tuple[float, Tensors],
    history: dict[str, Any],
    device: str,
) -> State:
    """Return the present state; its tensors are those that the training goes on to change.

    They are the weights, the weights of the best epoch, the optimizer's averages, and the states of the random
    numbers: of `dice`, which shuffles, and of torch's own, which drop neurons out.
    """
    noise = torch.cuda.get_rng_state() if device == "cuda" else torch.get_rng_state()
    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best[1].items()}
    tensors |= {f"moment.{place}": value for place, value in enumerate(optimizer.moments)}
    return State(history, best[0], optimizer.steps, device, {**tensors, DICE: dice.get_state(), NOISE: noise})


def restore(state: State, network: Any, optimizer: Optimizer, dice: Any, *, device: str, seed: int) -> None:
    """Put a state into a new network, its optimizer and `dice`.

    On another kind of device torch's own random numbers cannot go on where they were: `seed` and the epoch seed them.
    """
    network.load_state_dict(_named(state.tensors, "network."))
    for place, moment in enumerate(optimizer.moments):
        moment.copy_(state.tensors[f"moment.{place}"])
    optimizer.steps = state.steps
    dice.set_state(state.tensors[DICE])
    if state.device != device:
        torch.manual_seed(seed + state.epoch)
    elif device == "cuda":
        torch.cuda.set_rng_state(state.tensors[NOISE])
    else:
        torch.set_rng_state(state.tensors[NOISE])


def dump(state: State, origin: dict[str, str]) -> bytes:
    """Return a state as bytes; `origin` says what it was made of."""
    about = {
        "origin": {"schema": SCHEMA, **origin},
        "history": state.history,
        "best_loss": state.best_loss,
        "steps": state.steps,
        "device": state.device,
    }
    text = torch.frombuffer(bytearray(json.dumps(about).encode()), dtype=torch.uint8)
    # The dictionary keeps the memory alive that the specifications point to.
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in {**state.tensors, ABOUT: text}.items()}
    specifications = {
        name: safetensors.TensorSpec(
            dtype=NAMES[tensor.dtype], shape=list(tensor.shape), data_ptr=tensor.data_ptr(), data_len=tensor.nbytes
        )
        for name, tensor in tensors.items()
    }
    content: bytes = safetensors.serialize(specifications)
    return content


def load(content: bytes, origin: dict[str, str], network: Any) -> State:
    """Read a state of `network`'s training; InvalidError if it is damaged, or made of something else than `origin`."""
    try:
        tensors = {}
        for name, tensor in safetensors.deserialize(content):  # type: ignore[no-untyped-call,unused-ignore]
            values = torch.frombuffer(bytearray(tensor["data"]), dtype=TYPES[tensor["dtype"]])
            tensors[name] = values.reshape(tensor["shape"])
        about = json.loads(bytes(tensors.pop(ABOUT).tolist()))
        _require_same(about, {"schema": SCHEMA, **origin})
        state = State(about["history"], about["best_loss"], about["steps"], about["device"], tensors)
        _require_whole(state, network)
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError, safetensors.SafetensorError) as error:
        raise InvalidError("bad_checkpoint", f"The checkpoint is not used: {error}.") from None
    return state


def _require_same(about: dict[str, Any], origin: dict[str, Any]) -> None:
    if other := [name for name, value in origin.items() if about["origin"].get(name) != value]:
        raise ValueError(f"it was made with another {' and another '.join(other)}")


def _require_whole(state: State, network: Any) -> None:
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    for prefix in ("network.", "best."):
        found = {name: value.shape for name, value in _named(state.tensors, prefix).items()}
        if found != shapes:
            raise ValueError(f"the tensors {prefix}* are not those of the network")
    lengths = {len(state.history[key]) for key in ("train_loss", "train_accuracy", "val_loss", "val_accuracy")}
    if lengths != {state.epoch} or not state.epoch:
        raise ValueError("its history is not whole")
    for name in (DICE, NOISE):
        if state.tensors[name].dtype != torch.uint8:
            raise ValueError(f"{name} is no state of random numbers")


def _named(tensors: Tensors, prefix: str) -> Tensors:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
