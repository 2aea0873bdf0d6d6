// Worlds from seeds.

package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// generator makes a world.
type generator struct {
	*rand.Rand
	w       *World
	owners  map[string][]string // of each zone, what exists
	numbers int                 // given to records, so that each differs from all others
}

// Generate returns the world of a seed.
func Generate(seed uint64) *World {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 0)), w: &World{Seed: seed},
		owners: map[string][]string{}}
	tlds := []string{"alpha.", "beta.", "gamma."}[:2+g.IntN(2)]
	parents := []string{}
	for _, t := range tlds {
		g.zone(t)
		parents = append(parents, t)
	}
	for _, label := range []string{"kid", "net", "org", "net.lab"}[:2+g.IntN(3)] {
		name := label + "." + one(g, tlds)
		g.zone(name)
		parents = append(parents, name)
	}
	for _, label := range []string{"kid", "sub", "deep.er"}[:g.IntN(4)] {
		g.zone(label + "." + one(g, parents[len(tlds):]))
	}
	for i := range g.w.Zones {
		g.records(&g.w.Zones[i])
	}
	if g.IntN(2) == 0 {
		g.hostile("evil." + one(g, tlds))
	}
	// A third of the worlds has no fault at all, another third few.
	if faults := g.IntN(3); faults > 0 {
		g.faults(faults)
	}
	g.queries()
	g.operator(seed)
	return g.w
}

// operator decides what the operator does, with random numbers of its own: the world is the same
// whatever that is.
func (g *generator) operator(seed uint64) {
	g.Rand = rand.New(rand.NewPCG(seed, 1))
	g.w.Stale = g.odds(2)
	if g.odds(4) {
		g.w.Negatives = []string{one(g, g.w.Zones).Name}
	}
	if g.odds(4) {
		for i := range g.w.Queries {
			q := &g.w.Queries[i]
			q.Restart = q.After > 0 && q.Client != hostileClient && g.odds(12)
		}
	}
	if z := one(g, g.w.Zones); z.Hostile == "" && g.odds(4) {
		g.w.Stubs = []Stub{{z.Name, g.odds(2)}}
	}
	if g.odds(4) {
		if g.odds(2) {
			g.w.Copies = []string{"."}
		}
		// Compact denials are made for each question, and so are in no copy.
		if z := one(g, g.w.Zones); z.Hostile == "" && len(z.Faults) == 0 &&
			z.Denial != lab.Compact {
			g.w.Copies = append(g.w.Copies, z.Name)
		}
	}
	g.w.Revalidate = g.odds(4)
}

// one returns one of a list.
func one[T any](g *generator, list []T) T { return list[g.IntN(len(list))] }

// odds reports whether something happens that does so once in n times.
func (g *generator) odds(n int) bool { return g.IntN(n) == 0 }

// zone adds a zone, unless it is there.
func (g *generator) zone(name string) {
	if slices.ContainsFunc(g.w.Zones, func(z Zone) bool { return z.Name == name }) {
		return
	}
	z := Zone{Zone: lab.Zone{Name: name, TTL: one(g, []uint32{5, 60, 300, 3600}),
		Minimum: one(g, []uint32{5, 60, 300})}}
	z.Algorithm = one(g, []uint8{dns.ECDSAP256SHA256, dns.ECDSAP256SHA256, dns.ECDSAP256SHA256,
		dns.ED25519, dns.RSASHA256, lab.AlgorithmEd448, lab.Unsigned, lab.Unsigned})
	z.Bits = 1024
	if g.odds(40) {
		z.Algorithm = 100 // known to nobody
	}
	if z.Algorithm == lab.Unsigned {
		g.place(z)
		return
	}
	z.Denial = one(g, []lab.Denial{lab.NSEC, lab.NSEC, lab.NSEC3, lab.NSEC3, lab.NSEC3OptOut,
		lab.Compact})
	if z.Denial == lab.NSEC3 || z.Denial == lab.NSEC3OptOut {
		z.Iterations = one(g, []uint16{0, 0, 0, 5, 200})
		z.Salt = one(g, []string{"", "", "aabb"})
	}
	z.NoDS = g.odds(20)
	g.place(z)
}

