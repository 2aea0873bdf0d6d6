package policy

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/nat64"
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
		{"a. AAAA ::10.1.2.3", true},
		{"a. AAAA ::11.1.2.3", false},
		{"a. AAAA 2002:a01:203::1", true},
		{"a. AAAA 2002:b01:203::1", false},
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
		sets := []*wire.RRset{s}
		n, kept := rfc1918.Count(sets, rfc1918.Allowed), rfc1918.Without(sets, rfc1918.Allowed)
		if (n == 1) != c.private || (len(kept) == 0) != c.private {
			t.Errorf("%s: %d private addresses, %d sets kept", c.record, n, len(kept))
		}
	}
}

// A set is left out whole, or not at all, as it may be signed. The sets that were passed in, which
// may be in the cache, are not written to.
func TestRebindingSetsAreLeftOutWhole(t *testing.T) {
	alias := setOf(t, "www.a. CNAME a.")
	mixed := setOf(t, "a. A 10.0.0.1", "a. A 192.0.2.1", "a. A 10.0.0.2")
	gone := setOf(t, "b. AAAA fd00::1")
	good := setOf(t, "c. A 192.0.2.2")
	own := setOf(t, "d.corp.example. A 10.0.0.3")
	given := []*wire.RRset{alias, mixed, gone, good, own}
	if n := rfc1918.Count(given, rfc1918.Allowed); n != 3 {
		t.Errorf("%d private addresses", n)
	}
	kept := rfc1918.Without(given, rfc1918.Allowed)
	if !slices.Equal(kept, []*wire.RRset{alias, good, own}) {
		t.Errorf("kept %v", kept)
	}
	if mixed.Len() != 3 || mixed.Sigs.Len() != 1 || mixed.Security != wire.Secure ||
		given[1] != mixed || given[2] != gone {
		t.Errorf("the given sets were changed")
	}
}

// A translator may be there to reach private networks, and any prefix of one that the operator
// names leads to them (RFC 6052, section 2.2).
func TestRebindingTranslatorsLeadToPrivateAddresses(t *testing.T) {
	p := rfc1918
	for _, s := range []string{"64:ff9b:1::/48", "2001:db8:64::/96"} {
		prefix, err := nat64.ParsePrefix(s)
		if err != nil {
			t.Fatal(err)
		}
		p.Translators = append(p.Translators, prefix)
	}
	for record, private := range map[string]bool{
		"a. AAAA 64:ff9b:1:a01:2:300::":    true, // 10.1.2.3
		"a. AAAA 64:ff9b:1:a01:ff02:300::": true, // a translator need not check
		"a. AAAA 64:ff9b:1:b01:2:300::":    false,
		"a. AAAA 2001:db8:64::10.1.2.3":    true,
		"a. AAAA 2001:db8:64::11.1.2.3":    false,
		"a. AAAA 64:ff9b::10.1.2.3":        true,
		"a. AAAA 2001:db8:65::10.1.2.3":    false,
	} {
		if n := p.Count([]*wire.RRset{setOf(t, record)}, p.Allowed); (n > 0) != private {
			t.Errorf("%s: %d private addresses", record, n)
		}
	}
}

// Without networks everything is allowed, and the sets are returned unchanged.
func TestRebindingNothingIsKeptOutByDefault(t *testing.T) {
	var none PrivateAddresses
	given := []*wire.RRset{setOf(t, "a. A 10.0.0.1")}
	if n, kept := none.Count(given, none.Allowed), none.Without(given, none.Allowed); n != 0 ||
		len(kept) != 1 {
		t.Errorf("%d private addresses, %d kept", n, len(kept))
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
