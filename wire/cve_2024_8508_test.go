package wire

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"bailiwick/internal/limit"
	"bailiwick/internal/limit/limittest"
)

// hostile writes a reply to host/type of which each record has this RDATA, as many as fit. Before
// them stands a record of a type nobody knows whose RDATA is prelude, at offset preludeAt.
func hostile(t Type, owner, rdata, prelude []byte) []byte {
	msg := make([]byte, HeaderLen)
	msg[2] = 0x80
	n := 0
	add := func(owner []byte, t Type, rdata []byte) {
		msg = append(msg, owner...)
		msg = append(msg, byte(t>>8), byte(t), 0, 1, 0, 0, 0, 60)
		msg = append(binary.BigEndian.AppendUint16(msg, uint16(len(rdata))), rdata...)
		n++
	}
	add([]byte{0}, 65280, prelude)
	for len(msg)+len(owner)+10+len(rdata) <= MaxMessageLen {
		add(owner, t, rdata)
	}
	binary.BigEndian.PutUint16(msg[6:], uint16(n))
	return msg
}

const preludeAt = HeaderLen + 11

func pointer(to int) []byte { return []byte{0xC0 | byte(to>>8), byte(to)} }

// staircase is a name of no labels that takes so many pointers, and where it begins.
func staircase(pointers int) (prelude []byte, top int) {
	prelude = []byte{0}
	for i := range pointers {
		at := preludeAt
		if i > 0 {
			at = preludeAt + 1 + 2*(i-1)
		}
		prelude = append(prelude, pointer(at)...)
	}
	return prelude, preludeAt + 1 + 2*(pointers-1)
}

// ladder is a name of 127 labels, each of which stands by itself and points to the next.
func ladder() (prelude []byte, top int) {
	prelude = []byte{1, 'a', 0}
	top = preludeAt
	for range MaxLabels - 1 {
		at := preludeAt + len(prelude)
		prelude = append(append(prelude, 1, 'a'), pointer(top)...)
		top = at
	}
	return prelude, top
}

// A name has at most one pointer for each of its labels (RFC 1035, section 4.1.4). More lead from
// pointer to pointer: thousands of them in a message of 64 KiB, for each of its names.
func TestCVE20248508PointersOfAName(t *testing.T) {
	for _, c := range []struct {
		pointers int
		good     bool
	}{{1, true}, {maxPointers - 1, true}, {maxPointers, false}, {8000, false}} {
		prelude, top := staircase(c.pointers)
		msg := hostile(TypeNS, []byte{0}, pointer(top), prelude)[:preludeAt+len(prelude)+13]
		binary.BigEndian.PutUint16(msg[6:], 2)
		// One pointer more leads to the staircase.
		if _, err := Parse(msg); (err == nil) != c.good {
			t.Errorf("%d pointers: %v", c.pointers+1, err)
		}
	}
	prelude, top := ladder()
	msg := hostile(TypeNS, []byte{0}, pointer(top), prelude)
	n, _, err := nameAt(msg, top)
	if err != nil || n.Labels() != MaxLabels {
		t.Errorf("127 labels that each point to the next: %v, %v", n, err)
	}
}

// Names in RDATA and owners spend from one budget: a message of 64 KiB asks for 9,000 names of 127
// labels behind 127 pointers, in every type whose RDATA hold names.
func TestCVE20248508DecompressionOfAMessage(t *testing.T) {
	prelude, top := ladder()
	p := pointer(top)
	owner := append([]byte{1, 'x'}, pointer(top-4*2)...) // leaves room for one label more
	for t0, rdata := range map[Type][]byte{
		TypeNS: p, TypePTR: p, TypeMX: append([]byte{0, 1}, p...), TypeMINFO: append(p, p...),
		TypeSOA:   append(append(slices.Clone(p), p...), make([]byte, 20)...),
		TypeSRV:   append(make([]byte, 6), p...),
		TypeRP:    append(slices.Clone(p), p...),
		TypeNAPTR: append(make([]byte, 7), p...),
		TypeRRSIG: append(make([]byte, 18), append(slices.Clone(p), 's')...),
		TypeNSEC:  p, TypeKX: append([]byte{0, 1}, p...), TypeA6: append([]byte{128}, p...),
		TypeA: {192, 0, 2, 1},
	} {
		msg := hostile(t0, owner, rdata, prelude)
		if t0 == TypeA { // owners in turn, so that none repeats
			msg = hostile(t0, append([]byte{1, 'x'}, owner[2:]...), rdata, prelude)
		}
		ps := parser{msg: msg, off: HeaderLen, steps: maxDecompression}
		_, err := ps.section(int(binary.BigEndian.Uint16(msg[6:])), &Message{}, false)
		if err == nil || ps.steps > 0 || ps.steps < -2*MaxLabels {
			t.Errorf("%v: %v with %d steps left", t0, err, ps.steps)
		}
	}
}

// A name costs what it has labels, also where one pointer leads to all of them.
func TestCVE20248508LabelsBehindAPointerCount(t *testing.T) {
	name := strings.Repeat("\x01a", MaxLabels) + "\x00"
	msg := hostile(TypeMINFO, []byte{0}, append(pointer(preludeAt), pointer(preludeAt)...),
		[]byte(name))
	if _, err := Parse(msg); err == nil {
		t.Error("8,000 names of 127 labels are read")
	}
	msg = hostile(TypeNS, []byte{0}, pointer(preludeAt), []byte("\x01a\x00"))
	if _, err := Parse(msg); err != nil {
		t.Errorf("as many names of one label: %v", err)
	}
}

