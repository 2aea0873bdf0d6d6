package zone

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bailiwick/wire"
)

// plain is a zone with one of everything.
const plain = `z.test. 300 IN SOA ns.z.test. h.z.test. 1 600 120 3600 60
z.test. 300 IN NS ns.z.test.
ns.z.test. 300 IN A 192.0.2.1
www.z.test. 60 IN A 192.0.2.2
WWW.z.test. 300 IN A 192.0.2.3
alias.z.test. 300 IN CNAME www.z.test.
a.b.ent.z.test. 300 IN A 192.0.2.4
*.wild.z.test. 300 IN TXT "w"
there.wild.z.test. 300 IN A 192.0.2.5
tree.z.test. 300 IN DNAME other.test.
below.tree.z.test. 300 IN A 192.0.2.6
child.z.test. 300 IN NS ns.child.z.test.
child.z.test. 300 IN NS ns.elsewhere.test.
ns.child.z.test. 300 IN A 192.0.2.7
child.z.test. 300 IN DS 1 13 2 ` + digest + `
ns.elsewhere.test. 300 IN A 192.0.2.9
`

const digest = "abababababababababababababababababababababababababababababababab"

// answered is what a zone answers, as text: RCODE, AA, and the sets of the three sections.
func answered(z *Zone, name string, t wire.Type) string {
	m := z.Answer(wire.Question{Name: wire.MustParseName(name), Type: t, Class: wire.ClassIN})
	s := m.RCode().String()
	if m.Has(wire.FlagAA) {
		s += " aa"
	}
	for _, section := range [][]*wire.RRset{m.Answer, m.Authority, m.Additional} {
		var sets []string
		for _, x := range section {
			sets = append(sets, fmt.Sprintf("%s %s", x.Name, x.Type))
		}
		s += " | " + strings.Join(sets, ", ")
	}
	return s
}

// RFC 1034, section 4.3.2, with the RFCs that amend it.
func TestRFC1034WhatAServerAnswers(t *testing.T) {
	z := parsed(t, "z.test.", plain)
	for _, c := range []struct {
		name string
		t    wire.Type
		want string
	}{
		{"www.z.test.", wire.TypeA, "NOERROR aa | www.z.test. A |  | "},
		{"www.z.test.", wire.TypeMX, "NOERROR aa |  | z.test. SOA | "},
		{"alias.z.test.", wire.TypeA, "NOERROR aa | alias.z.test. CNAME |  | "},
		{"nx.z.test.", wire.TypeA, "NXDOMAIN aa |  | z.test. SOA | "},
		// RFC 8020, section 2: empty non-terminals exist.
		{"ent.z.test.", wire.TypeA, "NOERROR aa |  | z.test. SOA | "},
		{"b.ent.z.test.", wire.TypeA, "NOERROR aa |  | z.test. SOA | "},
		{"x.ent.z.test.", wire.TypeA, "NXDOMAIN aa |  | z.test. SOA | "},
		// RFC 4592: a wildcard is for names that do not exist, below its parent alone.
		{"x.wild.z.test.", wire.TypeTXT, "NOERROR aa | x.wild.z.test. TXT |  | "},
		{"x.y.wild.z.test.", wire.TypeTXT, "NOERROR aa | x.y.wild.z.test. TXT |  | "},
		{"x.wild.z.test.", wire.TypeA, "NOERROR aa |  | z.test. SOA | "},
		{"there.wild.z.test.", wire.TypeTXT, "NOERROR aa |  | z.test. SOA | "},
		{"x.there.wild.z.test.", wire.TypeTXT, "NXDOMAIN aa |  | z.test. SOA | "},
		// RFC 6672, section 2.4: nothing exists below a DNAME.
		{"below.tree.z.test.", wire.TypeA, "NOERROR aa | tree.z.test. DNAME |  | "},
		{"tree.z.test.", wire.TypeA, "NOERROR aa |  | z.test. SOA | "},
		// RFC 9471: glue in the zone, and no other address; RFC 4035, section 3.1.4.1: DS.
		{"www.child.z.test.", wire.TypeA, "NOERROR |  | child.z.test. NS, child.z.test. DS | " +
			"ns.child.z.test. A"},
		{"ns.child.z.test.", wire.TypeA, "NOERROR |  | child.z.test. NS, child.z.test. DS | " +
			"ns.child.z.test. A"},
		{"child.z.test.", wire.TypeDS, "NOERROR aa | child.z.test. DS |  | "},
		{"child.z.test.", wire.TypeNS, "NOERROR |  | child.z.test. NS, child.z.test. DS | " +
			"ns.child.z.test. A"},
	} {
		if got := answered(z, c.name, c.t); got != c.want {
			t.Errorf("%s %s:\n got %s\nwant %s", c.name, c.t, got, c.want)
		}
	}
}

