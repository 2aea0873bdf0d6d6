package trustanchor

import (
	"testing"

	"bailiwick/wire"
)

// RFC 8145, section 5.1: each tag as four digits, the lowest first, and none twice.
func TestRFC8145NameHasTheTagsInOrder(t *testing.T) {
	var many []wire.DS
	for tag := range uint16(20) {
		many = append(many, wire.DS{KeyTag: tag})
	}
	for _, c := range []struct {
		zone string
		ds   []wire.DS
		want string
	}{
		{".", []wire.DS{{KeyTag: 38696}, {KeyTag: 20326}}, "_ta-4f66-9728."},
		{".", []wire.DS{{KeyTag: 1, Digest: 2}, {KeyTag: 1, Digest: 4}}, "_ta-0001."},
		{"a.example.", []wire.DS{{KeyTag: 0xabcd}}, "_ta-abcd.a.example."},
		{".", nil, ""},
		{".", many, "_ta-0000-0001-0002-0003-0004-0005-0006-0007-0008-0009-000a-000b."},
	} {
		name, ok := signalName(wire.MustParseName(c.zone), c.ds)
		if ok != (c.want != "") || ok && name.String() != c.want {
			t.Errorf("%s %v: %v %v, want %q", c.zone, c.ds, name, ok, c.want)
		}
	}
}
