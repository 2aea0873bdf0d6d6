package wire

import (
	"bytes"
	"testing"
)

// FuzzPeekEDNS holds the one look to what reading the whole message finds.
func FuzzPeekEDNS(f *testing.F) {
	q := AppendQuery(nil, 1, 0, []byte("\x03www\x07example\x00"), TypeA, 1232, true,
		Options{}.Append(OptionCookie, []byte("12345678")))
	f.Add(q)
	f.Add(q[:len(q)-3])
	f.Fuzz(func(t *testing.T, b []byte) {
		e, ok := PeekEDNS(b)
		m, err := Parse(b)
		if err != nil {
			return // nobody will read it
		}
		if ok != m.EDNS.Present || ok && !bytes.Equal(e.Options, m.EDNS.Options) {
			t.Errorf("found %v %v, the message has %v", ok, e, m.EDNS)
		}
	})
}

// PeekAuthority finds what a response without data is about: the owner of the SOA wherever it
// stands, or else of the first NS, in lower case, whether its name is compressed or not.
func TestPeekAuthority(t *testing.T) {
	build := func(add func(b *Builder)) []byte {
		b := NewBuilder(MaxMessageLen, 1, FlagQR, []byte("\x03WWW\x07Example\x00"), TypeA, ClassIN)
		add(b)
		return append([]byte{}, b.Finish()...)
	}
	set := func(owner string, t Type, rdata string) *RRset {
		s := &RRset{Name: MustParseName(owner), Type: t, Class: ClassIN, TTL: 1}
		s.Data = s.Data.Append([]byte(rdata))
		return s
	}
	soa := set("example.", TypeSOA, "\x00\x00"+string(make([]byte, 20)))
	ns, nsec := set("sub.example.", TypeNS, "\x00"), set("a.example.", TypeNSEC, "\x00\x00\x01\x40")
	for what, c := range map[string]struct {
		msg   []byte
		owner string
		typ   Type
	}{
		"nothing": {build(func(*Builder) {}), "", 0},
		"an answer alone": {build(func(b *Builder) {
			b.Add(SectionAnswer, set("example.", TypeNS, "\x00"), false)
		}), "", 0},
		"a denial": {build(func(b *Builder) {
			b.Add(SectionAuthority, nsec, false)
			b.Add(SectionAuthority, soa, false)
		}), "\x07example\x00", TypeSOA},
		"a referral": {build(func(b *Builder) { b.Add(SectionAuthority, ns, false) }),
			"\x03sub\x07example\x00", TypeNS},
		"both": {build(func(b *Builder) {
			b.Add(SectionAuthority, ns, false)
			b.Add(SectionAuthority, soa, false)
		}), "\x07example\x00", TypeSOA},
	} {
		owner, typ, ok := PeekAuthority(c.msg, nil)
		if string(owner) != c.owner || typ != c.typ || ok != (c.owner != "") {
			t.Errorf("%s: %q %v %v", what, owner, typ, ok)
		}
	}
}

// FuzzPeekAuthority holds the one look to what reading the whole message finds.
func FuzzPeekAuthority(f *testing.F) {
	q := AppendQuery(nil, 1, 0, []byte("\x03www\x07example\x00"), TypeA, 0, false, nil)
	q[9] = 1 // an authority record
	f.Add(append(q, "\xc0\x10\x00\x02\x00\x01\x00\x00\x00\x01\x00\x01\x00"...))
	f.Fuzz(func(t *testing.T, b []byte) {
		owner, typ, ok := PeekAuthority(b, nil)
		m, err := Parse(b)
		if err != nil {
			return // nobody will read it
		}
		var want *RRset
		for _, s := range m.Authority {
			if s.Type == TypeSOA || s.Type == TypeNS && want == nil {
				if want = s; s.Type == TypeSOA {
					break
				}
			}
		}
		if want != nil && (!ok || typ != want.Type || string(owner) != want.Name.Wire()) {
			t.Errorf("found %q %v %v, the message has %v", owner, typ, ok, want)
		}
	})
}
