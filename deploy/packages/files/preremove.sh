#!/bin/sh
# Before the files go: the server ends in an orderly way. An upgrade leaves it alone.
set -e
case "${1:-}" in
remove | 0) ;;
*) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --now bailiwick.socket bailiwick.service || :
elif [ -S /run/bailiwick/control.sock ]; then
	bailiwick ctl --socket /run/bailiwick/control.sock drain --wait 0s >/dev/null || :
fi
