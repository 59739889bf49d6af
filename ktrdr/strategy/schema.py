"""The strategy file, version 3, as models: they check a document and are the strategy's values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self, Union, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from ktrdr.epochs import EPOCHS_LIMIT
from ktrdr.fuzzy import memberships
from ktrdr.indicators import catalogue
from ktrdr.names import NAME_PATTERN, SYMBOL_PATTERN, Timeframe
from ktrdr.strategy.issues import brief, choice
from ktrdr.strategy.plain import WHOLE

MOST: Final = 64
"""The most indicators, fuzzy sets and inputs."""
MOST_MEMBERSHIPS: Final = 16
LONGEST_DESCRIPTION: Final = 2000
OPTIONAL: Final = BeforeValidator(lambda value: {} if value is None else value)
"""An empty section (`decisions:`) counts as left out."""


@dataclass(frozen=True)
class Names:
    """Names that parts of a document may refer to, read before the check. `indicators` maps names to types."""

    strategy: str
    indicators: Mapping[str, str]
    fuzzy_sets: list[str]
    timeframes: list[str]

    @classmethod
    def of(cls, document: Mapping[str, Any], name: str) -> Self:
        """Read the names from an unchecked document."""
        indicators, fuzzy_sets, data = (
            found if isinstance(found := document.get(key), dict) else {}
            for key in ("indicators", "fuzzy_sets", "training_data")
        )
        types = {key: use.get("type") for key, use in indicators.items() if isinstance(use, dict)}
        known = {key: kind for key, kind in types.items() if isinstance(kind, str) and kind in INDICATORS}
        timeframes = data.get("timeframes")
        return cls(name, known, list(fuzzy_sets), timeframes if isinstance(timeframes, list) else [])


def _names(info: ValidationInfo) -> Names:
    return cast("Names", info.context)


def _with_output(reference: str, info: ValidationInfo) -> str:
    indicators = _names(info).indicators
    name, _, output = reference.partition(".")
    if name not in indicators:
        mend = choice(name, list(indicators), "defined are")
        raise ValueError(f"{brief(reference)!r} is no indicator of this strategy; {mend}")
    outputs = catalogue.CATALOGUE[indicators[name]].outputs
    if output and output not in outputs:
        raise ValueError(f"{brief(name)!r} has no output {brief(output)!r}; it gives {', '.join(outputs)}")
    return f"{name}.{output or outputs[0]}"


def _spelled_out(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    kind = memberships.BY_COUNT.get(len(value)) if isinstance(value, list) else None
    if kind is None:
        raise ValueError("write three numbers (triangular), four (trapezoidal), or a type and its parameters")
    return {"type": kind, "parameters": value}


def _version(value: Any) -> str:
    if str(value).partition(".")[0] != "3":
        raise ValueError(f'is {brief(value)!r}; this is version 3: write version: "3.0"')
    return str(value)


ONCE = AfterValidator(lambda values: list(dict.fromkeys(values)))  # each value once, in the order given
Reference = Annotated[str, AfterValidator(_with_output)]
"""In the file an indicator's name or `name.output`; in the value always `name.output`."""
Version = Annotated[str, Field(pattern=r"^3(\.|$)")] | Annotated[float, Field(ge=3, lt=4)]


class Section(BaseModel):
    """A section of the file: no unknown keys, no conversion, no change after reading. Built at the first check."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class TrainingData(Section):
    """The data that the network learns from; `history_required` is in bars."""

    symbols: Annotated[list[Annotated[str, Field(pattern=SYMBOL_PATTERN)]], ONCE] = Field(min_length=1)
    timeframes: Annotated[list[Timeframe], ONCE] = Field(min_length=1)
    history_required: Annotated[int, Field(ge=0, le=10_000), WHOLE] = 50


class Indicator(Section):
    """An indicator with its parameters; each type has its own, made from the catalogue."""

    type: str
    parameters: Any


class Parameters(Section):
    """An indicator's parameters."""

    @model_validator(mode="after")
    def _ascend(self) -> Self:
        fast, slow = (getattr(self, name, None) for name in ("fast_period", "slow_period"))
        if fast and slow and fast >= slow:
            raise ValueError(f"fast_period is not below slow_period, {slow}; exchange them")
        return self


