// Test vectors from the RFCs. The records are those of the RFCs; miekg/dns reads them.

package validator

import (
	"bufio"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/wire"
)

// readSets reads records in presentation form and groups them; RRSIGs go to their sets.
func readSets(t testing.TB, lines []string) (sets []*wire.RRset) {
	t.Helper()
	m := new(dns.Msg).SetQuestion(".", dns.TypeNS)
	for _, l := range lines {
		rr, err := dns.NewRR(l)
		if err != nil {
			t.Fatalf("%s: %v", l, err)
		}
		if rr != nil {
			m.Answer = append(m.Answer, rr)
		}
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	p, err := wire.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return p.Answer
}

// readFile returns the blocks of a file, without comments.
func readFile(t testing.TB, name string) (blocks [][]string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var block []string
	s := bufio.NewScanner(f)
	for s.Scan() {
		switch l := strings.TrimSpace(s.Text()); {
		case strings.HasPrefix(l, ";"):
		case l == "":
			if len(block) > 0 {
				blocks = append(blocks, block)
			}
			block = nil
		default:
			block = append(block, l)
		}
	}
	if len(block) > 0 {
		blocks = append(blocks, block)
	}
	return blocks
}

// within returns a time at which a set's signature is valid.
func within(t testing.TB, s *wire.RRset) Instant {
	t.Helper()
	sig, err := wire.ParseRRSIG(s.Sigs.First())
	if err != nil {
		t.Fatal(err)
	}
	return Instant(sig.Inception + (sig.Expiration-sig.Inception)/2)
}

// RFC 4035 appendix B, RFC 6605 section 6, RFC 8080 section 6.
func TestSignatureVectors(t *testing.T) {
	blocks := readFile(t, "testdata/rfc-signatures.txt")
	if len(blocks) != 6 {
		t.Fatalf("%d vectors", len(blocks))
	}
	cfg := Default()
	cfg.SHA1 = true // the RFCs sign with it
	v := New(cfg)
	for _, block := range blocks {
		sets := readSets(t, block)
		key := wire.FindType(sets, wire.TypeDNSKEY)
		signed := sets[len(sets)-1]
		at := within(t, signed)
		ks := NewKeySet(key)
		if r := v.VerifySet(signed, ks, at, NewBudget()); r.Status != wire.Secure {
			t.Errorf("%s/%s: %v", signed.Name, signed.Type, r.Failure)
		}
		if ds := wire.FindType(sets, wire.TypeDS); ds != nil {
			d, err := wire.ParseDS(ds.Data.First())
			if err != nil || string(Digest(d.Digest, key.Name,
				key.Data.First())) != string(d.Hash) || wire.KeyTag(key.Data.First()) != d.KeyTag {
				t.Errorf("%s: DS %d is not the key's", key.Name, d.KeyTag)
			}
		}
		// With one bit changed the result is bogus.
		for i := range len(signed.Data) {
			bad := *signed
			bad.Data = append(wire.RDataList(nil), signed.Data...)
			bad.Data[i] ^= 1
			if i < 2 {
				continue // the list's own length
			}
			if r := v.VerifySet(&bad, ks, at, NewBudget()); r.Status == wire.Secure {
				t.Fatalf("%s/%s: verifies with octet %d changed", signed.Name, signed.Type, i)
			}
		}
	}
}

// fixedChain is a known chain of trust.
type fixedChain map[wire.Name]Trust

func (c fixedChain) Zone(n wire.Name) (Trust, bool)   { t, ok := c[n]; return t, ok }
func (c fixedChain) Excepted(wire.Name) (Trust, bool) { return Trust{}, false }
func (c fixedChain) Enclosing(n wire.Name) (Trust, bool) {
	for {
		if t, ok := c[n]; ok {
			return t, true
		}
		if n.IsRoot() {
			return Trust{Zone: n, Status: wire.Indeterminate}, true
		}
		n = n.Parent()
	}
}

// RFC 5155, appendix B: every example of a denial, and the same without each of its NSEC3 records.
func TestRFC5155AppendixB(t *testing.T) {
	blocks := readFile(t, "testdata/rfc5155.txt")
	zone := wire.MustParseName("example")
	find := func(names ...string) (sets []*wire.RRset) {
		all := readSets(t, blocks[0])
		for _, n := range append([]string{"example"}, names...) {
			for _, s := range all {
				if s.Name == wire.MustParseName(n) && (s.Type == wire.TypeSOA ||
					s.Type == wire.TypeNSEC3 || n != "example") {
					sets = append(sets, s)
				}
			}
		}
		return sets
	}
	keys := NewKeySet(wire.FindType(readSets(t, blocks[0]), wire.TypeDNSKEY))
	chain := fixedChain{zone: {Zone: zone, Status: wire.Secure, Keys: keys}}
	now := time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		section string
		name    string
		qtype   wire.Type
		said    wire.Kind
		proofs  []string
		status  wire.Security
		kind    wire.Kind
		cut     bool
	}{
		{"B.1 name error", "a.c.x.w.example", wire.TypeA, wire.KindNXDomain,
			[]string{"0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example",
				"b4um86eghhds6nea196smvmlo4ors995.example",
				"35mthgpgcu1qg68fab165klnsnk3dpvl.example"}, wire.Insecure, wire.KindNXDomain,
			true},
		{"B.2 no data", "ns1.example", wire.TypeMX, wire.KindNoData,
			[]string{"2t7b4g4vsa5smi47k61mv5bv1a22bojr.example"}, wire.Secure, wire.KindNoData,
			false},
		{"B.3 unsigned zone", "c.example", wire.TypeDS, wire.KindNoData,
			[]string{"35mthgpgcu1qg68fab165klnsnk3dpvl.example",
				"0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example"}, wire.Insecure, wire.KindNoData, true},
		{"B.5 wildcard no data", "a.z.w.example", wire.TypeAAAA, wire.KindNoData,
			[]string{"k8udemvp1j2f7eg6jebps17vp3n8i58h.example",
				"q04jkcevqvmu85r014c7dkba38o0ji5r.example",
				"r53bq7cc2uvmubfu5ocmm6pers9tk9en.example"}, wire.Insecure, wire.KindNoData, true},
	} {
		cfg := Default()
		cfg.SHA1 = true // as above
		t.Run(c.section, func(t *testing.T) {
			judge := func(sets []*wire.RRset) Verdict {
				q := wire.Question{Name: wire.MustParseName(c.name), Type: c.qtype,
					Class: wire.ClassIN}
				return judgeUnchanged(New(cfg), &Response{Question: q, Servers: zone,
					Kind: c.said, Authority: sets}, chain, now)
			}
			if v := judge(find(c.proofs...)); v.Status != c.status || v.Kind != c.kind ||
				v.UnsignedCut != c.cut {
				t.Fatalf("got %v kind %d cut %v (%v), want %v %d %v", v.Status, v.Kind,
					v.UnsignedCut, v.Failure, c.status, c.kind, c.cut)
			}
			for i := range c.proofs {
				less := append(append([]string(nil), c.proofs[:i]...), c.proofs[i+1:]...)
				v := judge(find(less...))
				// Without the wildcard's record the opt-out span still shows that there may be an
				// unsigned delegation (section 9.2).
				open := v.Status == wire.Insecure && v.Kind == wire.KindNoData &&
					i == len(c.proofs)-1
				denied := v.Status == wire.Bogus && (v.Failure.Cause == cause.DenialInvalid ||
					v.Failure.Cause == cause.DenialMissing)
				if !open && !denied {
					t.Errorf("without %s: got %v %d (%v), want bogus for the denial", c.proofs[i],
						v.Status, v.Kind, v.Failure)
				}
			}
		})
	}
}

