package wire

import (
	"strings"
	"testing"
)

// Records may change places where each is written by itself (RFC 1794): not where one spells out
// the owner that the others point at, as happens when a message has more names than are
// remembered.
func TestRFC1794RunIsOfRecordsThatPointElsewhere(t *testing.T) {
	build := func(qname, target Name, loose bool, typ Type) Run {
		cname := &RRset{Name: qname, Type: TypeCNAME, Class: ClassIN}
		cname.Data = cname.Data.Append([]byte(target.Wire()))
		set := &RRset{Name: target, Type: typ, Class: ClassIN}
		for i := range byte(3) {
			d := []byte{192, 0, 2, i}
			if typ == TypeNS {
				d = []byte(MustParseName("a.ns.test").Wire())
				d[1] += i
			}
			set.Data = set.Data.Append(d)
		}
		b := NewBuilder(MaxMessageLen, 0, FlagQR, []byte(qname.Wire()), typ, ClassIN)
		defer b.Release()
		if loose {
			b.Loose()
		}
		if !b.Add(SectionAnswer, cname, false) || !b.Add(SectionAnswer, set, false) {
			t.Fatal("they do not fit")
		}
		return b.Run()
	}
	short, other := MustParseName("www.example"), MustParseName("other.test")
	for what, c := range map[string]struct {
		run  Run
		want int
	}{
		"addresses":                   {build(short, other, true, TypeA), 3},
		"addresses, loose or not":     {build(short, other, false, TypeA), 3},
		"compressed names, loose":     {build(short, other, true, TypeNS), 3},
		"compressed names, not loose": {build(short, other, false, TypeNS), 0},
		"an owner that has to be spelt out": {build(MustParseName(strings.Repeat("a.", 120)),
			MustParseName(strings.Repeat("b.", 120)), true, TypeA), 0},
	} {
		if c.run.Count != c.want {
			t.Errorf("%s: %d records may change places, want %d", what, c.run.Count, c.want)
		}
	}
}
