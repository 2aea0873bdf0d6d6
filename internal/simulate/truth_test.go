package simulate

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
)

// The oracle against answers that were worked out by hand from RFC 1034, section 4.3.2, RFC 4592
// and RFC 6672.
func TestTruth(t *testing.T) {
	long := strings.Repeat(strings.Repeat("l", 60)+".", 4)
	w := &World{Zones: []Zone{
		{Zone: lab.Zone{Name: "example.", TTL: 300, Algorithm: dns.ED25519,
			Servers: []lab.ServerFaults{nil}}, Links: []Link{{}}, Lines: []string{
			"@ A 192.0.2.1", "www A 192.0.2.2", "www A 192.0.2.3", "alias CNAME www",
			"away CNAME www.sub.example.", "gone CNAME nothing.sub.example.",
			"a CNAME b", "b CNAME a", "x.y.ent TXT \"deep\"", "*.wild A 192.0.2.4",
			"*.star CNAME www", "b.wild TXT \"own\"", "tree DNAME sub.example.",
			"long DNAME " + long}},
		{Zone: lab.Zone{Name: "sub.example.", TTL: 60, Algorithm: lab.Unsigned,
			Servers: []lab.ServerFaults{nil}}, Links: []Link{{}}, Lines: []string{
			"www A 192.0.2.5", "* MX 10 www"}},
		{Zone: lab.Zone{Name: "in.deep.sub.example.", TTL: 60, Algorithm: dns.ED25519,
			On: "example."}},
	}}
	n := newInternet(w)
	for _, c := range []struct{ name, want string }{
		{"example. A", "NOERROR; example. A [192.0.2.1]"},
		{"www.example. A", "NOERROR; www.example. A [192.0.2.2 192.0.2.3]"},
		{"WWW.Example. A", "NOERROR; www.example. A [192.0.2.2 192.0.2.3]"},
		{"www.example. AAAA", "NOERROR"},
		{"nothing.example. A", "NXDOMAIN"},
		{"alias.example. A",
			"NOERROR; alias.example. CNAME [www.example.]; www.example. A [192.0.2.2 192.0.2.3]"},
		{"alias.example. CNAME", "NOERROR; alias.example. CNAME [www.example.]"},
		{"away.example. A",
			"NOERROR; away.example. CNAME [www.sub.example.]; www.sub.example. A [192.0.2.5]"},
		// the wildcard of sub.example. has another type
		{"gone.example. A", "NOERROR; gone.example. CNAME [nothing.sub.example.]"},
		{"a.example. A", "loop"},
		{"ent.example. A", "NOERROR"}, // empty non-terminals exist
		{"y.ent.example. A", "NOERROR"},
		{"z.ent.example. A", "NXDOMAIN"},
		{"q.wild.example. A", "NOERROR; q.wild.example. A [192.0.2.4]"},
		{"q.r.wild.example. A", "NOERROR; q.r.wild.example. A [192.0.2.4]"},
		{"q.wild.example. TXT", "NOERROR"},
		{"b.wild.example. A", "NOERROR"},    // a name of its own is not a wildcard's
		{"c.b.wild.example. A", "NXDOMAIN"}, // nor is what is below one
		{"*.wild.example. A", "NOERROR; *.wild.example. A [192.0.2.4]"},
		{"wild.example. A", "NOERROR"},
		{"q.star.example. A",
			"NOERROR; q.star.example. CNAME [www.example.]; www.example. A [192.0.2.2 192.0.2.3]"},
		{"tree.example. A", "NOERROR"}, // a DNAME says nothing of its owner
		{"tree.example. DNAME", "NOERROR; tree.example. DNAME [sub.example.]"},
		{"www.tree.example. A", "NOERROR; tree.example. DNAME [sub.example.]; " +
			"www.tree.example. CNAME [www.sub.example.]; www.sub.example. A [192.0.2.5]"},
		{"q.tree.example. MX", "NOERROR; tree.example. DNAME [sub.example.]; " +
			"q.tree.example. CNAME [q.sub.example.]; q.sub.example. MX [10 www.sub.example.]"},
		{"a.of.more.than.ten.long.example. A",
			"YXDOMAIN; long.example. DNAME [" + long + "]"},
		{"sub.example. DS", "NOERROR"}, // the parent's word: it is unsigned
		{"example. DS", "NOERROR; example. DS []"},
		{"in.deep.sub.example. DS", "NOERROR"}, // no parent that could sign one
		{"deep.sub.example. MX", "NOERROR"},    // the wildcard stops at an empty non-terminal
		{"q.deep.sub.example. MX", "NXDOMAIN"}, // and at the names below it
		{"in.deep.sub.example. NS", "NOERROR; in.deep.sub.example. NS [ns1.example.]"},
	} {
		name, typ, _ := strings.Cut(c.name, " ")
		r := n.truth(name, dns.StringToType[typ])
		got := dns.RcodeToString[r.rcode()]
		for _, a := range r.sets() {
			got += fmt.Sprint("; ", a)
		}
		if r.loop {
			got = "loop"
		}
		if got != c.want {
			t.Errorf("%s: %s, and not %s", c.name, got, c.want)
		}
	}
}

