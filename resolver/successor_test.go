package resolver

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/transport"
	"bailiwick/trustanchor"
	"bailiwick/validator"
	"bailiwick/wire"
)

// The settings of a successor decide which names are forgotten: those at and below which the caches
// of the two resolvers may differ.
func TestSuccessorForgetsWhatItWouldNotHaveLearnt(t *testing.T) {
	name := wire.MustParseName
	zone := func(n, addr string) Zone {
		return Zone{Name: name(n), Addrs: []netip.AddrPort{netip.MustParseAddrPort(addr)},
			Forward: true, Peer: &transport.Peer{Name: "dns.example"}}
	}
	anchored := func(negative ...string) *trustanchor.Set {
		s := trustanchor.Builtin()
		for _, n := range negative {
			s.Except(name(n), trustanchor.Negative)
		}
		return s
	}
	base := Config{Zones: []Zone{zone("corp.example", "192.0.2.1:53")}, HardenGlue: true}
	for _, c := range []struct {
		what    string
		change  func(*Config)
		anchors *trustanchor.Set
		gone    []string // of the names that were known
	}{
		{"nothing", func(*Config) {}, anchored(), nil},
		{"another port and letter case", func(c *Config) {
			c.Port, c.CaseRandomisation = 5353,
				true
		},
			anchored(), nil},
		{"the signature cache", func(c *Config) { c.Validation.SignatureCache = 9 }, anchored(),
			nil},
		{"a zone added", func(c *Config) {
			c.Zones = append(c.Zones, zone("lab.example", "192.0.2.2:53"))
		}, anchored(), []string{"www.lab.example"}},
		{"a zone removed", func(c *Config) { c.Zones = nil }, anchored(),
			[]string{"www.corp.example"}},
		{"a zone with another server", func(c *Config) {
			c.Zones = []Zone{zone("corp.example", "192.0.2.9:53")}
		}, anchored(), []string{"www.corp.example"}},
		{"a zone whose server has another name", func(c *Config) {
			z := zone("corp.example", "192.0.2.1:53")
			z.Peer.Name = "other.example"
			c.Zones = []Zone{z}
		}, anchored(), []string{"www.corp.example"}},
		{"a negative anchor", func(*Config) {}, anchored("lab.example"),
			[]string{"www.lab.example"}},
		{"another root anchor", func(*Config) {}, &trustanchor.Set{},
			[]string{"www.corp.example", "www.lab.example", "www.test"}},
		{"another judge", func(c *Config) { c.Validation = validator.Config{SHA1: true} },
			anchored(),
			[]string{"www.corp.example", "www.lab.example", "www.test"}},
		{"stricter glue", func(c *Config) { c.HardenGlue = false }, anchored(),
			[]string{"www.corp.example", "www.lab.example", "www.test"}},
		{"other hints", func(c *Config) { c.Hints = builtinHints()[:1] }, anchored(),
			[]string{"www.corp.example", "www.lab.example", "www.test"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			store := cache.New(cache.Default())
			old := New(base, Parts{Cache: store, Anchors: anchored(), Clock: clock.Real{}})
			cfg := base
			cfg.Zones = slices.Clone(base.Zones)
			for i := range cfg.Zones { // as they are read again, no pointer is the same
				peer := *cfg.Zones[i].Peer
				cfg.Zones[i].Peer = &peer
			}
			c.change(&cfg)
			now := time.Now()
			known := []string{"www.corp.example", "www.lab.example", "www.test"}
			for _, n := range known {
				set := &wire.RRset{Name: name(n), Type: wire.TypeA, Class: wire.ClassIN, TTL: 3600}
				set.Data = set.Data.Append([]byte{192, 0, 2, 7})
				store.RRsets.Put(cache.Key{Name: name(n), Type: wire.TypeA}, cache.RRset{Set: set,
					Stored: now.Unix(), Expires: now.Unix() + 3600})
			}
			next := old.Successor(cfg, Parts{Anchors: c.anchors, Clock: clock.Real{}})
			if next.infra != old.infra || next.memory.trusts != old.memory.trusts {
				t.Error("what is known of servers and zones is not taken over")
			}
			if c.gone == nil && next.cfg.Zones[0].Peer != old.cfg.Zones[0].Peer {
				t.Error("connections to the servers of an unchanged zone are not found again")
			}
			next.Forget(old)
			var gone []string
			for _, n := range known {
				if _, ok := store.RRsets.Get(cache.Key{Name: name(n), Type: wire.TypeA}); !ok {
					gone = append(gone, n)
				}
			}
			if !slices.Equal(gone, c.gone) {
				t.Errorf("forgotten: %v, want %v", gone, c.gone)
			}
		})
	}
}

// What failed under the settings of before may work now: it is tried again. Prepared failures are
// forgotten with the failures; other prepared answers stay.
func TestSuccessorForgetsFailures(t *testing.T) {
	now := time.Now()
	old := withoutNetwork(now)
	defer old.Close()
	k := cache.Key{Name: wire.MustParseName("www.example."), Type: wire.TypeA}
	old.memory.putFailure(k, cause.New(cause.NoAddress, nil, ""), true, true, now)
	prepared := func(rc wire.RCode) cache.AnswerKey {
		b := wire.NewBuilder(512, 0, wire.FlagQR|uint16(rc), []byte(k.Name.Wire()), k.Type,
			wire.ClassIN)
		defer b.Release()
		ak := cache.AnswerKey{Name: k.Name, Type: wire.Type(rc)}
		old.memory.store.Answers.Put(ak, cache.NewAnswer(b.Finish(), k.Name, nil, now.Unix(),
			now.Unix()+60))
		return ak
	}
	failed, denied := prepared(wire.RCodeServFail), prepared(wire.RCodeNXDomain)
	next := old.Successor(old.cfg, Parts{Anchors: old.anchors, Clock: old.clock})
	if n := next.Forget(old); n != 2 {
		t.Errorf("%d entries are forgotten", n)
	}
	if f, ok := next.memory.failure(k, now); ok {
		t.Errorf("remembered: %v", f)
	}
	if _, ok := next.memory.store.Answers.Get(failed); ok {
		t.Error("the failure is still prepared")
	}
	if _, ok := next.memory.store.Answers.Get(denied); !ok {
		t.Error("another answer is not prepared any more")
	}
}
