// Configuration of the resolver.

package resolver

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/nat64"
	"bailiwick/transport"
	"bailiwick/validator"
	"bailiwick/wire"
)

// Private decides whether name servers of the public tree are asked at private and unroutable
// addresses.
type Private uint8

// The choices.
const (
	PrivateAuto   Private = iota // where a route other than the default one leads there
	PrivateAllow                 // always
	PrivateRefuse                // never
)

// Family decides whether servers are asked over a family of addresses.
type Family uint8

// The choices.
const (
	FamilyAuto Family = iota // while this machine has a route; IPv4 where it has none for either
	FamilyOn
	FamilyOff
)

// Routes answers questions about this machine's routes.
type Routes interface {
	// Families reports over which families of addresses a route leads to the public Internet.
	Families() (ipv4, ipv6 bool)
	// Lead reports whether a route other than the default one leads to an address.
	Lead(netip.Addr) bool
}

// routesEverywhere is used where no Routes are given: a route leads to every address.
type routesEverywhere struct{}

func (routesEverywhere) Families() (ipv4, ipv6 bool) { return true, true }
func (routesEverywhere) Lead(netip.Addr) bool        { return true }

// Zone is a zone whose servers the operator names.
type Zone struct {
	Name  wire.Name
	Addrs []netip.AddrPort
	// Weights are those of Addrs: the share of the questions that a server gets among those that
	// are up. One with 0 is asked only if no other can be. nil: the fastest server is asked.
	Weights []int
	Hosts   []wire.Name // servers by name, resolved when needed
	Forward bool        // the servers are resolvers: ask them to recurse
	First   bool        // if they fail, resolve as if the zone were not configured
	NoCache bool        // do not cache its data
	// Held reports whether the zone has no servers but its copy, see [Copies].
	Held bool
	// Via is the transport that the servers are asked over. UDP falls back to TCP as needed; other
	// transports fall back only if Fallback is set.
	Via transport.Protocol
	// Peer is the identity that the servers have to have, where Via keeps connections.
	Peer *transport.Peer
	// Then are further encrypted transports, each of which is used where those before it fail. They
	// have their usual ports, at Addrs.
	Then []Way
	// Fallback allows queries without encryption where all encrypted transports fail.
	Fallback bool
}

// Config is the operator's configuration of the resolver. It is complete and immutable.
type Config struct {
	Hints    []cache.NameServer // of the root
	Prime    bool               // ask the hints who the root's servers are (RFC 8109)
	Zones    []Zone
	Minimise Minimise
	// HideType asks for the full name with type A before it asks with the question's type, if names
	// are minimised. So a parent's servers do not learn the type if the name is a zone (RFC 9156,
	// section 2.1).
	HideType   bool
	IPv4, IPv6 Family
	// NAT64 is the prefix that servers with IPv4 alone are asked through while IPv4 is not in use;
	// zero: there is none.
	NAT64               nat64.Prefix
	PrivateServers      Private
	DoNotQuery          []netip.Prefix
	DoNotQueryLocalhost bool
	CaseRandomisation   bool
	Cookies             bool
	AggressiveNSEC      bool
	HardenBelowNXDomain bool
	HardenGlue          bool // glue counts only for names in the zone that gives it
	// Opportunistic are the transports that authorities are probed for; the first is preferred (RFC
	// 9539).
	Opportunistic []transport.Protocol
	Prefetch      bool // resolve a result anew if it is asked for shortly before its end
	Stale         Stale
	Referrals     bool // cache zones' own NS sets, for clients with RD=0
	// RevalidateNS has zones asked for their own NS sets, which come before those of their parents.
	RevalidateNS bool
	// ErrorReporting has the agents that zones' servers name told of failures (RFC 9567).
	ErrorReporting bool
	Port           uint16 // of authorities
	UDPSize        uint16 // the payload over UDP that servers are told (RFC 6891, section 6.2.3)
	MaxAliases     int
	MaxFlights     int
	// ZoneQuota is how many questions to a zone whose servers do not answer are under way at once,
	// ServerQuota how many tries of a server that does not answer.
	ZoneQuota, ServerQuota int
	// WarmNames are names that are always fresh in the cache, WarmZones zones whose servers and
	// keys are.
	WarmNames  []WarmName
	WarmZones  []wire.Name
	Validation validator.Config
	ECS        ECS
	// ValidationTime, unless it is zero, is used to validate signatures in place of the clock's
	// time of day.
	ValidationTime time.Time
	// Earliest is when signatures are validated if the clock shows an earlier time.
	Earliest time.Time
	// TimeServers are names at and below which data that do not verify are served while the clock
	// is known to be wrong: without them it could not be set.
	TimeServers []wire.Name
}

