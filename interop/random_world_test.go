// Random zones for the differential run: what they hold, who signs them, and what is asked of them.

package interop

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// denial is how a random zone denies what it does not have.
type denial int

const (
	unsigned denial = iota
	nsec
	nsec3
	nsec3Iterated
	nsec3OptOut
	denials
)

// randomZone is one zone of a random world.
type randomZone struct {
	name      string
	denial    denial
	algorithm string // of dnssec-keygen and ldns-keygen
	server    string // its address
	noDS      bool   // signed, but the parent does not say so
	children  []*randomZone
	records   map[string][]string // by owner, in presentation form without the owner
}

// The servers, and the tools that sign for them.
const (
	rootServer = "10.54.0.1" // BIND, dnssec-signzone
	bindServer = "10.54.0.2" // BIND, dnssec-signzone
	nsdServer  = "10.54.0.3" // NSD, ldns-signzone
	knotServer = "10.54.0.4" // Knot DNS, kzonesign
)

// labels are what names are made of: few, so that names meet.
var labels = []string{"a", "b", "c", "www", "x-1", "_tcp", "UPPER", "*", "0", "xn--e1afmkfd"}

// randomWorld makes a root with zones below it, three levels deep.
func randomWorld(random *rand.Rand, zones int) []*randomZone {
	root := &randomZone{name: ".", denial: nsec, algorithm: "ECDSAP256SHA256", server: rootServer}
	all := []*randomZone{root}
	for i := range zones {
		parent := root
		if i >= zones/4 {
			parent = all[1+random.IntN(len(all)-1)]
		}
		if dns.CountLabel(parent.name) > 2 {
			parent = root
		}
		z := &randomZone{name: fmt.Sprintf("z%d.%s", i, strings.TrimPrefix(parent.name, ".")),
			denial: denial(random.IntN(int(denials))), noDS: random.IntN(10) == 0,
			algorithm: []string{"ECDSAP256SHA256", "ECDSAP256SHA256", "ED25519", "RSASHA256",
				"ECDSAP384SHA384"}[random.IntN(5)],
			server: []string{bindServer, nsdServer, knotServer}[random.IntN(3)]}
		parent.children = append(parent.children, z)
		all = append(all, z)
	}
	for _, z := range all {
		z.fill(random, all)
	}
	return all
}

// fill gives a zone its records. No name is an alias and something else, nothing stands below a
// DNAME or a cut.
func (z *randomZone) fill(random *rand.Rand, all []*randomZone) {
	z.records = map[string][]string{}
	z.add(z.name, "SOA ns."+z.sub()+" hostmaster."+z.sub()+" 1 3600 600 86400 60")
	z.add(z.name, "NS ns."+z.sub())
	z.add("ns."+z.sub(), "A "+z.server)
	if z.name != "." {
		for range 5 + random.IntN(25) {
			z.addRandom(random, all)
		}
	}
	for _, c := range z.children {
		z.add(c.name, "NS ns."+c.name)
		z.add("ns."+c.name, "A "+c.server)
	}
}

// sub is what names of the zone end in.
func (z *randomZone) sub() string { return strings.TrimPrefix(z.name, ".") }

func (z *randomZone) add(owner, record string) {
	owner = strings.ToLower(owner)
	if !slices.Contains(z.records[owner], record) {
		z.records[owner] = append(z.records[owner], record)
	}
}

