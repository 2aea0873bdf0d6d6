// The OPT record (RFC 6891), in a client's query and in an authority's reply.

package wire

import "testing"

// opt is an OPT record with so many empty options, and perhaps octets behind them.
func opt(options int, more string) string {
	rdata := more
	for range options {
		rdata = "\xff\xff\x00\x00" + rdata
	}
	return "\x00\x00\x29\x04\xd0\x00\x00\x00\x00" +
		string([]byte{byte(len(rdata) >> 8), byte(len(rdata))}) + rdata
}

// taken reports whether a message with these additional records is read, as a query and as a reply.
func taken(t *testing.T, what string, n int, records string) bool {
	t.Helper()
	msg := []byte("\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00" + string(rune(n)) +
		"\x01a\x00\x00\x01\x00\x01" + records)
	var q Query
	inPlace := ParseQuery(msg, &q)
	_, whole := Parse(msg)
	if (inPlace == nil) != (whole == nil) {
		t.Errorf("%s: as a query %v, as a reply %v", what, inPlace, whole)
	}
	return inPlace == nil
}

// Section 6.1.1: a message has one OPT record, and its owner is the root. Section 6.1.2: options
// end with the record.
func TestRFC6891OneWellFormedOPT(t *testing.T) {
	for _, c := range []struct {
		what    string
		n       int
		records string
		good    bool
	}{
		{"one", 1, opt(0, ""), true},
		{"two", 2, opt(0, "") + opt(0, ""), false},
		{"below the root", 1, "\x01a" + opt(0, ""), false},
		{"below the root, and read as if it were not", 2,
			"\xC0\x0C" + opt(0, "")[1:] + record(TypeA, "\x01\x02\x03\x04")[1:], false},
		{"an option", 1, opt(1, ""), true},
		{"an option that goes on", 1, opt(0, "\xff\xff\x00\x01"), false},
		{"half a head", 1, opt(0, "\xff\xff"), false},
	} {
		if taken(t, c.what, c.n, c.records) != c.good {
			t.Errorf("%s: taken %v, want %v", c.what, !c.good, c.good)
		}
	}
}

// Section 6.1.1: OPT is in the additional section. A router sends it in place of the answer, and
// the answer as an additional record (c-ares issue 968): such a reply cannot be read, so that the
// server is asked without EDNS, as by BIND.
func TestRFC6891OPTElsewhereInAReply(t *testing.T) {
	for section := range 3 {
		counts := []byte{0, 0, 0, 0, 0, 0}
		counts[2*section+1] = 1
		msg := "\x00\x00\x80\x00\x00\x01" + string(counts) + "\x01a\x00\x00\x01\x00\x01" +
			opt(0, "")
		if _, err := Parse([]byte(msg)); (err == nil) != (section == 2) {
			t.Errorf("section %d: %v", section, err)
		}
	}
}

// CVE-2026-41292: as many options as fit would cost more than the answer.
func TestCVE202641292Options(t *testing.T) {
	for n, good := range map[int]bool{maxEDNSOptions: true, maxEDNSOptions + 1: false,
		16000: false} {
		if taken(t, "options", 1, opt(n, "")) != good {
			t.Errorf("%d options: taken %v, want %v", n, !good, good)
		}
	}
}

// RFC 7830: padding goes up to a block, and no further than a message can.
func TestRFC7830PaddingEndsWithTheMessage(t *testing.T) {
	for size, want := range map[int]int{100: 128, 128 - 4: 128, 65500: MaxMessageLen,
		MaxMessageLen - 2: MaxMessageLen - 2} {
		msg := AppendOPT(make([]byte, size-11), 1232, 0, false, nil)
		padded := PadOPT(msg, size-11, 128)
		if len(padded) != want {
			t.Errorf("%d octets: padded to %d, want %d", size, len(padded), want)
		}
	}
}
