"""How a probe reports: facts by name, in messages that verify/probes/runner.py puts together: a part of the probes.

``verify.observe.requests`` puts it into their source; it is no probe by itself.
"""

import json
import os

AT_ONCE = 100  # entries of a list in one message, whose size the kernel bounds


def given():
    """Return the argument, and what tells facts; whatever the probe looks at finds no trace of either."""
    report, argument = int(os.environ.pop("KTRDR_PROBE_FD")), json.loads(os.environ.pop("KTRDR_PROBE_ARGUMENT"))

    def tell(**facts):
        for name in [name for name, value in facts.items() if isinstance(value, list)]:
            while len(facts[name]) > AT_ONCE:
                os.write(report, json.dumps({name: facts[name][:AT_ONCE]}).encode())
                facts[name] = facts[name][AT_ONCE:]
        os.write(report, json.dumps(facts).encode())

    return argument, tell
