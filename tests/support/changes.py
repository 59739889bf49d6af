"""Changes to the facts of a good case: each returns a function that spoils them."""

from typing import Any

from tests.support.cases import SITE, Change, Facts
from tests.support.paths_above import other, package


def subject(**values: Any) -> Change:
    return lambda facts: facts.part("subject").update(values)


def record(**values: Any) -> Change:
    return lambda facts: facts.part("record").update(values)


def contents(**values: Any) -> Change:
    return lambda facts: facts.part("contents").update(values)


def server(**values: Any) -> Change:
    return lambda facts: facts.part("server").update(values)


def report(probe: str, **values: Any) -> Change:
    return lambda facts: facts.report(probe).update(values)


def instead(probe: str, values: dict[str, Any]) -> Change:
    def change(facts: Facts) -> None:
        facts.report(probe).clear()
        facts.report(probe).update(values)

    return change


def answers(values: dict[str, int]) -> Change:
    return lambda facts: facts.report("application")["answers"].update(values)


def probes(**values: Any) -> Change:
    return lambda facts: facts.part("probes").update(values)


def health(which: str, **values: Any) -> Change:
    """What became of HEALTHCHECK at one answer, or at none."""
    return lambda facts: facts.report("healthcheck")[which].update(values)


def result(name: str, **values: Any) -> Change:
    return lambda facts: facts.part("probes")["results"][name].update(values)


def stray(path: str, layer: int = 2, **values: Any) -> Change:
    """A path above the base that no distribution accounts for."""
    return lambda facts: facts.part("contents")["others"].append(other(path, layer, **values))


def installed(name: str, layer: int = 2) -> Change:
    """A Debian package that somebody installed."""
    return lambda facts: facts.part("contents")["packages"].append(package(name, layer))


def application(path: str, digest: str) -> Change:
    """A file of the application, as the image has it."""
    return lambda facts: facts.part("contents")["application"][f"{SITE}/ktrdr"].update({path: digest})


def layer(number: int, **values: Any) -> Change:
    return lambda facts: facts.part("contents")["layers"][number].update(values)


def without(part: str, **values: Any) -> Change:
    """A part that could not be seen, with what is known of the reason."""

    def change(facts: Facts) -> None:
        setattr(facts, part, None)
        for name, value in values.items():
            setattr(facts, name, value)

    return change


def distribution(name: str, version: str, *, seen: bool = True, instead: bool = False) -> Change:
    """A distribution more, or another version of one, in the layers and, where it is seen, to Python."""

    def change(facts: Facts) -> None:
        held, by_python = facts.part("contents")["distributions"], facts.report("environment")["distributions"]
        if instead:
            held[:] = [one for one in held if one["name"] != name]
            by_python[:] = [one for one in by_python if one[0] != name]
        path = f"{SITE}/{name}-{version}.dist-info"
        held.append({"name": name, "version": version, "path": path, "layer": 2, "record": f"{name}'s"})
        if seen:
            by_python.append([name, version, path])

    return change


def nothing_seen(facts: Facts, error: str) -> None:
    facts.subject = facts.probes = facts.server = facts.contents = None
    facts.error = error


def other_interpreter(facts: Facts, **values: Any) -> None:
    facts.part("contents")["interpreter"].update(values)


def variable(facts: Facts, name: str, value: str) -> None:
    facts.part("subject")["environment"][name] = value


def stopped(facts: Facts, exit_code: int) -> None:
    facts.part("server").update(running=False, health="unhealthy", asked=None)
    facts.part("server")["proof"]["exit_code"] = exit_code


def answered(facts: Facts, **values: Any) -> None:
    facts.part("server")["asked"]["report"].update(values)


def rested(facts: Facts, **values: Any) -> None:
    """Another conduct of the server at rest."""
    facts.part("server")["asked"]["report"]["rest"].update(values)


def held(facts: Facts, **values: int) -> None:
    """What the server holds more after every request was repeated."""
    facts.part("server")["asked"]["report"]["rest"]["more"].update(values)


def label(facts: Facts, name: str, value: str) -> None:
    """A label, set in the image."""
    facts.part("subject")["labels"][name] = value


def tried(facts: Facts, name: str, number: float) -> None:
    """A time, or the count of tries, of the image's HEALTHCHECK."""
    facts.part("subject")["healthcheck_numbers"][name] = number
