package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"bailiwick/internal/config"
	"bailiwick/internal/console"
	"bailiwick/internal/netzones"
	"bailiwick/internal/state"
)

// heardClock is a clock that a test sets.
type heardClock struct{ now time.Time }

func (c *heardClock) Now() time.Time     { return c.now }
func (*heardClock) Ahead() time.Duration { return time.Hour }

// announceOn has a network on loopback announce a zone.
func announceOn(t *testing.T, a *networks, family, server, zone string, lease time.Duration) {
	t.Helper()
	n, err := netzones.Make("lo", "office", []string{server}, strings.Fields(zone), links("lo"))
	if err == nil {
		err = a.hear(announcer{"lo", family}, n, lease)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRestoredNetworks: what a network has announced outlives a restart until its lease ends, if
// the interface has kept its addresses and its connection, and the machine was not started anew.
// Otherwise another network could have taken the place of the one that spoke, and nothing of it is
// restored, whatever was approved (systemd/systemd 17678).
func TestRestoredNetworks(t *testing.T) {
	for _, c := range []struct {
		what  string
		lease time.Duration
		after time.Duration
		alter func(k *keptAnnouncement)
		want  bool
	}{
		{"a restart", time.Hour, time.Minute, func(*keptAnnouncement) {}, true},
		{"the lease has ended", time.Hour, time.Hour, func(*keptAnnouncement) {}, false},
		{"nobody knows the lease", 0, 0, func(*keptAnnouncement) {}, false},
		{"a lease beyond all", time.Hour, 0, func(k *keptAnnouncement) {
			k.Ends = k.Ends.Add(2 * netzones.MaxLease)
		}, false},
		{"the machine was started anew", time.Hour, 0, func(k *keptAnnouncement) {
			k.Was.Boot = "3f2c1d0e-0000-4000-8000-000000000000"
		}, false},
		{"nobody knows whether it was", time.Hour, 0, func(k *keptAnnouncement) {
			k.Was.Boot = ""
		}, false},
		{"the cable was pulled", time.Hour, 0, func(k *keptAnnouncement) {
			k.Was.Changes += 2
		}, false},
		{"another interface has the name", time.Hour, 0, func(k *keptAnnouncement) {
			k.Was.Index++
		}, false},
		{"another address", time.Hour, 0, func(k *keptAnnouncement) {
			k.Prefixes = []netip.Prefix{netip.MustParsePrefix("192.168.1.9/24")}
		}, false},
		{"a server that cannot be one", time.Hour, 0, func(k *keptAnnouncement) {
			k.Servers = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
		}, false},
	} {
		d := state.Open(t.TempDir(), slog.New(slog.DiscardHandler))
		clock := &heardClock{time.Now()}
		a := newNetworks(d, clock)
		a.approvals = []netzones.Approval{{Zone: "corp.example", Network: "office"}}
		if err := a.save(); err != nil {
			t.Fatal(err)
		}
		announceOn(t, a, "4", "192.0.2.1", "corp.example", c.lease)
		kept := a.kept()
		for i := range kept {
			c.alter(&kept[i])
		}
		if err := d.Save(state.Networks, func(w io.Writer) error {
			return json.NewEncoder(w).Encode(kept)
		}); err != nil {
			t.Fatal(err)
		}
		clock.now = clock.now.Add(c.after)
		b := newNetworks(d, clock)
		zones := b.apply(config.Default()).Zones
		if got := len(zones) == 1 && zones[0].Network == "lo"; got != c.want {
			t.Errorf("%s: %+v", c.what, zones)
		}
	}
}

// TestRestoredZonesAreJudged: a zone that was proven not to exist, and is restored, is forwarded
// only when it is proven anew.
func TestRestoredZonesAreJudged(t *testing.T) {
	d := state.Open(t.TempDir(), slog.New(slog.DiscardHandler))
	clock := &heardClock{time.Now()}
	a := newNetworks(d, clock)
	announceOn(t, a, "4", "192.0.2.1", "gone.example", time.Hour)
	a.proofs[a.networks["lo"].Zones[0]] = proof{absent: true, next: clock.now.Add(proofLife)}
	if n, _, _ := a.counts(config.Default()); n != 1 {
		t.Fatalf("%d zones are forwarded", n)
	}
	b := newNetworks(d, clock)
	if n, _, unproven := b.counts(config.Default()); n != 0 || unproven != 1 {
		t.Errorf("%d zones are forwarded, %d unproven", n, unproven)
	}
}

// TestFamiliesOfAnInterface: what DHCPv4 and DHCPv6 announce is joined, each replaces and ends what
// it has said itself, and who names no family does so with all.
func TestFamiliesOfAnInterface(t *testing.T) {
	clock := &heardClock{time.Now()}
	a := newNetworks(nil, clock)
	expect := func(when string, zones, servers int) {
		t.Helper()
		n := a.networks["lo"]
		if n == nil {
			n = &netzones.Network{}
		}
		if len(n.Zones) != zones || len(n.Servers) != servers {
			t.Errorf("%s: %+v", when, n)
		}
	}
	announceOn(t, a, "4", "192.0.2.1", "home.arpa", 2*time.Hour)
	announceOn(t, a, "6", "2001:db8::1", "corp.internal", time.Hour)
	expect("both", 2, 2)
	announceOn(t, a, "6", "2001:db8::2", "lab.internal", time.Hour)
	expect("the other once more", 2, 2)
	clock.now = clock.now.Add(time.Hour)
	if !a.drop() {
		t.Error("a lease that has ended stays")
	}
	expect("the lease has ended", 1, 1)
	announceOn(t, a, "", "192.0.2.9", "internal", 0)
	expect("who names no family", 1, 1)
	announceOn(t, a, "6", "2001:db8::2", "lab.internal", time.Hour)
	expect("a family in its place", 1, 1)
	announceOn(t, a, "6", "2001:db8::2", "", time.Hour)
	expect("no zone any more", 0, 0)
	announceOn(t, a, "4", "192.0.2.1", "home.arpa", time.Hour)
	if !a.forget(announcer{Interface: "lo"}) || a.forget(announcer{Interface: "lo"}) {
		t.Error("it is not forgotten once")
	}
	expect("forgotten", 0, 0)
}

// TestAnnouncersAndLeases: what no DHCP client says is refused, and a lease without an end has one.
func TestAnnouncersAndLeases(t *testing.T) {
	for family, good := range map[string]bool{"": true, "4": true, "6": true, "5": false} {
		if _, err := announcerOf(console.Request{Args: map[string]string{"interface": "lo",
			"family": family}}); (err == nil) != good {
			t.Errorf("%q: %v", family, err)
		}
	}
	for text, want := range map[string]time.Duration{"": 0, "3600": time.Hour,
		"4294967295": netzones.MaxLease, "-1": -1, "1h": -1, "4294967296": -1} {
		got, err := leaseOf(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
