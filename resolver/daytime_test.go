package resolver

import (
	"context"
	"testing"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/internal/lab"
	"bailiwick/trustanchor"
	"bailiwick/validator"
	"bailiwick/wire"
)

// The trust in a zone depends on the signatures of its DS or its denial, and of its keys. It ends
// with the first of these signatures if the time of day is set forward (RFC 4035, section 5.3.3),
// and with its TTL if it is set back.
func TestRFC4035TrustEndsWithItsSignatures(t *testing.T) {
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	clk := clock.NewFake(day)
	anchors := &trustanchor.Set{}
	if err := anchors.Add(". DS 20326 8 2 " +
		"E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"); err != nil {
		t.Fatal(err)
	}
	r := New(Default(), Parts{Cache: cache.New(cache.Default()), Anchors: anchors, Clock: clk})
	secure, unsigned, denied := wire.MustParseName("secure.example."),
		wire.MustParseName("unsigned.example."), wire.MustParseName("denied.example.")
	until := uint32(day.Add(24 * time.Hour).Unix())
	keys := &wire.RRset{Name: secure, Type: wire.TypeDNSKEY, Class: wire.ClassIN, TTL: 3600,
		Security: wire.Secure, Until: until}
	keys.Data = keys.Data.Append([]byte{1, 0, 3, 13, 1, 2, 3, 4})
	r.memory.trusts.cache.Put(cache.ZoneKey{Name: secure},
		validator.Trust{Zone: secure, Status: wire.Secure, Keys: validator.NewKeySet(keys),
			Expires: day.Add(time.Hour), Until: until})
	r.memory.trusts.cache.Put(cache.ZoneKey{Name: unsigned},
		validator.Trust{Zone: unsigned, Status: wire.Insecure, Expires: day.Add(time.Hour),
			Until: until})
	r.memory.store.PutNegative(cache.Key{Name: denied, Type: wire.TypeDS},
		&cache.Negative{Status: wire.Secure, Zone: wire.MustParseName("example."),
			UnsignedCut: true,
			Bare:        true, Until: until}, 3600, day)
	known := func(want bool, when string) {
		t.Helper()
		for _, zone := range []wire.Name{secure, unsigned, denied} {
			if _, ok := r.knownTrust(zone); ok != want {
				t.Errorf("%s, %v is known: %v", when, zone, ok)
			}
		}
	}
	known(true, "at first")
	clk.Step(24*time.Hour - time.Second)
	known(true, "set to a second before the end")
	clk.Step(time.Second)
	known(false, "set to the end")
	clk.Step(-10 * 24 * time.Hour)
	known(true, "set back")
	clk.Advance(time.Hour)
	known(false, "an hour later")
}

// The trust in a zone ends with the first of the signatures of its DS and its keys; the trust in an
// unsigned zone ends with those of the denial.
func TestTrustCarriesTheEndOfItsSignatures(t *testing.T) {
	clk := clock.NewFake(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	w := lab.Internet(clk.Now())
	anchors := &trustanchor.Set{}
	if err := anchors.Add(w.Anchor()); err != nil {
		t.Fatal(err)
	}
	name, addrs := w.Roots()
	cfg := Default()
	cfg.Hints = []cache.NameServer{{Name: wire.MustParseName(name), Addrs: addrs}}
	cfg.IPv6, cfg.DoNotQueryLocalhost = FamilyOff, false
	r := New(cfg, Parts{Cache: cache.New(cache.Default()), Anchors: anchors, Exchanger: w,
		Clock: clk})
	until := uint32(clk.Now().Add(30 * 24 * time.Hour).Unix()) // as the lab signs
	for _, zone := range []string{".", "example.", "secure.example.", "unsigned.example.",
		"digest.faulty."} {
		apex := wire.MustParseName(zone)
		r.Resolve(context.Background(),
			wire.Question{Name: apex, Type: wire.TypeSOA, Class: wire.ClassIN}, Options{})
		if tr, ok := r.knownTrust(apex); !ok || tr.Until != until {
			t.Errorf("%s: known %v, until %d, want %d", zone, ok, tr.Until, until)
		}
	}
}
