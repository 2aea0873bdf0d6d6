// What no key alone can be blamed for, and what is lawful and dangerous.

package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// reporter takes a finding about a key.
type reporter func(key, format string, args ...any)

// contradictions finds keys that do not fit together: errors, which serve refuses.
func (p *reader) contradictions() {
	c := p.c
	say := func(key, format string, args ...any) {
		if !c.bad[key] {
			p.findings = append(p.findings, c.Error(key, format, args...))
		}
	}
	if c.Resolver.IPv4 == resolver.FamilyOff && c.Resolver.IPv6 == resolver.FamilyOff {
		say("resolver.ipv4", "resolver.ipv4 and resolver.ipv6 are both off: no server could be "+
			"asked")
	}
	c.logContradictions(say)
	c.dnstapContradictions(say)
	c.fleetContradictions(say)
	c.tracingContradictions(say)
	c.acmeContradictions(say)
	c.consoleContradictions(say)
	if c.Cache.Min > c.Cache.Max {
		say("cache.min_ttl", "cache.min_ttl %v is above cache.max_ttl %v", c.Cache.Min, c.Cache.Max)
	}
	if c.Cache.MinNegative > c.Cache.MaxNegative {
		say("cache.min_negative_ttl",
			"cache.min_negative_ttl %v is above cache.max_negative_ttl %v",
			c.Cache.MinNegative, c.Cache.MaxNegative)
	}
	if f := c.Anchors.Fetch; f > 0 && f < time.Hour {
		say("trust_anchors.fetch", "trust_anchors.fetch %v is more often than once an hour", f)
	}
	if n := c.Resolver.Warm(); n > resolver.MaxWarm {
		key := "warm.names"
		if len(c.Resolver.WarmNames) == 0 {
			key = "warm.zones"
		}
		say(key, "warm.names and warm.zones are %d questions, and %d can be kept fresh", n,
			resolver.MaxWarm)
	}
	if len(c.RootHints) > 0 && c.RootHintsFile != "" {
		say("resolver.root_hints_file",
			"resolver.root_hints and resolver.root_hints_file are both "+
				"set: one of them")
	}
	c.cookiesContradictions(say)
	all, bad := c.listeners(), false
	for _, proto := range transport.Protocols() {
		bad = bad || c.bad["listen."+proto.String()]
	}
	if len(all) == 0 && !bad {
		say("listen", "listen has no address: nobody could ask")
	}
	if len(c.Policy.Access.Rules()) == 0 && !c.bad["policy.access"] &&
		slices.ContainsFunc(all, func(l bound) bool { return l.Access == nil }) {
		say("policy.access", "policy.access replaces what holds by default, and has no rules: "+
			"nobody may ask; without replace this machine and private networks may")
	}
	if d := c.Policy.DNS64; d.On && len(d.Prefixes) == 0 && !c.bad["policy.dns64.prefixes"] {
		say("policy.dns64.prefixes", "policy.dns64 is on and has no prefix: nothing could be "+
			"translated")
	}
	if !c.Resolver.NAT64.IsZero() && c.Resolver.IPv6 == resolver.FamilyOff {
		say("resolver.nat64_prefix", "a translator is reached over IPv6, and resolver.ipv6 is off")
	}
	c.viewContradictions(all, say)
	c.resolvingContradictions(say)
	p.memoryContradictions(say)
	c.overlaps(all, say)
	c.xdpContradictions(all, say)
	c.heldContradictions(say)
	c.policyContradictions(say)
	c.listContradictions(say)
	c.catalogContradictions(say)
	c.serversContradictions(all, say)
}

// consoleContradictions finds keys of the HTTP listener that need each other.
func (c *Config) consoleContradictions(say reporter) {
	if c.Console.Closed && c.Console.TokenFile == "" && !c.bad["api.token_file"] {
		say("admin.metrics_token", "admin.metrics_token needs api.token_file: nobody has a token")
	}
	if (c.Console.TLSCertificate == "") != (c.Console.TLSKey == "") {
		say("admin.tls_certificate", "admin.tls_certificate and admin.tls_key need each other")
	}
	if c.Console.ClientCA != "" && c.Console.TLSCertificate == "" &&
		!c.bad["admin.tls_certificate"] {
		say("admin.client_ca", "admin.client_ca needs admin.tls_certificate: certificates of "+
			"clients are part of TLS")
	}
}