def _indicator(kind: catalogue.Indicator) -> type[Indicator]:
    numbers: dict[str, Any] = {}
    for parameter in kind.parameters:
        bounds = Field(ge=parameter.minimum, le=parameter.maximum)
        number = Annotated[int, bounds, WHOLE] if parameter.whole else Annotated[float, bounds]
        numbers[parameter.name] = (number, parameter.default)
    parameters = create_model(f"{kind.type}_parameters", __base__=Parameters, **numbers)
    fields: dict[str, Any] = {
        "type": Literal[kind.type],
        "parameters": (Annotated[parameters, OPTIONAL], Field(default_factory=parameters)),
    }
    return create_model(kind.type, __base__=Indicator, __doc__=kind.description, **fields)


INDICATORS: Final = {name: _indicator(kind) for name, kind in catalogue.CATALOGUE.items()}
if TYPE_CHECKING:
    AnyIndicator = Indicator
else:
    AnyIndicator = Annotated[Union[tuple(INDICATORS.values())], Field(discriminator="type")]  # noqa: UP007


class Indicators(Section):
    """A strategy's section of indicators alone."""

    indicators: dict[str, AnyIndicator] = Field(min_length=1, max_length=MOST)


class Membership(Section):
    """A membership function with its parameters."""

    type: Literal["triangular", "trapezoidal", "gaussian", "sigmoid"]
    parameters: list[float] = Field(min_length=2, max_length=4)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if objection := memberships.problem(self.type, self.parameters):
            raise ValueError(objection)
        return self


Corners = Annotated[list[float], Field(min_length=min(memberships.BY_COUNT), max_length=max(memberships.BY_COUNT))]


class FuzzySet(Section):
    """Named memberships of one indicator output; `price_ratio` turns a price into its distance from the close."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"minProperties": 2})
    __pydantic_extra__: dict[
        str, Annotated[Membership, BeforeValidator(_spelled_out, json_schema_input_type=Membership | Corners)]
    ]

    indicator: Reference
    input_transform: Literal["none", "price_ratio"] = "none"

    @property
    def memberships(self) -> dict[str, Membership]:
        """The memberships by their names."""
        return self.__pydantic_extra__

    @model_validator(mode="after")
    def _is_of_use(self, info: ValidationInfo) -> Self:
        if not 0 < len(self.memberships) <= MOST_MEMBERSHIPS:
            raise ValueError(f"has {len(self.memberships)} memberships; name 1 to {MOST_MEMBERSHIPS}")
        name, _, output = self.indicator.partition(".")
        if self.input_transform == "price_ratio" and output not in catalogue.IN_PRICE.get(
            _names(info).indicators[name], ()
        ):
            some = ", ".join(f"{kind}.{name}" for kind, outputs in catalogue.IN_PRICE.items() for name in outputs)
            raise ValueError(f"input_transform price_ratio sets a price against the close; use it with {some}")
        return self


class NetworkInput(Section):
    """A fuzzy set (all its memberships) or a raw indicator output; on all timeframes where none is named."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["fuzzy_set"]}, {"required": ["indicator"]}]})

    fuzzy_set: str | SkipJsonSchema[None] = None
    indicator: Reference | SkipJsonSchema[None] = None
    timeframes: Annotated[
        list[str],
        BeforeValidator(
            lambda value: [] if value == "all" else value, json_schema_input_type=Literal["all"] | list[Timeframe]
        ),
    ] = Field(default_factory=list)

    @field_validator("fuzzy_set")
    @classmethod
    def _is_defined(cls, name: str | None, info: ValidationInfo) -> str | None:
        defined = _names(info).fuzzy_sets
        if name not in defined:
            raise ValueError(
                f"{brief(name)!r} is no fuzzy set of this strategy; {choice(name, defined, 'defined are')}"
            )
        return name

    @field_validator("timeframes")
    @classmethod
    def _are_there(cls, timeframes: list[str], info: ValidationInfo) -> list[str]:
        for timeframe in timeframes:
            if timeframe not in _names(info).timeframes:
                raise ValueError(f"{brief(timeframe)!r} is not in training_data.timeframes; add it there or write all")
        return timeframes

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if len(self.model_fields_set & {"fuzzy_set", "indicator"}) != 1 or not (self.fuzzy_set or self.indicator):
            raise ValueError("name either a fuzzy_set or an indicator")
        return self


