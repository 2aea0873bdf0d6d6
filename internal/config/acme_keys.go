// The keys of the certificate from an authority.

package config

import (
	"fmt"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"bailiwick/internal/acme"
	"bailiwick/wire"
)

// acmeKeys are the rows of the certificate from an authority.
var acmeKeys = []key{
	{key: "tls.acme.directory", kind: kindString,
		help: "https URL of an authority (RFC 8555) that the certificate is had from and renewed " +
			"by, such as https://acme-v02.api.letsencrypt.org/directory; empty: there is none",
		binding: bindText(func(c *Config) *string { return &c.ACME.Directory }, acmeDirectory)},
	{key: "tls.acme.agree", kind: kindBool,
		help: "whether the operator agrees to the authority's terms of service; without it the " +
			"configuration is refused",
		binding: bind(func(c *Config) *bool { return &c.ACME.Agreed })},
	{key: "tls.acme.contact", kind: kindString,
		help:    "mail address that the authority may write to; empty: none",
		binding: bindText(func(c *Config) *string { return &c.ACME.Contact }, acmeContact)},
	{key: "tls.acme.names", kind: kindList,
		help:    "names that the certificate is for; with dns-01 also such as *.example.com",
		binding: bindList(func(c *Config) *[]string { return &c.ACME.Names }, acmeNames)},
	{key: "tls.acme.addresses", kind: kindList,
		help: "addresses that the certificate is for, beside the names: clients that find this " +
			"server by discovery demand them (RFC 9462, section 4.2)",
		binding: bindList(func(c *Config) *[]netip.Addr { return &c.ACME.Addresses }, addrs)},
	{key: "tls.acme.challenge", kind: kindChoice, choices: []string{"tls-alpn-01", "dns-01"},
		help: "how the authority has it proven: tls-alpn-01 at port 443 of all names and " +
			"addresses, which has to lead to a listener of DoH or DoT; dns-01 by a record that " +
			"is put into a zone, for names alone",
		binding: bindChoice(func(c *Config) *acme.Challenge { return &c.ACME.Challenge },
			acme.TLSALPN, acme.DNS)},
	{key: "tls.acme.profile", kind: kindString,
		help: "profile of the certificate that the authority offers, such as shortlived, which " +
			"Let's Encrypt wants for addresses; empty: the authority's default",
		binding: bind(func(c *Config) *string { return &c.ACME.Profile })},
	{key: "tls.acme.ca", kind: kindPath,
		help: "PEM file with the certificates that the directory's own is issued by; read " +
			"again when it changes; empty: the system's",
		binding: bind(func(c *Config) *string { return &c.ACME.TLSRoots })},
	{key: "tls.acme.eab_key_id", kind: kindString,
		help: "name of an account that the authority has already, which ours is bound to (RFC " +
			"8555, section 7.3.4); empty: none",
		binding: bind(func(c *Config) *string { return &c.ACME.EABKeyID })},
	{key: "tls.acme.eab_secret_file", kind: kindPath,
		help:    "file with the secret of tls.acme.eab_key_id in base64url, in a line of its own",
		binding: bind(func(c *Config) *string { return &c.ACME.EABSecretFile })},
	{key: "tls.acme.renew_before", kind: kindDuration, min: 0, max: 31536000,
		help: "how long before its end the certificate is renewed, at most half of its life; 0: " +
			"a third of its life",
		binding: bind(func(c *Config) *time.Duration { return &c.ACME.RenewBefore })},
	{key: "tls.acme.keep_key", kind: kindBool,
		help: "whether the next certificate has the same key, for clients that know it; " +
			"otherwise each has another",
		binding: bind(func(c *Config) *bool { return &c.ACME.KeepKey })},
	{key: "tls.acme.dns_server", kind: kindString,
		help: "address of the server that takes updates of tls.acme.dns_zone (RFC 2136), such as " +
			"192.0.2.1 or 192.0.2.1:5353; for dns-01",
		binding: binding{
			set: func(c *Config, v value) (err error) {
				if v.text != "" {
					c.ACME.Server, err = address(v.text, 53)
				}
				return err
			},
			get: func(c *Config) (v value) {
				if c.ACME.Server.IsValid() {
					v.text = c.ACME.Server.String()
				}
				return v
			}}},
	{key: "tls.acme.dns_zone", kind: kindString,
		help: "zone that the records for the authority are put into; names in other zones have " +
			"an alias into it, from _acme-challenge below each; for dns-01",
		binding: binding{
			set: func(c *Config, v value) (err error) {
				if v.text != "" {
					c.ACME.Zone, err = wire.ParseName(v.text)
				}
				return err
			},
			get: func(c *Config) (v value) {
				if !c.ACME.Zone.IsZero() {
					v.text = c.ACME.Zone.String()
				}
				return v
			}}},
	{key: "tls.acme.dns_tsig", kind: kindString,
		help:    "name of the key of zones.tsig_keys that updates are signed with; for dns-01",
		binding: bind(func(c *Config) *string { return &c.ACME.TSIG })},
}