// RFC 5155, appendix A: the hashes of its zone's names.
func TestNSEC3HashVectors(t *testing.T) {
	salt := []byte{0xaa, 0xbb, 0xcc, 0xdd}
	for name, want := range map[string]string{
		"example":       "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom",
		"a.example":     "35mthgpgcu1qg68fab165klnsnk3dpvl",
		"ai.example":    "gjeqe526plbf1g8mklp59enfd789njgi",
		"ns1.example":   "2t7b4g4vsa5smi47k61mv5bv1a22bojr",
		"ns2.example":   "q04jkcevqvmu85r014c7dkba38o0ji5r",
		"w.example":     "k8udemvp1j2f7eg6jebps17vp3n8i58h",
		"*.w.example":   "r53bq7cc2uvmubfu5ocmm6pers9tk9en",
		"x.w.example":   "b4um86eghhds6nea196smvmlo4ors995",
		"y.w.example":   "ji6neoaepv8b5o6k4ev33abha8ht9fgc",
		"x.y.w.example": "2vptu5timamqttgl4luu9kg21e0aor3s",
		"xx.example":    "t644ebqk9bibcna874givr6joj62mlhv",
	} {
		h := wire.NSEC3Hash(wire.MustParseName(name), 12, salt)
		got := strings.ToLower(base32hex.EncodeToString(h[:]))
		if got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
