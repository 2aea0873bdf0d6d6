// The keys of limits of clients.

package config

import (
	"net/netip"
	"time"
)

// maxRate is the highest rate that can be set, a second.
const maxRate = 1_000_000

// limitKeys are the rows of limits of clients, which views can have of their own.
var limitKeys = []key{
	{key: "limits.queries_per_address", kind: kindInt, min: 0, max: maxRate,
		help: "queries a second over UDP from one address, without a cookie of this server's; " +
			"0: any number",
		binding: bind(func(c *Config) *int { return &c.Policy.Limits.PerAddress })},
	{key: "limits.queries_per_prefix", kind: kindInt, min: 0, max: maxRate,
		help:    "the same from all addresses of a prefix together; 0: any number",
		binding: bind(func(c *Config) *int { return &c.Policy.Limits.PerPrefix })},
	{key: "limits.proven_per_address", kind: kindInt, min: 0, max: maxRate,
		help: "queries a second from one address over connections and with a cookie of this " +
			"server's: what exceeds it is refused; 0: any number",
		binding: bind(func(c *Config) *int { return &c.Policy.Limits.Proven })},
	{key: "limits.responses", kind: kindInt, min: 0, max: maxRate,
		help: "equal answers a second to one prefix over UDP, without a cookie, against attacks " +
			"on others with forged addresses; 0: any number",
		binding: bind(func(c *Config) *int { return &c.Policy.Limits.Responses })},
	{key: "limits.denials", kind: kindInt, min: 0, max: maxRate,
		help:    "the same for denials (NXDOMAIN and NODATA) that concern one zone; 0: any number",
		binding: bind(func(c *Config) *int { return &c.Policy.Limits.Denials })},
	{key: "limits.referrals", kind: kindInt, min: 0, max: maxRate,
		help:    "the same for referrals to one zone; 0: any number",
		binding: bind(func(c *Config) *int { return &c.Policy.Limits.Referrals })},
	{key: "limits.errors", kind: kindInt, min: 0, max: maxRate,
		help:    "the same for all errors (REFUSED, SERVFAIL, FORMERR and others); 0: any number",
		binding: bind(func(c *Config) *int { return &c.Policy.Limits.Errors })},
	{key: "limits.ipv4_prefix", kind: kindInt, min: 8, max: 32,
		help:    "length of a prefix of IPv4 addresses",
		binding: bind(func(c *Config) *int { return &c.Policy.Limits.Bits4 })},
	{key: "limits.ipv6_prefix", kind: kindInt, min: 16, max: 128,
		help:    "length of a prefix of IPv6 addresses",
		binding: bind(func(c *Config) *int { return &c.Policy.Limits.Bits6 })},
	{key: "limits.burst", kind: kindDuration, min: 1, max: 60,
		help:    "for how long a rate can be saved up: so much of it may come at once",
		binding: bind(func(c *Config) *time.Duration { return &c.Policy.Limits.Burst })},
	{key: "limits.window", kind: kindDuration, min: 1, max: 3600,
		help: "for how long a flood of responses keeps its prefix limited after its end; longer " +
			"floods no longer than that",
		binding: bind(func(c *Config) *time.Duration { return &c.Policy.Limits.Window })},
	{key: "limits.slip", kind: kindInt, min: 0, max: 10,
		help: "every so many of the responses that are held back leave truncated, so that real " +
			"clients ask again over TCP; 0: none",
		binding: bind(func(c *Config) *int { return &c.Policy.Limits.Slip })},
	{key: "limits.exempt", kind: kindList,
		help: "networks that are never limited; nor is this machine itself",
		binding: bindList(func(c *Config) *[]netip.Prefix { return &c.Policy.Limits.Exempt },
			prefixes)},
	{key: "limits.log_only", kind: kindBool,
		help:    "count and log what exceeds a limit, and serve it",
		binding: bind(func(c *Config) *bool { return &c.Policy.Limits.LogOnly })},
}
