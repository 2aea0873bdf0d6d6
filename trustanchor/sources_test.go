package trustanchor

import (
	"slices"
	"testing"

	"bailiwick/wire"
)

// setOf is a set with anchors of the root, by their tags.
func setOf(tags ...uint16) *Set {
	s := &Set{anchors: map[wire.Name][]wire.DS{}}
	for _, tag := range tags {
		s.anchors[wire.Root] = append(s.anchors[wire.Root], wire.DS{KeyTag: tag, Algorithm: 8,
			Digest: 2})
	}
	return s
}

// Sources disagree about a key that one of them does not know, or that is revoked; not about one
// that has not been seen so far, and not where a source has nothing to say of the zone.
func TestSourcesThatDisagreeAreFound(t *testing.T) {
	key := func(state KeyState) Key { return Key{Data: []byte{1, 1, 3, 8, 9}, State: state} }
	k := key(Valid)
	tag := k.Tag()
	point := func(keys ...Key) []Status {
		return []Status{{Point: Point{Zone: wire.Root, Keys: keys}}}
	}
	for _, c := range []struct {
		name     string
		sources  []Source
		followed []Status
		want     []string
	}{
		{"none", nil, nil, nil},
		{"one", []Source{{"a", setOf(1, 2)}}, nil, nil},
		{"equal", []Source{{"a", setOf(1, 2)}, {"b", setOf(2, 1)}}, nil, nil},
		{"one is silent", []Source{{"a", setOf(1)}, {"b", setOf()}}, nil, nil},
		{"one is older", []Source{{"a", setOf(1, 2)}, {"b", setOf(1)}}, nil,
			[]string{"key 2 of zone .: a has it, b has not"}},
		{"not seen yet", []Source{{"a", setOf(1, tag)}}, point(key(Valid)), nil},
		{"pending", []Source{{"a", setOf(1)}}, point(key(Pending)), nil},
		{"accepted since", []Source{{"a", setOf(1)}}, point(key(Missing)),
			[]string{"key 3337 of zone .: rfc5011 has it, a has not"}},
		{"revoked", []Source{{"a", setOf(tag)}}, point(key(Revoked)),
			[]string{"key 3337 of zone . is revoked, and a has it"}},
		{"revoked, and known to be", []Source{{"a", setOf(1)}}, point(key(Removed)), nil},
	} {
		if got := Disagreements(c.sources, c.followed); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
