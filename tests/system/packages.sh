#!/usr/bin/env bash
# Install the Debian packages that the system tests use, where that may be done. Where it may not,
# say which tests are not run, and go on.
set -euo pipefail
needed="strace chromium" # names separated by blanks
uses="the tests that look at system calls (test_crashes.py, test_crashmatrix.py) and at pages (test_lab.py)"

missing=""
for package in $needed; do
	command -v "$package" >/dev/null 2>&1 || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	echo "not installed:$missing; not run: $uses" >&2
	exit 0
fi
# shellcheck disable=SC2086
if ! { apt-get update -q && apt-get install -y -q --no-install-recommends $missing; }; then
	echo "could not be installed:$missing; not run: $uses" >&2
fi
