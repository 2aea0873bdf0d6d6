package lab_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// verdict resolves the address of a name by a resolver that has nothing in memory, and returns the
// cause of the failure, or how secure the answer is.
func verdict(w *lab.World, name string) string {
	cfg, anchors := labtest.Resolver(w)
	r := resolver.New(cfg, resolver.Parts{Anchors: anchors, Exchanger: w, Clock: clock.Real{},
		Cache: cache.New(cache.Default())})
	defer r.Close()
	a := r.Resolve(context.Background(), wire.Question{Name: wire.MustParseName(name),
		Type: wire.TypeA, Class: wire.ClassIN}, resolver.Options{})
	if a.Failure != nil {
		return a.Failure.Cause.String()
	}
	return a.Status.String()
}

// TestLiveFaultsFailAsTheirCause: each fault is to a resolver what its name says, and the name
// resolves again when it is repaired. None that can come and go is left out.
func TestLiveFaultsFailAsTheirCause(t *testing.T) {
	const www, no = "www.bank.example.", "no.bank.example."
	cases := map[lab.Fault]struct{ name, want string }{
		lab.Expired: {www, "signature_expired"}, lab.Future: {www, "signature_not_yet_valid"},
		lab.Reversed:            {www, "signature_reversed"},
		lab.MissingSignatures:   {www, "signature_missing"},
		lab.MissingKSKSignature: {www, "dnskey_signature_missing"},
		lab.CorruptSignatures:   {www, "signature_invalid"}, lab.DSMismatch: {www, "ds_mismatch"},
		lab.StuckRegistrar: {www, "ds_mismatch"}, lab.NoDenial: {no, "denial_missing"},
		lab.WrongDenial:     {no, "denial_invalid"},
		lab.NoWildcardProof: {"x.wild.bank.example.", "wildcard_proof_missing"},
		lab.SplitHorizon:    {www, "dnskey_missing"},
		lab.Refusing:        {www, "refused"}, lab.Failing: {www, "server_failure"},
		lab.Lame: {www, "lame"}, lab.Stripping: {www, "signature_missing"},
		lab.Forging: {www, "signature_invalid"}, lab.AlwaysTC: {www, "truncated"},
		lab.Garbage: {www, "malformed"}, lab.NoTCP: {www, "truncated"},
		lab.Dead: {www, "timeout"},
		// The resolver makes up for these.
		lab.PartialRollout: {www, "secure"}, lab.Slow: {www, "secure"},
		lab.LoseFirst: {www, "secure"}, lab.Truncate: {www, "secure"},
		lab.Cookies: {www, "secure"}, lab.HatesCookies: {www, "secure"},
		lab.LowerCase: {www, "secure"}, lab.NoAA: {www, "secure"}, lab.Spoofed: {www, "secure"},
		// Signatures need EDNS.
		lab.NoEDNS: {www, "server_formerr"},
		// All zones.
		lab.ClockAhead: {www, "clock_ahead"}, lab.ClockBehind: {www, "clock_behind"},
	}
	for _, f := range lab.LiveFaults() {
		c, ok := cases[f]
		if !ok {
			t.Errorf("%s is not tried", f)
			continue
		}
		at := "bank.example"
		if strings.HasPrefix(string(f), "clock") {
			at = "."
		}
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			for range 2 { // a fault may come again
				if err := w.Break(at, f); err != nil {
					t.Fatal(err)
				}
				if got := verdict(w, c.name); got != c.want {
					t.Errorf("%s: %s is %s, want %s", f, c.name, got, c.want)
				}
				if !slices.ContainsFunc(w.Broken(), func(l string) bool {
					return strings.Contains(l, string(f)) && !strings.Contains(l, "faulty")
				}) {
					t.Errorf("%s is not listed: %v", f, w.Broken())
				}
				if err := w.Break(at); err != nil {
					t.Fatal(err)
				}
				if got := verdict(w, www); got != "secure" {
					t.Errorf("%s repaired: %s", f, got)
				}
			}
		})
	}
}

// TestPartialRolloutNeedsTheGoodServer: of a zone whose last server has the key before,
// answers come from the other one; without that the DS matches no key.
func TestPartialRolloutNeedsTheGoodServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		for _, step := range []struct {
			at     string
			faults lab.Faults
			want   string
		}{{"bank.example", lab.Faults{lab.PartialRollout}, "secure"},
			{"ns1.bank.example", lab.Faults{lab.Refusing}, "ds_mismatch"},
			{"bank.example", nil, "secure"}} {
			if err := w.Break(step.at, step.faults...); err != nil {
				t.Fatal(err)
			}
			if got := verdict(w, "www.bank.example."); got != step.want {
				t.Errorf("%s %v: %s, want %s", step.at, step.faults, got, step.want)
			}
		}
	})
}

// TestRefusedFaultsChangeNothing: a fault that cannot be is an error, and the zone is as before.
func TestRefusedFaultsChangeNothing(t *testing.T) {
	w := lab.Internet(time.Now())
	before := w.Broken()
	for at, f := range map[string]lab.Fault{"nowhere.example": lab.Expired,
		"secure.example": lab.PartialRollout, "unsigned.example": lab.Expired,
		"algorithm.faulty": lab.Expired, "referral-bomb.faulty": lab.Expired, ".": lab.DSMismatch,
		"bank.example": lab.ClockAhead, "ns1.bank.example": lab.Expired,
		"shop.example": lab.ReferralBomb} {
		if w.Break(at, f) == nil {
			t.Errorf("%s has %s", at, f)
		}
	}
	if after := w.Broken(); !slices.Equal(before, after) {
		t.Errorf("%v\n%v", before, after)
	}
}
