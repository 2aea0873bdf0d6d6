// The world: zones on servers, delegated from the root.

package lab

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// World is an internet. Parents are added before their children; the root exists from the start.
type World struct {
	now     time.Time
	zones   map[string]*zone
	servers map[netip.Addr]*server
	order   []netip.Addr
	built   sync.Once

	v6 bool    // servers have IPv6 addresses; in memory only
	v4 [2]byte // the network of the servers' IPv4 addresses

	live   sync.RWMutex  // held for writing while faults change
	skew   time.Duration // how far signatures are made around another time; guarded by live
	rolls  int           // how many keys were replaced by faults; guarded by live
	mu     sync.Mutex
	log    []Exchange        // guarded by mu
	lost   map[Exchange]bool // guarded by mu
	SlowBy time.Duration
	Script Script // set before the first query; nil: servers behave by their faults
	Path   Path   // set before the first query; nil: replies arrive as they are sent
}

// server is an authoritative server at an address.
type server struct {
	addr   netip.Addr
	faults Faults
	zones  []*zone
	before *zone // what it serves of a zone in place of what it is now; nil: nothing is different
}

// served returns the zones as the server has them.
func (s *server) served() []*zone {
	if s.before == nil {
		return s.zones
	}
	own := slices.Clone(s.zones)
	for i, z := range own {
		if z.name == s.before.name {
			own[i] = s.before
		}
	}
	return own
}

// Exchange is a question that a server received.
type Exchange struct {
	Server netip.Addr
	TCP    bool
	Name   string
	Type   string
}

// New returns a world with a signed root, whose signatures are valid around now.
func New(now time.Time) *World { return newWorld(now, false, loopback) }

// NewIn is New with servers in an IPv4 network of 16 bits, and not in 127.53.0.0/16. To listen
// there the network has to be local. Some resolvers do not use loopback addresses of name servers.
func NewIn(now time.Time, network [2]byte) *World {
	return newWorld(now, false, network)
}

// NewV6 returns a world whose servers have IPv6 addresses only; it is for use in memory.
func NewV6(now time.Time) *World { return newWorld(now, true, loopback) }

// loopback is where servers have their IPv4 addresses.
var loopback = [2]byte{127, 53}

func newWorld(now time.Time, v6 bool, v4 [2]byte) *World {
	w := &World{v6: v6, v4: v4, now: now, zones: map[string]*zone{},
		servers: map[netip.Addr]*server{}, lost: map[Exchange]bool{},
		SlowBy: 300 * time.Millisecond}
	w.Add(Zone{Name: "."})
	return w
}

// Add adds a zone and delegates it from its parent. It panics if the zone is invalid, which is a
// mistake in the test.
func (w *World) Add(spec Zone) {
	if err := w.add(spec); err != nil {
		panic("lab: " + err.Error())
	}
}

func (w *World) add(spec Zone) error {
	z := &zone{Zone: spec, w: w, name: dns.CanonicalName(spec.Name),
		data: map[string]map[uint16][]dns.RR{}, signed: map[string][]dns.RR{}}
	z.defaults()
	if w.zones[z.name] != nil {
		return fmt.Errorf("zone %s is there already", z.name)
	}
	if err := z.makeKeys(); err != nil {
		return err
	}
	if err := z.parse(); err != nil {
		return err
	}
	w.place(z)
	z.add(&dns.SOA{Hdr: z.header(z.name, dns.TypeSOA), Ns: z.ns[0], Mbox: "hostmaster." + z.base(),
		Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: z.Minimum})
	for i, n := range z.ns {
		z.add(&dns.NS{Hdr: z.header(z.name, dns.TypeNS), Ns: n})
		if dns.IsSubDomain(z.name, n) {
			z.add(z.address(n, z.addrs[i]))
		}
	}
	w.zones[z.name] = z
	return w.delegate(z)
}

func (z *zone) defaults() {
	if z.Algorithm == 0 {
		z.Algorithm = dns.ECDSAP256SHA256
	}
	if z.Bits == 0 {
		z.Bits = 2048
	}
	if z.TTL == 0 {
		z.TTL = 300
	}
	if z.Minimum == 0 {
		z.Minimum = 60
	}
	if len(z.Servers) == 0 {
		z.Servers = []ServerFaults{nil}
	}
}

