package p256

import "testing"

// TestSelfTestFindsAWrongImplementation runs the known answers against implementations that accept
// everything, accept nothing, or look at half of what they are given.
func TestSelfTestFindsAWrongImplementation(t *testing.T) {
	if err := SelfTest(); err != nil {
		t.Fatal(err)
	}
	for name, table := range map[string]func(*Table, []byte, []byte) bool{
		"accepts everything": func(*Table, []byte, []byte) bool { return true },
		"accepts nothing":    func(*Table, []byte, []byte) bool { return false },
		"does not look at s": func(k *Table, digest, sig []byte) bool {
			return k.Verify(digest, sig) || sig[63]&1 == 1
		},
	} {
		if err := selfTest((*Key).Verify, table); err == nil {
			t.Errorf("%s: the self-test finds nothing wrong", name)
		}
	}
}
