package p256

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
)

// errSelfTest is what SelfTest reports.
var errSelfTest = errors.New("p256: a signature with a known answer is judged wrongly")

// known are signatures of RFC 6979, appendix A.2.5, over "sample" and "test" with SHA-256.
var known = struct {
	key        string
	signatures map[string]string
}{
	"60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6" +
		"7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
	map[string]string{
		"sample": "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716" +
			"f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
		"test": "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367" +
			"019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
	},
}

// SelfTest verifies signatures whose answers are known, good and bad, with a key and with its
// table. It is done once in a process, in about a millisecond. After an error nothing of this
// package may be relied upon: the processor or the build is at fault.
var SelfTest = sync.OnceValue(func() error { return selfTest((*Key).Verify, (*Table).Verify) })

// selfTest is SelfTest of two implementations.
func selfTest(key func(*Key, []byte, []byte) bool, table func(*Table, []byte, []byte) bool) error {
	k, err := NewKey(unhex(known.key))
	if err != nil {
		return errSelfTest
	}
	t := k.Table()
	for text, signature := range known.signatures {
		digest, sig := sha256.Sum256([]byte(text)), unhex(signature)
		verify := func() (both, either bool) {
			a, b := key(k, digest[:], sig), table(t, digest[:], sig)
			return a && b, a || b
		}
		if both, _ := verify(); !both {
			return errSelfTest
		}
		// One bit of r, of s and of the digest.
		for _, b := range []*byte{&sig[5], &sig[63], &digest[31]} {
			*b ^= 1
			if _, either := verify(); either {
				return errSelfTest
			}
			*b ^= 1
		}
		clear(sig[32:]) // s = 0
		if _, either := verify(); either {
			return errSelfTest
		}
	}
	return nil
}

// unhex decodes a constant.
func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic("p256: " + err.Error())
	}
	return b
}
