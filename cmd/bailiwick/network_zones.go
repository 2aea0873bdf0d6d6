// Zones that networks announce: which of them are forwarded, until the network goes.

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/guard"
	"bailiwick/internal/netzones"
	"bailiwick/internal/state"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// When zones are proven not to exist publicly.
const (
	proofLife  = time.Hour        // after which a proof is made anew at the latest
	proofAgain = time.Minute      // after which at the earliest; a proof holds so long meanwhile
	proofTime  = 10 * time.Second // for one proof
	proofTick  = 10 * time.Second
)

// proof is the result of asking whether a zone exists in the public tree.
type proof struct {
	absent bool
	why    string    // it is not proven
	next   time.Time // when it is made anew
}

// holds reports whether a zone is proven not to exist. A proof that cannot be made anew ends: the
// name may have come to exist.
func (p *proof) holds(now time.Time) bool { return p.absent && now.Before(p.next.Add(proofAgain)) }

// networks are the networks that this machine is in, by what they announce.
type networks struct {
	state *state.Directory
	clock clock.Clock

	mu        sync.Mutex
	heard     map[announcer]announcement   // guarded by mu, as are those below
	networks  map[string]*netzones.Network // what was heard, by interface
	approvals []netzones.Approval
	proofs    map[wire.Name]proof

	wake chan struct{}
}

func newNetworks(d *state.Directory, c clock.Clock) *networks {
	a := &networks{state: d, clock: c, heard: map[announcer]announcement{},
		proofs: map[wire.Name]proof{}, wake: make(chan struct{}, 1)}
	err := d.Load(state.Approvals, func(r io.Reader) error {
		return json.NewDecoder(r).Decode(&a.approvals)
	})
	if err != nil || len(a.approvals) > netzones.MaxApproved {
		a.approvals = nil // the directory has logged the reason
	}
	a.restore()
	return a
}

// approved reports whether the user has approved a zone, or one above it, of a network. The caller
// holds mu.
func (a *networks) approved(n *netzones.Network, zone wire.Name) bool {
	return slices.ContainsFunc(a.approvals, func(p netzones.Approval) bool {
		return p.Holds(n, zone)
	})
}

// judgedZone is a zone of a network, with what becomes of it.
type judgedZone struct {
	network *netzones.Network
	zone    wire.Name
	netzones.Judgement
}

// approvedZones returns the zones that are forwarded by the user's approval. The caller holds mu.
func (a *networks) approvedZones(p netzones.Policy) (all []judgedZone) {
	for _, n := range a.networks {
		for _, zone := range n.Zones {
			j := netzones.Judge(n, zone, true, p)
			if j.Verdict == netzones.Forwarded && a.approved(n, zone) {
				all = append(all, judgedZone{n, zone, j})
			}
		}
	}
	return all
}

// judged returns all zones of all networks. What is approved of one network is not for another one
// that is not approved, and neither are names below it: who is in a hostile network and has a
// tunnel to another one keeps the names of that. Otherwise, of two networks with the same zone the
// one whose interface comes first in order has it. The caller holds mu.
func (a *networks) judged(c *config.Config) (all []judgedZone) {
	taken, approved := map[wire.Name]string{}, a.approvedZones(c.Networks.Zones)
	for _, link := range slices.Sorted(maps.Keys(a.networks)) {
		n := a.networks[link]
		for _, zone := range n.Zones {
			j := netzones.Judge(n, zone, a.approved(n, zone), c.Networks.Zones)
			if p, known := a.proofs[zone]; j.Verdict == netzones.Unproven && known {
				if j.Reason = p.why; p.holds(a.clock.Now()) {
					j = netzones.Judgement{Verdict: netzones.Forwarded,
						Reason: "it is proven not to exist publicly"}
				}
			}
			of := slices.IndexFunc(approved, func(z judgedZone) bool {
				return z.network != n && zone.Within(z.zone)
			})
			switch {
			case j.Verdict != netzones.Forwarded:
			case of >= 0 && !a.approved(n, zone):
				j = netzones.Judgement{Reason: "the network of " +
					approved[of].network.Interface + " has it, as is approved"}
			case c.Configured(zone):
				j = netzones.Judgement{Reason: "the configuration has a zone for it"}
			case taken[zone] != "":
				j = netzones.Judgement{Reason: "the network of " + taken[zone] + " has it"}
			default:
				taken[zone] = link
			}
			all = append(all, judgedZone{n, zone, j})
		}
	}
	return all
}

