#!/bin/sh
# After the files are in place: the unit is known to systemd, and a server that runs takes over its
# own sockets with the new program, without losing a query.
set -e
systemd() { [ -d /run/systemd/system ]; }

case "${1:-}" in
configure) old=${2:-} ;;             # Debian: the version before, if there was one
[0-9]*) old=; [ "$1" = 1 ] || old=before ;; # Red Hat: how many there are now
*) exit 0 ;;
esac

# The unit's user, to whose group secrets can be given. Without it systemd makes one at each start.
if ! getent passwd bailiwick >/dev/null; then
	useradd --system --user-group --no-create-home --home-dir / --shell /usr/sbin/nologin \
		--comment 'Bailiwick, a DNS resolver' bailiwick
fi
if systemd; then systemctl daemon-reload; fi
if [ -z "$old" ]; then
	if systemd; then systemctl enable --now bailiwick.service || :; fi
	exit 0
fi
socket=/run/bailiwick/control.sock
if [ -S "$socket" ]; then
	bailiwick ctl --socket "$socket" upgrade >/dev/null ||
		echo 'bailiwick: the old program goes on; restart the service to use the new one' >&2
fi
