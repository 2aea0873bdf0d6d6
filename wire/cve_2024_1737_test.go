package wire

import (
	"encoding/binary"
	"slices"
	"testing"
)

// largeSet writes a reply whose answer is one set of n records with RDATA of two octets.
func largeSet(n int) []byte {
	msg := []byte{0, 0, 0x80, 0, 0, 0, byte(n >> 8), byte(n), 0, 0, 0, 0}
	for i := range n {
		msg = append(msg, 0, 0xFF, 0, 0, 1, 0, 0, 0, 60, 0, 2, byte(i>>8), byte(i))
	}
	return msg
}

// A set is as large as a message can make it, its records are told apart whatever their number
// (RFC 2181, section 5), and none is compared with all others.
func TestCVE20241737LargeSetIsReadWhole(t *testing.T) {
	const n = (MaxMessageLen - HeaderLen) / 13
	m, err := Parse(largeSet(n))
	if err != nil || len(m.Answer) != 1 || m.Answer[0].Len() != n {
		t.Fatalf("%v", err)
	}
	double := largeSet(n)
	for i := HeaderLen; i < len(double); i += 13 { // each record twice
		binary.BigEndian.PutUint16(double[i+11:], uint16((i-HeaderLen)/26))
	}
	if m, err = Parse(double); err != nil || m.Answer[0].Len() != (n+1)/2 {
		t.Fatalf("%d records, want %d; %v", m.Answer[0].Len(), (n+1)/2, err)
	}
	seen := 0
	for d := range m.Answer[0].Data.All() {
		if int(binary.BigEndian.Uint16(d)) != seen {
			t.Fatalf("record %d is %x: the order is the server's", seen, d)
		}
		seen++
	}
}

// A search for an equal record looks at maxLinearData octets at most.
func TestCVE20241737EqualRecordsAreFoundByAMap(t *testing.T) {
	var found sets
	s := &RRset{}
	for i := range 5000 {
		d := binary.BigEndian.AppendUint16(nil, uint16(i))
		if !found.isNew(s, d) {
			t.Fatalf("%x is taken for another", d)
		}
		s.Data = s.Data.Append(d)
		if found.isNew(s, d) {
			t.Fatalf("%x is taken for new", d)
		}
	}
	if len(found.known[s]) != 5000 {
		t.Errorf("the map of a large set holds %d records", len(found.known[s]))
	}
}

// Large lists are compared in order, with the same outcome as small ones.
func TestCVE20241737EqualLists(t *testing.T) {
	for _, n := range []int{3, 3000} {
		var a, b [][]byte
		for i := range n {
			a = append(a, binary.BigEndian.AppendUint16(nil, uint16(i)))
		}
		b = slices.Clone(a)
		slices.Reverse(b)
		list := func(ds [][]byte) (l RDataList) {
			for _, d := range ds {
				l = l.Append(d)
			}
			return l
		}
		if !list(a).Equal(list(b)) {
			t.Errorf("%d records in another order are not equal", n)
		}
		b[0] = []byte{0xFF, 0xFF}
		if list(a).Equal(list(b)) {
			t.Errorf("%d records, one of them another, are equal", n)
		}
	}
}

func BenchmarkParseLargeSet(b *testing.B) {
	msg := largeSet((MaxMessageLen - HeaderLen) / 13)
	for b.Loop() {
		_, _ = Parse(msg)
	}
}
