// Which proofs a span's prepared answer may depend on, and what a search for them may cost (RFC
// 8198, section 5).

package cache

import (
	"encoding/base32"
	"testing"

	"bailiwick/wire"
)

// nsec3 returns a record of a chain, from one hash to another.
func nsec3(owner, next []byte, iterations uint16) *wire.RRset {
	rd := append([]byte{1, 0, byte(iterations >> 8), byte(iterations), 0, 20}, next...)
	return denial(base32.HexEncoding.EncodeToString(owner)+".example", wire.TypeNSEC3,
		append(rd, bitmap(wire.TypeA, wire.TypeRRSIG)...))
}

func hashed(name string, iterations uint16) []byte {
	h := wire.NSEC3Hash(wire.MustParseName(name), iterations, nil)
	return h[:]
}

// moved returns the hash moved by a number.
func moved(h []byte, by int) []byte {
	c := append([]byte(nil), h...)
	c[19] += byte(by)
	return c
}

// prepare stores an answer for the span of a name, as built for the closest encloser.
func prepare(d *Denials, name wire.Name, v Variant, proofs []*wire.RRset,
	build func(encloser wire.Name) *Answer) bool {
	s, ok := d.Span(nil, name, now, proofs)
	return ok && d.StorePrepared(s, v, build(s.Encloser), now)
}

// denies stores a denial of a name with its proofs, and reports whether it denies another name in
// the span.
func denies(d *Denials, name, other string, proofs ...*wire.RRset) bool {
	prepare(d, wire.MustParseName(name), VariantDO, proofs, func(e wire.Name) *Answer {
		return NewAnswer(append(append(make([]byte, wire.HeaderLen), e.Wire()...), 0, 1, 0, 1), e,
			[]int{14}, now.Unix(), now.Unix()+60)
	})
	_, _, ok := d.Denied(nil, wire.MustParseName(other), VariantDO, now)
	return ok
}

// A span's prepared answer needs the span's own record: a denial with other records proves nothing
// about the span.
func TestRFC8198SpanRestsOnItsOwnRecord(t *testing.T) {
	own, wildcards := nsec("b.example", "m.example"), nsec("example", "b.example")
	d := newDenials(1 << 20)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), own, wildcards}, now)
	if denies(d, "c.example", "d.example", wildcards) {
		t.Error("denied by a proof that the span's record is not among")
	}
	if denies(d, "c.example", "d.example", nsec("b.example", "d.example"), wildcards) {
		t.Error("denied by a proof of another record at the same owner")
	}
	if !denies(d, "c.example", "d.example", own, wildcards) {
		t.Error("not denied by the span's record")
	}
}

// Records that contradict each other prove nothing about other names: here one denies b.example,
// and another shows that a.b.example exists.
func TestRFC5155SpanIsNoneWhereTheChainContradictsItself(t *testing.T) {
	apex := nsec3(hashed("example", 0), moved(hashed("example", 0), 1), 0)
	span := nsec3(moved(hashed("b.example", 0), -1), moved(hashed("b.example", 0), 1), 0)
	exists := nsec3(hashed("a.b.example", 0), moved(hashed("a.b.example", 0), 1), 0)
	d := newDenials(1 << 20)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), apex, span}, now)
	if !denies(d, "a.b.example", "x.b.example", apex, span) {
		t.Error("not denied by the span's record")
	}
	d = newDenials(1 << 20)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), apex, span, exists}, now)
	if denies(d, "a.b.example", "x.b.example", apex, span) {
		t.Error("denied although a name below the span exists")
	}
}

// Aggressive use of NSEC3 costs a hash for each label: above maxAggressiveIterations and
// maxAggressiveLabels a query to the zone is sent instead.
func TestMaxAggressiveIterations(t *testing.T) {
	for iterations, want := range map[uint16]bool{0: true, maxAggressiveIterations: true,
		maxAggressiveIterations + 1: false} {
		apex := nsec3(hashed("example", iterations), moved(hashed("example", iterations), 1),
			iterations)
		span := nsec3(moved(hashed("b.example", iterations), -1),
			moved(hashed("b.example", iterations), 1), iterations)
		d := newDenials(1 << 20)
		d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), apex, span}, now)
		if got := len(owners(d, "b.example.", now)) >= 2; got != want {
			t.Errorf("%d iterations: denials are offered: %v", iterations, got)
		}
		if got := denies(d, "a.b.example", "x.b.example", apex, span); got != want {
			t.Errorf("%d iterations: a prepared denial is given: %v", iterations, got)
		}
	}
}

func TestMaxAggressiveLabels(t *testing.T) {
	apex := nsec3(hashed("example", 0), moved(hashed("example", 0), 1), 0)
	span := nsec3(moved(hashed("b.example", 0), -1), moved(hashed("b.example", 0), 1), 0)
	for labels, want := range map[int]bool{2: true, maxAggressiveLabels: true,
		maxAggressiveLabels + 1: false} {
		name := "b.example"
		for range labels - 1 {
			name = "x." + name
		}
		d := newDenials(1 << 20)
		d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), apex, span}, now)
		if got := len(owners(d, name, now)) >= 2; got != want {
			t.Errorf("%d labels: denials are offered: %v", labels, got)
		}
		if got := denies(d, name, name, apex, span); got != want {
			t.Errorf("%d labels: a prepared denial is given: %v", labels, got)
		}
	}
}

// An answer is built without a lock. If the span has changed meanwhile, the answer is not stored.
func TestRFC8198SpanThatHasChangedKeepsNoAnswer(t *testing.T) {
	name := wire.MustParseName("c.example")
	span, wildcards := nsec("b.example", "m.example"), nsec("example", "b.example")
	proofs := []*wire.RRset{span, wildcards}
	for what, c := range map[string]struct {
		meanwhile func(d *Denials)
		kept      bool
	}{
		"nothing": {func(*Denials) {}, true},
		"a record elsewhere": {func(d *Denials) {
			d.Put(ZoneKey{Name: zone}, []*wire.RRset{nsec("m.example", "z.example")}, now)
		}, true},
		"a name in the span": {func(d *Denials) {
			d.Put(ZoneKey{Name: zone}, []*wire.RRset{nsec("bb.example", "m.example")}, now)
		}, false},
		"another span from the same name": {func(d *Denials) {
			d.Put(ZoneKey{Name: zone}, []*wire.RRset{nsec("b.example", "d.example")}, now)
		}, false},
		"the zone is forgotten": {func(d *Denials) { d.zones.Remove(ZoneKey{Name: zone}) }, false},
		"the zone is learnt anew": {func(d *Denials) {
			d.zones.Remove(ZoneKey{Name: zone})
			d.Put(ZoneKey{Name: zone}, append(proofs, soa()), now)
		}, false},
	} {
		d := newDenials(1 << 20)
		d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), span, wildcards}, now)
		s, ok := d.Span(nil, name, now, proofs)
		if !ok || s.Encloser != zone {
			t.Fatalf("%s: no span", what)
		}
		c.meanwhile(d)
		a := NewAnswer(append(append(make([]byte, wire.HeaderLen), zone.Wire()...), 0, 1, 0, 1),
			zone,
			[]int{14}, now.Unix(), now.Unix()+60)
		if got := d.StorePrepared(s, VariantDO, a, now); got != c.kept {
			t.Errorf("%s: kept %v", what, got)
		}
		if _, _, ok := d.Denied(nil, name, VariantDO, now); ok != c.kept {
			t.Errorf("%s: denied %v", what, ok)
		}
	}
}