// What is proven, and what cannot be, by RFC 4035 and RFC 5155, section 9.2.
func TestTruthOfProofs(t *testing.T) {
	zone := func(name string, d lab.Denial, change func(*lab.Zone)) Zone {
		z := Zone{Zone: lab.Zone{Name: name, TTL: 60, Algorithm: dns.ED25519, Denial: d,
			Servers: []lab.ServerFaults{nil}}, Links: []Link{{}},
			Lines: []string{"www A 192.0.2.1", "*.wild A 192.0.2.2"}}
		if change != nil {
			change(&z.Zone)
		}
		return z
	}
	unsigned := func(z *lab.Zone) { z.Algorithm = lab.Unsigned }
	n := newInternet(&World{Zones: []Zone{
		zone("nsec.", lab.NSEC, nil), zone("nsec3.", lab.NSEC3, nil),
		zone("optout.", lab.NSEC3OptOut, nil), zone("kid.optout.", lab.NSEC, unsigned),
		zone("plain.", lab.NSEC, unsigned), zone("island.plain.", lab.NSEC, nil),
		zone("nods.", lab.NSEC, func(z *lab.Zone) { z.NoDS = true }),
		zone("unknown.", lab.NSEC, func(z *lab.Zone) { z.Algorithm = 100 }),
		zone("many.", lab.NSEC3, func(z *lab.Zone) { z.Iterations = 200 }),
	}})
	for name, want := range map[string]proof{
		"www.nsec. A": proofFull, "q.nsec. A": proofFull, "q.wild.nsec. A": proofFull,
		"www.nsec3. A": proofFull, "q.nsec3. A": proofFull, "q.wild.nsec3. A": proofFull,
		"www.optout. A": proofFull, "www.optout. TXT": proofFull, "q.optout. A": proofNone,
		"q.wild.optout. A": proofMaybe, "kid.optout. DS": proofNone, "www.kid.optout. A": proofNone,
		"plain. DS": proofFull, "www.plain. A": proofNone, "www.island.plain. A": proofNone,
		"www.nods. A": proofNone, "nods. DS": proofFull, "www.unknown. A": proofNone,
		"unknown. DS": proofFull, "www.many. A": proofFull, "q.many. A": proofNone,
		"q.wild.many. A": proofNone,
	} {
		name, typ, _ := strings.Cut(name, " ")
		if e := n.expect(&Query{Name: name, Type: dns.StringToType[typ]}); e.ad != want ||
			e.class != classClean {
			t.Errorf("%s %s: proof %d and %s", name, typ, e.ad, e.class)
		}
	}
}
