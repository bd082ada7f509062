#!/usr/bin/env bash
# Install the Debian packages that the system tests need; name them where that may not be done.
set -euo pipefail
needed="" # none yet; names separated by blanks

missing=""
for package in $needed; do
	dpkg-query --show --showformat='${Status}\n' "$package" 2>/dev/null |
		grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "the system tests need these Debian packages:$missing" >&2
	exit 1
fi
apt-get update
# shellcheck disable=SC2086
apt-get install -y --no-install-recommends $missing