// Default returns the default configuration.
func Default() Config {
	return Config{Hints: builtinHints(), Prime: true, DoNotQueryLocalhost: true,
		CaseRandomisation: true, Cookies: true, AggressiveNSEC: true, HardenBelowNXDomain: true,
		HardenGlue: true, Prefetch: true, Stale: defaultStale(), Port: dnsPort,
		UDPSize: transport.EDNSSize, MaxAliases: MaxAliases, MaxFlights: MaxFlights,
		ZoneQuota: defaultZoneQuota, ServerQuota: defaultServerQuota,
		Validation: validator.Default(), ECS: defaultECS()}
}

// dnsPort is the port of DNS (RFC 1035, section 4.2).
const dnsPort = 53

// configured returns the deepest zone of the configuration at or above a name, or nil.
func (c *Config) configured(name wire.Name) *Zone {
	var best *Zone
	for i := range c.Zones {
		z := &c.Zones[i]
		if name.Within(z.Name) && (best == nil || z.Name.Below(best.Name)) {
			best = z
		}
	}
	return best
}

// inside reports whether a zone's servers are the operator's own: those of a configured zone and of
// the zones that are delegated below it. A stub zone at the root counts for the root alone.
func (c *Config) inside(zone wire.Name, conf *Zone) bool {
	if conf == nil {
		conf = c.configured(zone)
	}
	return conf != nil && (conf.Forward || !conf.Name.IsRoot() || zone.IsRoot())
}

// forOperator returns the failure of a name with a remedy for the operator: a fault in a zone whose
// servers the operator names can seldom be mended by the owner of a public zone.
func (r *Resolver) forOperator(name wire.Name, f *cause.Failure) *cause.Failure {
	z := r.cfg.configured(name)
	if z == nil {
		return f
	}
	key := "resolver.stub_zones"
	switch {
	case z.Forward:
		key = "resolver.forward_zones"
	case z.Held:
		key = "zones.held"
	}
	if !z.Held && r.memory.realm.Own(z.Name) {
		key = "views (" + r.name + "): " + key[strings.IndexByte(key, '.')+1:]
	}
	own := *f
	own.Actor = cause.Resolver
	if parent, split := r.splitHorizon(z, f); split {
		own.Cause = cause.SplitHorizon
		own.Remedy = "zone " + z.Name.String() + " in " + key + " sends no signatures, and the " +
			"signed zone " + parent.String() + " above it demands them: set insecure: true on " +
			"it, or sign it and trust its key (trust_anchors.records)"
		return &own
	}
	switch {
	case z.Name.IsRoot() && leftOut(f.Cause):
		own.Remedy = "see that the servers of zone . in " + key +
			" pass DNSSEC records on, all of them"
	case !z.Name.IsRoot() && (leftOut(f.Cause) || f.Cause == cause.DSMismatch ||
		f.Cause == cause.DenialInvalid || f.Cause == cause.KeySignatureMissing):
		own.Remedy = "zone " + z.Name.String() + " stands in " + key +
			", below a signed zone that says something else: if it is private, set insecure: " +
			"true there, " +
			"or trust its own key (trust_anchors.records); " +
			"otherwise see that its servers pass DNSSEC records on"
	case f.Cause == cause.NoServers:
		own.Remedy = "the configuration keeps the servers of zone " + z.Name.String() + " in " +
			key +
			" from being asked: see resolver.do_not_query, do_not_query_localhost, ipv4 and ipv6"
	case f.Cause == cause.Lame || f.Cause == cause.ServerRefused || f.Cause == cause.NoAddress ||
		f.Cause == cause.DependencyLoop:
		own.Remedy = "see the servers of zone " + z.Name.String() + " in " + key
	default:
		return f
	}
	return &own
}

// leftOut reports whether a cause is that records for DNSSEC are missing, as behind a server that
// does not pass them on. All other faults of DNSSEC are those of the zone that signs.
func leftOut(c cause.Cause) bool {
	switch c {
	case cause.SignatureMissing, cause.KeyMissing, cause.DenialMissing, cause.WildcardProofMissing:
		return true
	}
	return false
}

// splitHorizon reports whether a failure is that of a zone of the operator's own that is not
// signed, below a signed one that proves its absence or has a DS for it. It returns the latter.
func (r *Resolver) splitHorizon(z *Zone, f *cause.Failure) (parent wire.Name, split bool) {
	switch f.Cause {
	case cause.SignatureMissing, cause.DenialMissing, cause.KeyMissing:
	default:
		return parent, false
	}
	at, err := wire.ParseName(f.Zone)
	if err != nil || z.Name.IsRoot() {
		return parent, false
	}
	if z.Name.Below(at) {
		return at, true
	}
	return r.memory.zoneOf(z.Name.Parent()), at == z.Name
}

