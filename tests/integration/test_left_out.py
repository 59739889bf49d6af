"""What no image keeps is gone from the layer where it came, and nobody misses it: torch does all that it did."""

import json

import pytest

from deploy.artifacts import CONTENTS
from deploy.left_out import read_left_out
from tests.integration.conftest import Images, execute
from tests.support.checkout import PROJECT, read_contract
from verify.contents.model import Contents

COMPUTING = [role for role, image in read_contract().images.items() if image.torch != "absent"]

# Trains with an optimizer, saves and loads, compiles as far as it can without a C++ compiler, traces, exports, loads
# data in processes that share memory (torch_shm_manager), and makes no secret of what compiling takes.
USES = r"""
import io, json
import torch
from torch.utils import data

done = {}
torch.manual_seed(0)
inputs = torch.randn(64, 3)
targets = inputs @ torch.tensor([[1.0], [-2.0], [0.5]])
model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
losses = []
for _ in range(60):
    loss = torch.nn.functional.mse_loss(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
done["trains"] = losses[-1] < losses[0] / 10

file = io.BytesIO()
torch.save(model.state_dict(), file)
file.seek(0)
loaded = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
loaded.load_state_dict(torch.load(file, weights_only=True))
done["saves and loads"] = torch.equal(loaded(inputs), model(inputs))

expected = model(inputs)
for backend in ("eager", "aot_eager"):
    compiled = torch.compile(model, backend=backend)
    done[f"compiles with {backend}"] = torch.allclose(compiled(inputs), expected, atol=1e-6)
done["traces"] = torch.allclose(torch.jit.trace(model, inputs)(inputs), expected)
done["exports"] = torch.allclose(torch.export.export(model, (inputs,)).module()(inputs), expected)

torch.multiprocessing.set_sharing_strategy("file_system")
loader = data.DataLoader(data.TensorDataset(inputs, targets), batch_size=16, num_workers=1)
done["loads data in another process"] = sum(len(batch) for batch, _ in loader) == 64
try:
    torch.compile(model)(inputs)
    done["asks for a compiler"] = False
except Exception as error:
    done["asks for a compiler"] = "compiler" in str(error)
print(json.dumps(done))
"""
# Machine code for a GPU from a kernel of Triton's, by the programs in its wheel; only its launch takes a C compiler.
KERNEL = """
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

@triton.jit
def double(numbers, count, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(numbers + at, tl.exp(tl.load(numbers + at, mask=at < count)) * 2, mask=at < count)

signature = {"numbers": "*fp32", "count": "i32", "BLOCK": "constexpr"}
made = triton.compile(ASTSource(double, signature, {"BLOCK": 128}), target=GPUTarget("cuda", 90, 32))
print(sorted(made.asm))
"""


@pytest.mark.parametrize("role", COMPUTING)
def test_torch_does_everything_that_it_did_before(images: Images, role: str) -> None:
    images.need(role)
    command = [*images.engine.command(), "run", "--rm", "--interactive", "--network=none", "--env=HOME=/tmp"]
    ended = execute(*command, images.id_of(role), "python", "-W", "ignore", "-", given=USES.encode(), seconds=300)
    assert ended.code == 0, ended
    done = json.loads(ended.printed.splitlines()[-1])
    assert {name for name, went_well in done.items() if not went_well} == set(), ended


def test_triton_still_makes_machine_code_for_a_gpu(images: Images) -> None:
    images.need("worker-gpu")
    command = [*images.engine.command(), "run", "--rm", "--interactive", "--network=none", "--env=HOME=/tmp"]
    script = "cat >/tmp/kernel.py && python /tmp/kernel.py"  # Triton reads a kernel's source from its file
    ended = execute(*command, images.id_of("worker-gpu"), "sh", "-c", script, given=KERNEL.encode(), seconds=300)
    assert ended.code == 0, ended
    assert "'cubin'" in ended.printed


def test_every_entry_of_the_list_leaves_something_out_of_an_image_and_says_so(images: Images) -> None:
    left = {(one.distribution, one.path) for one in read_left_out(PROJECT.left_out)}
    told = [one for role in images.roles for one in images.finding(role, "lock-parity").evidence.get("left_out", [])]
    if images.skipped:
        left = {(name, path) for name, path in left if not name.startswith(("nvidia_", "triton"))}
    assert {(one["distribution"], one["path"]) for one in told} == left
    assert all(one["files"] and one["reason"] for one in told)


def test_nothing_of_what_is_left_out_is_in_any_layer(images: Images) -> None:
    for role in images.roles:
        contents = images.artifacts.read(role, CONTENTS, Contents)
        missing = sum(map(len, contents.absent.values()))
        told = sum(one["files"] for one in images.finding(role, "lock-parity").evidence.get("left_out", []))
        assert missing == told, role
