package zone

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/wire"
)

// What was written is where it was, whatever is written afterwards, and nothing is moved for it: a
// slice that was had before is still of the same memory.
func TestPiecesAreNotMoved(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var p pieces
	var places []uint32
	var wrote, had [][]byte
	total := 0
	for i := range 2000 {
		text := bytes.Repeat([]byte{byte(i)}, 1+random.IntN(recordHead+2*65535))
		at := p.grow(len(text)+random.IntN(100), func(d []byte) []byte {
			return append(d, text...)
		})
		places, wrote, had = append(places, at), append(wrote, text), append(had, p.from(at))
		total += len(text)
	}
	if p.size != total {
		t.Errorf("size %d, want %d", p.size, total)
	}
	for i, at := range places {
		if got := p.from(at); !bytes.HasPrefix(got, wrote[i]) || &got[0] != &had[i][0] {
			t.Fatalf("text %d is not at its place, or was moved", i)
		}
	}
}

// A zone is made in memory of the size that it has at most, so that it is not moved either,
// whatever its records are: many in a set, signatures, long ones, and names with several sets.
func TestZonesAreMadeInOnePiece(t *testing.T) {
	long := "@ 60 SOA ns. host. 1 60 60 60 60\n"
	for i := range 200 {
		long += fmt.Sprintf("many A 192.0.2.%d\nx%d TXT %s\nx%[2]d A 192.0.2.1\nx%[2]d.y CNAME .\n",
			i, i, strings.Repeat(strings.Repeat("a", 250)+" ", 1+i/4))
	}
	for apex, text := range map[string]string{".": likeTheRoot(), "test.": long} {
		b := NewBuilder(wire.MustParseName(apex), MaxOctets)
		p := dns.NewZoneParser(strings.NewReader(text), apex, "")
		p.SetDefaultTTL(60)
		for rr, ok := p.Next(); ok; rr, ok = p.Next() {
			if err := b.AddRR(rr); err != nil {
				t.Fatal(err)
			}
		}
		most := b.mostOctets()
		z, err := b.Finish()
		if err != nil || p.Err() != nil {
			t.Fatal(err, p.Err())
		}
		if z.Extent() > most || z.Extent() < most/2 {
			t.Errorf("%s: %d octets, where %d at most are expected", apex, z.Extent(), most)
		}
	}
}
