#!/usr/bin/env bash
# Create the virtual environment and install the pinned packages and this checkout into it.
# usage: env/set_up.sh PYTHON VENV      (called by make; PYTHON may be blank: the first that fits)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python="$1"
venv="$2"
lock=env/requirements.lock

fits() {
	command -v "$1" >/dev/null &&
		"$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))'
}

if [ -z "$python" ]; then
	for candidate in python3 python3.13 python3.12 python3.11; do
		if fits "$candidate"; then
			python="$candidate"
			break
		fi
	done
fi
if [ -z "$python" ] || ! fits "$python"; then
	echo "needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=python3.12 ..." >&2
	exit 2
fi

uv="$(command -v uv || true)"
if [ ! -x "$venv/bin/python" ]; then
	echo "set-up: a virtual environment of $("$python" --version) in $venv"
	"$python" -m venv "$venv" ||
		{ [ -n "$uv" ] && uv venv --clear --python "$python" "$venv"; }
fi

# uv is used where it is found; it does not read pip's settings, so pip takes over where uv fails.
install() {
	if [ -n "$uv" ] && uv pip install --python "$venv/bin/python" "$@"; then
		return
	fi
	"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip >/dev/null
	"$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off --quiet "$@"
}

echo "set-up: installing $(grep -c '^[a-z0-9].*==' "$lock") pinned packages; minutes, the first time"
install --require-hashes -r "$lock"
install --no-deps --no-build-isolation -e .
