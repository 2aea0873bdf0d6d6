package rpz

import (
	"testing"

	"bailiwick/wire"
)

// FuzzOwner reads any owner name of a policy zone: a network that is read matches its own addresses
// and no others, and a name's part is within the name.
func FuzzOwner(f *testing.F) {
	for _, owner := range []string{"www.test", "*.test", "*", "24.0.2.0.192.rpz-ip",
		"48.zz.1.db8.2001.rpz-client-ip", "128.1.zz.rpz-nsip", "ns.test.rpz-nsdname",
		"*.test.rpz-nsdname", "rpz-nsdname", "x.rpz-foo", "33.0.0.0.0.rpz-ip"} {
		f.Add([]byte(wire.MustParseName(owner).Wire()))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		owner, err := wire.NameFromWire(b)
		if err != nil || owner.IsRoot() {
			return
		}
		p, err := parseTrigger(owner)
		if err != nil {
			return
		}
		if p.prefix.IsValid() {
			if p.prefix != p.prefix.Masked() || p.prefix.Bits() == 0 || p.trigger == QName {
				t.Errorf("%s: %v", owner, p)
			}
			return
		}
		name, err := wire.NameFromWire(append([]byte(cut(owner, p)), 0))
		if err != nil || name.Len() > owner.Len() {
			t.Errorf("%s: %v is about %q", owner, p, cut(owner, p))
		}
	})
}
