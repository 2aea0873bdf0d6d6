package validator

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"testing"

	"bailiwick/wire"
)

// The results of NSEC records follow RFC 4035, section 5.4 and RFC 6840, section 4.
func TestProveNSEC(t *testing.T) {
	const apex = "example. NSEC a.example. NS SOA RRSIG NSEC DNSKEY"
	for _, c := range []struct {
		name string
		q    string
		t    wire.Type
		nsec []string
		want proof
	}{
		{"covered, wildcard covered", "b.example.", wire.TypeA,
			[]string{"a.example. NSEC d.example. A RRSIG NSEC", apex}, proofNXDomain},
		{"covered, wildcard not shown", "b.example.", wire.TypeA,
			[]string{"a.example. NSEC d.example. A RRSIG NSEC"}, proofNone},
		{"last record wraps around", "z.example.", wire.TypeA,
			[]string{"y.example. NSEC example. A RRSIG NSEC", apex}, proofNXDomain},
		{"one record covers both", "b.example.", wire.TypeA,
			[]string{"example. NSEC d.example. NS SOA RRSIG NSEC"}, proofNXDomain},
		{"type not there", "a.example.", wire.TypeMX,
			[]string{"a.example. NSEC d.example. A RRSIG NSEC"}, proofNoData},
		{"type there", "a.example.", wire.TypeA,
			[]string{"a.example. NSEC d.example. A RRSIG NSEC"}, proofNone},
		{"an alias there", "a.example.", wire.TypeA,
			[]string{"a.example. NSEC d.example. CNAME RRSIG NSEC"}, proofNone},
		{"empty non-terminal", "b.example.", wire.TypeA,
			[]string{"a.example. NSEC x.b.example. A RRSIG NSEC"}, proofEmpty},
		{"wildcard without the type", "b.example.", wire.TypeMX,
			[]string{"a.example. NSEC d.example. A RRSIG NSEC",
				"*.example. NSEC a.example. A RRSIG NSEC"}, proofNoData},
		{"wildcard with the type", "b.example.", wire.TypeA,
			[]string{"a.example. NSEC d.example. A RRSIG NSEC",
				"*.example. NSEC a.example. A RRSIG NSEC"}, proofNone},
		{"below a delegation", "x.a.example.", wire.TypeA,
			[]string{"a.example. NSEC d.example. NS RRSIG NSEC", apex}, proofNone},
		{"below a DNAME", "x.a.example.", wire.TypeA,
			[]string{"a.example. NSEC d.example. DNAME RRSIG NSEC", apex}, proofNone},
		{"parent's record for another type", "a.example.", wire.TypeA,
			[]string{"a.example. NSEC d.example. NS RRSIG NSEC"}, proofNone},
		{"no DS at a delegation", "a.example.", wire.TypeDS,
			[]string{"a.example. NSEC d.example. NS RRSIG NSEC"}, proofUnsignedCut},
		{"no DS, no delegation", "a.example.", wire.TypeDS,
			[]string{"a.example. NSEC d.example. A RRSIG NSEC"}, proofNoData},
		{"child's record for DS", "a.example.", wire.TypeDS,
			[]string{"a.example. NSEC d.example. NS SOA RRSIG NSEC"}, proofNone},
		{"compact: no name", "b.example.", wire.TypeA,
			[]string{`b.example. NSEC \000.b.example. RRSIG NSEC TYPE128`}, proofNXDomain},
		{"compact: no type", "b.example.", wire.TypeA,
			[]string{`b.example. NSEC \000.b.example. MX RRSIG NSEC`}, proofNoData},
		{"ANY of a name with data", "a.example.", wire.TypeANY,
			[]string{"a.example. NSEC d.example. A RRSIG NSEC"}, proofNone},
		{"next outside the zone", "b.example.", wire.TypeA,
			[]string{"a.example. NSEC z.test. A RRSIG NSEC", apex}, proofNone},
		{"owner outside the zone", "b.example.", wire.TypeA,
			[]string{"a.test. NSEC z.example. A RRSIG NSEC", apex}, proofNone},
		{"unrelated", "q.example.", wire.TypeA, []string{"a.example. NSEC d.example. A RRSIG NSEC",
			apex}, proofNone},
	} {
		zone := wire.MustParseName("example")
		d := New(Default()).newDenial(zone, readSets(t, c.nsec), maxNSEC3Iterations, NewBudget())
		if got := d.prove(wire.MustParseName(c.q), c.t); got != c.want {
			t.Errorf("%s: %s/%s: got %d, want %d", c.name, c.q, c.t, got, c.want)
		}
	}
}