func (z *zone) makeKeys() error {
	if !z.isSigned() {
		return nil
	}
	alg := z.Algorithm
	if _, known := dns.AlgorithmToString[alg]; !known {
		alg = dns.ECDSAP256SHA256 // its signatures cannot be checked by anyone
	}
	k, err := newKey(z.name, alg, z.Bits, 257, 0)
	if err != nil {
		return fmt.Errorf("zone %s: %w", z.name, err)
	}
	k.Algorithm = z.Algorithm
	z.keys = []*key{k}
	if !z.Faults.has(NoKeys) {
		z.add(k.DNSKEY)
	}
	if alg != z.Algorithm {
		z.unsignable()
	}
	if z.Faults.has(WrongKeys) {
		z.wrong, err = newKey(z.name, alg, z.Bits, 257, 1)
	}
	return err
}

// unsignable has a zone of an algorithm that nobody implements go without signatures.
func (z *zone) unsignable() {
	z.Faults = append(z.Faults, MissingSignatures)
	z.signed[z.name+"/"+fmt.Sprint(dns.TypeDNSKEY)] = nil
}

func (z *zone) address(owner string, a netip.Addr) dns.RR {
	if a.Is4() {
		return &dns.A{Hdr: z.header(owner, dns.TypeA), A: a.AsSlice()}
	}
	return &dns.AAAA{Hdr: z.header(owner, dns.TypeAAAA), AAAA: a.AsSlice()}
}

// place assigns the zone to servers.
func (w *World) place(z *zone) {
	if z.On != "" {
		host := w.zones[dns.CanonicalName(z.On)]
		z.ns, z.addrs = host.ns, host.addrs
		for _, a := range z.addrs {
			w.servers[a].zones = append(w.servers[a].zones, z)
		}
		return
	}
	for i, f := range z.Servers {
		n := len(w.servers) + 1
		addr := netip.AddrFrom4([4]byte{w.v4[0], w.v4[1], byte(n / 250), byte(n%250 + 1)})
		if w.v6 {
			addr = netip.AddrFrom16([16]byte{0xfd, 0x53, 14: byte(n >> 8), 15: byte(n)})
		}
		s := &server{addr: addr, faults: f, zones: []*zone{z}}
		w.servers[addr], w.order = s, append(w.order, addr)
		z.addrs = append(z.addrs, addr)
		z.ns = append(z.ns, fmt.Sprintf("ns%d.%s", i+1, z.base()))
	}
}

// delegate puts NS, DS and glue into the parent.
func (w *World) delegate(z *zone) error {
	if z.name == "." {
		return nil
	}
	p := w.parentOf(z.name)
	if p == nil {
		return fmt.Errorf("zone %s has no parent", z.name)
	}
	ns := z.ns
	switch {
	case z.Faults.has(ReferralBomb):
		ns = nil
		for i := range 40 {
			ns = append(ns, fmt.Sprintf("ns%d.victim%d.", i, i))
		}
	case z.Glueless != "":
		ns = []string{"ns1." + dns.CanonicalName(z.Glueless)}
	}
	for i, n := range ns {
		p.add(&dns.NS{Hdr: p.header(z.name, dns.TypeNS), Ns: n})
		if dns.IsSubDomain(z.name, n) && z.On == "" && z.Glueless == "" {
			p.add(p.address(n, z.addrs[i]))
		}
	}
	if z.isSigned() && !z.NoDS && p.isSigned() {
		ds := z.ds()
		ds.Header().Ttl = p.TTL
		p.add(ds)
	}
	return nil
}

func (w *World) parentOf(name string) *zone {
	for n := name; n != "."; {
		n = parent(n)
		if z := w.zones[n]; z != nil {
			return z
		}
	}
	return nil
}

// build sorts the zones' names and makes their denials; no zone may be added afterwards.
func (w *World) build() {
	w.built.Do(func() {
		for _, z := range w.zones {
			z.finish()
		}
		for _, z := range w.zones {
			if slices.ContainsFunc(z.Faults, rolling.has) {
				if err := w.rekey(z); err != nil {
					panic(err.Error())
				}
			}
		}
	})
}

// Anchor returns the root's trust anchor, as a DS record.
func (w *World) Anchor() string { return w.AnchorOf(".") }

// AnchorOf returns a signed zone's trust anchor, as a DS record.
func (w *World) AnchorOf(zone string) string {
	w.live.RLock()
	defer w.live.RUnlock()
	return w.zones[zone].keys[0].ToDS(dns.SHA256).String()
}

// Roots returns the root's servers.
func (w *World) Roots() (name string, addrs []netip.Addr) {
	z := w.zones["."]
	return z.ns[0], z.addrs
}