// Configured reports whether the operator named servers for the zone that a name is in.
func (r *Resolver) Configured(name wire.Name) bool {
	z := r.cfg.configured(name)
	return z != nil && !z.Name.IsRoot()
}

// Asks tells people whom a name is asked of: forwarders, the configured servers of a stub zone, or
// those that iteration finds.
func (r *Resolver) Asks(name wire.Name) string {
	switch z := r.cfg.configured(name); {
	case z == nil, z.Name.IsRoot() && !z.Forward: // the root's servers are asked for the root alone
		return "iteration"
	case z.Forward:
		return "forward zone " + z.Name.String()
	default:
		return "stub zone " + z.Name.String()
	}
}

// mayAsk returns None for an address that may be asked, or why it may not: it is of a family that
// is off, cannot be an authority's, is excluded by the operator (CVE-2026-50251: glue that points
// at ourselves), or is private and comes from the public tree. own reports whether the operator
// named it.
func (r *Resolver) mayAsk(a netip.Addr, own bool, use families) cause.Cause {
	c := &r.cfg
	a = a.Unmap()
	if own { // they may be near, on a machine without a route to the public Internet
		use = families{c.IPv4 != FamilyOff || use.v4, c.IPv6 != FamilyOff}
	}
	if leads, ok := c.NAT64.Extract(a); ok && use.v6 {
		a, use.v4 = leads, true // whatever the public tree has our translator reach
	}
	switch {
	case a.Is4() && !use.v4, a.Is6() && !use.v6:
		return cause.NoServers
	case a.IsUnspecified(), a.IsMulticast(), a == broadcast,
		c.DoNotQueryLocalhost && a.IsLoopback():
		return cause.NoServers
	case !own && c.PrivateServers != PrivateAllow && isPrivate(a):
		if c.PrivateServers == PrivateRefuse || !r.routes.Lead(a) {
			return cause.PrivateServers
		}
	}
	for _, p := range c.DoNotQuery {
		if p.Contains(a) {
			return cause.NoServers
		}
	}
	return cause.None
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// families are the address families in use.
type families struct{ v4, v6 bool }

// families returns the families that are in use now for public addresses. A laptop may lose one and
// get the other while the resolver runs. IPv4 is in use through a translator too.
func (r *Resolver) families() families {
	use := r.native()
	return families{use.v4 || use.v6 && !r.cfg.NAT64.IsZero(), use.v6}
}

// native returns the families that are in use without a translator.
func (r *Resolver) native() families {
	v4, v6 := r.routes.Families()
	return families{r.cfg.IPv4.used(v4 || !v6), r.cfg.IPv6.used(v6)}
}

// used reports whether a family is in use; routed decides for FamilyAuto.
func (f Family) used(routed bool) bool { return f == FamilyOn || f == FamilyAuto && routed }

// types returns the address types of the families.
func (use families) types() []wire.Type {
	switch {
	case use.v4 && use.v6:
		return []wire.Type{wire.TypeA, wire.TypeAAAA}
	case use.v4:
		return []wire.Type{wire.TypeA}
	case use.v6:
		return []wire.Type{wire.TypeAAAA}
	}
	return nil
}

// private are the networks that are not reachable over the public Internet (RFC 6890 and the IANA
// registries of special-purpose addresses), except loopback and multicast. They are indexed by
// family and by the first octet of an address, as few octets begin one.
var private = func() (ps [2][256][]netip.Prefix) {
	for _, s := range []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24",
		"192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"240.0.0.0/4", "64:ff9b:1::/48", "100::/64", "2001:2::/48", "2001:db8::/32", "3fff::/20",
		"5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10",
	} {
		p := netip.MustParsePrefix(s)
		for o := range 256 {
			family, first := 0, netip.AddrFrom4([4]byte{byte(o)})
			if p.Addr().Is6() {
				family, first = 1, netip.AddrFrom16([16]byte{byte(o)})
			}
			if netip.PrefixFrom(first, 8).Overlaps(p) {
				ps[family][o] = append(ps[family][o], p)
			}
		}
	}
	return ps
}()

// isPrivate reports whether an address is not reachable over the public Internet.
func isPrivate(a netip.Addr) bool {
	var networks []netip.Prefix
	if a.Is4() {
		networks = private[0][a.As4()[0]]
	} else {
		networks = private[1][a.As16()[0]]
	}
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
}