// acmeDirectory reads the URL of an authority, "" for none.
func acmeDirectory(s string) (string, error) {
	u, err := url.Parse(s)
	if s != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil) {
		return "", fmt.Errorf("%q is no URL such as https://acme.example/directory", s)
	}
	return s, nil
}

// acmeContact reads a mail address, "" for none.
func acmeContact(s string) (string, error) {
	if a, err := mail.ParseAddress(s); s != "" && (err != nil || a.Address != s) {
		return "", fmt.Errorf("%q is no mail address such as hostmaster@example.com", s)
	}
	return s, nil
}

// acmeNames reads names of hosts, in the form that certificates have them.
func acmeNames(list []string) (names []string, err error) {
	for i, s := range list {
		n, err := wire.ParseName(s)
		text := strings.TrimSuffix(n.String(), ".")
		if err != nil || !hostname(strings.TrimPrefix(text, "*.")) {
			return nil, inItem(i, fmt.Errorf("%q is no name of a host such as dns.example.com; "+
				"addresses are for tls.acme.addresses", s))
		}
		if !slices.Contains(names, text) {
			names = append(names, text)
		}
	}
	return names, nil
}

// hostname reports whether a name is one that an authority may issue for: of at least two labels of
// letters, digits and hyphens.
func hostname(s string) bool {
	labels := strings.Split(s, ".")
	if len(labels) < 2 || strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return false
	}
	return !slices.ContainsFunc(labels, func(l string) bool {
		return l == "" || l[0] == '-' || l[len(l)-1] == '-' ||
			strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != ""
	})
}

// acmeContradictions finds keys of the authority that do not fit together.
func (c *Config) acmeContradictions(say reporter) {
	a := &c.ACME
	if !a.On() {
		return
	}
	if !a.Agreed {
		say("tls.acme.directory", "tls.acme.agree is not true: read the authority's terms of "+
			"service, and agree to them there")
	}
	ids := len(a.Names) + len(a.Addresses)
	switch {
	case c.bad["tls.acme.names"] || c.bad["tls.acme.addresses"]:
	case ids == 0:
		say("tls.acme.directory", "tls.acme has neither names nor addresses")
	case ids > acme.MaxIdentifiers:
		say("tls.acme.names", "tls.acme has %d names and addresses, and a certificate has %d "+
			"at most", ids, acme.MaxIdentifiers)
	}
	if c.State.Path() == "" {
		say("tls.acme.directory", "tls.acme needs state.directory: without it each restart would "+
			"order another certificate, and the authority would refuse soon")
	}
	if (a.EABKeyID == "") != (a.EABSecretFile == "") {
		say("tls.acme.eab_key_id", "tls.acme.eab_key_id and tls.acme.eab_secret_file go together")
	}
	if a.Challenge == acme.DNS {
		c.updateContradictions(say)
		return
	}
	for i, n := range a.Names {
		if strings.HasPrefix(n, "*") {
			say(Item("tls.acme.names", i), "%s: authorities have this proven by dns-01 alone", n)
		}
	}
	if !slices.ContainsFunc(c.listeners(), overTLS) {
		say("tls.acme.challenge", "tls-alpn-01 needs an address of listen.doh or listen.dot, "+
			"where the authority looks")
	}
}

// updateContradictions finds what is missing for dns-01.
func (c *Config) updateContradictions(say reporter) {
	a := &c.ACME
	if len(a.Addresses) > 0 {
		say("tls.acme.addresses", "addresses cannot be proven by dns-01 (RFC 8738, section 7): "+
			"tls.acme.challenge has to be tls-alpn-01")
	}
	for _, k := range [...]struct {
		key    string
		lacks  bool
		reason string
	}{{"tls.acme.dns_server", !a.Server.IsValid(), "where records are put"},
		{"tls.acme.dns_zone", a.Zone.IsZero(), "the zone that they are put into"},
		{"tls.acme.dns_tsig", a.TSIG == "", "the key that updates are signed with"}} {
		if k.lacks && !c.bad[k.key] {
			say("tls.acme.challenge", "dns-01 needs %s: %s", k.key, k.reason)
		}
	}
}

// overTLS reports whether an authority can be answered at a listener.
func overTLS(l bound) bool { return l.via.Encrypted() && l.via.Network() == "tcp" }

// warnOfACME finds what an authority will hardly do.
func (c *Config) warnOfACME(warn reporter) {
	a := &c.ACME
	if !a.On() {
		return
	}
	if !c.Encrypted() {
		warn("tls.acme.directory", "tls.acme is for %s, and none of them has an address",
			EncryptedKeys())
	}
	for i, at := range a.Addresses {
		if a.TLSRoots == "" && (at.IsPrivate() || !at.IsGlobalUnicast()) {
			warn(Item("tls.acme.addresses", i), "%v is not an address of the Internet: no public "+
				"authority issues for it", at)
		}
	}
	at443 := func(l bound) bool { return overTLS(l) && l.Addr.Port() == 443 }
	if a.Challenge == acme.TLSALPN && slices.ContainsFunc(c.listeners(), overTLS) &&
		!slices.ContainsFunc(c.listeners(), at443) {
		warn("tls.acme.challenge", "the authority connects to port 443, where neither listen.doh "+
			"nor listen.dot has an address: something has to lead from there to here")
	}
}
