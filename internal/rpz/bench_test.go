package rpz

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"bailiwick/wire"
	"bailiwick/zone"
)

// many makes the rules of a feed: for each name one rule for itself and one for all below it.
func many(b *testing.B, names int) *Rules {
	b.Helper()
	apex := wire.MustParseName("rpz.example.")
	z := zone.NewBuilder(apex, zone.MaxOctets)
	add := func(owner string, t wire.Type, rdata string) {
		name := wire.MustParseName(owner + "rpz.example.")
		if err := z.Add(name, t, 60, []byte(rdata)); err != nil {
			b.Fatal(err)
		}
	}
	add("", wire.TypeSOA, "\x02ns\x00\x04host\x00"+"\x00\x00\x00\x01\x00\x00\x0e\x10\x00\x00\x02"+
		"\x58\x00\x01\x51\x80\x00\x00\x00\x3c")
	for i := range names {
		add(feedName(i), wire.TypeCNAME, "\x00")
		add("*."+feedName(i), wire.TypeCNAME, "\x00")
	}
	done, err := z.Finish()
	if err != nil {
		b.Fatal(err)
	}
	return New(done)
}

func feedName(i int) string { return fmt.Sprintf("n%d.example%d.com.", i, i%1000) }

// BenchmarkFind looks names of four labels up in two million rules, at random: those that hit,
// those that miss, and half of each.
func BenchmarkFind(b *testing.B) {
	const n = 1_000_000
	r := many(b, n)
	s := &Set{Zones: []Zone{{Name: r.zone.Apex(), BreakDNSSEC: true, Rules: r}}}
	for _, of := range []struct {
		what string
		miss int // of two
	}{{"hits", 0}, {"misses", 2}, {"both", 1}} {
		b.Run(of.what, func(b *testing.B) {
			random := rand.New(rand.NewPCG(1, 2))
			names := make([]wire.Name, 1<<16)
			for i := range names {
				k := random.IntN(n)
				if i%2 < of.miss {
					k += n
				}
				names[i] = wire.MustParseName("www." + feedName(k))
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				f := Facts{Name: names[i&(len(names)-1)]}
				if _, v := s.Find(&f, nil); (v == Found) != (i%2 >= of.miss) {
					b.Fatalf("%s: %v", f.Name, v)
				}
			}
			b.ReportMetric(float64(r.zone.Size()+r.Size())/float64(r.All()), "B/rule")
		})
	}
}