// cookiesContradictions finds secrets of cookies that exclude each other.
func (c *Config) cookiesContradictions(say reporter) {
	if d := c.Server.CookieRotation; d > 0 && d < server.CookieLifetime {
		say("server.cookie_rotation", "cookies live for %v: their secret cannot change more often",
			server.CookieLifetime)
	}
	if c.CookieSecretFile != "" && (c.Server.Secret != nil || c.Server.CookieRotation > 0) {
		say("server.cookie_secret_file", "server.cookie_secret_file has all secrets: "+
			"server.cookie_secret and server.cookie_rotation have no place beside it")
	}
}

// serversContradictions finds configured servers that are this one.
func (c *Config) serversContradictions(all []bound, say reporter) {
	c.EachZone(func(z *Zone, _ *Resolving) {
		for i, a := range z.Addrs {
			j := slices.IndexFunc(all, func(l bound) bool { return meets(l.Addr, a) })
			if j >= 0 {
				say(Item(z.Key+".addresses", i),
					"zone %s: %v is this server itself (%s): it would ask itself without end",
					z.Name, a, all[j].Key)
			}
		}
	})
}

// bound is a listener and its transport.
type bound struct {
	Listener
	via transport.Protocol
}

// socket is where something listens.
type socket struct {
	key     string
	addr    netip.AddrPort
	network string // udp or tcp
	shared  bool   // others of the kind may be open beside it
}

// listeners are those of all transports, in the order of the transports.
func (c *Config) listeners() (all []bound) {
	for _, p := range transport.Protocols() {
		for _, l := range c.Listen[p] {
			all = append(all, bound{l, p})
		}
	}
	return all
}

// overlaps finds listeners that cannot be open at once. UDP listeners can be: the system gives each
// packet to the one whose address fits best.
func (c *Config) overlaps(all []bound, say reporter) {
	var open []socket
	for _, l := range all {
		open = append(open, socket{l.Key, l.Addr, l.via.Network(), !l.via.Stream()})
	}
	if a, err := netip.ParseAddrPort(c.Console.Listen); err == nil {
		open = append(open, socket{"admin.listen", a, "tcp", false})
	}
	for i, l := range open {
		for _, o := range open[:i] {
			if l.network != o.network || l.shared && o.shared || l.addr.Port() == 0 {
				continue
			}
			if l.addr == o.addr || covers(l.addr, o.addr) || covers(o.addr, l.addr) {
				say(l.key, "%v (%s) and %v (%s) cannot both be open: they overlap", l.addr, l.key,
					o.addr, o.key)
				break
			}
		}
	}
}

// covers reports whether one address is all of a family and the other one of it, at the same port.
func covers(a, b netip.AddrPort) bool {
	return a.Addr().IsUnspecified() && a.Port() == b.Port() &&
		a.Addr().Is4() == b.Addr().Unmap().Is4()
}

// meets reports whether what is sent to an address comes to a listener: to its own address, or to
// this machine's where it listens at all.
func meets(listener, to netip.AddrPort) bool {
	return listener == to || to.Addr().IsLoopback() && covers(listener, to)
}

// longSkew is from where validator.skew weakens validation.
const longSkew = time.Hour

