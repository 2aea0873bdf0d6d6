// Names, records and messages end where they have to (RFC 1035, sections 3.1 and 4.1).

package wire

import (
	"slices"
	"strings"
	"testing"
)

// record writes a record of the root, type and RDATA.
func record(t Type, rdata string) string {
	return "\x00" + string([]byte{byte(t >> 8), byte(t)}) + "\x00\x01\x00\x00\x00\x3c" +
		string([]byte{byte(len(rdata) >> 8), byte(len(rdata))}) + rdata
}

// answers is a message with so many records in its answer section.
func answers(n int, records ...string) []byte {
	return slices.Clip([]byte("\x00\x00\x80\x00\x00\x00\x00" + string(rune(n)) +
		"\x00\x00\x00\x00" + strings.Join(records, "")))
}

// Section 3.1: 255 octets, whether they stand in one piece or are put together by pointers.
func TestRFC1035NamesAreBounded(t *testing.T) {
	part := "\x3f" + strings.Repeat("x", 63)
	fits := strings.Repeat(part, 3) + "\x3d" + strings.Repeat("y", 61) + "\x00"
	long := strings.Repeat(part, 3) + "\x3e" + strings.Repeat("y", 62) + "\x00"
	if n, _, err := nameAt([]byte(fits), 0); err != nil || n.Len() != MaxNameLen {
		t.Errorf("255 octets: %v", err)
	}
	if n, _, err := nameAt([]byte(long), 0); err == nil {
		t.Errorf("a name of %d octets", n.Len())
	}
	// As many octets, most of them behind a pointer.
	if _, _, err := nameAt([]byte(fits+"\x01a\xC0\x00"), len(fits)); err == nil {
		t.Error("257 octets by a pointer")
	}
	if _, ok := MustParseName(strings.Repeat("a.", 127)).Child("b"); ok {
		t.Error("a child of a name of 255 octets")
	}
	if _, err := ParseName(strings.Repeat("a.", 128)); err == nil {
		t.Error("257 octets in presentation form")
	}
	if _, err := ParseName(strings.Repeat("a", 64) + ".b"); err == nil {
		t.Error("a label of 64 octets in presentation form")
	}
	if _, ok := Root.Child(strings.Repeat("a", 64)); ok {
		t.Error("a child by a label of 64 octets")
	}
}

// RFC 6672, section 2.2: what a DNAME makes may be too long, and then it makes nothing.
func TestRFC6672NameThatGetsTooLong(t *testing.T) {
	n := MustParseName(strings.Repeat("a.", 100) + "x")
	if r, ok := n.ReplaceSuffix(MustParseName("x"), MustParseName(strings.Repeat("b.", 27))); !ok ||
		r.Len() != MaxNameLen {
		t.Errorf("255 octets: %v", ok)
	}
	if r, ok := n.ReplaceSuffix(MustParseName("x"), MustParseName(strings.Repeat("b.", 28))); ok {
		t.Errorf("a name of %d octets", r.Len())
	}
}

// Section 4.1.4: a pointer leads to a prior name. RFC 6891, section 5: there are no other types of
// labels, and lengths end at 63.
func TestRFC1035PointersLeadBackwards(t *testing.T) {
	for what, msg := range map[string]string{
		"forwards":              "\xC0\x02\x00",
		"to itself":             "\xC0\x00",
		"around":                "\x01a\xC0\x00",
		"a label of 65 octets":  "\x41" + strings.Repeat("x", 65) + "\x00",
		"a label of 129 octets": "\x81" + strings.Repeat("x", 129) + "\x00",
	} {
		if n, _, err := nameAt([]byte(msg), 0); err == nil {
			t.Errorf("%s: read as %v", what, n)
		}
	}
}

// Section 3.2.1: RDATA ends where its length says. A name in it does not go on behind it, and
// nothing stands behind its last field; a record ends with its message.
func TestRFC1035RecordsEndWhereTheySay(t *testing.T) {
	const behind = "\x03abc\x00" // what a name in the RDATA before would go on with
	sig := make([]byte, 18)
	cut := record(TypeRRSIG, string(sig)+"\x04")
	for what, msg := range map[string][]byte{
		"a name that goes on":      answers(1, record(TypeNS, "\x04")+behind),
		"a signer that goes on":    answers(1, cut+behind+behind),
		"octets behind a name":     answers(1, record(TypeNS, "\x00\x00")),
		"longer than the message":  answers(1, record(TypeA, "\x01\x02\x03\x04")[:14]),
		"fewer than counted":       answers(2, record(TypeA, "\x01\x02\x03\x04")),
		"fewer than counted, none": answers(100),
	} {
		if m, err := Parse(msg); err == nil {
			t.Errorf("%s: read as %v", what, m.Answer)
		}
		question := append([]byte("\x00\x00\x00\x00\x00\x01"), msg[6:12]...)
		query := append(append(question, "\x00\x00\x01\x00\x01"...), msg[12:]...)
		var q Query
		names := strings.Contains(what, "name") || strings.Contains(what, "signer")
		if err := ParseQuery(query, &q); err == nil && !names { // it reads no RDATA
			t.Errorf("%s: taken in a query", what)
		}
	}
}

// Section 4.1: the counts say where a message ends. What stands behind is not read, and is no
// reason to do without the message.
func TestRFC1035OctetsBehindAMessageArePassedOver(t *testing.T) {
	for what, msg := range map[string][]byte{
		"no record": answers(0),
		"a record":  answers(1, record(TypeA, "\x01\x02\x03\x04")),
	} {
		for _, behind := range []string{"!", record(TypeA, "\x05\x06\x07\x08"),
			strings.Repeat("\xff", 600)} {
			m, err := Parse(append(msg[:len(msg):len(msg)], behind...))
			if err != nil || len(m.Answer) != int(m.ANCount) || len(m.Answer) > 0 &&
				(m.Answer[0].Len() != 1 || string(m.Answer[0].Data.First()) != "\x01\x02\x03\x04") {
				t.Errorf("%s and %d octets: %v, %v", what, len(behind), m, err)
			}
		}
	}
	query := AppendQuery(nil, 1, FlagRD, []byte("\x03www\x07example\x00"), TypeA, 1232, true, nil)
	var q Query
	if err := ParseQuery(append(query, "!!!"...), &q); err != nil || !q.EDNS.Present {
		t.Errorf("a query: %v", err)
	}
}