// The largest honest messages are far from the budget: as many PTR records as fit, each of whose
// targets has labels of its own and a suffix that is found by three pointers.
func TestCVE20248508HonestMessagesAreRead(t *testing.T) {
	b := NewBuilder(
		MaxMessageLen,
		0,
		FlagQR,
		[]byte("\x011\x011\x010\x03192\x07in-addr\x04arpa\x00"),
		TypePTR,
		ClassIN,
	)
	s := &RRset{
		Name:  MustParseName("1.1.0.192.in-addr.arpa"),
		Type:  TypePTR,
		Class: ClassIN,
		TTL:   1,
	}
	for i := range 3000 {
		n := MustParseName(fmt.Sprintf("h%d.f%d.d%d.customers.example.com", i, i%7, i%3))
		s.Data = s.Data.Append([]byte(n.Wire()))
	}
	if !b.Add(SectionAnswer, s, false) {
		t.Fatal("3,000 PTR records do not fit")
	}
	msg := b.Finish()
	p := parser{msg: msg, off: HeaderLen + 24 + 4, steps: maxDecompression}
	got, err := p.section(3000, &Message{}, false)
	if err != nil || len(got) != 1 || !got[0].Data.Equal(s.Data) {
		t.Fatalf("got %d sets, %v", len(got), err)
	}
	if spent := maxDecompression - p.steps; spent > maxDecompression/4 {
		t.Errorf("%d steps of %d", spent, maxDecompression)
	}
	t.Logf("%d octets, %d steps", len(msg), maxDecompression-p.steps)
}

// Answers are compressed again. Names of equal hashes, which whoever knows the hash can make, are
// compared without a match a bounded number of times; then names are written out.
func TestCVE20248508EqualHashes(t *testing.T) {
	limittest.Met(t, limit.NameCompares)
	b := NewBuilder(MaxMessageLen, 0, 0, nil, TypePTR, ClassIN)
	long := func(i int) []byte {
		return append(labelsOf("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p"), byte(3), byte('0'+i/100),
			byte('0'+i/10%10), byte('0'+i%10), 0)
	}
	var l labels
	b.msg = append(b.msg, make([]byte, HeaderLen)...)
	for i := range 200 {
		name := long(i)
		l.of(name)
		for j := range l.n {
			l.hashes[j] = 7
		}
		for j := range l.n {
			b.suffixes.find(b.msg, 7, name[l.starts[j]:])
		}
		b.suffixes.add(&l, l.n, len(b.msg))
		b.msg = append(b.msg, name...)
	}
	if b.suffixes.n > maxProbes || b.suffixes.vain > maxVainCompares+MaxNameLen {
		t.Errorf(
			"%d suffixes of one hash, %d octets compared in vain",
			b.suffixes.n,
			b.suffixes.vain,
		)
	}
}

// labelsOf is the labels of a name without the root.
func labelsOf(s string) []byte {
	w := MustParseName(s).Wire()
	return []byte(w[:len(w)-1])
}

// What is forgotten when a set does not fit is not found again, and what stood before is.
func TestCVE20248508TailsAreForgotten(t *testing.T) {
	var b Builder
	b.msg = make([]byte, HeaderLen)
	b.suffixes.reset()
	write := func(s string) (at int) {
		at = len(b.msg)
		b.name([]byte(MustParseName(s).Wire()))
		return at
	}
	write("a.example")
	for i := range 40 {
		at := write(fmt.Sprintf("b%d.c%d.example", i, i))
		b.msg = b.msg[:at]
		b.suffixes.forget(at)
	}
	if b.suffixes.n != 2 {
		t.Fatalf("%d suffixes, want those of the first name", b.suffixes.n)
	}
	if at := write("x.a.example"); len(b.msg)-at != 4 {
		t.Errorf("%d octets for a name whose suffix is there", len(b.msg)-at)
	}
	if at := write("b1.c1.example"); len(b.msg)-at != 8 {
		t.Errorf("%d octets for a name that was taken back", len(b.msg)-at)
	}
}

func BenchmarkParseHostile(b *testing.B) {
	stair, top := staircase(8000)
	rungs, first := ladder()
	for name, msg := range map[string][]byte{
		"pointers": hostile(TypeMINFO, []byte{0}, append(pointer(top), pointer(top)...), stair),
		"labels":   hostile(TypeMINFO, []byte{0}, append(pointer(first), pointer(first)...), rungs),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = Parse(msg)
			}
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	m, err := Parse(message(
		b,
		"www.example. 60 A 192.0.2.1",
		"example. 60 NS ns1.example.",
		"example. 60 NS ns2.example.",
		"ns1.example. 60 A 192.0.2.1",
		"ns2.example. 60 A 192.0.2.1",
	))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		x := NewBuilder(1232, 0, 0, []byte("\x03www\x07example\x00"), TypeA, ClassIN)
		for _, s := range m.Answer {
			x.Add(SectionAnswer, s, true)
		}
		x.Finish()
		x.Release()
	}
}
