// The table of keys: a row declares a key's name, kind, default, range and help.

package config

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"bailiwick/internal/policy"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/wire"
)

// kind is what values a key takes.
type kind uint8

const (
	kindString kind = iota
	kindBool
	kindInt
	kindDuration // 30s, 5m, 1h, 1d; a number alone is seconds
	kindSize     // 256MiB
	kindTime     // RFC 3339
	kindChoice
	kindList    // of strings
	kindRecords // of maps with the fields named
	kindPath    // of a file
	kindRules   // of networks with actions
)

// key is a row.
type key struct {
	key      string
	kind     kind
	def      string // in YAML
	choices  []string
	min, max int64 // of kindInt and kindSize, both 0: any; of kindDuration in seconds
	// those that end in [] take lists, in / paths; a record may be written as the value of its
	// first field alone
	fields []string
	help   string
	set    func(c *Config, v value) error
}

// keys is the table: a row for the listeners of each transport, and then the rest.
var keys = append(listenKeys(), []key{
	{key: "tls.certificates", kind: kindRecords, def: "[]",
		fields: []string{"certificate/", "key/"},
		help: "PEM files with a certificate chain and its key, for DoT, DoH and DoQ; read again " +
			"when they change and on SIGHUP",
		set: setCertificates},
	{key: "tls.ticket_secret", kind: kindPath, def: "",
		help: "file of at least 32 octets that a fleet shares, so that each server resumes the " +
			"others' sessions; empty: every server for itself",
		set: func(c *Config, v value) error { c.TicketSecret = v.text; return nil }},
	{key: "tls.ticket_rotation", kind: kindDuration, def: "8h", min: 60, max: 604800,
		help: "how often the keys of session tickets change; a ticket lives up to twice as long",
		set:  func(c *Config, v value) error { c.TicketRotation = v.duration; return nil }},
	{key: "doh.path", kind: kindString, def: "/dns-query", help: "path of DNS over HTTPS",
		set: setPath},
	{key: "connections.max", kind: kindInt, def: strconv.Itoa(transport.MaxConnections), min: 1,
		max: 1 << 20, help: "client connections at once, all transports but UDP together; new " +
			"ones displace idle ones",
		set: func(c *Config, v value) error { c.Connections.Max = int(v.int); return nil }},
	{key: "connections.per_client", kind: kindInt, def: "0", min: 0, max: 1 << 20,
		help: "connections of one client network (/24 or /56); 0: a fifth of connections.max",
		set:  func(c *Config, v value) error { c.Connections.PerClient = int(v.int); return nil }},
	{key: "connections.queries", kind: kindInt,
		def: strconv.Itoa(transport.MaxQueriesPerConnection), min: 1, max: 1 << 40,
		help: "queries on one connection; then it is closed in an orderly way",
		set:  func(c *Config, v value) error { c.Connections.Queries = v.int; return nil }},
	{key: "connections.idle", kind: kindDuration, def: transport.MaxIdle.String(), min: 1,
		max: 3600, help: "how long a connection may be silent; less when half of all are in use",
		set: func(c *Config, v value) error { c.Connections.Idle = v.duration; return nil }},
	{key: "connections.memory", kind: kindSize, def: "64MiB", min: 1 << 20, max: 1 << 40,
		help: "octets of unfinished messages and unsent answers, of all connections; the largest" +
			" holder is cut",
		set: func(c *Config, v value) error { c.Connections.Octets = v.int; return nil }},
	{key: "discovery.enabled", kind: kindBool, def: "true",
		help: "tell clients of the encrypted transports (RFC 9462) and of this resolver (RFC 9606)",
		set:  func(c *Config, v value) error { c.Discovery = v.bool; return nil }},
	{key: "discovery.name", kind: kindString, def: "",
		help: "name that clients authenticate this resolver by; empty: the certificate's first",
		set:  setADN},
	{key: "discovery.addresses", kind: kindList, def: "[]",
		help: "addresses that clients reach this resolver at; empty: those of the listeners, or " +
			"of the certificate where they listen at all",
		set: func(c *Config, v value) (err error) {
			c.DiscoveryAddrs, err = addrs(v.list)
			return err
		}},
	{key: "discovery.info_url", kind: kindString, def: "",
		help: "https URL with information on this resolver for people (RFC 9606)", set: setInfoURL},

	{key: "admin.listen", kind: kindString, def: "127.0.0.1:5380",
		help: "address of the admin listener (/metrics, /healthz, /readyz); empty for none",
		set:  setAdmin},
	{key: "control.socket", kind: kindPath, def: "auto", choices: []string{"auto"},
		help: "path of the control socket for `bailiwick ctl`; auto: where ctl looks by itself, " +
			"/run/bailiwick/control.sock for root; empty for none; only its owner may use it",
		set: func(c *Config, v value) error { c.ControlSocket = v.text; return nil }},
	{key: "log.level", kind: kindChoice, def: "info", choices: []string{"debug", "info", "warn",
		"error"}, help: "least severity that is logged",
		set: func(c *Config, v value) error { c.LogLevel = v.text; return nil }},
	{key: "log.format", kind: kindChoice, def: "text", choices: []string{"text", "json"},
		help: "form of log lines",
		set:  func(c *Config, v value) error { c.LogJSON = v.text == "json"; return nil }},
	{key: "clock.start", kind: kindTime, def: "",
		help: "time that the clock starts at; only in builds with the tag testclock",
		set:  func(c *Config, v value) error { c.ClockStart = v.time; return nil }},

	{key: "resolver.qname_minimisation", kind: kindChoice, def: "relaxed",
		choices: []string{"relaxed", "strict",
			"off"}, help: "tell servers on the way no more of the name than they need (RFC " +
			"9156); relaxed asks the full name where that fails",
		set: func(c *Config, v value) error { c.Minimisation = v.text; return nil }},
	{key: "resolver.priming", kind: kindBool, def: "true",
		help: "ask the hints who the root's servers are (RFC 8109)",
		set:  func(c *Config, v value) error { c.Prime = v.bool; return nil }},
	{key: "resolver.ipv4", kind: kindChoice, def: "auto",
		choices: []string{"auto", "true", "false"},
		help: "ask servers over IPv4; auto: while this machine has a route, or has none for IPv6 " +
			"either",
		set: func(c *Config, v value) error { c.IPv4 = v.text; return nil }},
	{key: "resolver.private_servers", kind: kindChoice, def: "auto",
		choices: []string{"auto", "allow", "refuse"},
		help: "ask private and unroutable addresses that public delegations give (10.0.0.0/8, " +
			"fc00::/7 and others); auto: where a route other than the default one leads there",
		set: func(c *Config, v value) error { c.PrivateServers = v.text; return nil }},
	{key: "resolver.ipv6", kind: kindChoice, def: "auto",
		choices: []string{"auto", "true", "false"},
		help:    "ask servers over IPv6; auto: while this machine has a route",
		set:     func(c *Config, v value) error { c.IPv6 = v.text; return nil }},
	{key: "resolver.do_not_query_localhost", kind: kindBool, def: "true",
		help: "never ask loopback addresses",
		set:  func(c *Config, v value) error { c.DoNotQueryLocalhost = v.bool; return nil }},
	{key: "resolver.do_not_query", kind: kindList, def: "[]", help: "networks never to ask",
		set: func(c *Config, v value) (err error) { c.DoNotQuery, err = prefixes(v.list); return }},
	{key: "resolver.case_randomisation", kind: kindBool, def: "true",
		help: "random letter case in questions, against forgery (0x20)",
		set:  func(c *Config, v value) error { c.CaseRandomisation = v.bool; return nil }},
	{key: "resolver.opportunistic", kind: kindList, def: "[]",
		help: "encrypted transports that authorities are probed for, dot and doq, the preferred " +
			"first (RFC 9539)", set: setOpportunistic},
	{key: "resolver.cookies", kind: kindBool, def: "true",
		help: "DNS cookies towards servers (RFC 7873)",
		set:  func(c *Config, v value) error { c.UpstreamCookies = v.bool; return nil }},
	{key: "resolver.harden_below_nxdomain", kind: kindBool, def: "true",
		help: "names below one that is proven not to exist do not exist (RFC 8020)",
		set:  func(c *Config, v value) error { c.HardenBelowNXDomain = v.bool; return nil }},
	{key: "resolver.harden_glue", kind: kindBool, def: "true",
		help: "believe addresses in a referral only for names in the zone that gives it",
		set:  func(c *Config, v value) error { c.HardenGlue = v.bool; return nil }},
	{key: "resolver.port", kind: kindInt, def: "53", min: 1, max: 65535,
		help: "port of authoritative servers",
		set:  func(c *Config, v value) error { c.Port = int(v.int); return nil }},
	{key: "resolver.max_aliases", kind: kindInt, def: "12", min: 1, max: 32,
		help: "links of an alias chain that are followed",
		set:  func(c *Config, v value) error { c.MaxAliases = int(v.int); return nil }},
	{key: "resolver.max_in_flight", kind: kindInt, def: "4096", min: 16, max: 1 << 20,
		help: "resolutions at once; beyond it the oldest give way",
		set:  func(c *Config, v value) error { c.MaxInFlight = int(v.int); return nil }},
	{key: "resolver.root_hints", kind: kindRecords, def: "[]", fields: []string{"name", "address"},
		help: "root servers, in place of the built-in ones", set: setHints},
	{key: "resolver.root_hints_file", kind: kindPath, def: "",
		help: "file with root servers in zone-file form, in place of the built-in ones",
		set:  func(c *Config, v value) error { c.RootHintsFile = v.text; return nil }},
	{key: "resolver.stub_zones", kind: kindRecords, def: "[]", fields: zoneFields,
		help: "zones with authoritative servers of your own; fields as in forward_zones",
		set:  func(c *Config, v value) error { return c.addZones(v, false) }},
	{key: "resolver.forward_zones", kind: kindRecords, def: "[]", fields: zoneFields,
		help: "zones that other resolvers are asked for; transport is udp, tcp, dot, doh, doh3 " +
			"or doq, and what encrypts needs tls_name (which the certificate has to have) or " +
			"tls_pins (SHA-256 of the public key, in base64), with tls_ca (PEM file) for " +
			"certificates of your own, path for DoH, and fallback to go on in plain DNS where it " +
			"fails; insecure is for private zones below a signed one: their answers are not " +
			"validated",
		set: func(c *Config, v value) error { return c.addZones(v, true) }},

	{key: "trust_anchors.builtin", kind: kindBool, def: "true",
		help: "trust the root's keys as IANA publishes them",
		set:  func(c *Config, v value) error { c.BuiltinAnchors = v.bool; return nil }},
	{key: "trust_anchors.records", kind: kindList, def: "[]", help: "DS or DNSKEY records to trust",
		set: func(c *Config, v value) error { c.AnchorRecords = v.list; return nil }},
	{key: "trust_anchors.file", kind: kindPath, def: "",
		help: "file with DS or DNSKEY records to trust, in zone-file form",
		set:  func(c *Config, v value) error { c.AnchorFile = v.text; return nil }},
	{key: "trust_anchors.insecure", kind: kindList, def: "[]",
		help: "negative trust anchors: names where validation is off (RFC 7646)", set: setInsecure},

	{key: "validator.time", kind: kindTime, def: "",
		help: "judge signatures at this time instead of now; for tests",
		set:  func(c *Config, v value) error { c.ValidationTime = v.time; return nil }},
	{key: "validator.ignore_signature_times", kind: kindBool, def: "false",
		help: "do not judge signature times at all; for tests",
		set:  func(c *Config, v value) error { c.IgnoreTimes = v.bool; return nil }},
	{key: "validator.skew", kind: kindDuration, def: "60s", min: 0, max: 86400,
		help: "how far this machine's clock may be off",
		set:  func(c *Config, v value) error { c.Skew = v.duration; return nil }},
	{key: "validator.sha1", kind: kindBool, def: "true",
		help: "validate RSA/SHA-1 signatures and SHA-1 digests; otherwise such zones are " +
			"insecure (RFC 9905)",
		set: func(c *Config, v value) error { c.SHA1 = v.bool; return nil }},
	{key: "validator.p256", kind: kindChoice, def: "auto", choices: []string{"auto", "standard"},
		help: "who verifies ECDSA P-256 signatures: auto, our own code where the processor can " +
			"and its known answers are right; standard, Go's library, two to five times slower",
		set: func(c *Config, v value) error { c.StandardP256 = v.text == "standard"; return nil }},
	{key: "validator.nsec3_iterations", kind: kindInt, def: "50", min: 0, max: 150,
		help: "NSEC3 iterations that are computed; above it zones are insecure (RFC 9276)",
		set:  func(c *Config, v value) error { c.NSEC3Iterations = int(v.int); return nil }},
	{key: "validator.signature_cache", kind: kindInt, def: "65536", min: 1, max: 1 << 24,
		help: "signature checks whose result is remembered",
		set:  func(c *Config, v value) error { c.SignatureCache = int(v.int); return nil }},

	{key: "cache.memory", kind: kindSize, def: "128MiB", min: 1 << 20, max: 1 << 40,
		help: "octets for everything that is remembered",
		set:  func(c *Config, v value) error { c.Memory = v.int; return nil }},
	{key: "cache.min_ttl", kind: kindDuration, def: "0s", min: 0, max: 86400,
		help: "least time that data are kept",
		set:  func(c *Config, v value) error { c.MinTTL = v.duration; return nil }},
	{key: "cache.max_ttl", kind: kindDuration, def: "24h", min: 0, max: 604800,
		help: "most time that data are kept",
		set:  func(c *Config, v value) error { c.MaxTTL = v.duration; return nil }},
	{key: "cache.min_negative_ttl", kind: kindDuration, def: "0s", min: 0, max: 86400,
		help: "least time that denials are kept",
		set:  func(c *Config, v value) error { c.MinNegativeTTL = v.duration; return nil }},
	{key: "cache.max_negative_ttl", kind: kindDuration, def: "1h", min: 0, max: 604800,
		help: "most time that denials are kept",
		set:  func(c *Config, v value) error { c.MaxNegativeTTL = v.duration; return nil }},
	{key: "cache.aggressive_nsec", kind: kindBool, def: "true",
		help: "answer from proven denials (RFC 8198)",
		set:  func(c *Config, v value) error { c.AggressiveNSEC = v.bool; return nil }},

	{key: "cache.prefetch", kind: kindBool, def: "true",
		help: "resolve again what is asked for in the last tenth of its time",
		set:  func(c *Config, v value) error { c.Prefetch = v.bool; return nil }},

	{key: "server.max_udp_size", kind: kindInt, def: "1232", min: 512, max: server.MaxUDPSize,
		help: "most octets of an answer over UDP",
		set:  func(c *Config, v value) error { c.UDPSize = int(v.int); return nil }},
	{key: "server.nsid", kind: kindString, def: "",
		help: "name server identifier (RFC 5001): hexadecimal, or ascii_ and text", set: setNSID},
	{key: "server.identity", kind: kindString, def: "",
		help: "answer to id.server CH TXT; empty refuses",
		set:  func(c *Config, v value) error { c.Identity = v.text; return nil }},
	{key: "server.version", kind: kindString, def: "",
		help: "answer to version.server CH TXT; empty refuses",
		set:  func(c *Config, v value) error { c.Version = v.text; return nil }},
	{key: "server.cookies", kind: kindBool, def: "true",
		help: "DNS cookies towards clients (RFC 7873)",
		set:  func(c *Config, v value) error { c.Cookies = v.bool; return nil }},
	{key: "server.cookie_secret", kind: kindString, def: "",
		help: "32 hexadecimal digits, to share cookies among servers (RFC 9018); empty: random",
		set:  setSecret},
	{key: "server.any", kind: kindChoice, def: "minimal", choices: []string{"minimal", "full"},
		help: "answers to ANY over UDP: one RRset (RFC 8482) or all",
		set:  func(c *Config, v value) error { c.AnyFull = v.text == "full"; return nil }},
	{key: "server.rotate_answers", kind: kindBool, def: "true",
		help: "the records of a set come in another order each time (RFC 1794)",
		set:  func(c *Config, v value) error { c.Rotate = v.bool; return nil }},
	{key: "server.ede", kind: kindBool, def: "true", help: "tell clients why (RFC 8914)",
		set: func(c *Config, v value) error { c.EDE = v.bool; return nil }},

	{key: "policy.special_names", kind: kindBool, def: "true",
		help: "answer localhost, reverse names of private addresses and other special-use names " +
			"here (RFC 6761, RFC 6303), but for stub and forward zones",
		set: func(c *Config, v value) error { c.Special = v.bool; return nil }},
	{key: "policy.private_addresses", kind: kindList, def: "[]",
		help: "networks whose addresses are left out of answers, against DNS rebinding, but for " +
			"names at or below policy.private_domains and in stub and forward zones",
		set: func(c *Config, v value) (err error) {
			c.Private.Networks, err = prefixes(v.list)
			return err
		}},
	{key: "policy.private_domains", kind: kindList, def: "[]",
		help: "names at and below which answers may hold private addresses",
		set: func(c *Config, v value) (err error) {
			c.Private.Domains, err = domainNames(v.list)
			return err
		}},
	{key: "policy.access", kind: kindRules, def: defaultAccess(),
		help: "who may ask: networks with allow, snoop (also without RD, from the cache), refuse " +
			"or drop, as \"10.0.0.0/8 allow\" or {net: 10.0.0.0/8, action: allow}; the longest " +
			"decides; all others are refused",
		set: setAccess},
}...)