// apply returns a configuration with the zones that are forwarded.
func (a *networks) apply(c *config.Config) *config.Config {
	a.mu.Lock()
	defer a.mu.Unlock()
	var zones []config.NetworkZone
	for _, z := range a.judged(c) {
		if z.Verdict == netzones.Forwarded {
			zones = append(zones, config.NetworkZone{Name: z.zone, Network: z.network.Interface,
				Servers: z.network.Servers})
		}
	}
	return c.WithNetworkZones(zones)
}

// counts returns how many zones there are by verdict.
func (a *networks) counts(c *config.Config) (forwarded, refused, unproven int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, z := range a.judged(c) {
		switch z.Verdict {
		case netzones.Forwarded:
			forwarded++
		case netzones.Refused:
			refused++
		default:
			unproven++
		}
	}
	return forwarded, refused, unproven
}

// save keeps the approvals. The caller holds mu.
func (a *networks) save() error {
	return a.state.Save(state.Approvals, func(w io.Writer) error {
		return json.NewEncoder(w).Encode(a.approvals)
	})
}

// soon has the zones that are not proven be looked at.
func (a *networks) soon() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// due returns the zones whose proof is to be made now, and forgets proofs that nobody needs.
func (a *networks) due(c *config.Config, now time.Time) (zones []wire.Name) {
	a.mu.Lock()
	defer a.mu.Unlock()
	needed := map[wire.Name]bool{}
	for _, n := range a.networks {
		for _, zone := range n.Zones {
			j := netzones.Judge(n, zone, a.approved(n, zone), c.Networks.Zones)
			if j.Verdict != netzones.Unproven || needed[zone] {
				continue
			}
			needed[zone] = true
			if p, known := a.proofs[zone]; !known || !now.Before(p.next) {
				zones = append(zones, zone)
			}
		}
	}
	maps.DeleteFunc(a.proofs, func(zone wire.Name, _ proof) bool { return !needed[zone] })
	return zones
}

// links returns the addresses of an interface with the bits of their networks.
func links(name string) (prefixes []netip.Prefix) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil
	}
	addrs, _ := i.Addrs()
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			addr, _ := netip.AddrFromSlice(n.IP)
			bits, _ := n.Mask.Size()
			prefixes = append(prefixes, netip.PrefixFrom(addr.Unmap(), bits))
		}
	}
	return prefixes
}

// proveZones proves zones until ctx ends, and has the answers used.
func (r *running) proveZones(ctx context.Context) {
	for more := true; more; more = r.rest.Wait(ctx, proofTick, r.networks.wake) {
		r.guard.Run(guard.Upkeep, func() {
			r.dropNetworks()
			r.useNetworkZones("what was proven has ended")
			zones := r.networks.due(r.now().Config, r.clock.Now())
			for _, zone := range zones {
				p := r.prove(ctx, zone)
				r.networks.mu.Lock()
				r.networks.proofs[zone] = p
				r.networks.mu.Unlock()
			}
			if len(zones) > 0 && ctx.Err() == nil {
				r.useNetworkZones("proof")
			}
		})
	}
}

// prove asks the public tree for a zone, with a memory of its own and without any zone of a
// network: only a signed denial counts, which no network can make.
func (r *running) prove(ctx context.Context, zone wire.Name) proof {
	ctx, cancel := context.WithTimeout(ctx, proofTime)
	defer cancel()
	now, c := r.now(), cache.Default()
	c.Memory = cache.MinMemory
	cfg := now.Snapshot.Resolver
	cfg.Prefetch, cfg.ErrorReporting = false, false
	cfg.Validation.SignatureCache = checkedSignatures
	cfg.Zones = slices.DeleteFunc(slices.Clone(cfg.Zones), func(z resolver.Zone) bool {
		return slices.ContainsFunc(now.Config.Zones, func(o config.Zone) bool {
			return o.Name == z.Name && o.Network != ""
		})
	})
	own := resolver.New(cfg, resolver.Parts{Cache: cache.New(c), Anchors: now.Anchors.Strict(),
		Exchanger: r.exchanger, Clock: r.clock, Guard: r.guard, Routes: r.routes,
		Ledger: r.ledger})
	defer own.Close()
	a := own.Resolve(ctx, wire.Question{Name: zone, Type: wire.TypeSOA, Class: wire.ClassIN},
		resolver.Options{})
	return proofOf(a, r.clock.Now())
}

