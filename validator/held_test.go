package validator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"math/big"
	"runtime"
	"testing"

	"bailiwick/wire"
)

// A zone's keys are counted with the memory that they hold after they have been used, whatever
// their size: the trust in zones takes no more memory than its share.
func TestKeysAreCountedAsTheyAreHeld(t *testing.T) {
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	rsa := func(bits int) []byte {
		n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(bits-2)))
		if err != nil {
			t.Fatal(err)
		}
		n.SetBit(n, bits-1, 1).SetBit(n, 0, 1)
		return append([]byte{3, 1, 0, 1}, n.Bytes()...)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		algorithm uint8
		key       []byte
	}{
		"RSA, 1024 bits": {8, rsa(1024)}, "RSA, 2048 bits": {8, rsa(2048)},
		"RSA, 4096 bits": {8, rsa(4096)}, "P-256": {13, point[1:]},
	} {
		for _, keys := range []int{1, 3, 20} {
			const n = 200
			before := heap()
			var held [n]*KeySet
			for i := range held {
				set := &wire.RRset{Name: wire.MustParseName("zone.example"), Type: wire.TypeDNSKEY,
					Class: wire.ClassIN}
				for range keys {
					set.Data = set.Data.Append(append([]byte{1, 0, 3, c.algorithm}, c.key...))
				}
				held[i] = NewKeySet(set)
				for _, k := range held[i].all() {
					if _, err := k.checker(); err != nil {
						t.Fatal(what, err)
					}
				}
			}
			takes := (heap() - before) / n
			counted := held[0].Size()
			t.Logf("%d keys, %s: %d counted, %d held", keys, what, counted, takes)
			if takes > counted+counted/8 {
				t.Errorf("%d keys, %s: %d counted, %d held", keys, what, counted, takes)
			}
			runtime.KeepAlive(&held)
		}
	}
}
