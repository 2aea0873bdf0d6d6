package cache

import (
	"bytes"
	"encoding/base32"
	"strings"
	"testing"
	"time"

	"bailiwick/wire"
)

var zone = wire.MustParseName("example")

func denial(owner string, t wire.Type, rdata []byte) *wire.RRset {
	s := &wire.RRset{Name: wire.MustParseName(owner), Type: t, Class: wire.ClassIN, TTL: 60,
		Security: wire.Secure}
	s.Data = s.Data.Append(rdata)
	return s
}

func soa() *wire.RRset {
	return denial("example", wire.TypeSOA, append([]byte("\x00\x00"), make([]byte, 20)...))
}

func nsec(owner, next string) *wire.RRset {
	types := []wire.Type{wire.TypeA, wire.TypeRRSIG, wire.TypeNSEC}
	if owner == "example" {
		types = []wire.Type{wire.TypeNS, wire.TypeSOA, wire.TypeRRSIG, wire.TypeNSEC,
			wire.TypeDNSKEY}
	}
	return denial(owner, wire.TypeNSEC, append([]byte(wire.MustParseName(next).Wire()),
		bitmap(types...)...))
}

// bitmap lists types below 256 (RFC 4034, section 4.1.2).
func bitmap(types ...wire.Type) wire.TypeBitmap {
	m := append(wire.TypeBitmap{0, 32}, make([]byte, 32)...)
	for _, t := range types {
		m[2+t/8] |= 0x80 >> (t & 7)
	}
	if len(types) == 0 {
		return nil
	}
	return m
}

// owners returns the owners of the records that Candidates offers for a name, without the SOA.
func owners(d *Denials, name string, at time.Time) (got []string) {
	_, sets := d.Candidates(nil, wire.MustParseName(name), wire.TypeA, at)
	for _, s := range sets {
		if s.Type != wire.TypeSOA {
			got = append(got, s.Name.String())
		}
	}
	return got
}

func TestNSECCandidates(t *testing.T) {
	d := newDenials(1 << 20)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), nsec("example", "b.example"), nsec("b.example",
		"m.example"),
		nsec("m.example", "example")}, now)
	for name, want := range map[string]string{
		"b.example.":   "b.example.",          // the name's own
		"c.example.":   "b.example. example.", // what covers it, and what covers the wildcard
		"z.example.":   "m.example. example.",
		"x.c.example.": "b.example. example.",
	} {
		if got := strings.Join(owners(d, name, now), " "); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if got := owners(d, "c.example.", now.Add(time.Minute)); got != nil {
		t.Errorf("after their end: %v", got)
	}
	if got := owners(d, "c.test.", now); got != nil {
		t.Errorf("another zone: %v", got)
	}
}

func TestNSEC3Candidates(t *testing.T) {
	hash := func(name string) []byte {
		h := wire.NSEC3Hash(wire.MustParseName(name), 1,
			nil)
		return h[:]
	}
	record := func(owner []byte, flags byte, iterations byte) *wire.RRset {
		next := append([]byte(nil), owner...)
		next[0]++
		rd := append([]byte{1, flags, 0, iterations, 0, 20}, next...)
		return denial(base32.HexEncoding.EncodeToString(owner)+".example", wire.TypeNSEC3,
			append(rd, bitmap(wire.TypeA, wire.TypeRRSIG)...))
	}
	at := func(h []byte) string {
		return strings.ToLower(base32.HexEncoding.EncodeToString(h)) +
			".example."
	}
	d := newDenials(1 << 20)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), record(hash("example"), 0, 1),
		record(hash("a.example"), 0, 1),
		record(hash("b.example"), 1, 1)}, now)
	if got := owners(d, "a.example.", now); len(got) != 1 || got[0] != at(hash("a.example")) {
		t.Errorf("a name of the chain: %v", got)
	}
	for _, o := range owners(d, "b.example.", now) {
		if o == at(hash("b.example")) {
			t.Error("a record under opt-out is offered")
		}
	}
	if got := owners(d, strings.Repeat("x.", maxAggressiveLabels+1)+"example.", now); got != nil {
		t.Errorf("a name that costs too much: %v", got)
	}
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), record(hash("c.example"), 0,
		maxAggressiveIterations+1)}, now)
	if got := owners(d, "a.example.", now); got != nil {
		t.Errorf("a chain that costs too much: %v", got)
	}
}

// Most names that are asked for exist, or are in spans that nobody has asked for: no record is
// offered for them, so that none is decoded and none judged.
func TestNoCandidatesOutsideOfSpans(t *testing.T) {
	d := newDenials(1 << 20)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), nsec("example", "b.example"),
		nsec("f.example", "g.example")}, now)
	for _, name := range []string{"c.example.", "x.c.example.", "g.example.", "z.example."} {
		if _, sets := d.Candidates(nil, wire.MustParseName(name), wire.TypeA, now); sets != nil {
			t.Errorf("NSEC: %s is in no span, and gets %v", name, sets)
		}
	}
	if got := owners(d, "fa.example.", now); len(got) != 2 {
		t.Errorf("NSEC: a name in a span gets %v", got)
	}

	hash := func(name string) []byte {
		h := wire.NSEC3Hash(wire.MustParseName(name), 1, nil)
		return h[:]
	}
	record := func(owner, next []byte) *wire.RRset {
		rd := append([]byte{1, 0, 0, 1, 0, 20}, next...)
		return denial(base32.HexEncoding.EncodeToString(owner)+".example", wire.TypeNSEC3,
			append(rd, bitmap(wire.TypeA, wire.TypeRRSIG)...))
	}
	around := hash("gone.example")
	before, after := bytes.Clone(around), bytes.Clone(around)
	before[19], after[19] = before[19]-1, after[19]+1 // no carry: the test says so below
	apex := hash("example")
	d = newDenials(1 << 20)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), record(apex, append(bytes.Clone(apex[:19]),
		apex[19]+1)), record(before, after)}, now)
	if got := owners(d, "gone.example.", now); len(got) != 2 {
		t.Fatalf("NSEC3: a name in a span gets %v", got)
	}
	for _, name := range []string{"c.example.", "x.c.example."} {
		if _, sets := d.Candidates(nil, wire.MustParseName(name), wire.TypeA, now); sets != nil {
			t.Errorf("NSEC3: %s is in no span, and gets %v", name, sets)
		}
	}
}

// A zone with more records than there is room for keeps those that it has, and takes new ones when
// the old ones have ended.
func TestDenialsFull(t *testing.T) {
	d := newDenials(8192)
	first := func(i int) string { return string([]byte{'a' + byte(i/26), 'a' + byte(i%26)}) }
	for i := range 26 * 20 {
		d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), nsec(first(i)+".example",
			first(i)+"z.example")}, now)
	}
	if got := owners(d, "aaa.example", now); got == nil {
		t.Error("the zone was dropped")
	}
	if got := owners(d, "taa.example", now); got != nil && got[0] == "ta.example." {
		t.Error("more than there is room for")
	}
	later := now.Add(2 * time.Minute)
	for range 2 { // the first Put finds no room, and makes some
		d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), nsec("ta.example", "taz.example")}, later)
	}
	if got := owners(d, "taa.example", later); len(got) == 0 || got[0] != "ta.example." {
		t.Errorf("when the old have ended: %v", got)
	}
}
