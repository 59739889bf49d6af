#!/bin/sh
# Installs into an image's environment, /opt/venv, with uv. Runs inside `docker build` only, from a bind mount.
#
#   sync.sh [--torch-source NAME] UV-SYNC-OPTION ...   distributions of the lock, without the application
#   sync.sh --application [--editable] DIRECTORY       the application alone, into /application/opt/venv
#
# Two builds of one checkout give the same layers, on every builder:
# - All times are set to SOURCE_DATE_EPOCH (reproducible-builds.org), because a layer's archive holds them.
# - Everything that the builder mounts, and all that is temporary, lies in a tmpfs at /tmp. Outside of /opt no directory is
#   touched: some builders write such a directory into the layer, others do not.
#
# What the build host is configured with comes as build secrets and leaves no trace in the layer:
#   certificates   CA bundle (PEM) for machines behind a company's certificate
#   uv-settings    UV_… assignments (shell syntax): indexes and their credentials
# NAME is pytorch-cpu, pytorch-cu126, …: the PyTorch project's index of that name, or the wheels in the build context
# torch-wheels where it holds any. uv takes a source only while it locks, hence: inject, re-lock, sync.
set -eu

[ ! -f /tmp/certificates ] || export SSL_CERT_FILE=/tmp/certificates
if [ -f /tmp/uv-settings ]; then
    set -a
    # shellcheck source=/dev/null # the build host's settings exist during a build only
    . /tmp/uv-settings
    set +a
fi
export PYTHONDONTWRITEBYTECODE=1  # the tools' own runs leave nothing in the base's directories
export HOME=/tmp PATH="/tmp/bin:$PATH" UV_CACHE_DIR=/tmp/uv-cache
export UV_PROJECT_ENVIRONMENT=/opt/venv UV_LINK_MODE=copy UV_PYTHON_PREFERENCE=only-system UV_NO_PROGRESS=1
work=$(mktemp -d)

inject_torch_source() {
    if ls /tmp/torch-wheels/torch-*.whl >/dev/null 2>&1; then
        index='url = "/tmp/torch-wheels"\nformat = "flat"'
    else
        index="url = \"https://download.pytorch.org/whl/${1#pytorch-}\""
    fi
    # For this machine alone: an index, and the more a folder, need not have wheels for the lock's other platforms
    ours="sys_platform == 'linux' and platform_machine == '$(uname -m)'"
    sed -i "/^environments = \[$/,/^]$/c environments = [\"$ours\"]" pyproject.toml
    printf '\n[tool.uv.sources]\ntorch = { index = "%s" }\n[[tool.uv.index]]\nname = "%s"\nexplicit = true\n%b\n' \
        "$1" "$1" "$index" >>pyproject.toml
    uv lock
    check_torch_wheel
}

# The wheel that uv is to install is one that pins.toml names, with that content: an index's own hash is the index's word
check_torch_wheel() {
    python3 - <<'END'
import hashlib, pathlib, platform, sys, tomllib, urllib.parse

pins = tomllib.loads(pathlib.Path("/tmp/pins.toml").read_text())["wheels"]
packages = tomllib.loads(pathlib.Path("uv.lock").read_text())["package"]
ours = f"-cp{sys.version_info.major}{sys.version_info.minor}-", f"_{platform.machine()}.whl"
found = 0
for wheel in (wheel for package in packages if package["name"] == "torch" for wheel in package["wheels"]):
    name = pathlib.PurePosixPath(urllib.parse.unquote(wheel.get("path") or wheel["url"])).name
    local = wheel.get("path")  # of the build context, which holds the one that is to be installed
    if local or (ours[0] in name and name.endswith(ours[1])):
        found += 1
        has = hashlib.sha256(pathlib.Path(local).read_bytes()).hexdigest() if local else wheel["hash"].removeprefix("sha256:")
        if (due := pins.get(name)) != has:
            sys.exit(f"{name} has the SHA-256 {has}; deploy/docker/pins.toml has {due or 'none'}: compare it with the project's own")
if not found:
    sys.exit("the index has no torch wheel for this Python and machine")
END
}

# What left-out.toml names goes before the layer is made, so that it never counts
leave_out() {
    python3 - <<'END'
import contextlib, csv, fnmatch, pathlib, tomllib

for entry in tomllib.loads(pathlib.Path("/tmp/left-out.toml").read_text())["left_out"]:
    for record in pathlib.Path("/opt/venv").glob(f"lib/python*/site-packages/{entry['distribution']}-*.dist-info/RECORD"):
        with record.open(newline="") as lines:
            paths = fnmatch.filter((row[0] for row in csv.reader(lines)), entry["path"])
        removed = [path for path in map(record.parent.parent.joinpath, paths) if path.exists()]
        for path in removed:
            path.unlink()
        for folder in sorted({path.parent for path in removed}, reverse=True):  # what a directory holds before it
            with contextlib.suppress(OSError):  # it is not empty
                for empty in (folder, *folder.parents):
                    empty.rmdir()
END
}

# Bytecode by content hash, never checked against the source again: as fast as it gets, and the same in every build.
# Only what this layer brought, so that no layer repeats another's; and no tests, which nobody imports.
compile_new() {
    find /opt/venv -name '*.py' -cnewer "$work/start" ! -path '*/tests/*' >"$work/new"
    [ -s "$work/new" ] || return 0  # given no file, compileall takes all of sys.path
    python3 -m compileall -qq -j 0 --invalidation-mode unchecked-hash -i "$work/new" || :  # templates are no valid Python
}

# uv's notes of the times at which a wheel from a folder, or a checkout, reached this builder
remove_uv_notes() {
    for note in "$1"/lib/python3.*/site-packages/*.dist-info/uv_cache.json; do
        [ -f "$note" ] || continue
        rm "$note"
        sed -i '/\/uv_cache\.json,/d' "${note%/*}/RECORD"
    done
}

# For a layer of its own, the same whatever lies below it: a new environment tells uv where things go, and stays behind
install_application() {
    uv venv --quiet --python python3 /opt/venv
    uv pip install --quiet --python /opt/venv --prefix /application/opt/venv --no-deps "$@"
    rm -f /application/opt/venv/.lock
    remove_uv_notes /application/opt/venv
}

if [ "${1-}" = --application ]; then
    shift
    install_application "$@"
    mode=unchecked-hash
    if [ "$1" = --editable ]; then
        cp -R "$2" /application
        mode=checked-hash  # source that developers change keeps bytecode that is checked against it
    fi
    python3 -m compileall -q -j 0 --invalidation-mode "$mode" -s /application -p / /application
    find /application -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
else
    touch "$work/start"
    cp /tmp/pyproject.toml /tmp/uv.lock "$work"
    cd "$work"
    if [ "${1-}" = --torch-source ]; then
        [ -z "$2" ] || inject_torch_source "$2"
        shift 2
    fi
    uv sync --frozen --no-install-project "$@"
    leave_out
    remove_uv_notes /opt/venv
    compile_new
    rm -f /opt/venv/.lock  # uv's, for the time that it runs
    find /opt -cnewer "$work/start" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
fi
