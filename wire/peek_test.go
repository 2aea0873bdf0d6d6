package wire

import (
	"bytes"
	"testing"
)

// FuzzPeekEDNS holds the one look to what reading the whole message finds.
func FuzzPeekEDNS(f *testing.F) {
	q := AppendQuery(nil, 1, 0, []byte("\x03www\x07example\x00"), TypeA, 1232, true,
		Options{}.Append(OptionCookie, []byte("12345678")))
	f.Add(q)
	f.Add(q[:len(q)-3])
	f.Fuzz(func(t *testing.T, b []byte) {
		e, ok := PeekEDNS(b)
		m, err := Parse(b)
		if err != nil {
			return // nobody will read it
		}
		if ok != m.EDNS.Present || ok && !bytes.Equal(e.Options, m.EDNS.Options) {
			t.Errorf("found %v %v, the message has %v", ok, e, m.EDNS)
		}
	})
}
