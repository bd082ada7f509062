#!/usr/bin/env bash
# Start rigd from its own checkout, wherever it is called from.
# usage: env/systemd/run.sh COMMAND ARGUMENTS...
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
exec .venv/bin/rigd "$@"
