package nametable

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"bailiwick/wire"
)

// build makes a table of names, each with its place in the list as its number.
func build(t testing.TB, names ...string) *Table {
	var b Builder
	for i, n := range names {
		if err := b.Add(wire.MustParseName(n), uint32(i)); err != nil {
			t.Fatal(err)
		}
	}
	return b.Table()
}

// The deepest name at or above a name is found, whatever labels are between them, and no name that
// only ends in the same octets.
func TestClosest(t *testing.T) {
	table := build(t, "example.", "ads.example.", "a.b.ads.example.", "net.", "x.y.z.net.",
		"ads.example.", "\\003ads.org.")
	for _, c := range []struct {
		name   string
		number uint32
		labels int
		ok     bool
	}{
		{"example.", 0, 1, true}, {"www.example.", 0, 1, true}, {"ads.example.", 1, 2, true},
		{"ADS.Example.", 1, 2, true}, {"b.ads.example.", 1, 2, true},
		{"a.b.ads.example.", 2, 4, true}, {"q.a.b.ads.example.", 2, 4, true},
		{"xads.example.", 0, 1, true}, {"y.z.net.", 3, 1, true}, {"x.y.z.net.", 4, 4, true},
		{"org.", 0, 0, false}, {".", 0, 0, false}, {"ads.org.", 0, 0, false},
		{"\\003ads.org.", 6, 2, true},
	} {
		number, labels, ok := table.Closest(wire.MustParseName(c.name))
		if number != c.number || labels != c.labels || ok != c.ok {
			t.Errorf("%s: %d, %d labels, %v; want %d, %d, %v", c.name, number, labels, ok,
				c.number, c.labels, c.ok)
		}
	}
	if table.Len() != 6 {
		t.Errorf("%d names", table.Len())
	}
	n := 0
	for name, number := range table.All() {
		if got, ok := table.Exact(name); !ok || got != number {
			t.Errorf("%s: %d %v", name, got, ok)
		}
		n++
	}
	if n != table.Len() {
		t.Errorf("%d names are listed", n)
	}
}

// The root holds for every name, and an empty table for none.
func TestRootAndEmpty(t *testing.T) {
	n, labels, ok := build(t, ".").Closest(wire.MustParseName("a.b.c."))
	if n != 0 || labels != 0 || !ok {
		t.Errorf("the root: %d %d %v", n, labels, ok)
	}
	if _, _, ok := build(t).Closest(wire.Root); ok {
		t.Error("an empty table has a name")
	}
}

// Tables of random names find what a map finds.
func TestClosestIsThatOfAMap(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	random := func() wire.Name {
		n := wire.Root
		for range 1 + r.IntN(5) {
			n, _ = n.Child(fmt.Sprintf("%.*s", 1+r.IntN(9), "abcdefghijklmnop"[r.IntN(4):]))
		}
		return n
	}
	var b Builder
	want := map[wire.Name]uint32{}
	for i := range uint32(2000) {
		n := random()
		if _, known := want[n]; !known {
			want[n] = i
		}
		if err := b.Add(n, i); err != nil {
			t.Fatal(err)
		}
	}
	table := b.Table()
	if table.Len() != len(want) {
		t.Fatalf("%d names, want %d", table.Len(), len(want))
	}
	for range 20000 {
		name := random()
		got, labels, ok := table.Closest(name)
		n := name
		for number, known := want[n]; ; number, known = want[n] {
			if known != (ok && n.Labels() == labels) && (known || n.IsRoot() && ok) ||
				known && got != number {
				t.Fatalf("%s: %d %d %v, want %d at %s", name, got, labels, ok, number, n)
			}
			if known || n.IsRoot() {
				break
			}
			n = n.Parent()
		}
	}
}

// Names that take several pieces of memory are all found, whatever their lengths, and come in the
// order in which they were added.
func TestNamesInSeveralPieces(t *testing.T) {
	var b Builder
	var want []wire.Name
	for i := 0; len(b.entries) < 4; i++ {
		text := fmt.Sprintf("n%d.example.", i)
		for j := range i % 4 {
			text = strings.Repeat("x", 1+(i+j)%60) + "." + text
		}
		n := wire.MustParseName(text)
		if err := b.Add(n, uint32(i)); err != nil {
			t.Fatal(err)
		}
		want = append(want, n)
	}
	table, next := b.Table(), 0
	for n, number := range table.All() {
		if number != uint32(next) || n != want[next] {
			t.Fatalf("%d %s, want %d %s", number, n, next, want[next])
		}
		next++
	}
	if next != len(want) || table.Len() != len(want) {
		t.Errorf("%d names, %d by its length, want %d", next, table.Len(), len(want))
	}
	for i, n := range want {
		if number, ok := table.Exact(n); !ok || number != uint32(i) {
			t.Fatalf("%s: %d %v, want %d", n, number, ok, i)
		}
	}
}

// A million names take at most 60 bytes each, and a look-up allocates nothing.
func TestSize(t *testing.T) {
	var b Builder
	const n = 1 << 20
	for i := range n {
		name := wire.MustParseName(fmt.Sprintf("name%07d.of.blocked%d.example.", i, i%5000))
		if err := b.Add(name, 1); err != nil {
			t.Fatal(err)
		}
	}
	table := b.Table()
	if per := table.Size() / n; per > 60 {
		t.Errorf("%d bytes for each name of some 35 octets", per)
	}
	name := wire.MustParseName("www.name0000077.of.blocked77.example.")
	if a := testing.AllocsPerRun(100, func() { table.Closest(name) }); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

// BenchmarkClosest looks names of four labels up in two million, at random, half of which hit.
func BenchmarkClosest(b *testing.B) {
	var build Builder
	const n = 2_000_000
	names := make([]wire.Name, 1<<16)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		name := wire.MustParseName(fmt.Sprintf("www.n%d.example%d.com.", i, i%1000))
		if err := build.Add(name, 1); err != nil {
			b.Fatal(err)
		}
	}
	for i := range names {
		names[i] = wire.MustParseName(fmt.Sprintf("www.n%d.example%d.com.", r.IntN(2*n),
			r.IntN(1000)))
		if k := r.IntN(n); i%2 == 0 {
			names[i] = wire.MustParseName(fmt.Sprintf("www.n%d.example%d.com.", k, k%1000))
		}
	}
	table := build.Table()
	for i := 0; b.Loop(); i++ {
		table.Closest(names[i&(len(names)-1)])
	}
	b.ReportMetric(float64(table.Size())/n, "B/name")
}
