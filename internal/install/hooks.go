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
// which says nothing of whose names these are; DHCPv6 has nothing but the list (RFC 3646, section
// 4). What the network says is passed as an argument, and judged by the server. That of DHCPv4 and
// that of DHCPv6 are told apart: each comes and ends by itself. Domains of a connection that has
// IPv4 without DHCP, such as WireGuard, and those of a VPN are told as well; a VPN that has no
// interface of its own is not, as its zones would be in place of those of the network below it. A
// link that comes up without servers may be of a client that tells of it by other means, and is not
// told of.
const (
	tellServer = `bailiwick_network() {
	/usr/local/bin/bailiwick ctl --socket /run/bailiwick/control.sock network "$@" \
		>/dev/null 2>&1 || :
}
bailiwick_list() {
	printf '%s' "$1" | tr ' ' ,
}
`
	dhclientHook = written + tellServer + `case "$reason" in
BOUND | RENEW | REBIND | REBOOT)
	bailiwick_network set --family=4 --lease="$new_dhcp_lease_time" \
		--servers="$(bailiwick_list "$new_domain_name_servers")" \
		--zones="$(bailiwick_list "$new_domain_name")" -- "$interface"
	;;
EXPIRE | FAIL | RELEASE | STOP)
	bailiwick_network remove --family=4 -- "$interface"
	;;
BOUND6 | RENEW6 | REBIND6)
	bailiwick_network set --family=6 --lease="$new_max_life" \
		--servers="$(bailiwick_list "$new_dhcp6_name_servers")" \
		--zones="$(bailiwick_list "$new_dhcp6_domain_search")" -- "$interface"
	;;
EXPIRE6 | RELEASE6 | STOP6)
	bailiwick_network remove --family=6 -- "$interface"
	;;
esac
`
	managerHook = "#!/bin/sh\n" + written + tellServer + `case "$2" in
up | dhcp4-change)
	if [ -n "$DHCP4_IP_ADDRESS" ]; then
		bailiwick_network set --family=4 --name="$CONNECTION_ID" \
			--lease="$DHCP4_DHCP_LEASE_TIME" \
			--servers="$(bailiwick_list "$DHCP4_DOMAIN_NAME_SERVERS")" \
			--zones="$(bailiwick_list "$DHCP4_DOMAIN_NAME")" -- "$1"
	elif [ -n "$IP4_NAMESERVERS" ]; then
		bailiwick_network set --family=4 --name="$CONNECTION_ID" \
			--servers="$(bailiwick_list "$IP4_NAMESERVERS")" \
			--zones="$(bailiwick_list "$IP4_DOMAINS")" -- "$1"
	fi
	;;
esac
case "$2" in
up | dhcp6-change)
	if [ "$2" = dhcp6-change ] || [ -n "$DHCP6_DHCP6_NAME_SERVERS" ]; then
		bailiwick_network set --family=6 --name="$CONNECTION_ID" \
			--lease="$DHCP6_MAX_LIFE" \
			--servers="$(bailiwick_list "$DHCP6_DHCP6_NAME_SERVERS")" \
			--zones="$(bailiwick_list "$DHCP6_DHCP6_DOMAIN_SEARCH")" -- "$1"
	fi
	;;
vpn-up)
	if [ "$1" != "$DEVICE_IFACE" ]; then
		bailiwick_network set --family=4 --name="$CONNECTION_ID" \
			--servers="$(bailiwick_list "$VPN_IP4_NAMESERVERS")" \
			--zones="$(bailiwick_list "$VPN_IP4_DOMAINS")" -- "$1"
		bailiwick_network set --family=6 --name="$CONNECTION_ID" \
			--servers="$(bailiwick_list "$VPN_IP6_NAMESERVERS")" \
			--zones="$(bailiwick_list "$VPN_IP6_DOMAINS")" -- "$1"
	fi
	;;
down)
	bailiwick_network remove -- "$1"
	;;
vpn-down)
	[ "$1" = "$DEVICE_IFACE" ] || bailiwick_network remove -- "$1"
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
