// The keys of connections: certificates, limits of connections and discovery.

package config

import (
	"net/netip"
	"time"
)

// tlsKeys are the rows of what listeners share, as far as acmeKeys follow.
var tlsKeys = []key{
	{key: "listen.absent", kind: kindChoice, choices: []string{"refuse", "wait"},
		help: "an address that this machine does not have: refuse is an error at the start; wait " +
			"listens there, and clients are served as soon as the address is there (IP_FREEBIND; " +
			"Linux only)",
		binding: bindChoice(func(c *Config) *bool { return &c.Transport.Absent }, false, true)},
	{key: "tls.certificates", kind: kindRecords,
		fields: []string{"certificate/", "key/"},
		help: "PEM files with a certificate chain and its key, for DoT, DoH and DoQ; read again " +
			"when they change and on SIGHUP",
		binding: binding{set: setCertificates}},
	{key: "tls.ticket_secret", kind: kindPath,
		help: "file of at least 32 octets that a fleet shares, so that each server resumes the " +
			"others' sessions; empty: every server for itself",
		binding: bind(func(c *Config) *string { return &c.Transport.Tickets.Secret })},
	{key: "tls.ticket_rotation", kind: kindDuration, min: 60, max: 604800,
		help:    "how often the keys of session tickets change; a ticket lives up to twice as long",
		binding: bind(func(c *Config) *time.Duration { return &c.Transport.Tickets.Rotation })},
}

// transportKeys are the rows of what else all listeners share.
var transportKeys = []key{
	{key: "doh.path", kind: kindString, help: "path of DNS over HTTPS",
		binding: bindText(func(c *Config) *string { return &c.Transport.Path }, path)},
	{key: "connections.max", kind: kindInt, min: 1, max: 1 << 20,
		help: "client connections at once, all transports but UDP together; new ones displace " +
			"idle ones",
		binding: bind(func(c *Config) *int { return &c.Transport.Gate.Max })},
	{key: "connections.per_client", kind: kindInt, min: 0, max: 1 << 20,
		help:    "connections of one client network (/24 or /56); 0: a fifth of connections.max",
		binding: bind(func(c *Config) *int { return &c.Transport.Gate.PerClient })},
	{key: "connections.queries", kind: kindInt, min: 1, max: 1 << 40,
		help:    "queries on one connection; then it is closed in an orderly way",
		binding: bind(func(c *Config) *int64 { return &c.Transport.Gate.Queries })},
	{key: "connections.idle", kind: kindDuration, min: 1, max: 3600,
		help:    "how long a connection may be silent; less when half of all are in use",
		binding: bind(func(c *Config) *time.Duration { return &c.Transport.Gate.Idle })},
	{key: "connections.memory", kind: kindSize, min: 1 << 20, max: 1 << 40,
		help: "bytes of unfinished messages and unsent answers, of all connections; the largest" +
			" holder is cut",
		binding: bind(func(c *Config) *int64 { return &c.Transport.Gate.Memory })},
	{key: "discovery.enabled", kind: kindBool,
		help: "tell clients of the encrypted transports (RFC 9462) and of this resolver (RFC " +
			"9606)",
		binding: bind(func(c *Config) *bool { return &c.Discovery.Enabled })},
	{key: "discovery.name", kind: kindString,
		help:    "name that clients authenticate this resolver by; empty: the certificate's first",
		binding: binding{set: setADN}},
	{key: "discovery.addresses", kind: kindList,
		help: "addresses that clients reach this resolver at; empty: those of the listeners, or " +
			"of the certificate where they listen at all",
		binding: bindList(func(c *Config) *[]netip.Addr { return &c.Discovery.Addrs }, addrs)},
	{key: "discovery.info_url", kind: kindString,
		help:    "https URL with information on this resolver for people (RFC 9606)",
		binding: bindText(func(c *Config) *string { return &c.Discovery.URL }, infoURL)},
}
