// RRsets and TTLs (RFC 2181).

package wire

import "testing"

// Section 5.2: the records of a set have one TTL; of several it is the least.
func TestRFC2181TTLOfASetIsTheLeast(t *testing.T) {
	for _, ttls := range [][2]string{{"60", "30"}, {"30", "60"}} {
		m, err := Parse(message(t, "www.example. "+ttls[0]+" A 192.0.2.1",
			"www.example. "+ttls[1]+" A 192.0.2.2"))
		if err != nil || len(m.Answer) != 1 || m.Answer[0].TTL != 30 {
			t.Errorf("%v: got %v, %v", ttls, m.Answer, err)
		}
	}
}

// Section 5: a set has no equal records, however often they are sent.
func TestRFC2181EqualRecordsAreOne(t *testing.T) {
	m, err := Parse(message(t, "www.example. 60 A 192.0.2.1", "www.example. 60 A 192.0.2.1",
		"www.example. 60 A 192.0.2.2"))
	if err != nil || len(m.Answer) != 1 || m.Answer[0].Len() != 2 {
		t.Errorf("got %v, %v", m.Answer, err)
	}
}

// Section 8: a TTL with the high bit set is zero.
func TestRFC2181TTLWithTheHighBitIsZero(t *testing.T) {
	m, err := Parse([]byte("\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00" +
		"\x00\x00\x01\x00\x01\x80\x00\x00\x01\x00\x04\x01\x02\x03\x04"))
	if err != nil || m.Answer[0].TTL != 0 {
		t.Errorf("got %+v, %v", m, err)
	}
}

// Section 9: a set goes into a message whole or not at all, and what did not fit leaves nothing
// behind: no record, no count, and no suffix that a later name could point to.
func TestRFC2181SetsAreWholeOrLeftOut(t *testing.T) {
	set := func(name string, n int) *RRset {
		s := &RRset{Name: MustParseName(name), Type: TypeNS, Class: ClassIN, TTL: 1}
		for i := range n {
			ns := MustParseName(string(rune('a'+i)) + ".big.example")
			s.Data = s.Data.Append([]byte(ns.Wire()))
		}
		return s
	}
	b := NewBuilder(100, 0, 0, []byte("\x01x\x00"), TypeNS, ClassIN)
	if b.Add(SectionAnswer, set("big.example", 10), false) {
		t.Fatal("ten records fit into 100 octets")
	}
	if !b.Add(SectionAnswer, set("big.example", 1), false) {
		t.Fatal("one record does not fit")
	}
	m, err := Parse(b.Finish())
	if err != nil || m.ANCount != 1 || !m.Answer[0].Data.Equal(set("big.example", 1).Data) {
		t.Errorf("got %+v, %v", m, err)
	}
}
