//go:build amd64

package p256

import (
	"crypto/sha256"
	"math/big"
	"testing"
)

// Processors without MULX and ADX go another way, to the same verdicts.
func TestWithoutADX(t *testing.T) {
	defer func(f bool) { Fast = f }(Fast)
	Fast = false
	digest := sha256.Sum256([]byte("data"))
	for _, d := range []*big.Int{big.NewInt(1), big.NewInt(98765),
		new(big.Int).Sub(bigOrder, big.NewInt(3))} {
		sig, _ := sign(t, d, big.NewInt(31337), digest[:])
		bad := append([]byte(nil), sig...)
		bad[63] ^= 1
		for name, verify := range verifiers(t, keyOf(t, d)) {
			if !verify(digest[:], sig) || verify(digest[:], bad) {
				t.Errorf("%s: private key %v", name, d)
			}
		}
	}
}
