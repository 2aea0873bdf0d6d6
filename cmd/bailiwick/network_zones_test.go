package main

import (
	"maps"
	"net/netip"
	"testing"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/config"
	"bailiwick/internal/netzones"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// TestApprovedZonesOfTwoNetworks: what is approved of one network is not forwarded to another one,
// nor is a name below it; whatever their interfaces are called.
func TestApprovedZonesOfTwoNetworks(t *testing.T) {
	cfg := config.Default()
	a := newNetworks(nil, clock.Real{})
	a.approvals = []netzones.Approval{{Zone: "corp.example", Interface: "tun0"}}
	for link, zones := range map[string][]string{
		"tun0": {"corp.example", "lab.internal"},
		"eth0": {"corp.example", "db.corp.example", "home.arpa", "gone.example"},
	} {
		n, err := netzones.Make(link, "tun0", []string{"192.168.7.1"}, zones,
			[]netip.Prefix{netip.MustParsePrefix("192.168.7.9/24")})
		if err != nil {
			t.Fatal(err)
		}
		a.networks[link] = n
	}
	for _, name := range []string{"corp.example", "db.corp.example", "gone.example"} {
		a.proofs[wire.MustParseName(name)] = proof{absent: true, next: time.Now().Add(proofLife)}
	}
	got := map[string]string{}
	for _, z := range a.apply(cfg).Zones {
		got[z.Name.String()] = z.Network
	}
	want := map[string]string{"corp.example.": "tun0", "lab.internal.": "tun0",
		"home.arpa.": "eth0", "gone.example.": "eth0"}
	if !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestProofs: only a signed denial of the name itself proves its absence, and for no longer than it
// may be cached. Else a network could have an alias whose target is gone, or a name that has come
// to exist.
func TestProofs(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	soa := func(ttl uint32) []*wire.RRset { return []*wire.RRset{{Type: wire.TypeSOA, TTL: ttl}} }
	alias := []*wire.RRset{{Type: wire.TypeCNAME, TTL: 60}}
	for _, c := range []struct {
		what   string
		answer resolver.Answer
		absent bool
		after  time.Duration
	}{
		{"denied", resolver.Answer{RCode: wire.RCodeNXDomain, Status: wire.Secure,
			Authority: soa(600)}, true, 10 * time.Minute},
		{"for long", resolver.Answer{RCode: wire.RCodeNXDomain, Status: wire.Secure,
			Authority: soa(86400)}, true, proofLife},
		{"for a moment", resolver.Answer{RCode: wire.RCodeNXDomain, Status: wire.Secure,
			Authority: soa(1)}, true, proofAgain},
		{"unsigned", resolver.Answer{RCode: wire.RCodeNXDomain, Status: wire.Insecure}, false,
			proofLife},
		{"an alias without its target", resolver.Answer{RCode: wire.RCodeNXDomain,
			Status: wire.Secure, Sets: alias, Authority: soa(600)}, false, proofLife},
		{"a name without data", resolver.Answer{Status: wire.Secure, Authority: soa(600)}, false,
			proofLife},
		{"no answer", resolver.Answer{RCode: wire.RCodeServFail,
			Failure: &cause.Failure{Cause: cause.SignatureExpired}}, false, proofAgain},
	} {
		p := proofOf(&c.answer, now)
		if p.absent != c.absent || p.next.Sub(now) != c.after || p.absent == (p.why != "") {
			t.Errorf("%s: %+v", c.what, p)
		}
		if p.holds(now) != c.absent || p.holds(p.next.Add(proofAgain)) {
			t.Errorf("%s: it does not hold as long as it should", c.what)
		}
	}
}
