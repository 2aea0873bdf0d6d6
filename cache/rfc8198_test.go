// Aggressive use of denials (RFC 8198): which records are kept, which are offered, and for how
// long.

package cache

import (
	"testing"
	"time"

	"bailiwick/wire"
)

// Section 5.2: nothing is concluded from a span with opt-out, so its record is not kept.
func TestRFC8198NothingUnderOptOutIsKept(t *testing.T) {
	h := hashed("b.example", 0)
	apex := nsec3(hashed("example", 0), moved(hashed("example", 0), 1), 0)
	for flags, want := range map[byte]int{0: 2, wire.NSEC3FlagOptOut: 1} {
		s := nsec3(moved(h, -1), moved(h, 1), 0)
		s.Data[2+1] = flags
		d := newDenials(1 << 20)
		d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), apex, s}, now)
		if z, _ := d.zones.Get(ZoneKey{Name: zone}); len(z.nsec3) != want {
			t.Errorf("flags %d: %d records are kept, want %d", flags, len(z.nsec3), want)
		}
	}
}

// Section 5.4: a denial is used for its own TTL, and no longer than its SOA's.
func TestRFC8198DenialsEndWithTheirTTL(t *testing.T) {
	short := nsec("b.example", "m.example")
	short.TTL = 30
	d := newDenials(1 << 20)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), short, nsec("example", "b.example")}, now)
	for after, want := range map[int]int{0: 2, 29: 2, 30: 0, 60: 0} {
		got := owners(d, "c.example", now.Add(time.Duration(after)*time.Second))
		if len(got) != want {
			t.Errorf("after %d s: %v are offered, want %d", after, got, want)
		}
	}
	brief := soa()
	brief.TTL = 10
	d = newDenials(1 << 20)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{brief, nsec("b.example", "m.example")}, now)
	if got := owners(d, "c.example", now.Add(10*time.Second)); got != nil {
		t.Errorf("after the SOA's end: %v", got)
	}
}

// RFC 4035, section 3.1.4.1: the parent denies a DS. The records of the zone itself, which is the
// deepest that encloses its name, are not offered for it.
func TestRFC8198DSIsDeniedByTheParent(t *testing.T) {
	sub := wire.MustParseName("sub.example")
	d := newDenials(1 << 20)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), nsec("example", "z.example")}, now)
	d.Put(ZoneKey{Name: sub}, []*wire.RRset{denial("sub.example", wire.TypeSOA,
		soa().Data.First())}, now)
	for typ, want := range map[wire.Type]wire.Name{wire.TypeA: sub, wire.TypeDS: zone} {
		if got, _ := d.Candidates(nil, sub, typ, now); got != want {
			t.Errorf("%v of %v: asked of %v, want %v", typ, sub, got, want)
		}
	}
}

// A prepared denial is for the names of its span that have its closest encloser. It is not for the
// ends of the span, names after it, or an empty non-terminal in it.
func TestRFC8198PreparedDenialIsOfItsSpan(t *testing.T) {
	own, apex := nsec("b.example", "x.m.example"), nsec("example", "b.example")
	for _, c := range []struct {
		denied, other string
		want          bool
	}{
		{"c.example", "d.example", true},
		{"c.example", "a.d.example", true},
		{"c.example", "b.example", false},
		{"c.example", "a.example", false},
		{"c.example", "x.m.example", false},
		{"c.example", "z.example", false},
		{"c.example", "a.b.example", false}, // below another encloser, with another wildcard
		{"c.example", "a.m.example", false},
		{"c.example", "m.example", false}, // an empty non-terminal
		{"a.m.example", "m.example", false},
		{"a.m.example", "b.m.example", true},
	} {
		d := newDenials(1 << 20)
		d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), own, apex}, now)
		if got := denies(d, c.denied, c.other, own, apex); got != c.want {
			t.Errorf("%s denies %s: %v, want %v", c.denied, c.other, got, c.want)
		}
	}
	span := nsec3(moved(hashed("b.example", 0), -1), moved(hashed("b.example", 0), 1), 0)
	top := nsec3(hashed("example", 0), moved(hashed("example", 0), 1), 0)
	for c := 'a'; c <= 'z'; c++ {
		d := newDenials(1 << 20)
		d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), top, span}, now)
		for _, other := range []string{string(c) + ".example", "x." + string(c) + ".example"} {
			if got := denies(d, "a.b.example", other, top, span); got != (c == 'b') {
				t.Errorf("NSEC3, %s: denied %v", other, got)
			}
		}
	}
}

// A name that has been created in a span is not denied by the older record, even if that has not
// ended.
func TestRFC8198NewNameInAnOldSpan(t *testing.T) {
	own, apex := nsec("b.example", "m.example"), nsec("example", "b.example")
	d := newDenials(1 << 20)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), own, apex}, now)
	if !denies(d, "c.example", "d.example", own, apex) {
		t.Fatal("not denied before")
	}
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), nsec("d.example", "m.example")}, now)
	if _, _, ok := d.Denied(nil, wire.MustParseName("d.example"), VariantDO, now); ok {
		t.Error("denied after a record of its own has come")
	}
}