class Architecture(Section):
    """The hidden layers, from the inputs to the decisions."""

    hidden_layers: list[Annotated[int, Field(ge=1, le=1024), WHOLE]] = Field(
        min_length=1, max_length=8, default_factory=[32, 16].copy
    )
    dropout: Annotated[float, Field(ge=0, le=0.9)] = 0.1
    activation: Literal["relu", "tanh", "gelu"] = "relu"


class Model(Section):
    """The network between inputs and the three decisions."""

    type: Literal["mlp"]
    architecture: Annotated[Architecture, OPTIONAL] = Field(default_factory=Architecture)

    def flat(self) -> dict[str, Any]:
        """Return type and architecture on one level, as in model files and summaries."""
        return {"type": self.type, **self.architecture.model_dump()}


class Decisions(Section):
    """The lowest probability at which a decision is followed."""

    confidence_threshold: Annotated[float, Field(ge=0, le=1)] = 0.5


class Labels(Section):
    """How a bar's correct decision is determined: `threshold` is a relative move, `horizon` is in bars."""

    type: Literal["zigzag", "forward_return"]
    threshold: Annotated[float, Field(ge=1e-5, le=0.5)] = 0.005
    horizon: Annotated[int, Field(ge=1, le=1000), WHOLE] = 12


class Training(Section):
    """How the network is trained; `patience` is epochs without a better validation loss."""

    epochs: Annotated[int, Field(ge=1, le=EPOCHS_LIMIT), WHOLE] = 40
    batch_size: Annotated[int, Field(ge=1, le=4096), WHOLE] = 64
    learning_rate: Annotated[float, Field(ge=1e-6, le=1)] = 0.001
    patience: Annotated[int, Field(ge=1, le=1000), WHOLE] = 10
    seed: Annotated[int, Field(ge=0, le=2**31 - 1), WHOLE] = 42
    labels: Labels


class Strategy(Section):
    """A strategy for ktrdr, version 3."""

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    version: Annotated[str, BeforeValidator(_version, json_schema_input_type=Version)]
    description: Annotated[
        str, BeforeValidator(lambda text: str(text or "")[:LONGEST_DESCRIPTION], json_schema_input_type=str)
    ] = ""
    training_data: TrainingData
    indicators: dict[str, AnyIndicator] = Field(min_length=1, max_length=MOST)
    fuzzy_sets: dict[str, FuzzySet] = Field(min_length=1, max_length=MOST)
    nn_inputs: list[NetworkInput] = Field(min_length=1, max_length=MOST)
    model: Model
    decisions: Annotated[Decisions, OPTIONAL] = Field(default_factory=Decisions)
    training: Training

    def source(self, item: NetworkInput) -> tuple[str, str]:
        """Return the indicator that an input reads, and which of its outputs."""
        reference = self.fuzzy_sets[item.fuzzy_set].indicator if item.fuzzy_set else item.indicator or ""
        name, _, output = reference.partition(".")
        return name, output

    @field_validator("name")
    @classmethod
    def _is_the_files(cls, name: str, info: ValidationInfo) -> str:
        if name != _names(info).strategy:
            raise ValueError(f"is {brief(name)!r}; it must be the file's name, {_names(info).strategy!r}")
        return name
