// Negative trust anchors (RFC 7646): what they admit, and that it is forgotten with them.

package resolver_test

import (
	"bytes"
	"encoding/hex"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// except makes exceptions. It is called before the first question.
func (in *internet) except(e trustanchor.Exception, names ...string) {
	for _, n := range names {
		in.parts.Anchors.Except(wire.MustParseName(n), e)
	}
}

// succeed replaces the resolver by one with these exceptions alone, as the server does when they
// change, and forgets what the one before has admitted.
func (in *internet) succeed(e trustanchor.Exception, names ...string) {
	old := in.r
	_, in.parts.Anchors = labtest.Resolver(in.world)
	in.except(e, names...)
	in.r = old.Successor(in.cfg, in.parts)
	in.t.Cleanup(in.r.Close)
	in.r.Forget(old)
}

// wants resolves a name and compares the outcome.
func (in *internet) wants(name string, t wire.Type, rc wire.RCode, s wire.Security,
	why cause.Cause) {
	in.t.Helper()
	a := in.resolve(name, t)
	got := cause.None
	if a.Failure != nil {
		got = a.Failure.Cause
	}
	if a.RCode != rc || a.Status != s || got != why {
		in.t.Errorf("%s %s: got %s %s %s (%v), want %s %s %s\n%s", name, t, a.RCode, a.Status, got,
			a.Failure, rc, s, why, in.transcript())
	}
}

// RFC 7646, section 2: below a negative trust anchor nothing is validated, and nothing is secure,
// whatever is wrong with the zone or right. The client learns why.
func TestRFC7646NothingBelowIsValidated(t *testing.T) {
	for _, zone := range []string{"expired.faulty.", "ds-mismatch.faulty.", "no-keys.faulty.",
		"missing-signatures.faulty.", "stripping.faulty.", "no-denial.faulty.",
		"wrong-keys.faulty.", "secure.example.", "nsec3.example."} {
		synctest.Test(t, func(t *testing.T) {
			in := newInternet(t)
			in.except(trustanchor.Negative, zone)
			for range 2 { // the second time from the cache
				in.wants("www."+zone, wire.TypeA, noError, wire.Insecure, cause.NegativeAnchor)
				in.wants("alias."+zone, wire.TypeA, noError, wire.Insecure, cause.NegativeAnchor)
				in.wants("no."+zone, wire.TypeA, nxDomain, wire.Insecure, cause.NegativeAnchor)
				in.wants(zone, wire.TypeDNSKEY, noError, wire.Insecure, cause.NegativeAnchor)
				// DS is the parent's, which is validated.
				in.wants(zone, wire.TypeDS, noError, wire.Secure, cause.None)
			}
			in.wants("www.nsec3.example.", wire.TypeTXT, noError,
				map[bool]wire.Security{true: wire.Insecure, false: wire.Secure}[zone ==
					"nsec3.example."], map[bool]cause.Cause{true: cause.NegativeAnchor}[zone ==
					"nsec3.example."])
		})
	}
}

// RFC 7646, section 2: a negative trust anchor is for its own name and those below. The NSEC set
// that the zone above has at the delegation denies other names, and is as good as before: nobody
// can claim that these are unsigned.
func TestRFC7646NSECOfTheDelegationIsTheParents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		in.except(trustanchor.Negative, "sub.secure.example.")
		in.wants("sub0.secure.example.", wire.TypeDS, nxDomain, wire.Secure, cause.None)
		in.wants("sub0.secure.example.", wire.TypeTXT, nxDomain, wire.Secure, cause.None)
		in.wants("www.sub0.secure.example.", wire.TypeA, nxDomain, wire.Secure, cause.None)
		in.wants("www.sub.secure.example.", wire.TypeA, noError, wire.Insecure,
			cause.NegativeAnchor)
	})
}