// defaultAccess allows this machine and private networks.
func defaultAccess() string {
	var items []string
	for _, p := range policy.Private {
		items = append(items, p+" allow")
	}
	return quoteList(items)
}

// address reads an address and a port: 192.0.2.1:53, [2001:db8::1]:53, with @ for the colon as
// Unbound writes it, or either alone.
func address(s string, port uint16) (netip.AddrPort, error) {
	host, number, wanted := s, "", false
	switch i := strings.LastIndexByte(s, ':'); {
	case strings.Contains(s, "@"):
		host, number, wanted = strings.Cut(s, "@")
	case strings.HasPrefix(s, "["):
		host, number, wanted = strings.Cut(s, "]:")
	case strings.Count(s, ":") == 1:
		host, number, wanted = strings.Cut(s, ":")
	case i >= 0 && isPort(s[i+1:]):
		// ::1:53 is an address. Whoever writes it means an address and a port.
		if a, err := netip.ParseAddr(s[:i]); err == nil {
			return netip.AddrPort{}, fmt.Errorf("%q may be an address or an address and a port: "+
				"write "+
				"[%s]:%s or [%s]", s, a, s[i+1:], s)
		}
	}
	host = strings.Trim(host, "[]")
	a, err := netip.ParseAddr(host)
	switch {
	case host == "*" || host == "" && wanted:
		return netip.AddrPort{}, fmt.Errorf("%q is no address; all of this machine are 0.0.0.0 "+
			"and [::]",
			s)
	case err != nil:
		return netip.AddrPort{}, fmt.Errorf("%q is no address such as 192.0.2.1:53 or "+
			"[2001:db8::1]:53",
			s)
	case !wanted:
		return netip.AddrPortFrom(a, port), nil
	case !isPort(number):
		return netip.AddrPort{}, fmt.Errorf("%q: %q is no port from 0 to 65535", s, number)
	}
	n, err := strconv.ParseUint(number, 10, 16)
	return netip.AddrPortFrom(a, uint16(n)), err
}

