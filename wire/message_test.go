package wire

import (
	"errors"
	"testing"

	"github.com/miekg/dns"
)

// message packs a message with miekg/dns, so that another's reading of the RFCs is checked against
// ours.
func message(t testing.TB, rrs ...string) []byte {
	t.Helper()
	m := new(dns.Msg).SetQuestion("www.example.", dns.TypeA)
	m.Response, m.Compress = true, true
	for _, s := range rrs {
		rr, err := dns.NewRR(s)
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = append(m.Answer, rr)
	}
	m.SetEdns0(1232, true)
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseGroups(t *testing.T) {
	m, err := Parse(
		message(
			t,
			"www.example. 60 A 192.0.2.1",
			"www.example. 30 A 192.0.2.2",
			"WWW.example. 60 A 192.0.2.1",
			"a.example. 60 MX 1 www.example.",
			"www.example. 60 RRSIG A 13 2 60 20300101000000 20200101000000 1 example. AAAA",
			"b.example. 60 RRSIG A 13 2 60 20300101000000 20200101000000 1 example. AAAA",
		),
	)
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Answer) != 3 {
		t.Fatalf("%d sets, want A with its signature, MX, and an RRSIG alone", len(m.Answer))
	}
	a := m.Answer[0]
	if a.Type != TypeA || a.Len() != 2 || a.Sigs.Len() != 1 || a.TTL != 30 {
		t.Errorf(
			"A: %d records, %d signatures, TTL %d; want 2, 1, the least TTL 30",
			a.Len(),
			a.Sigs.Len(),
			a.TTL,
		)
	}
	mx := m.Answer[1].Data.First()
	if string(mx) != "\x00\x01\x03www\x07example\x00" {
		t.Errorf("MX RDATA %q is not decompressed", mx)
	}
	if !m.EDNS.Present || !m.EDNS.DO || m.EDNS.UDPSize != 1232 {
		t.Errorf("EDNS %+v", m.EDNS)
	}
}

// A signature that stands in another section than its set belongs to it all the same.
func TestParseAdoptsSignatures(t *testing.T) {
	m := new(dns.Msg).SetQuestion("www.example.", dns.TypeA)
	a, _ := dns.NewRR("www.example. 60 A 192.0.2.1")
	sig, _ := dns.NewRR(
		"www.example. 60 RRSIG A 13 2 60 20300101000000 20200101000000 1 example. AAAA",
	)
	m.Answer, m.Extra = []dns.RR{a}, []dns.RR{sig}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse(b)
	if err != nil || p.Answer[0].Sigs.Len() != 1 || len(p.Additional) != 0 {
		t.Errorf("got %+v, %v", p, err)
	}
}

// RFC 4035, section 2.2: RRSIGs are not signed; one that claims to cover them is adopted by none.
func TestRFC4035NoSignatureOfSignatures(t *testing.T) {
	const fields = " 13 2 60 20300101000000 20200101000000 1 example. AAAA"
	m, err := Parse(message(t, "www.example. 60 RRSIG RRSIG"+fields,
		"www.example. 60 RRSIG MX"+fields))
	if err != nil || len(m.Answer) != 2 || m.Answer[0].Sigs.Len() != 0 ||
		m.Answer[1].Sigs.Len() != 0 {
		t.Errorf("got %v, %v", m.Answer, err)
	}
}

func TestParseMalformed(t *testing.T) {
	good := message(t, "www.example. 60 A 192.0.2.1", "www.example. 60 NS ns.example.")
	for i := range good { // any message that ends too early
		if _, err := Parse(good[:i]); err == nil {
			t.Errorf("the first %d of %d octets are taken for a message", i, len(good))
		}
	}
	for name, c := range map[string]struct {
		msg    string
		offset int
	}{
		"count without data": {"\x00\x00\x00\x00\x00\x00\xFF\xFF\x00\x00\x00\x00", 12},
		"RDATA past the end": {"\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00" +
			"\x00\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x01", 21},
		"short DS": {"\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00" +
			"\x00\x00\x2B\x00\x01\x00\x00\x00\x00\x00\x01\x01", 23},
		"NS without a name": {"\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00" +
			"\x00\x00\x02\x00\x01\x00\x00\x00\x00\x00\x00", 23},
		"NS with more": {"\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00" +
			"\x00\x00\x02\x00\x01\x00\x00\x00\x00\x00\x02\x00\x00", 24},
		"two OPT": {"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02" +
			"\x00\x00\x29\x00\x00\x00\x00\x00\x00\x00\x00" +
			"\x00\x00\x29\x00\x00\x00\x00\x00\x00\x00\x00", 23},
		"OPT below the root": {"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
			"\x01a\x00\x00\x29\x00\x00\x00\x00\x00\x00\x00\x00", 12},
		"EDNS option too long": {"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
			"\x00\x00\x29\x00\x00\x00\x00\x00\x00\x00\x04\x00\x0A\x00\x09", 23},
	} {
		_, err := Parse([]byte(c.msg))
		var e *parseError
		if !errors.As(err, &e) || e.Offset != c.offset {
			t.Errorf("%s: got %v, want an error at offset %d", name, err, c.offset)
		}
	}
}

