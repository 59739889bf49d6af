"""What a container that reads layers gets from the run: its labels, the recorded base image, and a closing gate."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from deploy.build_record import Base
from deploy.engine import connection
from deploy.image_config import ImageConfig
from tests.support.cases import record
from tests.support.checkout import CACHE, read_contract
from verify.contents import cache, ways
from verify.observe.observer import Observer

BASE = Base.model_validate(record("dev")["base"])


def test_layers_are_read_by_a_container_of_the_run_only_where_a_record_names_the_base(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = list[ways.Permit | None]()
    monkeypatch.setattr(connection, "sdk", lambda *_arguments, **_options: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(cache, "contents_of", lambda *_, **options: given.append(options["permit"]))
    run, images = SimpleNamespace(labels={"ktrdr.run": "one"}), read_contract().images
    looking = Observer(cast("Any", None), read_contract(), cast("Any", run), CACHE)
    for base in (BASE, None):
        looking._contents(images["dev"], ImageConfig.from_inspect({"Id": "sha256:i"}), base)
    permit, nothing = given
    assert nothing is None
    assert permit is not None
    assert (permit.base, permit.labels) == (BASE, run.labels)
    with permit.passing():
        pass
    looking.gate.close()
    with pytest.raises(InterruptedError), permit.passing():
        pass
