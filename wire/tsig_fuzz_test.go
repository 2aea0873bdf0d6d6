package wire

import (
	"bytes"
	"testing"
)

// FuzzTSIG: what is read of a record is what is written.
func FuzzTSIG(f *testing.F) {
	t := TSIG{Key: MustParseName("a.key."), Algorithm: MustParseName("hmac-sha256."), Time: 1 << 33,
		Fudge: 300, MAC: make([]byte, 32), OrigID: 7, Error: 18, Other: []byte{0, 0, 1, 2, 3, 4}}
	f.Add(t.AppendTo(make([]byte, HeaderLen)))
	f.Add([]byte("\x00"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if len(msg) < HeaderLen {
			return
		}
		r, err := ParseTSIG(msg, HeaderLen)
		if err != nil {
			return
		}
		again := r.AppendTo(make([]byte, HeaderLen))
		o, err := ParseTSIG(again, HeaderLen)
		if err != nil || o.Key != r.Key || o.Algorithm != r.Algorithm || o.Time != r.Time ||
			o.Fudge != r.Fudge || !bytes.Equal(o.MAC, r.MAC) || o.OrigID != r.OrigID ||
			o.Error != r.Error || !bytes.Equal(o.Other, r.Other) {
			t.Errorf("%+v is written as %+v, %v", r, o, err)
		}
	})
}