// Warnings finds what is lawful and dangerous: serve goes on and says so.
func (c *Config) Warnings() (found Findings) {
	warn := func(key, format string, args ...any) {
		if name, _, _ := strings.Cut(key, "["); !c.bad[name] {
			found = append(found, c.Warning(key, format, args...))
		}
	}
	c.warnOfListeners(warn)
	c.warnOfTrust(warn)
	c.warnOfNetworks(warn)
	c.warnOfServers(warn)
	c.warnOfFleet(warn)
	c.warnOfTracing(warn)
	c.warnOfACME(warn)
	if c.Console.Listen != "" {
		if a, err := netip.ParseAddrPort(c.Console.Listen); err == nil && !a.Addr().IsLoopback() {
			if !c.Console.Closed && c.Console.ClientCA == "" {
				warn("admin.listen", "%v serves metrics to all who reach it: it has no access "+
					"list; see admin.metrics_token and admin.client_ca", a)
			}
			if c.Console.TokenFile != "" && c.Console.TLSCertificate == "" {
				warn("api.token_file", "the API at %v is not encrypted: whoever sees the packets "+
					"sees the tokens; see admin.tls_certificate", a)
			}
		}
	}
	if c.Console.Listen == "" && c.Console.TokenFile != "" {
		warn("api.token_file", "there is no API without admin.listen")
	}
	if c.Console.Listen == "" && c.Console.TLSCertificate != "" {
		warn("admin.tls_certificate", "nothing is encrypted by it without admin.listen")
	}
	if c.Transport.Gate.PerClient > c.Transport.Gate.Max {
		warn("connections.per_client",
			"connections.per_client %d is above connections.max %d: one "+
				"client can take all", c.Transport.Gate.PerClient, c.Transport.Gate.Max)
	}
	return found.Sorted()
}

// warnOfListeners finds doors that stand wide open.
func (c *Config) warnOfListeners(warn reporter) {
	open, self := false, false
	for _, l := range c.listeners() {
		rules, key := l.Access, l.Key+".access"
		if rules == nil {
			rules, key = c.Policy.Access.Rules(), "policy.access"
		}
		acl := policy.NewACL(rules)
		if net, is := public(rules); is && !l.Addr.Addr().IsLoopback() &&
			!(open && key == "policy.access") {
			open = open || key == "policy.access"
			warn(key, "%v may ask: whoever reaches this server may, and use it against others "+
				"(RFC 5358); allow the networks of your clients", net)
		}
		here := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if l.Addr.Addr().Is6() {
			here = netip.IPv6Loopback()
		}
		local := l.Addr.Addr().IsLoopback() || l.Addr.Addr().IsUnspecified()
		if d, _ := acl.Decide(here); local && c.Given("policy.access") && key == "policy.access" &&
			len(rules) > 0 && (d == policy.Refuse || d == policy.Drop) && !self {
			self = true
			warn(key, "%v may not ask: this machine itself is refused", here)
		}
		if l.Addr.Port() == 0 {
			warn(l.Key, "%s: port 0 is another port at each start", l.Key)
		}
		if !l.via.Stream() && len(l.ProxyFrom) > 0 {
			warn(l.Key+".proxy_from", "over UDP a source address can be forged: whoever sends "+
				"with an "+
				"address of %v is believed to be "+
				"any client; let these packets in from the proxy's link only", l.ProxyFrom[0])
		}
		for field, nets := range map[string][]netip.Prefix{"proxy_from": l.ProxyFrom,
			"forwarded_from": l.ForwardedFrom} {
			for i, n := range nets {
				if n.Bits() == 0 {
					warn(Item(l.Key+"."+field, i),
						"%v: everybody is believed to be a proxy, and so to be any "+
							"client", n)
				}
			}
		}
		if l.via.HTTP() && !l.via.Encrypted() && !l.Addr.Addr().IsLoopback() {
			warn(l.Key, "%v: HTTP without TLS beyond this machine; the reverse proxy's network "+
				"can read "+
				"and change it", l.Addr)
		}
	}
	if len(c.Transport.Certificates) > 0 && !c.Encrypted() {
		warn("tls.certificates", "tls.certificates is for %s, and none of them has an address",
			EncryptedKeys())
	}
	if c.Transport.Tickets.Secret != "" && !c.Encrypted() {
		warn("tls.ticket_secret", "tls.ticket_secret is for %s, and none of them has an address",
			EncryptedKeys())
	}
}

// public returns a network that may ask and holds more than half of a family's addresses.
func public(rules []policy.Rule) (netip.Prefix, bool) {
	for _, r := range rules {
		if r.Net.Bits() <= 1 && (r.Action == policy.Allow || r.Action == policy.Snoop) {
			return r.Net, true
		}
	}
	return netip.Prefix{}, false
}

