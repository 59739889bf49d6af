#!/bin/sh
# A program saved by torch.export holds the example inputs that it was exported with, and each save gives other
#   bytes.
# Versions: torch 2.13.0, NumPy 2.4.6
# Expected: A .pt2 file holds graph and weights; the inputs only tell the exporter shapes and types. Saving a
#   program twice gives one file.
# Happens: The inputs are in the file, value by value: export with a real batch and the customers' data, or a
#   gigabyte, goes out with the model. Source lines of the model are in it as well. Two saves have two digests.
# Seen:
#   weights: 60 bytes; example inputs: 161577 bytes, the values among them: True
#   source lines in it: True
#   two saves of one program are the same: False
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile numpy==2.4.6
}; then
    echo "not available: these packages by pip"
    exit 77
fi
# Only the CPU build: elsewhere pip would fetch gigabytes of CUDA.
if ! "$place/env/bin/pip" install --quiet --dry-run --no-deps --report "$place/report" torch==2.13.0 ||
    ! grep -q 'torch-2\.13\.0[^"]*cpu' "$place/report"; then
    echo "not available: the CPU build of torch 2.13.0 by pip"
    exit 77
fi
"$place/env/bin/pip" install --quiet --no-compile torch==2.13.0

cd "$place"
cat >exported.py <<'END'
import sys, zipfile
import torch


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, batch):
        return torch.relu(self.linear(batch))  # the house's own formula


batch = torch.arange(40_000.0).reshape(10_000, 4)
program = torch.export.export(Model().eval(), (batch,))
for name in ("first.pt2", "second.pt2"):
    torch.export.save(program, name)
archive = zipfile.ZipFile("first.pt2")
files = {file.filename.partition("/")[2]: archive.read(file) for file in archive.infolist()}
weights = sum(len(content) for name, content in files.items() if name.startswith("data/weights/weight_"))
inputs = files["data/sample_inputs/model.pt"]
values = batch.numpy().tobytes() in inputs
source = any(b"the house's own formula" in content for content in files.values())
same = open("first.pt2", "rb").read() == open("second.pt2", "rb").read()
print(f"weights: {weights} bytes; example inputs: {len(inputs)} bytes, the values among them: {values}")
print("source lines in it:", source)
print("two saves of one program are the same:", same)
sys.exit((weights, len(inputs) > 160_000, values, source, same) != (60, True, True, True, False))
END
"$place/env/bin/python" exported.py 2>log || { cat log && exit 1; }