// nsec3Zone writes records of an NSEC3 chain.
type nsec3Zone struct {
	iterations uint16
	salt       string // hexadecimal digits, "" for none
	optOut     bool
}

// match returns the record at a name.
func (z nsec3Zone) match(name, types string) string { return z.record(name, 0, 1, types) }
func (z nsec3Zone) cover(name string) string        { return z.record(name, -1, 1, "A RRSIG") }

// record returns a record from `from` to `to` steps from a name's hash.
func (z nsec3Zone) record(name string, from, to int, types string) string {
	salt, err := hex.DecodeString(z.salt)
	if err != nil {
		panic(err)
	}
	h := wire.NSEC3Hash(wire.MustParseName(name), z.iterations, salt)
	step := func(by int) string {
		x := append([]byte(nil), h[:]...)
		for i := len(x) - 1; i >= 0; i-- {
			x[i] += byte(by)
			if by > 0 && x[i] != 0 || by < 0 && x[i] != 255 || by == 0 {
				break
			}
		}
		return base32hex.EncodeToString(x)
	}
	flags := 0
	if z.optOut {
		flags = 1
	}
	return fmt.Sprintf("%s.example. NSEC3 1 %d %d %s %s %s", step(from), flags, z.iterations,
		cmp.Or(z.salt, "-"), step(to), types)
}

