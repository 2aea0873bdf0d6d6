// The root's servers (RFC 8109).

package resolver

import (
	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// rootServers asks the hints who the root's servers are, and falls back to them.
func (x *resolution) rootServers() (*cache.Delegation, *cause.Failure) {
	now := x.r.clock.Now()
	hints := &cache.Delegation{Zone: wire.Root, Servers: x.r.cfg.Hints, Stored: now.Unix(),
		Expires: now.Add(hintsTTL).Unix()}
	if len(hints.Servers) == 0 {
		return nil, cause.New(cause.NoServers, wire.Root, "no root hints")
	}
	if !x.r.cfg.Prime || x.q.Name.IsRoot() && x.q.Type == wire.TypeNS {
		return hints, nil
	}
	k := cache.Key{Name: wire.Root, Type: wire.TypeNS, Unchecked: true}
	_, f := x.sub(k)
	if f != nil {
		x.r.observe.Primed(0, f)
	}
	if f != nil && f.Cause.Kind() == cause.KindLimit {
		return nil, f
	}
	if d, ok := x.r.memory.delegationOf(wire.Root, now); ok {
		return d, nil
	}
	x.r.memory.putDelegation(hints, x.fallback, now)
	return hints, nil
}

// primed keeps the root's NS set with the addresses that came along (RFC 8109, section 3.3).
func (x *resolution) primed(got *accepted, additional []*wire.RRset) {
	if !x.r.cfg.Prime || !x.q.Name.IsRoot() || x.q.Type != wire.TypeNS ||
		got.kind != wire.KindAnswer {
		return
	}
	now := x.r.clock.Now()
	d := referralFrom(got.sets[0], additional, wire.Root).delegation(nil, now)
	known := map[wire.Name][]cache.NameServer{}
	for _, h := range x.r.cfg.Hints {
		known[h.Name] = append(known[h.Name], h)
	}
	for i := range d.Servers { // addresses that did not fit into the answer
		if len(d.Servers[i].Addrs) == 0 {
			for _, h := range known[d.Servers[i].Name] {
				d.Servers[i].Addrs = append(d.Servers[i].Addrs, h.Addrs...)
			}
		}
	}
	x.r.memory.putDelegation(d, x.fallback, now)
	x.r.observe.Primed(len(d.Servers), nil)
}
