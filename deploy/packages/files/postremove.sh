#!/bin/sh
# After the files are gone. What was learnt and configured stays until the package is purged; Red Hat
# has no such step, and keeps both.
set -e
if [ "${1:-}" = purge ]; then
	rm -rf /etc/bailiwick /run/bailiwick
	for dir in /var/lib /var/log; do rm -rf $dir/bailiwick $dir/private/bailiwick; done
	# A server that is about to end, or whose successor has just ended, has the user for some seconds.
	left=300
	while getent passwd bailiwick >/dev/null && ! userdel bailiwick 2>/dev/null; do
		left=$((left - 1))
		if [ "$left" = 0 ]; then userdel bailiwick; fi
		sleep 0.1
	done
fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload || :; fi
