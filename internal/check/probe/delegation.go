// The parent, and the servers that it delegates to.

package probe

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"

	"bailiwick/internal/cause"
	"bailiwick/internal/check"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// Answer is what a resolver says: the data, if there are any, and the verdict.
type Answer struct {
	Set     *wire.RRset // nil if there is none
	Status  wire.Security
	Failure *cause.Failure // why there is no answer, or an insecure one
}

// Lookup resolves a question.
type Lookup func(ctx context.Context, q wire.Question) Answer

// Resolving returns the look-ups of a resolver, by its method Resolve. Data that do not validate
// are returned too, with their status: the check is of broken zones.
func Resolving(resolve func(context.Context, wire.Question,
	resolver.Options) *resolver.Answer) Lookup {
	return func(ctx context.Context, q wire.Question) Answer {
		a := resolve(ctx, q, resolver.Options{})
		out := Answer{Status: a.Status, Failure: a.Failure}
		if a.RCode == wire.RCodeServFail {
			out.Status = wire.Unchecked
			if f := a.Failure; f != nil && f.Cause.Kind() == cause.KindDNSSEC {
				out.Status = wire.Bogus
			}
			a = resolve(ctx, q, resolver.Options{CheckingDisabled: true})
		}
		out.Set = wire.FindType(a.Sets, q.Type)
		return out
	}
}

// usualPort is that of name servers which are found and not given.
const usualPort = 53

// FindParent finds the servers of the parent, unless the operator has named them, and asks them for
// the delegation.
func (p *Probe) FindParent(ctx context.Context, o *check.Observations) {
	if o.Zone.IsRoot() {
		o.Parent = nil
		return
	}
	if len(o.Parent.Servers) == 0 && p.c.Lookup != nil {
		for n := o.Zone.Parent(); ; n = n.Parent() {
			a := p.c.Lookup(ctx, question(n, wire.TypeNS))
			if a.Set != nil && a.Set.Name == n {
				o.Parent.Zone = n
				o.Parent.Servers = p.addressed(ctx, o, targets(a.Set), nil)
				break
			}
			if n.IsRoot() {
				break
			}
		}
		ds := p.c.Lookup(ctx, question(o.Zone, wire.TypeDS))
		o.Parent.Status, o.Parent.Failure = ds.Status, ds.Failure
	}
	o.Parent.Servers = cut(o, "addresses of the parent's servers", o.Parent.Servers,
		check.MaxServers)
	each(o.Parent.Servers, func(s *check.Server) {
		p.a.all(ctx, s, []check.Query{{Question: question(o.Zone, wire.TypeNS)},
			{Question: question(o.Zone, wire.TypeDS)}})
	})
	if o.Parent.Zone.IsZero() {
		o.Parent.Zone = parentZone(o)
	}
}

// parentZone returns the name of the parent by what its servers sign or deny, and else the name
// above the zone.
func parentZone(o *check.Observations) wire.Name {
	for _, s := range o.Parent.Servers {
		r := s.Replies[check.Query{Question: question(o.Zone, wire.TypeDS)}]
		if r == nil || r.Msg == nil {
			continue
		}
		if soa := wire.FindType(r.Msg.Authority, wire.TypeSOA); soa != nil &&
			o.Zone.Below(soa.Name) {
			return soa.Name
		}
		if ds := wire.Find(r.Msg.Answer, o.Zone, wire.TypeDS); ds != nil && ds.Sigs.Len() > 0 {
			if sig, err := wire.ParseRRSIG(ds.Sigs.First()); err == nil &&
				o.Zone.Below(sig.Signer) {
				return sig.Signer
			}
		}
	}
	return o.Zone.Parent()
}

// FindServers finds the servers that the parent delegates to, and those that the zone itself
// names: by glue, and by the resolver.
func (p *Probe) FindServers(ctx context.Context, o *check.Observations) {
	names := check.NameServers(o)
	if p.c.Lookup != nil {
		if a := p.c.Lookup(ctx, question(o.Zone, wire.TypeNS)); a.Set != nil &&
			a.Set.Name == o.Zone {
			for _, n := range targets(a.Set) {
				if !slices.Contains(names, n) {
					names = append(names, n)
				}
			}
		}
	}
	o.Servers = p.addressed(ctx, o, names, func(n wire.Name) []netip.Addr {
		if o.Parent == nil {
			return nil
		}
		return check.Glue(o, n)
	})
}

// addressed returns the servers of given names, one for each address. Names without an address are
// noted.
func (p *Probe) addressed(ctx context.Context, o *check.Observations, names []wire.Name,
	glue func(wire.Name) []netip.Addr) (servers []*check.Server) {
	found := make([][]netip.Addr, len(names))
	reasons := make([]string, len(names))
	var all sync.WaitGroup
	for i, n := range names[:min(len(names), check.MaxServers)] {
		all.Go(func() {
			found[i], reasons[i] = p.Addresses(ctx, n)
			if glue == nil {
				return
			}
			for _, a := range glue(n) {
				if !slices.Contains(found[i], a) {
					found[i] = append(found[i], a)
				}
			}
		})
	}
	all.Wait()
	for i, n := range names {
		if len(found[i]) == 0 && glue != nil {
			if o.Unresolved == nil {
				o.Unresolved = map[wire.Name]string{}
			}
			o.Unresolved[n] = reasons[i]
		}
		for _, a := range found[i] {
			if p.wanted(a) {
				servers = append(servers, &check.Server{Name: n,
					Addr: netip.AddrPortFrom(a, cmp.Or(p.c.Port, usualPort))})
			}
		}
	}
	return servers
}

// wanted reports whether addresses of this family are asked.
func (p *Probe) wanted(a netip.Addr) bool {
	return !p.c.NoIPv4 && a.Is4() || !p.c.NoIPv6 && !a.Is4()
}

// Addresses returns the addresses of a name, of both families, and the reason if there are none.
func (p *Probe) Addresses(ctx context.Context, n wire.Name) (addrs []netip.Addr, why string) {
	if p.c.Lookup == nil {
		return nil, "it is not looked up"
	}
	why = "it has neither A nor AAAA"
	for _, t := range []wire.Type{wire.TypeA, wire.TypeAAAA} {
		a := p.c.Lookup(ctx, question(n, t))
		if a.Set != nil {
			addrs = append(addrs, a.Set.Data.Addresses()...)
		} else if a.Failure != nil {
			why = a.Failure.Error()
		}
	}
	return addrs, why
}

// serve fills in the addresses of services with TLSA records, unless the operator has given them:
// those that the servers of the zone have, or else those that the name resolves to.
func (p *Probe) serve(ctx context.Context, o *check.Observations) {
	for i := range o.TLSA {
		t := &o.TLSA[i]
		if len(t.Services) > 0 {
			continue
		}
		addrs, why := check.Addresses(o, t.Host), ""
		if len(addrs) == 0 {
			addrs, why = p.Addresses(ctx, t.Host)
		}
		for _, a := range addrs {
			if p.wanted(a) {
				t.Services = append(t.Services, check.Service{
					Addr: netip.AddrPortFrom(a, t.Port)})
			}
		}
		if len(t.Services) == 0 {
			t.Services = []check.Service{{Err: t.Host.String() + ": " + why}}
		}
	}
}

// targets returns the names that an NS set has.
func targets(set *wire.RRset) (names []wire.Name) {
	for d := range set.Data.All() {
		if n, ok := wire.TargetName(d); ok {
			names = append(names, n)
		}
	}
	return names
}
