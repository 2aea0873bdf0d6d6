// The table of all findings.

package doctor

import (
	"slices"

	"bailiwick/internal/cause"
	"bailiwick/internal/check"
)

// Rule is a row of the table: what a finding of this kind means.
type Rule struct {
	check.Rule
	// Cause is why queries fail because of it, as the server reports it; None if none does.
	Cause cause.Cause
}

// Areas returns the parts of an examination, in the order in which they are reported.
func Areas() []string {
	return []string{"machine", "port", "clock", "certificates", "network", "servers"}
}

// Rules returns the table of all findings, by area.
func Rules() []Rule { return rules }

// ruleOf returns the row of an identifier; the table has all that the package uses.
func ruleOf(id string) Rule {
	return rules[slices.IndexFunc(rules, func(r Rule) bool { return r.ID == id })]
}

// row makes a row of the table.
func row(id, area string, s check.Severity, title, remedy, reference string, c cause.Cause) Rule {
	return Rule{check.Rule{ID: id, Area: area, Severity: s, Title: title, Remedy: remedy,
		Reference: reference}, c}
}

var rules = []Rule{
	row("resolv-conf-missing", "machine", check.Error,
		"/etc/resolv.conf is not there, or leads nowhere",
		"have the program that it belongs to write it again (NetworkManager, systemd-resolved), "+
			"or write `nameserver 127.0.0.1` into it", "resolv.conf(5)", cause.None),
	row("resolv-conf-empty", "machine", check.Warning,
		"/etc/resolv.conf names no server: programs ask 127.0.0.1",
		"run a server at 127.0.0.1, or have the network's program write the file again",
		"resolv.conf(5)", cause.None),
	row("resolv-conf-wrong", "machine", check.Warning,
		"/etc/resolv.conf has lines that the C library ignores",
		"write an address behind nameserver, without a port and without a name",
		"resolv.conf(5)", cause.None),
	row("resolv-conf-many", "machine", check.Notice,
		"/etc/resolv.conf names more servers than the C library asks",
		"leave the three that matter", "resolv.conf(5)", cause.None),
	row("nsswitch-without-dns", "machine", check.Error,
		"the C library does not ask DNS for names of hosts",
		"add dns to the line hosts of /etc/nsswitch.conf", "nsswitch.conf(5)", cause.None),
	row("server-bypassed", "machine", check.Warning,
		"this server answers, and programs ask others",
		"have /etc/resolv.conf or systemd-resolved name it: bailiwick install does",
		"", cause.None),
	row("server-mixed", "machine", check.Warning,
		"programs ask this server and others",
		"remove the others: what they answer is not validated, and is taken whenever this "+
			"server is slow or finds a name bogus", "resolv.conf(5)", cause.None),
	row("server-silent", "machine", check.Warning,
		"the server of the configuration does not answer where it is to listen",
		"start it, and read its log: systemctl status bailiwick", "", cause.None),

	row("port-taken", "port", check.Error,
		"another program has the address that this server is to listen at",
		"end that program, or have it give the port up (systemd-resolved: DNSStubListener=no, "+
			"as bailiwick install sets it), or listen elsewhere", "", cause.None),

	row("clock-unset", "clock", check.Error,
		"this machine's clock has not been set",
		"set the clock; NTP by address needs no DNS, and clock.time_servers resolves the names "+
			"of time servers meanwhile", "RFC 4033, section 6", cause.ClockBehind),
	row("clock-behind", "clock", check.Error,
		"this machine's clock is behind: the root's signatures begin in the future",
		"set the clock", "RFC 4033, section 6", cause.ClockBehind),
	row("clock-ahead", "clock", check.Error,
		"this machine's clock is ahead: the root's signatures have expired",
		"set the clock; if it is right, somebody replays old replies",
		"RFC 4033, section 6", cause.ClockAhead),
	row("clock-unknown", "clock", check.Notice,
		"the clock could not be compared: no keys of the root with a valid signature were had",
		"see the other findings; the clock is compared when a server answers", "", cause.None),

	row("certificate-ended", "certificates", check.Error,
		"a certificate that the configuration names has expired",
		"renew it; those of listeners are read again by themselves, others by `bailiwick ctl "+
			"reload`", "RFC 5280, section 4.1.2.5", cause.None),
	row("certificate-ends", "certificates", check.Warning,
		"a certificate that the configuration names expires soon",
		"renew it, and see why that did not happen by itself",
		"RFC 5280, section 4.1.2.5", cause.None),

	row("no-network", "network", check.Error, "no route leads to the Internet",
		"connect the machine; look at ip route", "", cause.UplinkDown),
	row("ipv4-dead", "network", check.Warning,
		"a route for IPv4 is there, and no server answers over it",
		"look at the router; resolver.ipv4: false has the server leave it out",
		"RFC 8305, section 3", cause.None),
	row("ipv6-dead", "network", check.Warning,
		"a route for IPv6 is there, and no server answers over it",
		"look at the router; resolver.ipv6: false has the server leave it out",
		"RFC 8305, section 3", cause.None),
	row("authorities-silent", "network", check.Error, "none of the root's servers answers",
		"a firewall stops DNS to others than its own servers: open port 53, or forward to a "+
			"resolver over TLS or HTTPS (docs/laptop.md)", "", cause.Timeout),
	row("udp-blocked", "network", check.Error,
		"the root's servers answer over TCP and not over UDP",
		"open UDP port 53 in the firewall", "RFC 1035, section 4.2.1", cause.Timeout),
	row("tcp-blocked", "network", check.Error,
		"the root's servers answer over UDP and not over TCP",
		"open TCP port 53 in the firewall: truncated answers cannot be had otherwise",
		"RFC 7766, section 5", cause.Truncated),
	row("port-53-intercepted", "network", check.Error,
		"something on the path answers in place of the servers that are asked",
		"forward to a resolver over TLS or HTTPS (docs/laptop.md), or have the network's "+
			"operator, or the router's settings, stop it", "", cause.None),
	row("replies-rewritten", "network", check.Error,
		"replies of the root's servers are not theirs",
		"forward to a resolver over TLS or HTTPS (docs/laptop.md)",
		"RFC 4035, section 5", cause.SignatureMissing),
	row("large-udp-lost", "network", check.Warning,
		"large replies over UDP do not arrive: fragments are dropped on the path",
		"let fragments through the firewall, or set the MTU of the tunnel; this server asks for "+
			"1232 octets and repeats over TCP", "RFC 9715, section 3.1", cause.Timeout),

	row("nameservers-silent", "servers", check.Error,
		"none of the servers that programs ask answers",
		"start the server, or have the network's program name another", "", cause.Timeout),
	row("nameserver-silent", "servers", check.Warning,
		"one of the servers that programs ask does not answer",
		"remove it: each look-up that comes to it waits for some seconds", "resolv.conf(5)",
		cause.Timeout),
	row("nameserver-failing", "servers", check.Error,
		"a server answers a right question with an error",
		"read the server's log; an Extended DNS Error says why, if there is one",
		"RFC 8914", cause.ServerFailed),
	row("nameserver-without-tcp", "servers", check.Warning,
		"a server answers over UDP and not over TCP",
		"open TCP port 53 of the server: truncated answers cannot be had otherwise",
		"RFC 7766, section 5", cause.Truncated),
	row("edns-dropped", "servers", check.Warning,
		"a server takes EDNS out of questions or answers",
		"upgrade it (often the home's router), or forward to another",
		"RFC 5625, section 4", cause.None),
	row("dnssec-stripped", "servers", check.Warning,
		"a server gives no signatures where they are asked for",
		"programs that validate by themselves cannot use it: name this server in its place",
		"RFC 4035, section 3.1", cause.SignatureMissing),
	row("forwarder-strips-dnssec", "servers", check.Error,
		"a server that is forwarded to gives no signatures: nothing can be validated",
		"forward to another; insecure: true for the zone accepts what cannot be validated",
		"RFC 4035, section 3.2", cause.SignatureMissing),
	row("forwarder-unusable", "servers", check.Error,
		"a server that is forwarded to does not answer",
		"see its address, its transport and its tls_name in resolver.forward_zones",
		"", cause.Timeout),
	row("not-validating", "servers", check.Notice,
		"a server that programs ask does not say that its answers are validated",
		"programs that rely on it (ssh with SSHFP, mail with DANE) need a server that does",
		"RFC 6840, section 5.7", cause.None),
	row("nonexistent-answered", "servers", check.Warning,
		"a server gives addresses for names that do not exist",
		"switch the provider's search page off, or forward to another server",
		"", cause.None),
	row("answers-rewritten", "servers", check.Error,
		"a server gives other addresses for a name whose addresses are known",
		"ask another server, or forward to one over TLS or HTTPS (docs/laptop.md)",
		"", cause.None),
	row("captive-portal", "servers", check.Error,
		"a server answers every name with its own address: this network wants a login",
		"open a page over plain HTTP in a browser, log in, and run this again",
		"RFC 8952", cause.None),
}
