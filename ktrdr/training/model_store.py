"""Models as directories: weights as tensors only, everything else as JSON; the reader checks everything."""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import safetensors  # type: ignore[import-not-found,unused-ignore]  # installed where one computes
import torch  # type: ignore[import-not-found,unused-ignore]
from pydantic import ValidationError

from ktrdr.errors import InvalidError
from ktrdr.model_files import CONFIG, FEATURES, METADATA, METRICS, WEIGHTS, parse, read
from ktrdr.neural.models.mlp import build_mlp
from ktrdr.strategy.mistakes import issues_of
from ktrdr.strategy.schema import Architecture, Model, Strategy
from ktrdr.training.dataset import Dataset, Scaler

SCHEMA: Final = 1
DTYPE: Final = "F32"
MOST_FEATURES: Final = 100_000
Document = dict[str, Any]


@dataclass(frozen=True)
class StoredModel:
    """A stored model: the network in evaluation mode, its features and scaler, its config and metadata."""

    network: Any
    names: list[str]
    scaler: Scaler
    config: dict[str, Any]
    metadata: dict[str, Any]


@dataclass(frozen=True)
class LoadedModel:
    """A stored model with the strategy and the timeframes that it was trained with."""

    stored: StoredModel
    strategy: Strategy
    timeframes: tuple[str, ...]


def save(
    directory: Path, network: Any, data: Dataset, *, config: Document, metrics: Document, metadata: Document
) -> None:
    """Write a model into an existing empty directory.

    `config` holds at least `model` {type, hidden_layers, dropout, activation}; the digest of the weights and the
    version of torch are added to `metadata`.
    """
    weights = serialize(network.state_dict())
    (directory / WEIGHTS).write_bytes(weights)
    made = {"torch_version": str(torch.__version__), "weights_sha256": hashlib.sha256(weights).hexdigest()}
    documents = {
        CONFIG: {"schema": SCHEMA, "inputs": len(data.names), **config},
        FEATURES: {"names": data.names, "means": data.scaler.means, "deviations": data.scaler.deviations},
        METRICS: metrics,
        METADATA: {**metadata, **made},
    }
    for name, document in documents.items():
        (directory / name).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def load(directory: Path) -> StoredModel:
    """Read a model; InvalidError (code model_mismatch) if its files are missing or do not belong together."""
    try:
        config, features, metadata, _ = (
            parse(name, read(directory, name)) for name in (CONFIG, FEATURES, METADATA, METRICS)
        )
        weights = read(directory, WEIGHTS)
        _check_versions(config, metadata, weights)
        shape = _architecture(config["model"])
        names, scaler = _features(features, config["inputs"])
        network = build_mlp(len(names), shape.hidden_layers, shape.dropout, shape.activation)
        network.load_state_dict(deserialize(weights))
    except InvalidError as error:
        raise _mismatch(directory, error.message) from None
    except ValidationError as error:
        raise _mismatch(directory, issues_of(error)[0].message) from None
    except (KeyError, TypeError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
        raise _mismatch(directory, f"{type(error).__name__}: {error}") from None
    network.eval()
    return StoredModel(network, names, scaler, config, metadata)


def _architecture(model: dict[str, Any]) -> Architecture:
    """Read config.json's model within the bounds of a strategy, so that a foreign file cannot take any memory."""
    architecture = {key: model[key] for key in Architecture.model_fields}
    return Model.model_validate({"type": model["type"], "architecture": architecture}).architecture


def _check_versions(config: dict[str, Any], metadata: dict[str, Any], weights: bytes) -> None:
    if config["schema"] != SCHEMA:
        raise ValueError(f"schema {config['schema']} is not {SCHEMA}")
    theirs, ours = str(metadata["torch_version"]).partition(".")[0], str(torch.__version__).partition(".")[0]
    if theirs != ours:
        raise ValueError(f"it was made with torch {metadata['torch_version']}, here is {torch.__version__}")
    if hashlib.sha256(weights).hexdigest() != metadata["weights_sha256"]:
        raise ValueError("the weights are not those that the metadata names")


def _features(features: dict[str, Any], inputs: Any) -> tuple[list[str], Scaler]:
    names, means, deviations = features["names"], features["means"], features["deviations"]
    if not len(names) == len(means) == len(deviations) == inputs <= MOST_FEATURES or not inputs:
        raise ValueError(f"features.json does not hold {inputs} features")
    if not all(isinstance(name, str) for name in names):
        raise ValueError("features.json names a feature not by a text")
    if not all(math.isfinite(mean) for mean in means) or not all(0 < by < math.inf for by in deviations):
        raise ValueError("features.json holds a mean that is not finite or a deviation that is not above zero")
    return names, Scaler(means, deviations)


def serialize(state: dict[str, Any]) -> bytes:
    """Return tensors in the safetensors format (which needs no NumPy this way)."""
    # The dictionary keeps the memory alive that the specifications point to.
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
            raise ValueError(f"{name} is {tensor['dtype']}, expected {DTYPE}")
        values = torch.frombuffer(bytearray(tensor["data"]), dtype=torch.float32)
        state[name] = values.reshape(tensor["shape"])
    return state


def _mismatch(directory: Path, reason: str) -> InvalidError:
    return InvalidError(
        "model_mismatch", f"Model {directory.name} cannot be loaded: {reason.rstrip('.')}. Train it again."
    )
