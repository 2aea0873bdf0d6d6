#!/bin/sh
# After the files are gone. What was learnt and configured stays until the package is purged; Red Hat
# has no such step, and keeps both.
set -e
if [ "${1:-}" = purge ]; then
	rm -rf /etc/bailiwick /run/bailiwick
	for dir in /var/lib /var/log; do rm -rf $dir/bailiwick $dir/private/bailiwick; done
	if getent passwd bailiwick >/dev/null; then userdel bailiwick; fi
fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload || :; fi