// proofOf returns what an answer of the public tree proves. It proves the absence of a name for as
// long as a denial may be cached (RFC 2308, section 5). A name error at the end of an alias is the
// alias's target: the name itself exists (RFC 6604, section 3).
func proofOf(a *resolver.Answer, now time.Time) proof {
	denied := a.RCode == wire.RCodeNXDomain && len(a.Sets) == 0
	switch {
	case denied && a.Status == wire.Secure:
		life := proofLife
		for _, s := range a.Authority {
			life = min(life, time.Duration(s.TTL)*time.Second)
		}
		return proof{absent: true, next: now.Add(max(life, proofAgain))}
	case a.Failure != nil:
		return proof{why: "its absence cannot be proven: " + a.Failure.Cause.Label(),
			next: now.Add(proofAgain)}
	case denied:
		return proof{why: "its absence is not signed", next: now.Add(proofLife)}
	}
	return proof{why: "it exists publicly", next: now.Add(proofLife)}
}

// useNetworkZones has the zones that are to be forwarded now be forwarded, and no others. What the
// caches have of the others is forgotten.
func (r *running) useNetworkZones(why string) {
	r.reloading.Lock()
	defer r.reloading.Unlock()
	if r.ended {
		return
	}
	old := r.now().Config
	if next := r.networks.apply(old); sameNetworkZones(old, next) {
		return
	}
	o, err := r.replace(func() (*config.Config, config.Findings, error) {
		return r.networks.apply(r.now().Config), nil, nil
	})
	if err != nil {
		r.log.Error("zones of networks cannot be used", "error", err.Error())
		return
	}
	r.log.Info("zones of networks", "forwarded", networkZonesText(r.now().Config), "because", why,
		"forgotten", o.forgotten)
}

// sameNetworkZones reports whether two configurations forward the same zones of networks.
func sameNetworkZones(a, b *config.Config) bool {
	return networkZonesText(a) == networkZonesText(b)
}

// networkZonesText lists the zones of networks that are forwarded.
func networkZonesText(c *config.Config) string {
	var list []string
	for _, z := range c.Zones {
		if z.Network != "" {
			list = append(list, fmt.Sprint(z.Name, " by ", z.Network, " at ", z.Addrs))
		}
	}
	return strings.Join(list, ", ")
}

// dropNetworks forgets networks that an interface is not in any more: nobody may have told; and
// those whose addresses have ended.
func (r *running) dropNetworks() {
	if r.networks.drop() {
		r.useNetworkZones("a network has gone")
	}
}

// setNetwork takes what a network announces by one way, in place of what it has announced so
// before.
func (r *running) setNetwork(q console.Request) (console.Result, error) {
	from, err := announcerOf(q)
	if err != nil {
		return console.Result{}, err
	}
	n, err := netzones.Make(from.Interface, q.Args["name"], splitServers(q.Args["servers"]),
		splitServers(q.Args["zones"]), links(from.Interface))
	lease, wrong := leaseOf(q.Args["lease"])
	if err = errors.Join(err, wrong); err != nil {
		r.forgetNetwork(from) // what was announced before is not so any more
		return console.Result{}, err
	}
	if err := r.networks.hear(from, n, lease); err != nil {
		return console.Result{}, err
	}
	r.dropNetworks() // the interface may have left it since its addresses were read
	r.networks.soon()
	r.useNetworkZones("interface " + from.Interface)
	r.logRefused(from.Interface)
	res, err := r.listNetworks(q)
	res.Fields = map[string]any{"left_out": n.LeftOut}
	return res, err
}

