// Hooks of programs that get addresses for this machine: they tell the server what a network
// announces.

package install

import "path/filepath"

// Paths of the hooks.
const (
	dhclientHookPath = "/etc/dhcp/dhclient-exit-hooks.d/bailiwick"
	managerHookPath  = "/etc/NetworkManager/dispatcher.d/90-bailiwick"
)

// The hooks pass on the domain of the network (RFC 2132, section 3.17), and not its search list,
// which says nothing of whose names these are. What the network says is passed as an argument, and
// judged by the server.
const (
	dhclientHook = written + `bailiwick_network() {
	/usr/local/bin/bailiwick ctl --socket /run/bailiwick/control.sock network "$@" \
		>/dev/null 2>&1 || :
}
case "$reason" in
BOUND | RENEW | REBIND | REBOOT)
	bailiwick_network set \
		--servers="$(printf '%s' "$new_domain_name_servers" | tr ' ' ,)" \
		--zones="$(printf '%s' "$new_domain_name" | tr ' ' ,)" -- "$interface"
	;;
EXPIRE | FAIL | RELEASE | STOP)
	bailiwick_network remove -- "$interface"
	;;
esac
`
	managerHook = "#!/bin/sh\n" + written + `bailiwick_network() {
	/usr/local/bin/bailiwick ctl --socket /run/bailiwick/control.sock network "$@" \
		>/dev/null 2>&1 || :
}
case "$2" in
up | dhcp4-change)
	bailiwick_network set --name="$CONNECTION_ID" \
		--servers="$(printf '%s' "$DHCP4_DOMAIN_NAME_SERVERS" | tr ' ' ,)" \
		--zones="$(printf '%s' "$DHCP4_DOMAIN_NAME" | tr ' ' ,)" -- "$1"
	;;
down)
	bailiwick_network remove -- "$1"
	;;
esac
`
)

// hooks adds those of the programs that are there.
func (m *maker) hooks() {
	if m.c.has(filepath.Dir(dhclientHookPath)) {
		m.write(dhclientHookPath, file(0o644, []byte(dhclientHook)), false)
	}
	if m.c.has(filepath.Dir(managerHookPath)) {
		m.write(managerHookPath, file(0o755, []byte(managerHook)), false)
	}
}