func TestProveNSEC3(t *testing.T) {
	z, open := nsec3Zone{}, nsec3Zone{optOut: true}
	apex := z.match("example", "NS SOA RRSIG DNSKEY NSEC3PARAM")
	for _, c := range []struct {
		name  string
		q     string
		t     wire.Type
		nsec3 []string
		want  proof
	}{
		{"name error", "a.b.example.", wire.TypeA, []string{apex, z.cover("b.example"),
			z.cover("*.example")}, proofNXDomain},
		{"name error without the wildcard", "a.b.example.", wire.TypeA,
			[]string{apex, z.cover("b.example")}, proofNone},
		{"name error without the next closer", "a.b.example.", wire.TypeA,
			[]string{apex, z.cover("*.example")}, proofNone},
		{"name error without the encloser", "a.b.example.", wire.TypeA,
			[]string{z.cover("b.example"), z.cover("*.example")}, proofNone},
		{"name error under opt-out", "a.b.example.", wire.TypeA,
			[]string{apex, open.cover("b.example"), z.cover("*.example")}, proofNameOptOut},
		{"no data", "b.example.", wire.TypeMX, []string{z.match("b.example", "A RRSIG")},
			proofNoData},
		{"data", "b.example.", wire.TypeA, []string{z.match("b.example", "A RRSIG")}, proofNone},
		{"empty non-terminal", "b.example.", wire.TypeA, []string{z.match("b.example", "")},
			proofEmpty},
		{"no DS at a delegation", "b.example.", wire.TypeDS, []string{z.match("b.example", "NS")},
			proofUnsignedCut},
		{"child's record for DS", "b.example.", wire.TypeDS,
			[]string{z.match("b.example", "NS SOA RRSIG")}, proofNone},
		{"no DS under opt-out", "b.example.", wire.TypeDS, []string{apex, open.cover("b.example")},
			proofOptOut},
		{"no DS without opt-out", "b.example.", wire.TypeDS, []string{apex, z.cover("b.example")},
			proofNone},
		{"wildcard without the type", "b.example.", wire.TypeMX,
			[]string{apex, z.cover("b.example"), z.match("*.example", "A RRSIG")}, proofNoData},
		{"wildcard with the type", "b.example.", wire.TypeA,
			[]string{apex, z.cover("b.example"), z.match("*.example", "A RRSIG")}, proofNone},
		{"encloser is a delegation", "a.b.example.", wire.TypeA,
			[]string{z.match("b.example", "NS"), z.cover("a.b.example"), z.cover("*.b.example")},
			proofNone},
		{"encloser is a DNAME", "a.b.example.", wire.TypeA,
			[]string{z.match("b.example", "DNAME RRSIG"), z.cover("a.b.example"),
				z.cover("*.b.example")}, proofNone},
		{"above the policy's iterations", "b.example.", wire.TypeA,
			[]string{nsec3Zone{iterations: 51}.match("b.example", "MX")}, proofIterations},
	} {
		d := New(Default()).newDenial(wire.MustParseName("example"), readSets(t, c.nsec3),
			maxNSEC3Iterations, NewBudget())
		if got := d.prove(wire.MustParseName(c.q), c.t); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

// Hashes of the encloser and of its wildcard are known from earlier denials, and free; the same
// name with another salt has another hash.
func TestRFC5155HashesAreRemembered(t *testing.T) {
	v := New(Default())
	cost := func(z nsec3Zone, name string) int64 {
		b := NewBudget()
		sets := readSets(t, []string{z.match("example", "NS SOA"), z.cover(name),
			z.cover("*.example")})
		if p := v.newDenial(wire.MustParseName("example"), sets, maxNSEC3Iterations,
			b).prove(wire.MustParseName(name), wire.TypeA); p != proofNXDomain {
			t.Fatalf("%s: got %d", name, p)
		}
		return maxHashBlocks - int64(b.blocks.Load())
	}
	for _, c := range []struct {
		zone nsec3Zone
		name string
		want int64 // blocks: 11 a hash with 10 iterations
	}{
		{nsec3Zone{iterations: 10}, "b.example", 33},
		{nsec3Zone{iterations: 10}, "c.example", 11},
		{nsec3Zone{iterations: 10}, "c.example", 0},
		{nsec3Zone{iterations: 10, salt: "AB"}, "c.example", 33},
		{nsec3Zone{iterations: 9}, "c.example", 30},
		{nsec3Zone{}, "c.example", 3},
		{nsec3Zone{}, "c.example", 3},
	} {
		if got := cost(c.zone, c.name); got != c.want {
			t.Errorf("%+v, %s: %d blocks, want %d", c.zone, c.name, got, c.want)
		}
	}
}

func BenchmarkProveNSEC3(b *testing.B) {
	z := nsec3Zone{}
	sets := readSets(b, []string{z.match("example", "NS SOA"), z.cover("b.example"),
		z.cover("*.example")})
	zone, name := wire.MustParseName("example"), wire.MustParseName("a.b.example")
	v := New(Default())
	b.ReportAllocs()
	for b.Loop() {
		if v.newDenial(zone, sets, maxNSEC3Iterations, NewBudget()).prove(name,
			wire.TypeA) != proofNXDomain {
			b.Fatal("no proof")
		}
	}
}

func BenchmarkProveNSEC(b *testing.B) {
	sets := readSets(b, []string{"a.example. 300 IN NSEC m.example. A RRSIG NSEC",
		"example. 300 IN NSEC a.example. NS SOA RRSIG NSEC DNSKEY"})
	zone, name := wire.MustParseName("example"), wire.MustParseName("b.c.example")
	v := New(Default())
	b.ReportAllocs()
	for b.Loop() {
		if v.newDenial(zone, sets, maxNSEC3Iterations, NewBudget()).prove(name,
			wire.TypeA) != proofNXDomain {
			b.Fatal("no proof")
		}
	}
}
