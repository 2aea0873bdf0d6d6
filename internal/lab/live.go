// Faults that come and go while the servers answer.

package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// liveFaults are the faults of zones that [World.Break] can make.
var liveFaults = Faults{Expired, Future, Reversed, MissingSignatures, MissingKSKSignature,
	CorruptSignatures, DSMismatch, StuckRegistrar, PartialRollout, NoDenial, WrongDenial,
	NoWildcardProof}

// serverFaults are those of servers.
var serverFaults = Faults{Dead, Slow, LoseFirst, Refusing, Failing, Lame, NoAA, Stripping, Forging,
	SplitHorizon, Truncate, NoTCP, AlwaysTC, NoEDNS, Spoofed, Garbage, Cookies, HatesCookies,
	LowerCase}

// rolling are the faults that replace or add keys.
var rolling = Faults{MissingKSKSignature, StuckRegistrar, PartialRollout}

// clockFaults are those of the root alone: to resolvers their own clock is wrong.
var clockFaults = map[Fault]time.Duration{ClockBehind: clockOff, ClockAhead: -clockOff}

// clockOff is how wrong a clock is: more than signatures are valid.
const clockOff = 90 * 24 * time.Hour

// Break gives a zone, and the servers that have it, these faults in place of those that they have,
// while queries come; without any the zone is repaired. The name of a name server stands for that
// server alone, and its zone keeps its faults. What resolvers have cached stays as it is. Faults
// that cannot come and go, or not there, change nothing.
func (w *World) Break(name string, faults ...Fault) error {
	w.build()
	w.live.Lock()
	defer w.live.Unlock()
	name = dns.CanonicalName(name)
	z := w.zones[name]
	if s := w.serverNamed(name); z == nil && s != nil {
		if i := slices.IndexFunc(faults, serverFaults.lacks); i >= 0 {
			return fmt.Errorf("lab: %s is not a fault of one server: %v", faults[i], serverFaults)
		}
		s.faults = faults
		return nil
	}
	if z == nil {
		return fmt.Errorf("lab: there is no zone %s", name)
	}
	own, servers, err := z.sort(faults)
	if err != nil {
		return err
	}
	if z.isSigned() && dns.AlgorithmToString[z.Algorithm] == "" || z.Faults.has(ReferralBomb) {
		return fmt.Errorf("lab: what is wrong with %s stays as it is", name)
	}
	z.Faults, z.wrong = own, nil
	if err := w.rekey(z); err != nil {
		return err
	}
	for _, a := range z.addrs {
		w.servers[a].faults = servers
	}
	if name == "." {
		w.skew = 0
		for _, f := range own {
			w.skew += clockFaults[f]
		}
		for _, z := range w.zones {
			clear(z.signed)
		}
	}
	return nil
}

// sort tells the faults of a zone from those of its servers, and refuses what it cannot have.
func (z *zone) sort(faults Faults) (own, servers Faults, err error) {
	for _, f := range faults {
		switch {
		case !serverFaults.lacks(f):
			servers = append(servers, f)
			continue
		case clockFaults[f] != 0 && z.name != ".":
			return nil, nil, fmt.Errorf("lab: %s is of all zones at once: break the root", f)
		case clockFaults[f] == 0 && liveFaults.lacks(f):
			return nil, nil, fmt.Errorf("lab: %s is not a fault that can come and go: %v", f,
				LiveFaults())
		case f == PartialRollout && len(z.addrs) < 2:
			return nil, nil, fmt.Errorf("lab: %s needs a zone of two servers", f)
		case !z.isSigned():
			return nil, nil, fmt.Errorf("lab: %s has no signatures that could be wrong", z.name)
		case z.name == "." && (f == DSMismatch || f == StuckRegistrar || f == PartialRollout):
			return nil, nil, fmt.Errorf("lab: the root has no parent, and no %s", f)
		}
		own = append(own, f)
	}
	return own, servers, nil
}

// rekey gives a zone the keys, and its parent the DS, that its faults make of them. A rollover that
// is repaired is complete: the new key stays.
func (w *World) rekey(z *zone) error {
	for _, a := range z.addrs {
		w.servers[a].before = nil
	}
	clear(z.signed)
	if !z.isSigned() {
		return nil
	}
	z.keys, z.former = z.keys[:1], nil
	if z.Faults.has(StuckRegistrar) || z.Faults.has(PartialRollout) {
		w.rolls++
		k, err := newKey(z.name, z.Algorithm, z.Bits, dns.ZONE|dns.SEP, 10+w.rolls%2)
		if err != nil {
			return fmt.Errorf("lab: %w", err)
		}
		before := z.copy()
		z.former, z.keys = z.keys[0], []*key{k}
		if z.Faults.has(PartialRollout) {
			w.servers[z.addrs[len(z.addrs)-1]].before = before
		}
	}
	if z.Faults.has(MissingKSKSignature) {
		k, err := newKey(z.name, z.Algorithm, z.Bits, dns.ZONE, 12)
		if err != nil {
			return fmt.Errorf("lab: %w", err)
		}
		z.keys = append(z.keys, k)
	}
	z.data[z.name][dns.TypeDNSKEY] = nil
	for _, k := range z.keys {
		k.Hdr.Ttl = z.TTL
		z.add(k.DNSKEY)
	}
	if p := w.parentOf(z.name); p != nil && len(p.data[z.name][dns.TypeDS]) > 0 {
		delete(p.data[z.name], dns.TypeDS)
		ds := z.ds()
		ds.Header().Ttl = p.TTL
		p.add(ds)
		delete(p.signed, z.name+"/"+fmt.Sprint(dns.TypeDS))
	}
	return nil
}

// copy returns the zone as it is now, for servers that keep it so.
func (z *zone) copy() *zone {
	c := &zone{Zone: z.Zone, w: z.w, name: z.name, ns: z.ns, addrs: z.addrs, keys: z.keys,
		names: z.names, hashes: z.hashes, data: maps.Clone(z.data), signed: map[string][]dns.RR{}}
	c.Faults = nil
	c.data[z.name] = maps.Clone(z.data[z.name])
	return c
}

// serverNamed returns the server that a zone names so, nil if none does.
func (w *World) serverNamed(name string) *server {
	for _, z := range w.zones {
		if i := slices.Index(z.ns, name); i >= 0 {
			return w.servers[z.addrs[i]]
		}
	}
	return nil
}

func (f Faults) lacks(x Fault) bool { return !f.has(x) }

// LiveFaults returns all faults that can come and go, sorted.
func LiveFaults() Faults {
	return slices.Sorted(slices.Values(slices.Concat(liveFaults, serverFaults,
		slices.Collect(maps.Keys(clockFaults)))))
}

// Broken lists the zones and the servers that have faults, a line each: the name, and the faults.
func (w *World) Broken() (lines []string) {
	w.live.RLock()
	defer w.live.RUnlock()
	for _, name := range slices.Sorted(maps.Keys(w.zones)) {
		z := w.zones[name]
		if len(z.Faults) > 0 {
			lines = append(lines, name+" "+z.Faults.String())
		}
		for i, a := range z.addrs {
			if f := w.servers[a].faults; z.On == "" && len(f) > 0 {
				lines = append(lines, z.ns[i]+" "+f.String())
			}
		}
	}
	return lines
}

// String returns the names with commas between them.
func (f Faults) String() string {
	names := make([]string, len(f))
	for i, x := range f {
		names[i] = string(x)
	}
	return strings.Join(names, ",")
}