// Zones returns the names of all zones below the TLDs, sorted.
func (w *World) Zones() (names []string) {
	for n := range w.zones {
		if dns.CountLabel(n) > 1 {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

// Servers returns all addresses, in the order in which they were added.
func (w *World) Servers() []netip.Addr { return w.order }

// Transcript returns the questions that servers received since the last call.
func (w *World) Transcript() []Exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.log
	w.log = nil
	return l
}

// record adds a question to the transcript, and reports whether this server, if it loses the first
// packet of each question, gets it for the first time.
func (w *World) record(s *server, q dns.Question, tcp bool) (first bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := Exchange{s.addr, tcp, strings.ToLower(q.Name), dns.TypeToString[q.Qtype]}
	if w.log = append(w.log, e); len(w.log) >= 2*maxTranscript {
		w.log = append([]Exchange(nil), w.log[maxTranscript:]...)
	}
	if !s.faults.has(LoseFirst) {
		return false
	}
	if len(w.lost) >= maxTranscript {
		clear(w.lost)
	}
	first = !w.lost[e]
	w.lost[e] = true
	return first
}

// maxTranscript is how many questions are remembered.
const maxTranscript = 10000

// AddressOf returns the address of a zone's first server.
func (w *World) AddressOf(zone string) netip.Addr {
	return w.zones[dns.CanonicalName(zone)].addrs[0]
}

// Roll replaces the keys and the DS of a signed zone at once, like a careless change of provider;
// unsign makes it unsigned instead. No query may be in progress.
func (w *World) Roll(zone string, unsign bool) {
	z := w.zones[dns.CanonicalName(zone)]
	p := w.parentOf(z.name)
	delete(p.data[z.name], dns.TypeDS)
	delete(z.data[z.name], dns.TypeDNSKEY)
	clear(z.signed)
	clear(p.signed)
	if unsign {
		z.Algorithm = Unsigned
		return
	}
	if err := z.makeKeys(); err != nil {
		panic("lab: " + err.Error())
	}
	p.add(z.ds())
}

// Withdraw takes the delegation of a zone out of its parent, which may have records in its place,
// and whose denials then say so. The zone's servers go on serving it. No query may be in progress.
func (w *World) Withdraw(zone string, records ...dns.RR) {
	w.build()
	name := dns.CanonicalName(zone)
	p := w.parentOf(name)
	delete(p.data[name], dns.TypeNS)
	delete(p.data[name], dns.TypeDS)
	maps.DeleteFunc(p.data, func(owner string, sets map[uint16][]dns.RR) bool {
		return len(sets) == 0 || dns.IsSubDomain(name, owner)
	})
	for _, rr := range records {
		p.add(rr)
	}
	clear(p.signed)
	p.renew()
}

// Move delegates a zone to other servers, which have it as it is described. Its former servers go
// on serving what they have. No query may be in progress.
func (w *World) Move(spec Zone) {
	w.Withdraw(spec.Name)
	name := dns.CanonicalName(spec.Name)
	delete(w.zones, name)
	w.Add(spec)
	for _, z := range []*zone{w.zones[name], w.parentOf(name)} {
		clear(z.signed)
		z.renew()
	}
}

// renew orders the names of a zone, and makes its denials, after they have changed.
func (z *zone) renew() {
	z.names, z.hashes = nil, nil
	z.finish()
}

// Mend ends the faults of all zones and servers. No query may be in progress.
func (w *World) Mend() {
	for _, s := range w.servers {
		s.faults = nil
	}
	clear(w.lost)
	for _, z := range w.zones {
		p, faults := w.parentOf(z.name), z.Faults
		z.Faults, z.wrong = nil, nil
		clear(z.signed)
		if _, known := dns.AlgorithmToString[z.Algorithm]; z.isSigned() && !known {
			z.unsignable()
		}
		if faults.has(NoKeys) && z.isSigned() {
			z.add(z.keys[0].DNSKEY)
		}
		if faults.has(DSMismatch) && p != nil && len(p.data[z.name][dns.TypeDS]) > 0 {
			delete(p.data[z.name], dns.TypeDS)
			ds := z.ds()
			ds.Header().Ttl = p.TTL
			p.add(ds)
			delete(p.signed, z.name+"/"+fmt.Sprint(dns.TypeDS))
		}
	}
	for _, z := range w.zones {
		z.renew()
	}
}
