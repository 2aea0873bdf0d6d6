// The client's network in questions (RFC 7871): for which names it is sent, how much of it, and to
// which servers.

package resolver

import (
	"net/netip"
	"slices"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/wire"
)

// ECS decides whose network is sent to whom. The zero value sends nobody's.
type ECS struct {
	// Zones are those whose servers learn it, with the zones below them: none by default, as it
	// takes privacy, cache and protection against forgery away (RFC 7871, sections 2 and 11).
	Zones []wire.Name
	// Types are the types of record that are asked for by network, see [TailoredType].
	Types []wire.Type
	// IPv4 and IPv6 are how many bits of an address are sent at most (RFC 7871, section 11.1).
	IPv4, IPv6 int
	// Never are networks that no bit is sent of: what is not routed, and clients that do not want
	// it (RFC 7871, section 11.1).
	Never []netip.Prefix
	// Forwarders are clients whose own option is believed. That of others could be used to fill the
	// cache, or to see what it has for other networks (RFC 7871, section 11.3).
	Forwarders []netip.Prefix
	// Memory is what tailored answers may take, in bytes.
	Memory int64
}

// defaultECS returns the configuration of an operator who has decided nothing.
func defaultECS() ECS {
	return ECS{Types: []wire.Type{wire.TypeA, wire.TypeAAAA, wire.TypeHTTPS, wire.TypeSVCB},
		IPv4: 24, IPv6: 56, Never: unrouted(), Memory: 16 << 20}
}