// RFC 7646, section 1.1: a trust anchor below a negative one is where validation begins again. A
// second negative one below it ends it again.
func TestRFC7646AnchorBelowValidates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		ds := in.resolve("secure.example.", wire.TypeDS)
		if ds.Status != wire.Secure {
			t.Fatal(ds.Failure)
		}
		in.cache.Flush(wire.Root, true)
		in.except(trustanchor.Negative, "example.", "sub.secure.example.")
		for d := range ds.Sets[0].Data.All() {
			rr := &dns.DS{Hdr: dns.RR_Header{Name: "secure.example.", Rrtype: dns.TypeDS,
				Class: dns.ClassINET, Ttl: 60}}
			parsed, err := wire.ParseDS(d)
			if err != nil {
				t.Fatal(err)
			}
			rr.KeyTag, rr.Algorithm, rr.DigestType = parsed.KeyTag, parsed.Algorithm, parsed.Digest
			rr.Digest = hex.EncodeToString(parsed.Hash)
			if err := in.parts.Anchors.Add(rr.String()); err != nil {
				t.Fatal(err)
			}
		}
		in.wants("www.secure.example.", wire.TypeA, noError, wire.Secure, cause.None)
		in.wants("no.secure.example.", wire.TypeA, nxDomain, wire.Secure, cause.None)
		in.wants("www.nsec3.example.", wire.TypeA, noError, wire.Insecure, cause.NegativeAnchor)
		in.wants("www.sub.secure.example.", wire.TypeA, noError, wire.Insecure,
			cause.NegativeAnchor)
	})
}

// A negative trust anchor holds for names, whoever signs them: one inside a zone covers that part
// of the zone, as it does in BIND and Unbound. The rest of the zone stays validated.
func TestRFC7646AnchorInsideAZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			m := i.Honest()
			for _, rr := range m.Answer { // as after a change that was not signed
				if a, ok := rr.(*dns.A); ok && i.Question().Name != "www.nsec3.example." {
					a.A = []byte{192, 0, 2, 99}
				}
			}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, func(c *resolver.Config) { c.CaseRandomisation = false })
		in.except(trustanchor.Negative, "ent.secure.example.", "zzz.secure.example.")
		in.wants("a.b.ent.secure.example.", wire.TypeA, noError, wire.Insecure,
			cause.NegativeAnchor)
		in.wants("no.ent.secure.example.", wire.TypeA, nxDomain, wire.Insecure,
			cause.NegativeAnchor)
		// The records that deny this one are of names outside.
		in.wants("zzz.secure.example.", wire.TypeA, nxDomain, wire.Insecure,
			cause.NegativeAnchor)
		in.wants("www.secure.example.", wire.TypeA, servFail, wire.Bogus, cause.SignatureInvalid)
		in.wants("www.nsec3.example.", wire.TypeA, noError, wire.Secure, cause.None)
	})
}

// A negative trust anchor admits nothing that is outside of it: a DNAME above it, which answers a
// name below it, is validated, and a forged one is not kept.
func TestRFC7646NothingAboveIsAdmitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			if i.Question().Name != "leaf.tree.secure.example." {
				return lab.Reply{}, false
			}
			m := i.Honest()
			for _, rr := range m.Answer {
				switch x := rr.(type) {
				case *dns.DNAME:
					x.Target = "evil.plain."
				case *dns.CNAME:
					x.Target = "leaf.evil.plain."
				}
			}
			return lab.Messages(m), true
		}
		in := newWorld(t, w, func(c *resolver.Config) {
			c.CaseRandomisation, c.Minimise = false, resolver.MinimiseOff
		})
		in.except(trustanchor.Negative, "leaf.tree.secure.example.")
		in.wants("leaf.tree.secure.example.", wire.TypeA, servFail, wire.Bogus,
			cause.SignatureInvalid)
		k := cache.Key{Name: wire.MustParseName("tree.secure.example."), Type: wire.TypeDNAME}
		if e, ok := in.cache.RRsets.Get(k); ok {
			t.Errorf("kept: %v", e.Set)
		}
	})
}

