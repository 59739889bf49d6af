#!/bin/sh
# An ONNX file that torch exports carries the model's source lines and the folder they were in.
# Versions: torch 2.13.0, onnx 1.23.2, onnxscript 0.7.2, NumPy 2.4.6
# Expected: The file holds operators and weights, and can be given away without the code; one call writes one file.
# Happens: Each node's metadata has a stack trace with file names and code, comments included; torch's own lines as
#   well. Beside model.onnx lies an empty model.onnx.data that nothing refers to.
# Seen:
#   nodes: Gemm, Relu; with source lines: 2, with the folder: 2
#   files: model.onnx, model.onnx.data (0 bytes); tensors kept outside: 0
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile onnx==1.23.2 onnxscript==0.7.2 numpy==2.4.6
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

mkdir "$place/secret-project"
cd "$place/secret-project"
cat >exported.py <<'END'
import os, sys
import onnx, torch


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, batch):
        return torch.relu(self.linear(batch))  # the house's own formula


torch.onnx.export(Model().eval(), (torch.zeros(2, 4),), "model.onnx", dynamo=True, verbose=False)
graph = onnx.load("model.onnx", load_external_data=False).graph
traces = ["".join(entry.value for entry in node.metadata_props) for node in graph.node]
source, folder = (sum(word in trace for trace in traces) for word in ("the house's own formula", "secret-project"))
outside = sum(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in graph.initializer)
data = os.path.getsize("model.onnx.data") if os.path.exists("model.onnx.data") else None
operators = ", ".join(node.op_type for node in graph.node)
print(f"nodes: {operators}; with source lines: {source}, with the folder: {folder}")
print(f"files: model.onnx, model.onnx.data ({data} bytes); tensors kept outside: {outside}")
sys.exit((source, folder, data, outside) != (len(graph.node), len(graph.node), 0, 0))
END
"$place/env/bin/python" exported.py 2>log || { cat log && exit 1; }
