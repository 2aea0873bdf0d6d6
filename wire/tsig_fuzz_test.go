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
		again[11] = 1
		if o, err := FindTSIG(again); err != nil || o.At != HeaderLen || o.Key != r.Key {
			t.Errorf("%+v is found as %+v, %v", r, o, err)
		}
		o, err := ParseTSIG(again, HeaderLen)
		if err != nil || o.Key != r.Key || o.Algorithm != r.Algorithm || o.Time != r.Time ||
			o.Fudge != r.Fudge || !bytes.Equal(o.MAC, r.MAC) || o.OrigID != r.OrigID ||
			o.Error != r.Error || !bytes.Equal(o.Other, r.Other) {
			t.Errorf("%+v is written as %+v, %v", r, o, err)
		}
	})
}

// FuzzFindTSIG: what is found ends the message, and stands where it is said to.
func FuzzFindTSIG(f *testing.F) {
	r := TSIG{Key: MustParseName("a.key."), Algorithm: MustParseName("hmac-sha256."), Time: 7,
		Fudge: 300, MAC: make([]byte, 32)}
	msg := []byte("\x00\x07\x80\x00\x00\x01\x00\x01\x00\x00\x00\x01" +
		"\x01a\x00\x00\x01\x00\x01" +
		"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x07\x00\x04\x7f\x00\x00\x01")
	f.Add(r.AppendTo(msg))
	f.Add(msg)
	f.Add(append(r.AppendTo(msg), 0))
	f.Fuzz(func(t *testing.T, msg []byte) {
		r, err := FindTSIG(msg)
		if err != nil {
			return
		}
		o, err := ParseTSIG(msg, r.At)
		if err != nil || o.Key != r.Key || !bytes.Equal(o.MAC, r.MAC) ||
			!bytes.HasSuffix(msg, r.appendRest(nil)) {
			t.Errorf("%+v is found at %d: %+v, %v", r, r.At, o, err)
		}
	})
}
