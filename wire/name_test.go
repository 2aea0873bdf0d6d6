package wire

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestParseName(t *testing.T) {
	long := strings.Repeat("a", 63)
	for _, c := range []struct{ in, want string }{
		{".", "."}, {"example", "example."}, {"Example.COM.", "example.com."},
		{`a\.b.c`, `a\.b.c.`}, {`\000\255.x`, `\000\255.x.`}, {`*.x`, "*.x."},
		{`\065.x`, "a.x."}, {long + ".x", long + ".x."}, {"a b", `a\032b.`},
	} {
		n, err := ParseName(c.in)
		if err != nil || n.String() != c.want {
			t.Errorf("%q: got %v, %v, want %s", c.in, n, err, c.want)
		}
		if m, err := ParseName(n.String()); err != nil || m != n {
			t.Errorf("%q: does not survive its presentation form %s", c.in, n)
		}
	}
	for in, offset := range map[string]int{"": 0, "a..b": 2, ".a": 0, `a\`: 1, `a\25`: 1,
		`a\256`: 1, long + "a": 63, strings.Repeat(long+".", 4): 253} {
		_, err := ParseName(in)
		var e *parseError
		if !errors.As(err, &e) || e.Offset != offset {
			t.Errorf("%q: got %v, want an error at offset %d", in, err, offset)
		}
	}
}

func TestReadName(t *testing.T) {
	for _, c := range []struct {
		name string
		msg  []byte
		off  int
		want string // "" for an error
		next int
	}{
		{"plain", []byte("\x01a\x02bc\x00"), 0, "a.bc.", 6},
		{"pointer", []byte("\x02bc\x00\x01a\xC0\x00"), 4, "a.bc.", 8},
		{"pointer to a pointer", []byte("\x01c\x00\x01b\xC0\x00\x01a\xC0\x03"), 7, "a.b.c.", 11},
		{"pointer to itself", []byte("\xC0\x00"), 0, "", 0},
		{"pointer forward", []byte("\xC0\x02\x00"), 0, "", 0},
		{"loop of two", []byte("\x01a\xC0\x00"), 0, "", 0},
		{"pointer cut off", []byte("\x01a\xC0"), 0, "", 0},
		{"label cut off", []byte("\x05ab"), 0, "", 0},
		{"no end", []byte("\x01a"), 0, "", 0},
		{"extended label", []byte("\x41a\x00"), 0, "", 0},
		{"reserved label", []byte("\x81a\x00"), 0, "", 0},
		{"too long", []byte(strings.Repeat("\x3F"+strings.Repeat("x", 63), 4) + "\x00"), 0, "", 0},
		{"behind the end", []byte("\x00"), 5, "", 0},
	} {
		n, next, err := nameAt(c.msg, c.off)
		switch {
		case c.want == "" && err == nil:
			t.Errorf("%s: got %v, want an error", c.name, n)
		case c.want != "" && (err != nil || n.String() != c.want || next != c.next):
			t.Errorf("%s: got %v %d %v, want %s %d", c.name, n, next, err, c.want, c.next)
		}
	}
}

// RFC 4034, section 6.1 gives this order.
func TestRFC4034CanonicalOrder(t *testing.T) {
	want := []string{
		"example.",
		"a.example.",
		"yljkjljk.a.example.",
		`Z.a.example.`,
		`zABC.a.EXAMPLE.`,
		"z.example.",
		`\001.z.example.`,
		"*.z.example.",
		`\200.z.example.`,
	}
	var names []Name
	for _, s := range want {
		names = append(names, MustParseName(s))
	}
	got := slices.Clone(names)
	slices.Reverse(got)
	slices.SortFunc(got, Name.Compare)
	if !slices.Equal(got, names) {
		t.Errorf("got %v, want %v", got, names)
	}
}

// The octets of AppendOrder compare as the names do.
func TestAppendOrder(t *testing.T) {
	var names []Name
	for _, s := range []string{".", "a.", "b.", "ab.", `a\000.`, `a\001.`, `a\002.`, `\000.a.`,
		`\001.a.`, `\001\000.a.`, `\002.a.`, "a.a.", "aa.a.", "b.a.", "a.b.", "a.ab.", `a.a\000.`,
		`\255.a.`, `\200.a.b.c.`} {
		names = append(names, MustParseName(s))
	}
	for _, a := range names {
		for _, b := range names {
			if got, want := bytes.Compare(a.AppendOrder(nil),
				b.AppendOrder(nil)), a.Compare(b); sign(
				got,
			) != sign(
				want,
			) {
				t.Errorf("%v and %v: %d, want %d", a, b, got, want)
			}
		}
	}
}

func sign(n int) int { return min(max(n, -1), 1) }

// The zero Name is within no name, not even the root.
func TestCommonAncestorOfTheZeroName(t *testing.T) {
	n := MustParseName("www.a.example.")
	for _, o := range []Name{{}, Root, MustParseName("net")} {
		if a, b := n.CommonAncestor(o), o.CommonAncestor(n); a != Root || b != Root {
			t.Errorf("%q has with %v the common ancestors %v and %v", o.wire, n, a, b)
		}
	}
}

func TestNameParts(t *testing.T) {
	n := MustParseName("www.a.example.")
	if n.Labels() != 3 || n.Parent() != MustParseName("a.example") ||
		n.Ancestor(1) != MustParseName("example") ||
		n.Ancestor(0) != Root ||
		n.Ancestor(9) != n ||
		n.Label() != "www" {
		t.Errorf("parts of %v", n)
	}
	if c := n.CommonAncestor(MustParseName("b.example")); c != MustParseName("example") {
		t.Errorf("common ancestor %v", c)
	}
	if r, ok := n.ReplaceSuffix(MustParseName("example"), MustParseName("net")); !ok ||
		r != MustParseName("www.a.net") {
		t.Errorf("replaced: %v", r)
	}
	if _, ok := n.ReplaceSuffix(n, Root); ok {
		t.Error("a DNAME does not replace its own name")
	}
	if w, ok := n.Wildcard(); !ok || !w.IsWildcard() || n.IsWildcard() {
		t.Errorf("wildcard %v", w)
	}
	if _, ok := MustParseName(strings.Repeat(strings.Repeat("a", 49)+".",
		5)).Child(strings.Repeat("b", 10)); ok {
		t.Error("a child may be longer than 255 octets")
	}
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"\x03www\x07example\x00", "\x00", "\xC0\x00", "\x01a\xC0\x00",
		"\x3F"} {
		f.Add([]byte(s), 0)
	}
	f.Fuzz(func(t *testing.T, msg []byte, off int) {
		if off < 0 {
			return
		}
		n, next, err := nameAt(msg, off)
		if err != nil {
			return
		}
		if next <= off || next > len(msg) || n.Len() > MaxNameLen {
			t.Fatalf("read %d octets up to %d of %d", n.Len(), next, len(msg))
		}
		m, err := ParseName(n.String())
		if err != nil || m != n || n.Compare(m) != 0 {
			t.Fatalf("%v does not survive its presentation form: %v", n, err)
		}
		if o, _, err := nameAt(msg, 0); err == nil &&
			sign(bytes.Compare(n.AppendOrder(nil), o.AppendOrder(nil))) != sign(n.Compare(o)) {
			t.Fatalf("%v and %v are in another order", n, o)
		}
	})
}

func FuzzParseName(f *testing.F) {
	for _, s := range []string{"www.example.", ".", `a\.b`, `\000`, "a..b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := ParseName(s)
		if err != nil {
			return
		}
		if m, err := NameFromWire([]byte(n.Wire())); err != nil || m != n {
			t.Fatalf("%q: wire form %q is not its own: %v", s, n.Wire(), err)
		}
	})
}
