// Full lists of denials (RFC 8198): ended records are replaced.

package cache

import (
	"encoding/base32"
	"fmt"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/limit"
	"bailiwick/internal/limit/limittest"
	"bailiwick/wire"
)

// span returns the i-th NSEC of a zone with many.
func span(i int) *wire.RRset {
	return nsec(fmt.Sprintf("n%06d.example", i), fmt.Sprintf("n%06dz.example", i))
}

// inSpan returns a name that it denies.
func inSpan(i int) string { return fmt.Sprintf("n%06da.example", i) }

// offers reports whether a zone's denials offer an NSEC for a name.
func offers(d *Denials, i int, at time.Time) bool {
	got := owners(d, inSpan(i), at)
	return len(got) > 0 && got[0] == fmt.Sprintf("n%06d.example.", i)
}

// maxDenials is a bound, and a full list takes new records as soon as old ones have ended.
func TestMaxDenials(t *testing.T) {
	limittest.Met(t, limit.ZoneDenials)
	d := newDenials(1 << 30)
	for i := range maxDenials + 1 {
		d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), span(i)}, now)
	}
	z, _ := d.zones.Get(ZoneKey{Name: zone})
	if len(z.nsec) != maxDenials || offers(d, maxDenials, now) {
		t.Errorf("%d records are kept, want %d", len(z.nsec), maxDenials)
	}
	half := now.Add(30 * time.Second)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), span(7)}, half)
	if r := z.nsecAt(zone, wire.MustParseName(inSpan(7))); r.expires != half.Unix()+60 {
		t.Error("a record that is known already is not kept anew in a list that is full")
	}
	later := now.Add(time.Minute) // all but one have ended
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), span(maxDenials)}, later)
	if !offers(d, maxDenials, later) || !offers(d, 7, later) {
		t.Error("a list full of ended records takes no new one")
	}
	if len(z.nsec) != 2 || cap(z.nsec) > 8 {
		t.Errorf("%d records in room for %d, want 2", len(z.nsec), cap(z.nsec))
	}
	want := z.soa.Size()
	for i := range z.nsec {
		want += z.nsec[i].size()
	}
	if z.size != want {
		t.Errorf("counted %d octets, want %d", z.size, want)
	}
}

// A zone whose memory is full takes a new record as soon as old ones have ended.
func TestDenialsOutOfMemoryTakeNewOnes(t *testing.T) {
	d := newDenials(8192)
	for i := range 100 {
		d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), span(i)}, now)
	}
	if offers(d, 99, now) {
		t.Fatal("there is room for all")
	}
	later := now.Add(time.Minute)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), span(99)}, later)
	if !offers(d, 99, later) {
		t.Error("a zone full of ended records takes no new one")
	}
}

// Prepared answers are dropped for records: they are made again at the cost of a copy, while a
// record costs a query to the zone.
func TestReadyDenialsGiveWayToRecords(t *testing.T) {
	d := newDenials(16384)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), nsec("example", "n.example")}, now)
	for i := range 5 {
		d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), span(i)}, now)
		prepare(d, wire.MustParseName(inSpan(i)), VariantDO, []*wire.RRset{span(i)},
			func(e wire.Name) *Answer {
				return NewAnswer(append(append(make([]byte, wire.HeaderLen), e.Wire()...),
					make([]byte, 2000)...), e, []int{40}, now.Unix(), now.Unix()+60)
			})
	}
	if _, _, ok := d.Denied(nil, wire.MustParseName(inSpan(1)), VariantDO, now); !ok {
		t.Fatal("no prepared answer")
	}
	for i := range 25 {
		d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), span(i)}, now)
	}
	if !offers(d, 24, now) {
		t.Error("prepared answers keep records out")
	}
}

// A zone that has changed from NSEC to NSEC3, or back, is denied by its present records once the
// old ones have ended (RFC 5155, section 10).
func TestOfTwoChainsTheEndedGivesWay(t *testing.T) {
	hash := wire.NSEC3Hash(wire.MustParseName("a.example"), 0, nil)
	next := hash
	next[0]++
	nsec3 := denial(base32.HexEncoding.EncodeToString(hash[:])+".example", wire.TypeNSEC3,
		append(append([]byte{1, 0, 0, 0, 0, 20}, next[:]...),
			bitmap(wire.TypeA, wire.TypeRRSIG)...))
	at3 := strings.ToLower(base32.HexEncoding.EncodeToString(hash[:])) + ".example."
	later := now.Add(time.Minute)

	d := newDenials(1 << 20)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), nsec("example", "b.example")}, now)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), nsec3}, later)
	if got := owners(d, "a.example.", later); len(got) != 1 || got[0] != at3 {
		t.Errorf("from NSEC to NSEC3: %v", got)
	}
	d = newDenials(1 << 20)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), nsec3}, now)
	d.Put(ZoneKey{Name: zone}, []*wire.RRset{soa(), nsec("example", "b.example")}, later)
	if got := owners(d, "a.example.", later); len(got) != 1 || got[0] != "example." {
		t.Errorf("from NSEC3 to NSEC: %v", got)
	}
}
