"""Models as directories: weights as tensors only, everything else as JSON, and a reader that takes nothing on trust."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import safetensors  # type: ignore[import-not-found,unused-ignore]  # installed where one computes
import torch  # type: ignore[import-not-found,unused-ignore]

from ktrdr.errors import InvalidError
from ktrdr.model_files import CONFIG, FEATURES, FILES, METADATA, METRICS, WEIGHTS
from ktrdr.neural.models.mlp import build_mlp
from ktrdr.training.dataset import Scaler

SCHEMA: Final = 1
DTYPE: Final = "F32"


@dataclass(frozen=True)
class StoredModel:
    """A model as read: the network in evaluation mode, its features and scaler, and what it says of itself."""

    network: Any
    names: list[str]
    scaler: Scaler
    config: dict[str, Any]
    metadata: dict[str, Any]


def save(
    directory: Path,
    network: Any,
    *,
    names: list[str],
    scaler: Scaler,
    config: dict[str, Any],
    metrics: dict[str, Any],
    metadata: dict[str, Any],
) -> None:
    """Write a model into an existing empty directory.

    `config` holds at least `model` {type, hidden_layers, dropout, activation}; the digest of the weights and the
    version of torch are added to `metadata`.
    """
    weights = serialize(network.state_dict())
    (directory / WEIGHTS).write_bytes(weights)
    told = {
        **metadata,
        "torch_version": str(torch.__version__),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    features = {"names": names, "means": scaler.means, "deviations": scaler.deviations}
    for name, document in (
        (CONFIG, {"schema": SCHEMA, "inputs": len(names), **config}),
        (FEATURES, features),
        (METRICS, metrics),
        (METADATA, told),
    ):
        (directory / name).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def load(directory: Path) -> StoredModel:
    """Read a model; InvalidError (code model_mismatch) where its files are missing or do not belong together."""
    missing = [name for name in FILES if not (directory / name).is_file()]
    if missing:
        raise _mismatch(directory, f"{missing[0]} is missing")
    try:
        config, features, metadata = (
            json.loads((directory / name).read_text(encoding="utf-8")) for name in (CONFIG, FEATURES, METADATA)
        )
        weights = (directory / WEIGHTS).read_bytes()
        if config["schema"] != SCHEMA:
            raise _mismatch(directory, f"schema {config['schema']} is not {SCHEMA}")
        if hashlib.sha256(weights).hexdigest() != metadata["weights_sha256"]:
            raise _mismatch(directory, "the weights are not those that the metadata names")
        names, scaler = features["names"], Scaler(features["means"], features["deviations"])
        if {len(names), len(scaler.means), len(scaler.deviations)} != {config["inputs"]}:
            raise _mismatch(directory, f"features.json does not hold {config['inputs']} features")
        shape = config["model"]
        network = build_mlp(config["inputs"], shape["hidden_layers"], shape["dropout"], shape["activation"])
        network.load_state_dict(deserialize(weights))
    except (KeyError, TypeError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
        raise _mismatch(directory, f"{type(error).__name__}: {error}") from None
    network.eval()
    return StoredModel(network, names, scaler, config, metadata)


def serialize(state: dict[str, Any]) -> bytes:
    """Return tensors in the safetensors format (which needs no NumPy this way)."""
    # The list keeps the memory alive that the specifications point to.
    tensors = {name: tensor.detach().to("cpu", torch.float32).contiguous() for name, tensor in state.items()}
    specifications = {
        name: safetensors.TensorSpec(
            dtype="float32", shape=list(tensor.shape), data_ptr=tensor.data_ptr(), data_len=tensor.nbytes
        )
        for name, tensor in tensors.items()
    }
    content: bytes = safetensors.serialize(specifications, metadata={"format": "pt"})
    return content


def deserialize(content: bytes) -> dict[str, Any]:
    """Return the tensors of a safetensors document; ValueError for a tensor that is not 32-bit floating point."""
    state = {}
    for name, tensor in safetensors.deserialize(content):  # type: ignore[no-untyped-call,unused-ignore]
        if tensor["dtype"] != DTYPE:
            msg = f"{name} is {tensor['dtype']}, expected {DTYPE}"
            raise ValueError(msg)
        values = torch.frombuffer(bytearray(tensor["data"]), dtype=torch.float32)
        state[name] = values.reshape(tensor["shape"])
    return state


def _mismatch(directory: Path, reason: str) -> InvalidError:
    return InvalidError("model_mismatch", f"Model {directory.name} cannot be loaded: {reason}. Train it again.")
