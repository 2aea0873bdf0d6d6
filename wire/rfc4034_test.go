// Resource records of DNSSEC (RFC 4034).

package wire

import (
	"testing"
)

// Section 3: the TTL of an RRSIG is that of the set that it covers: a set lives no longer than it.
func TestRFC4034TTLOfTheRRSIGBoundsTheSet(t *testing.T) {
	const fields = "RRSIG A 13 2 600 20300101000000 20200101000000 1 example. AAAA"
	for ttl, want := range map[string]uint32{"60": 60, "900": 600} {
		m, err := Parse(message(t, "www.example. 600 A 192.0.2.1", "www.example. "+ttl+" "+fields))
		if err != nil || len(m.Answer) != 1 || m.Answer[0].TTL != want {
			t.Errorf("RRSIG with TTL %s: got %v, %v, want %d", ttl, m.Answer[0], err, want)
		}
	}
}

// Section 3.1.5: ends of signatures are compared in serial arithmetic: also across the second at
// which 32 bits end.
func TestRFC4034EarlierEndIsSerial(t *testing.T) {
	for _, c := range []struct{ a, b, want uint32 }{
		{10, 20, 10}, {20, 10, 10}, {0, 10, 10}, {10, 0, 10}, {0, 0, 0},
		{1<<32 - 5, 5, 1<<32 - 5}, {5, 1<<32 - 5, 1<<32 - 5},
	} {
		if got := EarlierEnd(c.a, c.b); got != c.want {
			t.Errorf("%d and %d: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// Section 4.1.2: the windows of a bitmap ascend, and each has 1 to 32 octets. A bitmap that says
// the same window twice says two things of its types.
func TestRFC4034BitmapsAreWellFormed(t *testing.T) {
	for m, good := range map[string]bool{
		"":                              true,
		"\x00\x01\x40":                  true,
		"\x00\x01\x40\x01\x01\x40":      true,
		"\x00\x01\x40\x00\x01\x20":      false,
		"\x01\x01\x40\x00\x01\x20":      false,
		"\x00\x00":                      false,
		"\x00\x02\x40":                  false,
		"\x00":                          false,
		"\x00\x21" + string(zeros[:33]): false,
	} {
		if _, err := ParseNSEC([]byte("\x00" + m)); (err == nil) != good {
			t.Errorf("NSEC with bitmap %q: %v", m, err)
		}
		nsec3 := "\x01\x00\x00\x00\x00\x01\xaa" + m
		if _, err := ParseNSEC3([]byte(nsec3)); (err == nil) != good {
			t.Errorf("NSEC3 with bitmap %q: %v", m, err)
		}
		if _, err := Parse(answers(1, record(TypeNSEC, "\x00"+m))); (err == nil) != good {
			t.Errorf("a message with bitmap %q: %v", m, err)
		}
	}
}

// Whoever reads a record of DNSSEC later finds what is read first: records that are too short make
// their message malformed.
func TestRFC4034ShortRecordsAreMalformed(t *testing.T) {
	for typ, whole := range map[Type]string{
		TypeDS:     "\x00\x01\x0d\x02\xaa",
		TypeDNSKEY: "\x01\x01\x03\x0d\xaa",
		TypeRRSIG:  string(make([]byte, 18)) + "\x00",
		TypeNSEC:   "\x01a\x00",
		TypeNSEC3:  "\x01\x00\x00\x00\x01\xab\x01\xaa",
	} {
		for i := range len(whole) + 1 {
			_, err := Parse(answers(1, record(typ, whole[:i])))
			if (err == nil) != (i == len(whole)) {
				t.Errorf("%v, %d of %d octets: %v", typ, i, len(whole), err)
			}
		}
	}
}

// RFC 3597, section 4: names are compressed in the types of RFC 1035 alone. A reader that does not
// know a newer type could not find the name.
func TestRFC3597NewTypesAreNotCompressed(t *testing.T) {
	target := MustParseName("host.example").Wire()
	for typ, rdata := range map[Type]string{
		TypeMX: "\x00\x01" + target, TypeSRV: "\x00\x01\x00\x02\x00\x03" + target,
		TypeDNAME: target, TypeNSEC: target, TypeSVCB: "\x00\x01" + target,
	} {
		b := NewBuilder(MaxMessageLen, 0, 0, []byte("\x04host\x07example\x00"), typ, ClassIN)
		s := &RRset{Name: MustParseName("host.example"), Type: typ, Class: ClassIN}
		s.Data = s.Data.Append([]byte(rdata))
		b.Add(SectionAnswer, s, false)
		msg := b.Finish()
		got := string(msg[len(msg)-len(rdata):])
		if (got == rdata) != (typ != TypeMX) {
			t.Errorf("%v: the message ends in %q", typ, got)
		}
	}
}
