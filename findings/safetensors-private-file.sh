#!/bin/sh
# safetensors' save_file writes files that only their owner may read, and puts a file in place of a link.
# Versions: safetensors 0.8.0, NumPy 2.4.6
# Expected: A saved model has the mode that the umask leaves, 644 as with safetensors 0.7.0; a link to it stays a
#   link.
# Happens: The mode is 600 whatever the umask is, so a service with another user cannot read the model. The file is
#   renamed into place: a symbolic link becomes a file, and what it named keeps the old tensors.
# Seen:
#   umask 022: mode 600
#   umask 002: mode 600
#   still a link: False; what it named has the new tensors: False
# Ends with 0 if so, 1 if something else is seen, 77 where the packages cannot be had.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
trap 'exit 130' HUP INT TERM
if ! {
    python3 -m venv "$place/env" &&
        "$place/env/bin/pip" install --quiet --no-compile safetensors==0.8.0 numpy==2.4.6
}; then
    echo "not available: these packages by pip"
    exit 77
fi
"$place/env/bin/python" - "$place" <<'END'
import os, sys
import numpy, safetensors.numpy as safetensors

os.chdir(sys.argv[1])
seen = []
for umask in (0o022, 0o002):
    os.umask(umask)
    safetensors.save_file({"weight": numpy.zeros(3)}, f"{umask}.safetensors")
    seen.append(f"umask {umask:03o}: mode {os.stat(f'{umask}.safetensors').st_mode & 0o777:o}")
safetensors.save_file({"weight": numpy.zeros(3)}, "model-1.safetensors")
os.symlink("model-1.safetensors", "current.safetensors")
safetensors.save_file({"weight": numpy.ones(3)}, "current.safetensors")
followed = bool(safetensors.load_file("model-1.safetensors")["weight"].any())
seen.append(f"still a link: {os.path.islink('current.safetensors')}; what it named has the new tensors: {followed}")
print(*seen, sep="\n")
sys.exit(seen != ["umask 022: mode 600", "umask 002: mode 600",
                  "still a link: False; what it named has the new tensors: False"])
END