// The records of a set have one TTL, and the SOA of a denial has the least of two (RFC 2181,
// section 5.2; RFC 2308, section 3).
func TestRFC2181OneTTLForASet(t *testing.T) {
	z := parsed(t, "z.test.", plain)
	q := wire.Question{Name: wire.MustParseName("www.z.test."), Type: wire.TypeA,
		Class: wire.ClassIN}
	if s := z.Answer(q).Answer[0]; s.Len() != 2 || s.TTL != 60 {
		t.Errorf("%d records with TTL %d", s.Len(), s.TTL)
	}
	q.Type = wire.TypeMX
	if soa := z.Answer(q).Authority[0]; soa.TTL != 60 {
		t.Errorf("SOA with TTL %d", soa.TTL)
	}
}

// An NSEC3 record makes no name exist, and is not data of its name (RFC 5155, section 7.2.8).
func TestRFC5155NSEC3RecordsMakeNoNames(t *testing.T) {
	owner := strings.Repeat("0", 32) + ".z.test."
	z := parsed(t, "z.test.", plain+"z.test. 0 IN NSEC3PARAM 1 0 0 -\n"+owner+
		" 300 IN NSEC3 1 0 0 - VVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVV A RRSIG\n")
	for _, name := range []string{owner, "x." + owner} {
		if got := answered(z, name, wire.TypeA); !strings.HasPrefix(got, "NXDOMAIN") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// Iterations beyond what any key allows are not computed (RFC 5155, section 10.3).
func TestMaxIterations(t *testing.T) {
	for n, want := range map[int]bool{maxIterations: true, maxIterations + 1: false} {
		z := parsed(t, "z.test.", plain+fmt.Sprintf("z.test. 0 IN NSEC3PARAM 1 0 %d -\n", n)+
			strings.Repeat("0", 32)+fmt.Sprintf(".z.test. 300 IN NSEC3 1 0 %d - ", n)+
			"VVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVV A RRSIG\n")
		if got := strings.Contains(answered(z, "nx.z.test.", wire.TypeA), "NSEC3"); got != want {
			t.Errorf("%d iterations: proof %v", n, got)
		}
	}
}

// The addresses of no more name servers than the resolver looks at stand beside a referral.
func TestMaxGlue(t *testing.T) {
	text := plain
	for i := range 30 {
		text += fmt.Sprintf("many.z.test. 300 IN NS ns%d.many.z.test.\n", i) +
			fmt.Sprintf("ns%d.many.z.test. 300 IN A 192.0.2.1\n", i)
	}
	z := parsed(t, "z.test.", text)
	m := z.Answer(wire.Question{Name: wire.MustParseName("x.many.z.test."), Type: wire.TypeA,
		Class: wire.ClassIN})
	if n := len(m.Additional); n != maxGlue || m.Authority[0].Len() != 30 {
		t.Errorf("%d addresses", n)
	}
}

// What is asked again and again must not keep a whole zone that has been replaced.
func TestAnswersShareNoMemoryWithTheZone(t *testing.T) {
	z := parsed(t, "z.test.", plain)
	inside := func(b []byte) bool {
		return len(b) > 0 && slices.ContainsFunc([]int{0, len(z.data) - 1}, func(int) bool {
			for i := range z.data {
				if &z.data[i] == &b[0] {
					return true
				}
			}
			return false
		})
	}
	for _, name := range []string{"www.z.test.", "nx.z.test.", "x.child.z.test."} {
		m := z.Answer(wire.Question{Name: wire.MustParseName(name), Type: wire.TypeA,
			Class: wire.ClassIN})
		for _, s := range slices.Concat(m.Answer, m.Authority, m.Additional) {
			if inside(s.Data) || inside([]byte(s.Name.Wire())) {
				t.Errorf("%s: %s %s is memory of the zone", name, s.Name, s.Type)
			}
		}
	}
}

// A zone is written and read again as it was.
func TestZoneIsReadAsItWasWritten(t *testing.T) {
	for apex, text := range map[string]string{"z.test.": plain, "example.": simple} {
		z := parsed(t, apex, text)
		var b strings.Builder
		if err := z.Write(&b); err != nil {
			t.Fatal(err)
		}
		again, err := Read(strings.NewReader(b.String()+"more"), z.Apex(), MaxOctets)
		if err != nil {
			t.Fatalf("%s: %v", apex, err)
		}
		if !slices.EqualFunc(slices.Collect(again.all()), slices.Collect(z.all()),
			func(a, b record) bool {
				return a.name == b.name && a.t == b.t && a.ttl == b.ttl &&
					string(a.rdata) == string(b.rdata)
			}) {
			t.Errorf("%s: other records", apex)
		}
		for _, n := range []int{0, 3, 10, b.Len() - 1} {
			if _, err := Read(strings.NewReader(b.String()[:n]), z.Apex(), MaxOctets); err == nil {
				t.Errorf("%s: %d octets are a zone", apex, n)
			}
		}
	}
}

// A zone takes no more than it may.
func TestMaxOctets(t *testing.T) {
	_, err := Parse(strings.NewReader(plain), wire.MustParseName("z.test."), "", 200)
	if err != ErrTooLarge {
		t.Errorf("%v", err)
	}
}

// What comes over the network includes no files of this machine.
func TestZoneFromTheNetworkIncludesNoFiles(t *testing.T) {
	more := filepath.Join(t.TempDir(), "more")
	if err := os.WriteFile(more, []byte("more.z.test. 300 IN A 192.0.2.10\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text, apex := plain+"$INCLUDE "+more+"\n", wire.MustParseName("z.test.")
	if _, err := Parse(strings.NewReader(text), apex, "", MaxOctets); err == nil {
		t.Error("a file is included")
	}
	if _, err := Parse(strings.NewReader(text), apex, "/zone", MaxOctets); err != nil {
		t.Errorf("a file does not include another: %v", err)
	}
}

// FuzzRead reads anything as what is kept on disk, and asks what comes of it.
func FuzzRead(f *testing.F) {
	for apex, text := range map[string]string{"z.test.": plain, "example.": simple} {
		z, err := Parse(strings.NewReader(text), wire.MustParseName(apex), "", MaxOctets)
		if err != nil {
			f.Fatal(err)
		}
		var b strings.Builder
		if err := z.Write(&b); err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(b.String()))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		apex := wire.MustParseName("z.test.")
		z, err := Read(strings.NewReader(string(b)), apex, 1<<20)
		if err != nil {
			return
		}
		_ = z.CheckDigest()
		for r := range z.all() {
			for _, t := range []wire.Type{r.t, wire.TypeA, wire.TypeDS} {
				z.Answer(wire.Question{Name: r.name, Type: t, Class: wire.ClassIN})
				if x, ok := r.name.Child("x"); ok {
					z.Answer(wire.Question{Name: x, Type: t, Class: wire.ClassIN})
				}
			}
		}
		var again strings.Builder
		if err := z.Write(&again); err != nil {
			t.Fatal(err)
		}
		other, err := Read(strings.NewReader(again.String()), apex, 2<<20)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		var third strings.Builder
		if err := other.Write(&third); err != nil || third.String() != again.String() {
			t.Fatalf("it is not read as it was written: %v", err)
		}
	})
}