// warnOfNetworks finds what tells more of clients, or lets them have more told, than is wise.
func (c *Config) warnOfNetworks(warn reporter) {
	e := &c.Resolver.ECS
	for i, z := range e.Zones {
		if z.Labels() < 2 {
			warn(Item("resolver.ecs.zones", i), "%s: clients' networks are sent to whoever has a "+
				"zone below it; name the zones that need them", z)
		}
	}
	for i, n := range e.Forwarders {
		if n.Bits() == 0 {
			warn(Item("resolver.ecs.forwarders", i), "%v: any client may have a network of its "+
				"choice sent, and learn what is in the cache for others", n)
		}
	}
	if e.On() && (e.IPv4 > 24 || e.IPv6 > 56) {
		key := "resolver.ecs.ipv4_bits"
		if e.IPv4 <= 24 {
			key = "resolver.ecs.ipv6_bits"
		}
		warn(key, "more than 24 bits of IPv4 and 56 of IPv6 tell who a client is (RFC 7871, "+
			"section 11.1)")
	}
}

// warnOfTrust finds what weakens validation.
func (c *Config) warnOfTrust(warn reporter) {
	if !c.Anchors.Validate {
		warn("validator.validation", "nothing is validated: every forged answer is believed")
	}
	for i, n := range c.Anchors.Insecure {
		warnOfException(warn, Item("trust_anchors.insecure", i), n.Zone)
	}
	for i, z := range c.Anchors.Zones {
		if z.Mode != trustanchor.None {
			warnOfException(warn, Item("validator.zones", i), z.Zone)
		}
	}
	for i := range c.Views {
		v := &c.Views[i]
		if v.given["validation"] && !v.own.Validate && c.Anchors.Validate {
			warn(v.Key+".validation", "view %s: nothing is validated: its clients believe every "+
				"forged answer", v.Name)
		}
		for j, n := range v.own.Insecure {
			warnOfException(warn, Item(v.Key+".insecure", j), n.Zone)
		}
		for j, z := range v.own.Modes {
			if z.Mode != trustanchor.None {
				warnOfException(warn, Item(v.Key+".validator_zones", j), z.Zone)
			}
		}
	}
	for i, n := range c.Resolver.TimeServers {
		if n.Labels() < 2 {
			warn(Item("clock.time_servers", i), "%s: while the clock is wrong nothing at and "+
				"below it is validated; name the time servers", n)
		}
	}
	c.EachZone(func(z *Zone, of *Resolving) {
		if top := topLabel(z.Name); slices.Contains(privateTops, top) && !c.excepted(z, of) &&
			c.Anchors.Builtin {
			warn(z.Key, "zone %s: the signed root says that %s does not exist, so what its "+
				"servers say "+
				"is bogus; "+
				"set insecure: true on the zone", z.Name, top)
		}
		if z.Insecure && z.Name.IsRoot() {
			warn(z.Key+".insecure", "validation is off for all names: the zone is the root")
		}
	})
	if c.Resolver.Validation.IgnoreTimes {
		warn("validator.ignore_signature_times",
			"signatures are believed for ever: validator.ignore_signature_times is for tests")
	}
	if !c.Resolver.ValidationTime.IsZero() {
		warn("validator.time", "signatures are judged at %s: validator.time is for tests",
			c.Resolver.ValidationTime.Format(time.RFC3339))
	}
	if c.Resolver.Validation.MissingKeysInsecure {
		warn("validator.missing_keys", "whoever can keep a zone's DNSKEY from this server turns "+
			"its validation off")
	}
	if c.Resolver.Validation.Skew > longSkew {
		warn("validator.skew", "signatures are believed %v after their end",
			c.Resolver.Validation.Skew)
	}
}

// warnOfException warns of an exception from validation that reaches far.
func warnOfException(warn reporter, key string, n wire.Name) {
	switch {
	case n.IsRoot():
		warn(key, "validation is off for all names: %q is the root", ".")
	case n.Labels() == 1:
		warn(key, "validation is off for the whole of %s: that is a top level domain", n)
	}
}