// maxRefused is how many zones a log line names.
const maxRefused = 5

// logRefused logs what a network has announced and does not get.
func (r *running) logRefused(link string) {
	r.networks.mu.Lock()
	defer r.networks.mu.Unlock()
	var zones []string
	n := r.networks.networks[link]
	for _, z := range r.networks.judged(r.now().Config) {
		if z.network == n && z.Verdict == netzones.Refused {
			zones = append(zones, fmt.Sprintf("%s (%s)", z.zone, z.Reason))
		}
	}
	if len(zones) > 0 {
		r.log.Warn("a network has announced zones that it does not get", "interface", n.Interface,
			"network", n.Name, "zones", len(zones), "first",
			strings.Join(zones[:min(len(zones), maxRefused)], ", "),
			"hint", "bailiwick ctl network list; what is yours: ctl network approve ZONE")
	}
}

// removeNetwork forgets a network, or what it has announced by one way.
func (r *running) removeNetwork(q console.Request) (console.Result, error) {
	from, err := announcerOf(q)
	if err != nil {
		return console.Result{}, err
	}
	return console.Result{Fields: map[string]any{"interface": from.Interface,
		"removed": r.forgetNetwork(from)}}, nil
}

// forgetNetwork forgets what was announced, and reports whether there was any.
func (r *running) forgetNetwork(from announcer) bool {
	there := r.networks.forget(from)
	if there {
		r.useNetworkZones("interface " + from.Interface + " has left its network")
	}
	return there
}

// listNetworks lists what networks have announced, and what becomes of it.
func (r *running) listNetworks(console.Request) (console.Result, error) {
	res := console.Result{Columns: []string{"interface", "network", "zone", "verdict", "reason",
		"servers"}, Rows: [][]any{}}
	r.networks.mu.Lock()
	defer r.networks.mu.Unlock()
	for _, z := range r.networks.judged(r.now().Config) {
		res.Rows = append(res.Rows, []any{z.network.Interface, cmp.Or(z.network.Name, "-"),
			z.zone.String(), z.Verdict.String(), z.Reason,
			strings.Trim(fmt.Sprint(z.network.Servers), "[]")})
	}
	return res, nil
}

// approveZone approves a zone of networks, or takes that back.
func (r *running) approveZone(q console.Request) (console.Result, error) {
	name, err := wire.ParseName(q.Args["zone"])
	if err != nil || name.Labels() < 2 {
		return console.Result{}, fmt.Errorf("%.64q is not a zone below a top level domain",
			q.Args["zone"])
	}
	a, p := r.networks, netzones.Approval{Zone: name.String(), Network: q.Args["network"],
		Interface: q.Args["interface"], By: q.Caller}
	a.mu.Lock()
	had := slices.ContainsFunc(a.approvals, p.Same)
	next := slices.DeleteFunc(slices.Clone(a.approvals), p.Same)
	if q.Command == "network approve" {
		next = append(next, p)
	} else if !had {
		a.mu.Unlock()
		return console.Result{}, fmt.Errorf("zone %s is not approved", name)
	}
	if len(next) > netzones.MaxApproved {
		a.mu.Unlock()
		return console.Result{}, fmt.Errorf("%d zones are approved already", netzones.MaxApproved)
	}
	a.approvals = next
	unsaved := a.save()
	a.mu.Unlock()
	if r.state == nil {
		unsaved = errNoState
	}
	a.soon()
	r.useNetworkZones(q.Command + " " + name.String())
	return told(map[string]any{"zone": name.String(), "approved": q.Command == "network approve"},
		unsaved), nil
}

// listApprovals lists what is approved.
func (r *running) listApprovals(console.Request) (console.Result, error) {
	res := console.Result{Columns: []string{"zone", "network", "interface", "by"}, Rows: [][]any{}}
	r.networks.mu.Lock()
	defer r.networks.mu.Unlock()
	for _, p := range r.networks.approvals {
		res.Rows = append(res.Rows, []any{p.Zone, cmp.Or(p.Network, "any"),
			cmp.Or(p.Interface, "any"), p.By})
	}
	return res, nil
}
