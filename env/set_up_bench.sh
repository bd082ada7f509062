#!/usr/bin/env bash
# Create the peers' environment for `make bench`: what we are compared with, never a part of us.
# usage: env/set_up_bench.sh PYTHON VENV   (called by make; PYTHON may be blank: the first that fits)
# Where it can't be made, this says why and ends well: the benches then tell which peers are missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python="$1"
venv="$2"
lock=env/bench.lock

missing() {
	echo "set-up of the peers: $1; their lines will say that they are not available" >&2
	exit 0
}

fits() {
	command -v "$1" >/dev/null &&
		"$1" -c 'import sys; sys.exit(not (3, 12) <= sys.version_info[:2] < (3, 14))' 2>/dev/null
}

[ -f "$venv/.installed" ] && [ ! "$lock" -nt "$venv/.installed" ] && exit 0

if [ -z "$python" ]; then
	for candidate in python3.12 python3.13 python3 "$HOME"/.pyenv/versions/3.1[23].*/bin/python; do
		if fits "$candidate"; then
			python="$candidate"
			break
		fi
	done
fi
fits "${python:-none}" || missing "nautilus_trader needs Python 3.12 or 3.13; name one: make BENCH_PYTHON=..."

echo "set-up of the peers: $("$python" --version) in $venv, $(grep -c '^[a-z0-9].*==' "$lock") pinned packages"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv" || missing "no virtual environment could be made"
install() {
	"$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off --quiet \
		--quiet --timeout 30 --retries 2 "$@"
}

# All at once where that can be; else one by one, so that one peer less is only one peer less.
if install --require-hashes -r "$lock"; then
	touch "$venv/.installed"
	exit 0
fi
pins="$(mktemp -d)"
trap 'rm -rf "$pins"' EXIT
awk -v folder="$pins" '/^[a-z0-9]/ { name = $1; sub(/==.*/, "", name) } name { print > (folder "/" name) }' "$lock"
for pin in "$pins"/*; do
	install --no-deps --require-hashes -r "$pin" ||
		echo "set-up of the peers: $(basename "$pin") could not be installed; lines of peers that need it will say so" >&2
done
