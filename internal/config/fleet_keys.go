// The keys of the memory that a fleet shares.

package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// fleetKeys are the rows of the memory that a fleet shares.
var fleetKeys = []key{
	{key: "fleet.store", kind: kindString,
		help: "address and port of a Valkey or Redis, or unix: and the path of its socket, that " +
			"several servers share what they know by; empty for none; no name, as this server " +
			"may be what resolves names on its machine",
		binding: bindText(func(c *Config) *string { return &c.Fleet.Store }, storeAddress)},
	{key: "fleet.secret_file", kind: kindPath,
		help: "file with one secret or two, 64 hexadecimal digits a line, which all servers of " +
			"the fleet have: the first signs what is written, both are accepted",
		binding: bind(func(c *Config) *string { return &c.Fleet.SecretFile })},
	{key: "fleet.user", kind: kindString,
		help:    "name of the store's user; empty: the default one",
		binding: bind(func(c *Config) *string { return &c.Fleet.User })},
	{key: "fleet.password_file", kind: kindPath,
		help:    "file with the password of the store's user, in a line of its own",
		binding: bind(func(c *Config) *string { return &c.Fleet.PasswordFile })},
	{key: "fleet.database", kind: kindInt, min: 0, max: 65535,
		help:    "number of the store's database",
		binding: bind(func(c *Config) *int { return &c.Fleet.Database })},
	{key: "fleet.tls_name", kind: kindString,
		help:    "name in the store's certificate, over TLS; empty: without TLS",
		binding: bind(func(c *Config) *string { return &c.Fleet.TLSName })},
	{key: "fleet.tls_ca", kind: kindPath,
		help: "file of the authorities that the store's certificate is issued by; read again " +
			"when it changes; empty: the system's",
		binding: bind(func(c *Config) *string { return &c.Fleet.TLSRoots })},
	{key: "fleet.tls_certificate", kind: kindPath,
		help: "file of this server's certificate, if the store demands one; read again when it " +
			"changes",
		binding: bind(func(c *Config) *string { return &c.Fleet.TLSCertificate })},
	{key: "fleet.tls_key", kind: kindPath,
		help:    "file of the key of fleet.tls_certificate; read again when it changes",
		binding: bind(func(c *Config) *string { return &c.Fleet.TLSKey })},
	{key: "fleet.commands", kind: kindBool,
		help: "do what operators have any server of the fleet tell all of it (--fleet of ctl), " +
			"and share the secrets of cookies and session tickets; needs state.directory",
		binding: bind(func(c *Config) *bool { return &c.Fleet.Commands })},
	{key: "fleet.node", kind: kindString,
		help:    "what this server is called in the fleet; empty: the name of its machine",
		binding: bindText(func(c *Config) *string { return &c.Fleet.Node }, nodeName)},
}

// storeAddress reads the address of a store, "" for none.
func storeAddress(s string) (string, error) {
	if path, ok := strings.CutPrefix(s, "unix:"); s == "" || ok && strings.HasPrefix(path, "/") {
		return s, nil
	}
	at, err := netip.ParseAddrPort(s)
	if err != nil || at.Port() == 0 {
		return "", fmt.Errorf("%q is no address with port such as 192.0.2.1:6379, and no "+
			"unix:/path", s)
	}
	return at.String(), nil
}

// maxNodeName is the longest name of a node, in octets.
const maxNodeName = 64

// nodeName reads the name of a node, which stands in lists and logs of others.
func nodeName(s string) (string, error) {
	if len(s) > maxNodeName || strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || r == ','
	}) {
		return "", fmt.Errorf("%q is no name of a node: up to %d printable letters of ASCII, "+
			"without spaces and commas", s, maxNodeName)
	}
	return s, nil
}

// fleetContradictions finds keys of the fleet that do not fit together.
func (c *Config) fleetContradictions(say reporter) {
	f := &c.Fleet
	switch {
	case c.bad["fleet.store"]:
		return
	case f.Store == "":
		for _, k := range [...][2]string{{"fleet.secret_file", f.SecretFile},
			{"fleet.user", f.User}, {"fleet.password_file", f.PasswordFile},
			{"fleet.tls_name", f.TLSName}, {"fleet.tls_ca", f.TLSRoots},
			{"fleet.tls_certificate", f.TLSCertificate}, {"fleet.tls_key", f.TLSKey},
			{"fleet.node", f.Node}} {
			if k[1] != "" {
				say(k[0], "%s is of use with fleet.store alone", k[0])
			}
		}
		if f.Commands {
			say("fleet.commands", "fleet.commands needs fleet.store: the store passes them on")
		}
		return
	case f.SecretFile == "":
		say("fleet.store", "fleet.store needs fleet.secret_file: what the store has is believed "+
			"by its signature alone")
	}
	for _, k := range [...][2]string{{"fleet.tls_ca", f.TLSRoots},
		{"fleet.tls_certificate", f.TLSCertificate}, {"fleet.tls_key", f.TLSKey}} {
		if k[1] != "" && f.TLSName == "" {
			say(k[0], "%s needs fleet.tls_name: without it there is no TLS", k[0])
		}
	}
	if (f.TLSCertificate == "") != (f.TLSKey == "") {
		say("fleet.tls_certificate", "fleet.tls_certificate and fleet.tls_key need each other")
	}
	if f.User != "" && f.PasswordFile == "" {
		say("fleet.user", "fleet.user needs fleet.password_file")
	}
}

// warnOfFleet finds a store whose packets others may see.
func (c *Config) warnOfFleet(warn reporter) {
	at, err := netip.ParseAddrPort(c.Fleet.Store)
	if err == nil && !at.Addr().IsLoopback() && c.Fleet.TLSName == "" {
		warn("fleet.store", "the store at %v is asked without TLS: whoever sees the packets sees "+
			"the names that clients ask for, and the password", at)
	}
}
