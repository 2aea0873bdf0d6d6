// Permissive zones: answers that do not verify are served, and are nothing but answers.

package resolver_test

import (
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// Whatever would fail for its signatures is served unvalidated, with the reason of the failure.
// What fails for another reason still fails.
func TestPermissiveZoneIsServedUnvalidated(t *testing.T) {
	for _, c := range outcomes {
		synctest.Test(t, func(t *testing.T) {
			in := newInternet(t)
			in.except(trustanchor.Permissive, "faulty.", "example.")
			a := in.resolve(c.name, c.qtype)
			bogus := c.status == wire.Bogus
			if got := a.RCode == servFail; got != (c.rcode == servFail && !bogus) {
				t.Errorf("%s: got %s %s (%v)\n%s", c.name, a.RCode, a.Status, a.Failure,
					in.transcript())
			}
			inside := wire.MustParseName(c.name).Below(wire.MustParseName("faulty.")) ||
				wire.MustParseName(c.name).Below(wire.MustParseName("example."))
			if inside && a.Status == wire.Secure {
				t.Errorf("%s is secure in a permissive zone", c.name)
			}
			if bogus && (a.Failure == nil || a.Failure.Cause != cause.Permissive ||
				a.Failure.Under == nil || a.Failure.Under.Cause != c.cause) {
				t.Errorf("%s: the reason is %v, want %s", c.name, a.Failure, c.cause)
			}
		})
	}
}

// Data that did not verify are kept apart from those that clients of validated names get: they
// prove nothing, and are gone when the zone is validated again, with nothing to forget.
func TestPermissiveDataAreKeptApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		in.except(trustanchor.Permissive, "faulty.")
		for _, n := range []string{"www", "no", "alias", "x.wild", "leaf.tree"} {
			for _, z := range []string{"expired.faulty.", "ds-mismatch.faulty.",
				"no-denial.faulty."} {
				for range 2 {
					if a := in.resolve(n+"."+z, wire.TypeA); a.RCode == servFail ||
						a.Status == wire.Secure {
						t.Errorf("%s.%s: %s %s %v", n, z, a.RCode, a.Status, a.Failure)
					}
				}
				for _, qt := range []wire.Type{wire.TypeA, wire.TypeCNAME, wire.TypeDNAME,
					wire.TypeNone} {
					k := cache.Key{Name: wire.MustParseName(n + "." + z), Type: qt}
					if e, ok := in.cache.RRsets.Get(k); ok && e.Set.Security != wire.Secure {
						t.Errorf("%v is kept as checked: %v", k, e.Set)
					}
					if e, ok := in.cache.Negatives.Get(k); ok && e.Status != wire.Secure {
						t.Errorf("the denial of %v is kept as checked: %v", k, e)
					}
				}
			}
		}
		in.parts.Anchors = in.parts.Anchors.Strict()
		old := in.r
		in.r = old.Successor(in.cfg, in.parts) // and nothing is forgotten
		t.Cleanup(in.r.Close)
		in.wants("www.expired.faulty.", wire.TypeA, servFail, wire.Bogus, cause.SignatureExpired)
		in.wants("no.no-denial.faulty.", wire.TypeA, servFail, wire.Bogus, cause.DenialMissing)
		in.wants("www.ds-mismatch.faulty.", wire.TypeA, servFail, wire.Bogus, cause.DSMismatch)
	})
}

// An alias of a validated zone into a permissive one makes the answer unvalidated, and no more: the
// alias by itself stays secure. An alias the other way is unvalidated too.
func TestPermissiveTargetMakesTheChainInsecure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "good.", Records: "into CNAME www.bad.;;www A 192.0.2.1"})
		w.Add(lab.Zone{Name: "bad.", Faults: lab.Faults{lab.Expired},
			Records: "www A 192.0.2.2;;back CNAME www.good."})
		in := newWorld(t, w, nil)
		in.except(trustanchor.Permissive, "bad.")
		for range 2 {
			for _, n := range []string{"into.good.", "back.bad."} {
				a := in.resolve(n, wire.TypeA)
				if a.RCode != noError || a.Status == wire.Secure || len(a.Sets) != 2 ||
					a.Failure == nil || a.Failure.Cause != cause.Permissive {
					t.Errorf("%s: %s %s %v", n, a.RCode, a.Status, a.Failure)
				}
			}
		}
		in.wants("into.good.", wire.TypeCNAME, noError, wire.Secure, cause.None)
		in.wants("www.good.", wire.TypeA, noError, wire.Secure, cause.None)
	})
}

// RFC 8198: a name in a permissive part of a zone shares its span with names around it. It is
// denied without AD, and they with.
func TestPermissiveNameInADeniedSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		in.except(trustanchor.Permissive, "nob.secure.example.")
		in.wants("noa.secure.example.", wire.TypeA, nxDomain, wire.Secure, cause.None)
		in.transcript()
		in.wants("nob.secure.example.", wire.TypeA, nxDomain, wire.Insecure, cause.None)
		in.wants("noc.secure.example.", wire.TypeA, nxDomain, wire.Secure, cause.None)
		if sent := in.transcript(); sent != "" {
			t.Errorf("asked upstream: %s", sent)
		}
		for _, n := range []string{"nob.secure.example.", "x.nob.secure.example."} {
			a := in.resolve(n, wire.TypeA)
			if a.WholeSpan {
				t.Errorf("%s: the answer is for the whole span", n)
			}
			if _, _, ok := in.r.Denied(wire.Question{Name: wire.MustParseName(n),
				Type: wire.TypeA, Class: wire.ClassIN}, cache.VariantAD); ok {
				t.Errorf("%s is answered for the whole span", n)
			}
		}
	})
}

// Validation that could not be completed does not fail a name of a permissive zone; a client that
// sets CD gets what it gets of any zone.
func TestPermissiveZoneWithCheckingDisabled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		in.except(trustanchor.Permissive, "faulty.")
		for range 2 {
			a := in.ask("www.expired.faulty.", wire.TypeA,
				resolver.Options{CheckingDisabled: true})
			if a.RCode != noError || a.Failure != nil {
				t.Errorf("got %s %v", a.RCode, a.Failure)
			}
		}
	})
}