// privateTops are top level domains that networks use for themselves and that the public root does
// not delegate: reserved (RFC 6762, appendix G; ICANN resolution of 2024-07-29 for internal), or
// kept out of it for that use (ICANN resolution of 2018-02-04).
var privateTops = []string{"internal.", "intranet.", "private.", "corp.", "home.", "lan.", "mail.",
	"local.", "localdomain."}

// topLabel is the top level domain of a name, "" for the root.
func topLabel(n wire.Name) string {
	for !n.IsRoot() && !n.Parent().IsRoot() {
		n = n.Parent()
	}
	return n.String()
}

// excepted reports whether a zone is not validated, or by a trust anchor of its own.
func (c *Config) excepted(z *Zone, of *Resolving) bool {
	return z.Insecure || len(c.Anchors.Records) > 0 || c.Anchors.File != "" ||
		slices.ContainsFunc(of.Insecure, func(n trustanchor.NegativeAnchor) bool {
			return z.Name.Within(n.Zone)
		}) ||
		slices.ContainsFunc(of.Modes, func(o trustanchor.ZoneMode) bool {
			return o.Mode != trustanchor.None && z.Name.Within(o.Zone)
		})
}

// vias names the transports that a zone's servers are asked over.
func (z *Zone) vias() string {
	all := []string{z.Via.String()}
	for _, w := range z.Then {
		all = append(all, w.Via.String())
	}
	return strings.Join(all, ", ")
}

// warnOfServers finds upstream servers that cannot be asked, or not safely.
func (c *Config) warnOfServers(warn reporter) {
	c.EachZone(func(z *Zone, _ *Resolving) {
		if z.Fallback {
			warn(z.Key+".fallback", "zone %s: whoever blocks %s on the way can read and change "+
				"the questions: fallback asks in plain DNS then", z.Name, z.vias())
		}
		usable := len(z.Hosts) > 0
		for i, a := range z.Addrs {
			if why := c.refuses(a.Addr().Unmap()); why != "" {
				warn(Item(z.Key+".addresses", i), "zone %s: %v is never asked: %s", z.Name, a, why)
				continue
			}
			usable = true
		}
		if !usable && !z.First {
			warn(z.Key, "zone %s: none of its servers may be asked: its names will not resolve",
				z.Name)
		}
	})
	if !c.Resolver.HardenGlue {
		warn("resolver.harden_glue", "resolver.harden_glue is off: a zone's servers can give the "+
			"addresses of another zone's")
	}
	if !c.Resolver.CaseRandomisation && !c.Resolver.Cookies {
		warn("resolver.case_randomisation",
			"resolver.case_randomisation and resolver.cookies are both off: forged replies need "+
				"to guess "+
				"less")
	}
}

// refuses says which key keeps a server from being asked, "" if none does.
func (c *Config) refuses(a netip.Addr) string {
	switch {
	case a.Is4() && c.Resolver.IPv4 == resolver.FamilyOff && c.Resolver.NAT64.IsZero():
		return "resolver.ipv4 is false"
	case a.Is6() && c.Resolver.IPv6 == resolver.FamilyOff:
		return "resolver.ipv6 is false"
	case c.Resolver.DoNotQueryLocalhost && a.IsLoopback():
		return "resolver.do_not_query_localhost is true"
	}
	for _, p := range c.Resolver.DoNotQuery {
		if p.Contains(a) {
			return "resolver.do_not_query holds " + p.String()
		}
	}
	return ""
}

// NoAnchor is the error that nothing is trusted, and so nothing would be validated; nil where it is
// said that this is meant.
func (c *Config) NoAnchor() *Finding {
	if !c.Anchors.Validate || slices.ContainsFunc(c.Anchors.Insecure,
		func(n trustanchor.NegativeAnchor) bool { return n.Zone.IsRoot() }) {
		return nil // said, and warned of
	}
	return c.Error("trust_anchors.builtin", "there is no trust anchor: nothing would be "+
		"validated, and every forged answer believed; set trust_anchors.builtin, records or "+
		"file, or say that this is meant: validator: {validation: off}")
}