// What a negative trust anchor admitted is forgotten with it: nothing of it is served as secure,
// nor proves anything, nor is served at all. What was bogus before is forgotten when one is added.
func TestRFC7646NothingOutlivesTheAnchor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		zones := []string{"expired.faulty.", "no-denial.faulty.", "ds-mismatch.faulty."}
		for range 2 {
			in.wants("www.expired.faulty.", wire.TypeA, servFail, wire.Bogus,
				cause.SignatureExpired)
			in.wants("no.no-denial.faulty.", wire.TypeA, servFail, wire.Bogus, cause.DenialMissing)
			in.wants("www.ds-mismatch.faulty.", wire.TypeA, servFail, wire.Bogus, cause.DSMismatch)
			in.succeed(trustanchor.Negative, zones...)
			for _, z := range zones {
				in.wants("www."+z, wire.TypeA, noError, wire.Insecure, cause.NegativeAnchor)
				in.wants("no."+z, wire.TypeA, nxDomain, wire.Insecure, cause.NegativeAnchor)
				in.wants("x.deeper."+z, wire.TypeDS, nxDomain, wire.Insecure, cause.NegativeAnchor)
				in.wants(z, wire.TypeDNSKEY, noError, wire.Insecure, cause.NegativeAnchor)
			}
			in.succeed(trustanchor.None)
		}
	})
}

// A fetch that began under a negative trust anchor and ends after it answers who waits for it, and
// leaves nothing behind: neither its data nor that the zone is unsigned. Nor does one that a
// resolution from before begins afterwards, as for the target of an alias.
func TestRFC7646LateFetchAdmitsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			if i.Question().Name != "www.expired.faulty." {
				return lab.Reply{}, false
			}
			return lab.Messages(i.Honest()).After(300 * time.Millisecond), true
		}
		in := newWorld(t, w, func(c *resolver.Config) { c.CaseRandomisation = false })
		in.except(trustanchor.Negative, "expired.faulty.")
		before := make(chan *resolver.Answer)
		old := *in
		go func() { before <- old.resolve("www.expired.faulty.", wire.TypeA) }()
		time.Sleep(200 * time.Millisecond)
		in.succeed(trustanchor.None)
		if a := <-before; a.RCode != noError || a.Status != wire.Insecure {
			t.Errorf("who waited: %s %s %v", a.RCode, a.Status, a.Failure)
		}
		for _, qt := range []wire.Type{wire.TypeA, wire.TypeDNSKEY} {
			if a := old.resolve("www.expired.faulty.", qt); a.Status != wire.Insecure {
				t.Errorf("who goes on: %s %s %s %v", qt, a.RCode, a.Status, a.Failure)
			}
		}
		for _, qt := range []wire.Type{wire.TypeA, wire.TypeDS, wire.TypeDNSKEY} {
			k := cache.Key{Name: wire.MustParseName("www.expired.faulty."), Type: qt}
			if e, ok := in.cache.RRsets.Get(k); ok {
				t.Errorf("kept: %v", e.Set)
			}
		}
		in.wants("www.expired.faulty.", wire.TypeA, servFail, wire.Bogus, cause.SignatureExpired)
	})
}

// Saved data that a negative trust anchor admitted are not loaded once it has ended, also if that
// happens while they are being loaded.
func TestRFC7646LoadingAdmitsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInternet(t)
		in.except(trustanchor.Negative, "expired.faulty.")
		in.wants("www.expired.faulty.", wire.TypeA, noError, wire.Insecure, cause.NegativeAnchor)
		in.wants("www.secure.example.", wire.TypeA, noError, wire.Secure, cause.None)
		var file bytes.Buffer
		if err := in.r.Save(&file); err != nil {
			t.Fatal(err)
		}
		in = in.withMemory(cache.DefaultMemory)
		loader := in.r
		in.succeed(trustanchor.None)
		if n, err := loader.Restore(t.Context(), &file); err != nil || n.Used == 0 {
			t.Fatal(n, err)
		}
		in.wants("www.expired.faulty.", wire.TypeA, servFail, wire.Bogus, cause.SignatureExpired)
		in.transcript()
		in.wants("www.secure.example.", wire.TypeA, noError, wire.Secure, cause.None)
		if asked := in.transcript(); asked != "" {
			t.Errorf("the rest is not loaded: asked %s", asked)
		}
	})
}
