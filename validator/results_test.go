package validator

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"
)

func TestSignatureCacheHoldsItsNumber(t *testing.T) {
	id := func(i int) *[sha256.Size]byte {
		h := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
		return &h
	}
	r := newResults(1000)
	for i := range 10000 {
		if _, known := r.get(id(i)); known {
			t.Fatalf("%d is known before it was added", i)
		}
		r.add(id(i), i%3 == 0)
		if good, known := r.get(id(i)); !known || good != (i%3 == 0) {
			t.Fatalf("%d: good %v, known %v", i, good, known)
		}
	}
	known := 0
	for i := range 10000 {
		good, ok := r.get(id(i))
		if ok {
			known++
			if good != (i%3 == 0) {
				t.Fatalf("%d: good %v", i, good)
			}
		}
	}
	if known < 500 || known > 1100 {
		t.Errorf("%d are remembered", known)
	}
	if _, known := newResults(1).get(new([sha256.Size]byte)); known {
		t.Error("an empty memory knows something")
	}
}
