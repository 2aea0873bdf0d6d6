#!/bin/sh
# After the files are gone. What was learnt and configured stays until the package is purged; Red Hat
# has no such step, and keeps both.
set -e
if [ "${1:-}" = purge ]; then
	rm -rf /etc/bailiwick /var/lib/bailiwick /var/lib/private/bailiwick /run/bailiwick
fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload || :; fi
