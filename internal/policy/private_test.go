package policy

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/wire"
)

// rfc1918 are the addresses that an operator of a small network keeps out.
var rfc1918 = PrivateAddresses{Networks: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("fd00::/8")}, Domains: []wire.Name{wire.MustParseName("corp.example.")}}

// setOf returns a set of records in presentation form, which have one owner and type.
func setOf(t testing.TB, records ...string) *wire.RRset {
	t.Helper()
	var s *wire.RRset
	for _, text := range records {
		rr, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		h := rr.Header()
		if s == nil {
			s = &wire.RRset{Name: wire.MustParseName(h.Name), Type: wire.Type(h.Rrtype),
				Class: wire.ClassIN, Security: wire.Secure}
			s.Sigs = s.Sigs.Append([]byte("sig"))
		}
		buf := make([]byte, 1000)
		end, err := dns.PackRR(rr, buf, 0, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		s.Data = s.Data.Append(buf[end-int(h.Rdlength) : end])
	}
	return s
}

// These records hold a private address: the address itself, addresses mapped or translated to it,
// and the hints that browsers connect to.
func TestRebindingWhatHoldsAPrivateAddress(t *testing.T) {
	for _, c := range []struct {
		record  string
		private bool
	}{
		{"a. A 10.1.2.3", true},
		{"a. A 11.1.2.3", false},
		{"a. AAAA fd12::1", true},
		{"a. AAAA 2001:db8::1", false},
		{"a. AAAA ::ffff:10.1.2.3", true},
		{"a. AAAA ::ffff:11.1.2.3", false},
		{"a. AAAA 64:ff9b::10.1.2.3", true},
		{"a. AAAA 64:ff9b::11.1.2.3", false},
		{"a. HTTPS 1 . ipv4hint=10.1.2.3", true},
		{"a. HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1,10.1.2.3", true},
		{"a. HTTPS 1 pool.example. alpn=h2 ipv4hint=192.0.2.1 ipv6hint=fd12::1", true},
		{"a. SVCB 1 . ipv6hint=2001:db8::1,64:ff9b::10.1.2.3", true},
		{"a. HTTPS 1 . alpn=h2 ipv4hint=192.0.2.1 ipv6hint=2001:db8::1", false},
		{"a. HTTPS 0 pool.example.", false},
		{"a. TXT 10.1.2.3", false},
	} {
		s := setOf(t, c.record)
		kept, n := rfc1918.Without([]*wire.RRset{s}, rfc1918.Allowed)
		if (n == 1) != c.private || (len(kept) == 0) != c.private {
			t.Errorf("%s: %d records removed, %d sets kept", c.record, n, len(kept))
		}
	}
}

// Only the private records are removed. The rest of their set has no signatures, and other sets are
// unchanged. The sets that were passed in, which may be in the cache, are not written to.
func TestRebindingTheRestOfASetStaysWithoutSignatures(t *testing.T) {
	alias := setOf(t, "www.a. CNAME a.")
	mixed := setOf(t, "a. A 10.0.0.1", "a. A 192.0.2.1", "a. A 10.0.0.2")
	gone := setOf(t, "b. AAAA fd00::1")
	good := setOf(t, "c. A 192.0.2.2")
	own := setOf(t, "d.corp.example. A 10.0.0.3")
	given := []*wire.RRset{alias, mixed, gone, good, own}
	kept, n := rfc1918.Without(given, rfc1918.Allowed)
	if n != 3 || len(kept) != 4 || kept[0] != alias || kept[2] != good || kept[3] != own {
		t.Fatalf("%d removed, kept %v", n, kept)
	}
	if k := kept[1]; k.Len() != 1 || !bytes.Equal(k.Data.First(), []byte{192, 0, 2, 1}) ||
		k.Sigs.Len() != 0 || k.Security != wire.Insecure {
		t.Errorf("the cut set: %+v", k)
	}
	if mixed.Len() != 3 || mixed.Sigs.Len() != 1 || mixed.Security != wire.Secure ||
		given[1] != mixed || given[2] != gone {
		t.Errorf("the given sets were changed")
	}
}

// Without networks everything is allowed, and the sets are returned unchanged.
func TestRebindingNothingIsKeptOutByDefault(t *testing.T) {
	var none PrivateAddresses
	given := []*wire.RRset{setOf(t, "a. A 10.0.0.1")}
	if kept, n := none.Without(given, none.Allowed); n != 0 || len(kept) != 1 {
		t.Errorf("%d removed, %d kept", n, len(kept))
	}
}

// FuzzHints checks that no RDATA of an SVCB record is read beyond its end.
func FuzzHints(f *testing.F) {
	https := setOf(f, "a. HTTPS 1 b.c. alpn=h2 ipv4hint=10.0.0.1 ipv6hint=fd00::1")
	f.Add([]byte(https.Data.First()))
	f.Fuzz(func(t *testing.T, rdata []byte) {
		for _, a := range hints(rdata) {
			if !a.IsValid() {
				t.Errorf("no address in %x", rdata)
			}
		}
	})
}
