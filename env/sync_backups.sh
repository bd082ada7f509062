#!/usr/bin/env bash
# Copy the session archives of runs/backups to another place; nothing calls this: it is off until you do.
# usage: env/sync_backups.sh TARGET      TARGET: a folder (such as a mounted disk), or a remote of rclone, NAME:PATH
# RIGD_HOME says whose backups; without it the checkout's. What lies there already is never changed and never deleted,
# also when the rotation here has dropped it. Keys and settings are no part of it.
set -euo pipefail
if [ "$#" -ne 1 ] || [ -z "$1" ]; then
	echo "usage: env/sync_backups.sh TARGET (a folder, or a remote of rclone such as cloud:rigd)" >&2
	exit 2
fi
target="$1"
home="${RIGD_HOME:-$(dirname "${BASH_SOURCE[0]}")/..}"
backups="$home/runs/backups"
if [ ! -d "$backups" ]; then
	echo "backups must lie in $backups, found none; next: rigd session" >&2
	exit 2
fi

if [[ "$target" =~ ^[A-Za-z0-9_-]+: ]]; then
	if ! command -v rclone >/dev/null; then
		echo "a remote needs rclone, found none; install it, or name a folder" >&2
		exit 2
	fi
	exec rclone copy --immutable --checksum --include '/*.zip' "$backups" "$target"
fi

mkdir -p -m 0700 "$target"
copied=0
for archive in "$backups"/*.zip; do
	[ -f "$archive" ] && [ ! -L "$archive" ] || continue
	place="$target/$(basename "$archive")"
	if [ -e "$place" ]; then
		cmp -s "$archive" "$place" && continue
		echo "$place differs from its source and was left as it is" >&2
		exit 1
	fi
	temporary="$place.part"
	cp -- "$archive" "$temporary"
	chmod 0600 "$temporary"
	cmp -s "$archive" "$temporary"
	mv -- "$temporary" "$place"
	copied=$((copied + 1))
done
echo "$copied archive(s) copied to $target"
