package wire

import "testing"

// TestRFC8945_5_1TSIGIsTheLastRecord finds the record of a response where it belongs, and nowhere
// else.
func TestRFC8945_5_1TSIGIsTheLastRecord(t *testing.T) {
	const question = "\x01a\x00\x00\x01\x00\x01"
	const answer = "\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x07\x00\x04\x7f\x00\x00\x01"
	r := TSIG{Key: MustParseName("a.key."), Algorithm: MustParseName("hmac-sha256."), Time: 7,
		Fudge: 300, MAC: make([]byte, 32)}
	record := string(r.AppendTo(nil))
	const one, both = "\x00\x01\x00\x00\x00\x00", "\x00\x01\x00\x01\x00\x00"
	for name, c := range map[string]struct {
		counts, rest string
		found        bool
	}{
		"at the end":          {both + "\x00\x01", question + answer + record, true},
		"alone":               {"\x00\x00\x00\x00\x00\x00\x00\x01", record, true},
		"before another":      {one + "\x00\x02", question + record + answer, false},
		"behind the last one": {both + "\x00\x00", question + answer + record, false},
		"before an octet":     {both + "\x00\x01", question + answer + record + "\x00", false},
		"cut off":             {both + "\x00\x01", question + answer + record[:30], false},
		"missing":             {both + "\x00\x01", question + answer, false},
		"of no records":       {one + "\x00\x00", question, false},
	} {
		msg := []byte("\x00\x07\x80\x00" + c.counts + c.rest)
		got, err := FindTSIG(msg)
		if found := err == nil; found != c.found {
			t.Errorf("%s: found %t, %v", name, found, err)
		} else if found && (got.At != len(msg)-len(record) || got.Key != r.Key) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