// place adds a zone on servers of its own, or on those of another.
func (g *generator) place(z Zone) {
	if on := g.w.Zones; len(on) > 0 && g.odds(4) {
		if host := one(g, on); host.On == "" {
			z.On = host.Name
		}
	}
	if z.On == "" {
		for range 1 + g.IntN(3) {
			z.Servers = append(z.Servers, nil)
			z.Links = append(z.Links, Link{RTT: time.Duration(2+g.IntN(60)) * time.Millisecond})
		}
	}
	g.w.Zones = append(g.w.Zones, z)
}

// addr returns an address that no other record has.
func (g *generator) addr() string {
	g.numbers++
	return fmt.Sprintf("93.184.%d.%d", g.numbers/250, g.numbers%250+1)
}

// records fills a zone. Names come from a small pool, so that wildcards, denials and data meet.
func (g *generator) records(z *Zone) {
	add := func(owner, data string) {
		ttl := ""
		if g.odds(4) {
			ttl = one(g, []string{"1 ", "10 ", "100 ", "1000 "})
		}
		z.Lines = append(z.Lines, owner+" "+ttl+data)
		if owner == "@" {
			owner = ""
		}
		g.owners[z.Name] = append(g.owners[z.Name], owner)
	}
	used := map[string]bool{}
	for _, owner := range []string{"@", "a", "b", "www", "x.y", "a.b.c", "*", "*.w", "*.a", "*.x.y",
		"m", "z"} {
		if used[owner] || owner != "@" && g.odds(2) {
			continue
		}
		used[owner] = true
		if owner == "@" {
			if g.odds(2) {
				add(owner, "MX 10 www")
			}
			if g.odds(2) {
				add(owner, "A "+g.addr())
			}
			continue
		}
		switch g.IntN(8) {
		case 0, 1:
			add(owner, "CNAME "+g.target())
		case 2:
			add(owner, fmt.Sprintf("TXT \"number %d\" \"%s\"", g.IntN(1000),
				strings.Repeat("x", g.IntN(200))))
			if g.odds(4) { // too large for UDP
				for i := range 8 {
					add(owner, fmt.Sprintf("TXT \"part %d %s\"", i, strings.Repeat("y", 180)))
				}
			}
		case 3:
			add(owner, "AAAA 2a02:e0::"+fmt.Sprint(g.IntN(9000)+1))
			fallthrough
		default:
			for range 1 + g.IntN(3) {
				add(owner, "A "+g.addr())
			}
		}
	}
	for _, owner := range []string{"d", "e.d2"}[:g.IntN(3)] {
		add(owner, "DNAME "+one(g, []string{z.Name, one(g, g.w.Zones).Name,
			"w." + one(g, g.w.Zones).Name}))
	}
	slices.Sort(z.Lines)
}

// target is where an alias leads: somewhere in the world, mostly to what exists.
func (g *generator) target() string {
	z := one(g, g.w.Zones).Name
	if o := g.owners[z]; len(o) > 0 && !g.odds(4) {
		return under(strings.Replace(one(g, o), "*", "q", 1), z)
	}
	return under(one(g, []string{"a", "www", "m", "q.w", "x.y", "nothing"}), z)
}

// under returns an owner's name in a zone.
func under(owner, zone string) string {
	if owner == "" {
		return zone
	}
	return owner + "." + strings.TrimPrefix(zone, ".")
}