// isPort reports whether a text is a number that a port can have.
func isPort(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

// addrPorts reads addresses of servers: port 0 is none that a server could be asked at.
func addrPorts(list []string, port uint16) (out []netip.AddrPort, err error) {
	var errs []error
	for i, s := range list {
		ap, err := address(s, port)
		if err == nil && ap.Port() == 0 {
			err = fmt.Errorf("%q: no server can be asked at port 0", s)
		}
		out, errs = append(out, ap), append(errs, inItem(i, err))
	}
	return out, errors.Join(errs...)
}

// adminPort is the admin listener's own.
const adminPort = 5380

func setAdmin(c *Config, v value) error {
	c.Admin = ""
	if v.text == "" {
		return nil
	}
	a, err := address(v.text, adminPort)
	if err == nil {
		c.Admin = a.String()
	}
	return err
}

func setNSID(c *Config, v value) error {
	c.NSID = v.text
	if _, err := server.HexOrText(v.text); err != nil {
		return fmt.Errorf("%q is not hexadecimal; for text write ascii_%s", v.text, v.text)
	}
	return nil
}

// setInsecure takes negative trust anchors.
func setInsecure(c *Config, v value) (err error) {
	c.Insecure, err = domainNames(v.list)
	return err
}

// domainNames reads domain names.
func domainNames(list []string) (out []wire.Name, err error) {
	var errs []error
	for i, s := range list {
		n, err := wire.ParseName(strings.TrimSpace(s))
		if strings.TrimSpace(s) == "" {
			err = fmt.Errorf("an entry has no name; the root is %q", ".")
		} else if err != nil {
			err = fmt.Errorf("%q is no name: %w", s, err)
		}
		if err != nil {
			errs = append(errs, inItem(i, err))
			continue
		}
		out = append(out, n)
	}
	return out, errors.Join(errs...)
}

func prefixes(list []string) (out []netip.Prefix, err error) {
	var errs []error
	for i, s := range list {
		p, err := parsePrefix(s)
		out, errs = append(out, p), append(errs, inItem(i, err))
	}
	return out, errors.Join(errs...)
}

// parsePrefix reads a network, or an address as the network of itself.
func parsePrefix(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		if p.Addr().Is4In6() && p.Bits() >= 96 { // clients at such addresses are seen as IPv4
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no network such as 192.0.2.0/24", s)
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// each reads records, all of them, and says in which something is wrong. Those that could not be
// read before are left out.
func (v value) each(read func(i int, r record) error) error {
	var errs []error
	for i, r := range v.records {
		if r != nil {
			errs = append(errs, inItem(i, read(i, r)))
		}
	}
	return errors.Join(errs...)
}

func setHints(c *Config, v value) error {
	c.RootHints = nil
	return v.each(func(_ int, r record) error {
		n, err := wire.ParseName(r.text("name"))
		if err != nil {
			return inField("name", fmt.Errorf("name %q: %w", r.text("name"), err))
		}
		a, err := netip.ParseAddr(r.text("address"))
		if err != nil {
			return inField("address", fmt.Errorf("address %q is no IP address", r.text("address")))
		}
		c.RootHints = append(c.RootHints, Hint{n, a})
		return nil
	})
}

func setSecret(c *Config, v value) error {
	c.CookieSecret = v.text
	if b, err := hex.DecodeString(v.text); v.text != "" && (err != nil || len(b) != 16) {
		return fmt.Errorf("the secret takes 32 hexadecimal digits")
	}
	return nil
}

func setAccess(c *Config, v value) (err error) {
	c.Access, err = accessRules(v.list)
	return err
}