// addRandom adds a record, if it goes with those that are there.
func (z *randomZone) addRandom(random *rand.Rand, all []*randomZone) {
	owner := z.randomName(random)
	low := strings.ToLower(owner)
	for have := range z.records {
		if have != low && dns.IsSubDomain(have, low) && z.has(have, "DNAME") {
			return
		}
	}
	for _, c := range z.children {
		if dns.IsSubDomain(c.name, low) {
			return
		}
	}
	target := all[1+random.IntN(len(all)-1)].randomName(random)
	switch k := random.IntN(12); {
	case z.has(low, "CNAME"):
	case k == 0 && len(z.records[low]) == 0:
		z.add(owner, "CNAME "+target)
	case k == 1 && !strings.Contains(owner, "*") && !z.above(low) && owner != z.name &&
		!z.has(low, "DNAME"):
		z.add(owner, "DNAME "+strings.TrimPrefix(target, "*."))
	case k == 2:
		z.add(owner, "MX 10 "+target)
	case k == 3:
		z.add(owner, fmt.Sprintf("TXT \"%d\"", random.IntN(100)))
	case k == 4:
		z.add(owner, "SRV 1 2 3 "+target)
	case k == 5:
		z.add(owner, `TYPE65280 \# 3 010203`)
	case k == 6:
		z.add(owner, "HTTPS 1 . alpn=h2")
	case k == 7:
		z.add(owner, fmt.Sprintf("AAAA 2001:db8::%d", random.IntN(9)))
	default:
		z.add(owner, fmt.Sprintf("A 192.0.2.%d", random.IntN(250)))
	}
}

// has reports whether a name has a record of a type.
func (z *randomZone) has(owner, typ string) bool {
	return slices.ContainsFunc(z.records[owner], func(r string) bool {
		return strings.HasPrefix(r, typ+" ")
	})
}

// above reports whether a name has others below it.
func (z *randomZone) above(name string) bool {
	for have := range z.records {
		if have != name && dns.IsSubDomain(name, have) {
			return true
		}
	}
	return false
}

// randomName makes a name in the zone, of up to three labels more; a wildcard is its first label.
func (z *randomZone) randomName(random *rand.Rand) string {
	name := z.sub()
	for n := range random.IntN(4) {
		l := labels[random.IntN(len(labels))]
		if strings.HasPrefix(name, "*") {
			return name
		}
		if l == "*" && n == 0 && random.IntN(3) == 0 {
			l = "w"
		}
		name = l + "." + name
	}
	if name == "" {
		return "."
	}
	return name
}

// file is the zone in presentation form, without signatures; ds are those of its children.
func (z *randomZone) file(ds map[string]string) string {
	var b strings.Builder
	b.WriteString("$TTL 300\n")
	owners := make([]string, 0, len(z.records))
	for owner := range z.records {
		owners = append(owners, owner)
	}
	slices.Sort(owners)
	for _, owner := range owners {
		for _, r := range z.records[owner] {
			fmt.Fprintf(&b, "%s 300 IN %s\n", owner, r)
		}
	}
	for _, c := range z.children {
		if !c.noDS {
			b.WriteString(ds[c.name])
		}
	}
	return b.String()
}

// asked are the types of questions.
var asked = []uint16{dns.TypeA, dns.TypeA, dns.TypeAAAA, dns.TypeMX, dns.TypeTXT, dns.TypeNS,
	dns.TypeSOA, dns.TypeDS, dns.TypeDNSKEY, dns.TypeCNAME, dns.TypeDNAME, dns.TypeSRV,
	dns.TypeHTTPS, 65280, dns.TypeNSEC3PARAM}

// randomQuestions asks for what is there, for what is beside and below it, and for anything.
func randomQuestions(random *rand.Rand, world []*randomZone, n int) []dns.Question {
	var names []string
	for _, z := range world {
		for owner := range z.records {
			names = append(names, owner)
		}
	}
	slices.Sort(names)
	qs := make([]dns.Question, 0, n)
	for range n {
		name := names[random.IntN(len(names))]
		l := labels[random.IntN(len(labels))]
		switch random.IntN(6) {
		case 0:
			name = l + "." + strings.TrimPrefix(name, ".")
		case 1:
			if _, rest, ok := strings.Cut(name, "."); ok && rest != "" {
				name = l + "." + rest
			}
		case 2:
			if _, rest, ok := strings.Cut(name, "."); ok && rest != "" {
				name = rest
			}
		case 3:
			name = l + "." + labels[random.IntN(len(labels))] + "." + strings.TrimPrefix(name, ".")
		}
		qs = append(qs, dns.Question{Name: name, Qtype: asked[random.IntN(len(asked))]})
	}
	return qs
}