// faults adds faults to zones, servers and paths.
func (g *generator) faults(degree int) {
	rare := []int{0, 12, 4}[degree]
	for i := range g.w.Zones {
		z := &g.w.Zones[i]
		if z.Hostile == "" && g.odds(2*rare) {
			z.Faults = lab.Faults{one(g, []lab.Fault{lab.Expired, lab.Future, lab.MissingSignatures,
				lab.CorruptSignatures, lab.WrongKeys, lab.DSMismatch, lab.NoKeys, lab.NoDenial,
				lab.WrongDenial, lab.NoWildcardProof, lab.WrongSynthesis})}
		}
		for j := range z.Servers {
			if g.odds(rare) {
				z.Servers[j] = lab.ServerFaults{one(g, []lab.Fault{lab.Dead, lab.Dead, lab.Slow,
					lab.LoseFirst, lab.Refusing, lab.Failing, lab.Lame, lab.NoAA, lab.Stripping,
					lab.Forging, lab.Truncate, lab.NoTCP, lab.AlwaysTC, lab.NoEDNS, lab.Spoofed,
					lab.Garbage, lab.Cookies, lab.HatesCookies, lab.LowerCase})}
			}
			g.link(&z.Links[j], rare)
		}
	}
}

// link makes a path worse.
func (g *generator) link(l *Link, rare int) {
	if g.odds(rare) {
		l.Loss = one(g, []int{5, 10, 20, 40, 70})
	}
	if g.odds(2 * rare) {
		l.RTT = time.Duration(100+g.IntN(600)) * time.Millisecond
	}
	l.Duplicate = g.odds(rare)
	l.Guess = g.odds(2 * rare)
	if g.odds(4 * rare) {
		l.Lucky = one(g, []forged{forgedAddress, forgedDenial, forgedRefusal})
	}
	if g.odds(4 * rare) {
		from := time.Duration(g.IntN(120)) * time.Second
		l.Outage = [2]time.Duration{from, from + time.Duration(1+g.IntN(300))*time.Second}
	}
}

// queries has clients ask.
func (g *generator) queries() {
	together := g.odds(4) // clients wait for each other otherwise
	for range 15 + g.IntN(25) {
		q := Query{Client: g.IntN(2), Name: g.name(), Type: one(g, asked), TCP: g.odds(6),
			EDNS: !g.odds(5), AD: g.odds(4), CD: g.odds(8), NoRD: g.odds(40)}
		q.DO = q.EDNS && g.odds(2)
		if n := len(g.w.Queries); n > 0 && g.odds(4) {
			old := one(g, g.w.Queries)
			q.Name, q.Type = old.Name, old.Type
		}
		if z := g.evil(); z != nil && g.odds(4) {
			q.Client, q.Name = hostileClient, bait(g, z)
			q.Type = one(g, []uint16{dns.TypeA, dns.TypeA, dns.TypeNS, dns.TypeTXT})
		}
		q.After = one(g, []time.Duration{time.Millisecond, 20 * time.Millisecond,
			500 * time.Millisecond, 3 * time.Second, 20 * time.Second, 2 * time.Minute})
		if together && g.odds(2) {
			q.After = 0
		}
		g.w.Queries = append(g.w.Queries, q)
	}
}

// asked are the types that clients ask for, as often.
var asked = []uint16{dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeTXT,
	dns.TypeMX, dns.TypeCNAME, dns.TypeNS, dns.TypeSOA, dns.TypeDS, dns.TypeDNSKEY, dns.TypeHTTPS}

// name is a name that a client asks for.
func (g *generator) name() string {
	z := one(g, g.w.Zones).Name
	owners := g.owners[z]
	if len(owners) > 0 && !g.odds(4) {
		o := one(g, owners)
		switch g.IntN(6) {
		case 0:
			o = strings.TrimPrefix(one(g, []string{"q.", "r.s.", "a."})+o, ".")
		case 1:
			if i := strings.IndexByte(o, '.'); i >= 0 {
				o = o[i+1:] // perhaps an empty non-terminal
			}
		}
		if !g.odds(8) {
			o = strings.Replace(o, "*", one(g, []string{"q", "r", "s.t", "a"}), 1)
		}
		return under(strings.TrimSuffix(o, "."), z)
	}
	return under(one(g, []string{"", "nothing", "b", "q.r", "zz", "c", "b.c", "xn"}), z)
}

// evil returns the hostile zone, nil if there is none.
func (g *generator) evil() *Zone {
	for i := range g.w.Zones {
		if g.w.Zones[i].Hostile != "" {
			return &g.w.Zones[i]
		}
	}
	return nil
}