func TestRFC4034CanonicalRData(t *testing.T) {
	for _, c := range []struct {
		t        Type
		in, want string
	}{
		{TypeMX, "\x00\x01\x01A\x00", "\x00\x01\x01a\x00"},
		{TypeSRV, "\x00\x01\x00\x02\x00\x03\x01A\x00", "\x00\x01\x00\x02\x00\x03\x01a\x00"},
		{TypeNSEC, "\x01A\x00\x00\x01\x40", "\x01A\x00\x00\x01\x40"}, // RFC 6840, section 5.1
		{TypeTXT, "\x02AB", "\x02AB"},
		{TypeSVCB, "\x00\x01\x01A\x00", "\x00\x01\x01A\x00"}, // opaque: RFC 3597, section 7
		{TypeNAPTR, "\x00\x01\x00\x02\x01U\x01S\x01R\x01A\x00",
			"\x00\x01\x00\x02\x01U\x01S\x01R\x01a\x00"},
	} {
		if got := string(AppendCanonical(nil, c.t, []byte(c.in))); got != c.want {
			t.Errorf("%s: got %q, want %q", c.t, got, c.want)
		}
	}
}

func TestTypeBitmap(t *testing.T) {
	rr, err := dns.NewRR("a.example. NSEC b.example. A NS SOA TYPE1234 TYPE65535")
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 300)
	n, err := dns.PackRR(rr, buf, 0, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	rd, err := ParseNSEC(buf[n-int(rr.Header().Rdlength) : n])
	if err != nil {
		t.Fatal(err)
	}
	want := []Type{TypeA, TypeNS, TypeSOA, 1234, 65535}
	got := rd.Types.Types()
	for i, w := range want {
		if i >= len(got) || got[i] != w || !rd.Types.Has(w) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	if rd.Types.Has(TypeMX) || rd.Types.Has(1235) {
		t.Error("a type that is not there")
	}
}

// What the builder writes is read the same by miekg/dns and by ourselves, and is as short as
// compression makes it.
func TestBuilderRoundTrip(t *testing.T) {
	in := message(
		t,
		"www.example. 60 CNAME host.example.",
		"host.example. 60 A 192.0.2.1",
		"example. 60 SOA ns.example. root.example. 1 2 3 4 5",
		"srv.example. 60 SRV 1 2 3 host.example.",
	)
	m, err := Parse(in)
	if err != nil {
		t.Fatal(err)
	}
	b := NewBuilder(MaxMessageLen, 7, FlagQR, []byte("\x03WwW\x07example\x00"), TypeA, ClassIN)
	for _, s := range m.Answer {
		if !b.Add(SectionAnswer, s, true) {
			t.Fatal("does not fit")
		}
	}
	b.OPT(1232, 0, true, nil)
	out := b.Finish()
	if len(out) != len(in) {
		t.Errorf("%d octets, miekg/dns takes %d", len(out), len(in))
	}
	var d dns.Msg
	if err := d.Unpack(out); err != nil {
		t.Fatal(err)
	}
	if len(d.Answer) != 4 || d.Question[0].Name != "WwW.example." ||
		d.Answer[3].(*dns.SRV).Target != "host.example." {
		t.Errorf("got %v", &d)
	}
	again, err := Parse(out)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range again.Answer {
		if s.Name != m.Answer[i].Name || !s.Data.Equal(m.Answer[i].Data) {
			t.Errorf("set %d differs", i)
		}
	}
	for _, at := range b.TTLOffsets() {
		if out[at+3] != 60 {
			t.Errorf("no TTL at %d", at)
		}
	}
}

func TestParseQueryAllocatesNothing(t *testing.T) {
	msg := AppendQuery(nil, 1, FlagRD, []byte("\x03WWW\x07example\x00"), TypeA, 1232, true, nil)
	q := new(Query)
	if n := testing.AllocsPerRun(100, func() {
		if err := ParseQuery(msg, q); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a query", n)
	}
	if q.Question.Name != MustParseName("www.example") || q.Question.Type != TypeA || !q.EDNS.DO ||
		q.End != HeaderLen+17 {
		t.Errorf("got %+v", q)
	}
}

func BenchmarkParseQuery(b *testing.B) {
	msg := AppendQuery(nil, 1, FlagRD, []byte("\x03www\x07example\x00"), TypeA, 1232, true, nil)
	q := new(Query)
	b.ReportAllocs()
	for b.Loop() {
		_ = ParseQuery(msg, q)
	}
}

func BenchmarkParse(b *testing.B) {
	msg := message(
		b,
		"www.example. 60 A 192.0.2.1",
		"www.example. 60 RRSIG A 13 2 60 20300101000000 20200101000000 1 example. AAAA",
		"example. 60 NS ns.example.",
	)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Parse(msg)
	}
}

func BenchmarkNameCompare(b *testing.B) {
	x, y := MustParseName(
		"a.very.long.name.in.example",
	), MustParseName(
		"b.very.long.name.in.example",
	)
	for b.Loop() {
		_ = x.Compare(y)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(
		message(
			f,
			"www.example. 60 A 192.0.2.1",
			"www.example. 60 NSEC a.example. A NS",
			"www.example. 60 RRSIG A 13 2 60 20300101000000 20200101000000 1 example. AAAA",
		),
	)
	f.Add(
		message(
			f,
			"www.example. 60 SOA a.example. b.example. 1 2 3 4 5",
			"x.example. 60 NAPTR 1 2 \"u\" \"s\" \"r\" a.example.",
		),
	)
	f.Add(AppendQuery(nil, 1, FlagRD, []byte("\x03www\x07example\x00"), TypeA, 1232, true, nil))
	f.Fuzz(func(t *testing.T, msg []byte) {
		m, err := Parse(msg)
		if err != nil {
			return
		}
		// What was read can be written, and is then read the same.
		b := NewBuilder(1<<20, 0, 0, nil, 0, 0)
		sets := append(append(append([]*RRset(nil), m.Answer...), m.Authority...), m.Additional...)
		for _, s := range sets {
			b.Add(SectionAnswer, s, true)
			for d := range s.Data.All() {
				AppendCanonical(nil, s.Type, d)
			}
		}
		if b.counts[SectionAnswer] > 1000 {
			return
		}
		again, err := Parse(b.Finish())
		if err != nil {
			t.Fatalf("what we write we do not read: %v", err)
		}
		for _, s := range sets {
			if Find(again.Answer, s.Name, s.Type) == nil && s.Class == ClassIN &&
				s.Type != TypeOPT &&
				s.Type != TypeRRSIG {
				t.Fatalf("lost %v %v", s.Name, s.Type)
			}
		}
	})
}

func FuzzParseQuery(f *testing.F) {
	f.Add(
		AppendQuery(
			nil,
			1,
			FlagRD,
			[]byte("\x03www\x07example\x00"),
			TypeA,
			1232,
			true,
			Options{}.Append(OptionCookie, []byte("12345678")),
		),
	)
	f.Fuzz(func(t *testing.T, msg []byte) {
		var q Query
		if ParseQuery(msg, &q) == nil && q.QDCount == 1 {
			if q.Keep().Name.String() == "" || q.End > len(msg) {
				t.Fatal("question out of range")
			}
		}
	})
}

func FuzzOptions(f *testing.F) {
	f.Add([]byte(Options{}.Append(OptionCookie, []byte("12345678")).AppendEDE(7, "x")))
	f.Fuzz(func(t *testing.T, b []byte) {
		o := Options(b)
		n := 0
		for range o.All() {
			n++
		}
		if o.check(0) == nil && n > maxEDNSOptions {
			t.Fatalf("%d options pass", n)
		}
	})
}

// fuzzRData checks a reader of RDATA: it must not panic, and what Parse lets through it must read.
func fuzzRData(f *testing.F, t Type, read func([]byte) error, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(tt *testing.T, d []byte) {
		err := read(d)
		steps := maxDecompression
		if out, perr := appendRData(nil, d, 0, len(d), t, &steps); perr == nil && read(out) != nil {
			tt.Fatalf("passes Parse but is not read: %v", err)
		}
	})
}

func FuzzRRSIG(f *testing.F) {
	fuzzRData(
		f,
		TypeRRSIG,
		func(d []byte) error { _, err := ParseRRSIG(d); return err },
		"\x00\x01\x0d\x02\x00\x00\x00\x3c\x70\x00\x00\x00\x60\x00\x00\x00\x00\x01\x01a\x00sig",
	)
}

func FuzzDNSKEY(f *testing.F) {
	fuzzRData(
		f,
		TypeDNSKEY,
		func(d []byte) error { KeyTag(d); _, err := ParseDNSKEY(d); return err },
		"\x01\x01\x03\x0dkey",
		"\x01\x01\x03\x01",
	)
}

func FuzzDS(f *testing.F) {
	fuzzRData(
		f,
		TypeDS,
		func(d []byte) error { _, err := ParseDS(d); return err },
		"\x00\x01\x0d\x02hash",
	)
}

func FuzzNSEC(f *testing.F) {
	fuzzRData(f, TypeNSEC, func(d []byte) error {
		n, err := ParseNSEC(d)
		if err == nil {
			for _, t := range n.Types.Types() {
				if !n.Types.Has(t) {
					panic("a type of the list is not in it")
				}
			}
		}
		return err
	}, "\x01a\x00\x00\x01\x40")
}

func FuzzNSEC3(f *testing.F) {
	fuzzRData(
		f,
		TypeNSEC3,
		func(d []byte) error { _, err := ParseNSEC3(d); return err },
		"\x01\x00\x00\x0a\x02ab\x03xyz\x00\x01\x40",
	)
}

func FuzzSOA(f *testing.F) {
	fuzzRData(
		f,
		TypeSOA,
		func(d []byte) error { _, err := ParseSOA(d); return err },
		"\x00\x00aaaabbbbccccddddeeee",
	)
}