// unrouted returns the networks that say nothing of where a client is: they are those of every site
// (RFC 6890; RFC 7871, section 11.1), or of this machine.
func unrouted() (list []netip.Prefix) {
	for _, s := range []string{"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8",
		"169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3", "::/8", "fc00::/7",
		"fe80::/10", "ff00::/8"} {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}

// On reports whether the network of any client is sent to anybody.
func (c *ECS) On() bool { return len(c.Zones) > 0 }

// ECS returns the configuration of what is sent of clients' networks.
func (r *Resolver) ECS() *ECS { return &r.cfg.ECS }

// Network returns the network that may be sent for a client, the zero Prefix if none may; option is
// what the client itself has sent, nil if nothing.
//   - A client that sends a prefix of 0 does not want its network to be sent (section 7.1.2),
//     whoever it is.
//   - The option of a forwarder is used in place of its address; that of any other client bounds
//     how much of its own address is sent, and is not believed beyond that.
//   - No more is sent than is configured, and nothing of networks that are never sent.
func (c *ECS) Network(client netip.Addr, option *wire.Subnet) netip.Prefix {
	if !c.On() {
		return netip.Prefix{}
	}
	addr := client.Unmap().WithZone("")
	bits := addr.BitLen()
	if option != nil {
		if option.Network.Bits() <= 0 {
			return netip.Prefix{}
		}
		if containsAddr(c.Forwarders, addr) {
			addr = option.Network.Addr()
			bits = option.Network.Bits()
		} else if addr.Is4() == option.Network.Addr().Is4() {
			bits = min(bits, option.Network.Bits())
		}
	}
	if !addr.IsValid() || addr.Is4In6() || containsAddr(c.Never, addr) {
		return netip.Prefix{}
	}
	return c.Cut(netip.PrefixFrom(addr, bits))
}

// Cut returns what is sent of a network at most; the zero Prefix for nothing.
func (c *ECS) Cut(n netip.Prefix) netip.Prefix {
	if bits := min(n.Bits(), c.most(n.Addr())); bits > 0 {
		return netip.PrefixFrom(n.Addr(), bits).Masked()
	}
	return netip.Prefix{}
}

// most returns how many bits of an address are sent at most.
func (c *ECS) most(a netip.Addr) int {
	if a.Is4() {
		return c.IPv4
	}
	return c.IPv6
}

func containsAddr(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

// ecsZone returns the deepest zone at or above a name whose servers learn networks; false if there
// is none.
func (r *Resolver) ecsZone(name wire.Name) (wire.Name, bool) {
	for len(r.ecsZones) > 0 {
		if r.ecsZones[name] {
			return name, true
		}
		if name.IsRoot() {
			break
		}
		name = name.Parent()
	}
	return wire.Name{}, false
}

// TailoredType reports whether records of a type may be asked for by network: not what holds the
// tree of zones together, such as delegations and keys, which must not depend on it (RFC 7871,
// section 7.4), nor questions for several types. By default only addresses are, as what need not be
// sent is not.
func TailoredType(t wire.Type) bool {
	switch t {
	case wire.TypeNone, wire.TypeNS, wire.TypeSOA, wire.TypeCNAME, wire.TypeDNAME, wire.TypeDS,
		wire.TypeDNSKEY, wire.TypeRRSIG, wire.TypeNSEC, wire.TypeNSEC3, wire.TypeNSEC3PARAM,
		wire.TypeCDS, wire.TypeCDNSKEY:
		return false
	}
	return !t.IsMeta()
}

// asksFor returns the key of a fetch for a client's question: with its network, if that is to be
// sent and the zone is not known to answer all networks alike.
func (r *Resolver) asksFor(k cache.Key, network netip.Prefix) fetchKey {
	if network.IsValid() && r.tailored(k.Name, k.Type) {
		return fetchKey{k, network}
	}
	return fetchKey{Key: k}
}

// tailored reports whether the answer to a question may be for the client's network alone.
func (r *Resolver) tailored(name wire.Name, t wire.Type) bool {
	if !slices.Contains(r.cfg.ECS.Types, t) {
		return false
	}
	top, ok := r.ecsZone(name)
	return ok && !r.subnets.plain(name, top, r.memory.realm.Of(name), r.clock.Now())
}

// Sends returns what of a client's address goes with its question to the servers of a name's zone,
// if the client sends no option; the zero Prefix if nothing does.
func (r *Resolver) Sends(client netip.Addr, name wire.Name, t wire.Type) netip.Prefix {
	return r.asksFor(cache.Key{Name: name, Type: t}, r.cfg.ECS.Network(client, nil)).network
}

// tells reports whether the fetch's network goes with a question to the servers that are asked:
// with the whole question alone (RFC 9156), and to those of a zone that is configured for it. The
// servers of the root and of top level domains never learn it; forwarders do, whatever zone they
// are configured for, as they ask in our place.
func (a *zoneQuery) tells() bool {
	if !a.final || !a.x.network.IsValid() {
		return false
	}
	if a.conf != nil && a.conf.Forward {
		return true
	}
	_, ok := a.x.r.ecsZone(a.zone)
	return ok && a.zone.Labels() > 1
}

// learner returns the zone for which it is learnt what the servers do with networks. Of a
// forwarder's names it is not known what zone they are in. What the servers of a view do says
// nothing of those of others, so it is learnt for the realm of the name.
func (a *zoneQuery) learner() cache.ZoneKey {
	k := cache.ZoneKey{Name: a.zone, Realm: a.x.r.memory.realm.Of(a.q.Name)}
	if a.conf != nil && a.conf.Forward {
		k.Name, _ = a.x.r.ecsZone(a.q.Name)
	}
	return k
}

// tailoring is what a reply has of the network that was sent with the question.
type tailoring struct {
	heeded  bool         // the network went with the question, and the reply counts for it
	network netip.Prefix // the network that the answer is for; zero: all
	exact   bool         // the answer is for questions for just this network
}

// subnetOf takes what a reply has of the network that was sent. done reports whether the reply is
// not used: its server is passed over, or the question is put without the network, see
// [resolution.forAll].
//   - A reply for another network is dropped (sections 7.3 and 11.2).
//   - A server that refuses, or does not understand, is asked without the option (section 7.3).
//   - A reply without the option is for all (section 7.3), but is believed only if it cannot be
//     forged: while questions for several networks are under way, one guess would do for any of
//     them, and its answer would be for all (section 11.2; CVE-2025-5994).
func (a *zoneQuery) subnetOf(t *try, o *observation) (done bool) {
	if !t.subnet.IsValid() {
		return false
	}
	subnets, now := a.x.r.subnets, a.x.r.clock.Now()
	s, found, ok := t.m.EDNS.Options.Subnet()
	switch {
	case found && (!ok || s.Network != t.subnet):
		a.noteSubnet(t, SubnetOther, 0)
		a.recordFailure(cause.New(cause.Spoofed, a.zone, "%s: the reply is for another network",
			a.q).At(t.c.addr))
		t.c.spent = true
		return true
	case isFormErr(o.rcode), o.rcode == wire.RCodeRefused:
		subnets.alike(a.learner(), now)
		a.noteSubnet(t, SubnetRefused, 0)
		a.forAll(t)
		return true
	case faultOf(o.rcode) != cause.None:
		return false // it has nothing to do with the network, as far as can be known
	case !found && !o.proven:
		subnets.alike(a.learner(), now)
		a.noteSubnet(t, SubnetAbsent, 0)
		a.forAll(t)
		return true
	case !found:
		subnets.lacks(a.learner(), t.c.addr.Addr(), now)
		a.noteSubnet(t, SubnetAbsent, 0)
		t.tailoring = tailoring{heeded: true}
		return false
	}
	subnets.returns(a.learner(), t.c.addr.Addr(), now)
	t.tailoring = tailoring{heeded: true}
	if s.Scope == 0 {
		subnets.alike(a.learner(), now)
		a.noteSubnet(t, SubnetGeneral, 0)
		return false
	}
	subnets.tailors(a.learner(), now)
	a.noteSubnet(t, SubnetTailored, int(s.Scope))
	bits := t.subnet.Bits()
	t.exact = int(s.Scope) > bits && bits < a.x.r.cfg.ECS.most(t.subnet.Addr())
	t.network = netip.PrefixFrom(t.subnet.Addr(), min(int(s.Scope), bits)).Masked()
	return false
}

// forAll ends the question with the network: it is put without, once for all networks.
func (a *zoneQuery) forAll(t *try) {
	a.x.plain, a.ended = true, askedForAll
	a.fellBack(t.c, event.FormWithoutSubnet)
}

// askedForAll ends a question that is put without the network. It reaches no client.
var askedForAll = &cause.Failure{Cause: cause.Spoofed}

// SubnetResult is what became of a question with a client's network.
type SubnetResult uint8

// The results.
const (
	SubnetTailored SubnetResult = iota // the answer is for some networks alone
	SubnetGeneral                      // it is for all: its scope is 0
	SubnetAbsent                       // the reply has no network
	SubnetOther                        // it has another than the question, and is dropped
	SubnetRefused                      // the server refuses, or does not understand
	SubnetSilent                       // the server does not reply, and may not bear the option
)

// Label returns the result as a metric's label.
func (s SubnetResult) Label() string {
	return [...]string{"tailored", "general", "absent", "other", "refused", "silent"}[s]
}

// SubnetResults returns all results.
func SubnetResults() []SubnetResult {
	return []SubnetResult{SubnetTailored, SubnetGeneral, SubnetAbsent, SubnetOther, SubnetRefused,
		SubnetSilent}
}

// noteSubnet counts and reports what became of the network that went with a question.
func (a *zoneQuery) noteSubnet(t *try, s SubnetResult, scope int) {
	a.x.r.observe.Subnets(s, 1)
	if a.x.sink == nil {
		return
	}
	e := a.event(event.Subnet, t.c)
	e.Sent, e.Count = &event.Tailoring{Network: t.subnet, Result: s.Label()}, scope
	a.x.tell(e)
}

// changed returns the zones at and below which another configuration may have kept other answers.
func (c *ECS) changed(o *ECS) (names []wire.Name) {
	alike := c.IPv4 == o.IPv4 && c.IPv6 == o.IPv6 && slices.Equal(c.Types, o.Types)
	for _, pair := range [2][2]*ECS{{c, o}, {o, c}} {
		for _, z := range pair[0].Zones {
			if !alike || !slices.Contains(pair[1].Zones, z) {
				names = append(names, z)
			}
		}
	}
	return names
}
