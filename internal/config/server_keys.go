// The keys of answers.

package config

import (
	"encoding/hex"
	"fmt"
	"time"

	"bailiwick/server"
)

// serverKeys are the rows of how clients are answered.
var serverKeys = []key{
	{key: "server.max_udp_size", kind: kindInt, min: 512, max: server.MaxUDPSize,
		help:    "most octets of an answer over UDP",
		binding: bind(func(c *Config) *uint16 { return &c.Server.UDPSize })},
	{key: "server.nsid", kind: kindString,
		help:    "name server identifier (RFC 5001): hexadecimal, or ascii_ and text",
		binding: binding{set: setNSID}},
	{key: "server.identity", kind: kindString,
		help:    "answer to id.server CH TXT; empty refuses",
		binding: bind(func(c *Config) *string { return &c.Server.Identity })},
	{key: "server.version", kind: kindString,
		help:    "answer to version.server CH TXT; empty refuses",
		binding: bind(func(c *Config) *string { return &c.Server.Version })},
	{key: "server.cookies", kind: kindBool,
		help:    "DNS cookies towards clients (RFC 7873)",
		binding: bind(func(c *Config) *bool { return &c.Server.Cookies })},
	{key: "server.cookie_secret", kind: kindString, secret: true,
		help:    "32 hexadecimal digits, to share cookies among servers (RFC 9018); empty: random",
		binding: binding{set: setSecret}},
	{key: "server.cookie_secret_file", kind: kindPath,
		help: "file of secrets for cookies, 32 hexadecimal digits a line: the first makes " +
			"cookies, all are accepted (RFC 9018, section 5); in place of cookie_secret",
		binding: bind(func(c *Config) *string { return &c.CookieSecretFile })},
	{key: "server.cookie_rotation", kind: kindDuration, min: 0, max: 2592000,
		help: "how often cookies get another secret, which is derived from cookie_secret and the " +
			"time, so that servers that share both share cookies; an hour or more; 0: never",
		binding: bind(func(c *Config) *time.Duration { return &c.Server.CookieRotation })},
	{key: "server.any", kind: kindChoice, choices: []string{"minimal", "full"},
		help:    "answers to ANY over UDP: one RRset (RFC 8482) or all",
		binding: bindChoice(func(c *Config) *bool { return &c.Server.AnyFull }, false, true)},
	{key: "server.minimal_responses", kind: kindChoice, choices: []string{"true", "false"},
		help: "leave out of answers what was not asked for; otherwise the zone's NS set stands " +
			"beside data, as far as it is known, and beside answers that policy has left " +
			"nothing in, and the addresses in the cache beside the MX, SRV, SVCB and HTTPS " +
			"records of their hosts",
		binding: bindChoice(func(c *Config) *bool { return &c.Server.NSBeside }, false, true)},
	{key: "server.rotate_answers", kind: kindBool,
		help:    "the records of a set come in another order each time (RFC 1794)",
		binding: bind(func(c *Config) *bool { return &c.Server.Rotate })},
	{key: "server.ede", kind: kindBool, help: "tell clients why (RFC 8914)",
		binding: bind(func(c *Config) *bool { return &c.Server.EDE })},
}

func setNSID(c *Config, v value) (err error) {
	if c.Server.NSID = nil; v.text == "" {
		return nil
	}
	if c.Server.NSID, err = server.HexOrText(v.text); err != nil {
		return fmt.Errorf("%q is not hexadecimal; for text write ascii_%s", v.text, v.text)
	}
	return nil
}

func setSecret(c *Config, v value) error {
	if v.text == "" {
		c.Server.Secret = nil
		return nil
	}
	b, err := hex.DecodeString(v.text)
	if err != nil || len(b) != len(c.Server.Secret) {
		return fmt.Errorf("the secret takes 32 hexadecimal digits")
	}
	c.Server.Secret = (*[16]byte)(b)
	return nil
}
