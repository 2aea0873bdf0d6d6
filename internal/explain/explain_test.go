package explain_test

import (
	"html"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/explain"
	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// front is a resolver in front of a world.
type front struct {
	*resolver.Resolver
	t       *testing.T
	anchors *trustanchor.Set
}

// newFront returns a resolver; change may alter its anchors.
func newFront(t *testing.T, w *lab.World, change func(*trustanchor.Set)) front {
	t.Helper()
	cfg, anchors := labtest.Resolver(w)
	if change != nil {
		change(anchors)
	}
	r := resolver.New(cfg, resolver.Parts{Cache: cache.New(cache.Default()), Anchors: anchors,
		Exchanger: w, Clock: clock.Real{}})
	t.Cleanup(r.Close)
	return front{r, t, anchors}
}

// explain explains a name.
func (f front) explain(name string, qtype wire.Type) *explain.Report {
	f.t.Helper()
	return explain.Explain(f.t.Context(), f.Resolver, wire.Question{
		Name: wire.MustParseName(name), Type: qtype, Class: wire.ClassIN})
}

// explained explains a name of a world.
func explained(t *testing.T, w *lab.World, name string, qtype wire.Type) *explain.Report {
	t.Helper()
	return newFront(t, w, nil).explain(name, qtype)
}

// broken is the lab's internet with further zones: one whose parent's signatures have expired.
func broken() *lab.World {
	w := lab.Internet(time.Now())
	w.Add(lab.Zone{Name: "sub.expired.faulty.", Records: "www A 192.0.2.1"})
	return w
}

// faults are broken zones of the lab with the link that an explanation has to name. Each is looked
// at from outside alone: the explanation knows nothing of the lab.
var faults = []struct {
	name  string
	qtype wire.Type
	cause cause.Cause
	kind  string
	link  string
	zone  string
	by    string
}{
	{"www.expired.faulty.", wire.TypeA, cause.SignatureExpired, "signature",
		"the signature of expired.faulty. over www.expired.faulty./A", "expired.faulty.", "zone"},
	{"www.sub.expired.faulty.", wire.TypeA, cause.SignatureExpired, "signature",
		"the signature of expired.faulty. over sub.expired.faulty./DS", "expired.faulty.", "zone"},
	{"www.future.faulty.", wire.TypeA, cause.SignatureNotYetValid, "signature",
		"the signature of future.faulty. over www.future.faulty./A", "future.faulty.", "zone"},
	{"www.reversed.faulty.", wire.TypeA, cause.SignatureReversed, "signature",
		"the signature of reversed.faulty. over www.reversed.faulty./A", "reversed.faulty.",
		"zone"},
	{"www.missing-signatures.faulty.", wire.TypeA, cause.SignatureMissing, "signature",
		"the signature of missing-signatures.faulty. over missing-signatures.faulty./SOA",
		"missing-signatures.faulty.", "zone"},
	{"www.corrupt-signatures.faulty.", wire.TypeA, cause.SignatureInvalid, "signature",
		"the signature of corrupt-signatures.faulty. over www.corrupt-signatures.faulty./A",
		"corrupt-signatures.faulty.", "zone"},
	{"www.wrong-keys.faulty.", wire.TypeA, cause.KeyNotFound, "signature",
		"the signature of wrong-keys.faulty. over www.wrong-keys.faulty./A",
		"wrong-keys.faulty.", "zone"},
	{"www.ds-mismatch.faulty.", wire.TypeA, cause.DSMismatch, "ds",
		"the link from the DS set of ds-mismatch.faulty. at faulty. to its DNSKEY set",
		"ds-mismatch.faulty.", "registrar"},
	{"www.no-keys.faulty.", wire.TypeA, cause.KeyMissing, "ds",
		"the link from the DS set of no-keys.faulty. at faulty. to the DNSKEY set that it demands",
		"no-keys.faulty.", "zone"},
	{"www.no-denial.faulty.", wire.TypeTXT, cause.DenialMissing, "denial",
		"the proof of no-denial.faulty. that there is no www.no-denial.faulty./TXT",
		"no-denial.faulty.", "zone"},
	{"no.wrong-denial.faulty.", wire.TypeA, cause.DenialInvalid, "denial",
		"the proof of wrong-denial.faulty. that there is no no.wrong-denial.faulty./A",
		"wrong-denial.faulty.", "zone"},
	{"x.wild.no-wildcard-proof.faulty.", wire.TypeA, cause.WildcardProofMissing, "denial",
		"the proof of no-wildcard-proof.faulty. that no name is closer to " +
			"x.wild.no-wildcard-proof.faulty./A than the wildcard", "no-wildcard-proof.faulty.",
		"zone"},
	{"www.stripping.faulty.", wire.TypeA, cause.SignatureMissing, "dnskey",
		"the signature over the DNSKEY set of stripping.faulty.", "stripping.faulty.", "zone"},
	{"www.forging.faulty.", wire.TypeA, cause.SignatureInvalid, "signature",
		"the signature of forging.faulty. over www.forging.faulty./A", "forging.faulty.", "zone"},
	{"www.dead.faulty.", wire.TypeA, cause.Timeout, "servers", "the servers of dead.faulty.",
		"dead.faulty.", "network"},
	{"www.refusing.faulty.", wire.TypeA, cause.ServerRefused, "servers",
		"the servers of refusing.faulty.", "refusing.faulty.", "zone"},
	{"www.failing.faulty.", wire.TypeA, cause.ServerFailed, "servers",
		"the servers of failing.faulty.", "failing.faulty.", "zone"},
	{"www.lame.faulty.", wire.TypeA, cause.Lame, "servers", "the servers of lame.faulty.",
		"lame.faulty.", "zone"},
	{"www.always-tc.faulty.", wire.TypeA, cause.Truncated, "servers",
		"the servers of always-tc.faulty.", "always-tc.faulty.", "zone"},
	{"www.garbage.faulty.", wire.TypeA, cause.Malformed, "servers",
		"the servers of garbage.faulty.", "garbage.faulty.", "zone"},
	{"www.loop-a.faulty.", wire.TypeA, cause.DependencyLoop, "servers",
		"the servers of loop-a.faulty.", "loop-a.faulty.", "parent"},
	{"www.referral-bomb.faulty.", wire.TypeA, cause.LimitNameServers, "limit",
		"a limit, at referral-bomb.faulty.", "referral-bomb.faulty.", "zone"},
	{"a.aliases.faulty.", wire.TypeA, cause.AliasLoop, "alias", "the alias chain",
		"aliases.faulty.", "zone"},
	{"c0.aliases.faulty.", wire.TypeA, cause.LimitAliases, "alias", "the alias chain",
		"aliases.faulty.", "zone"},
}

// Every fault of the lab is named, with the link that it breaks and who has to act.
func TestExplainNamesTheBrokenLink(t *testing.T) {
	for _, c := range faults {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := explained(t, broken(), c.name, c.qtype)
				b := r.Broken
				if b == nil {
					t.Fatalf("nothing is broken: %s", r.Summary)
				}
				if b.Cause != c.cause.Label() || b.Kind != c.kind || b.Link != c.link ||
					b.Zone != c.zone || b.By != c.by || b.Remedy == "" {
					t.Errorf("%+v\nwant %s, %s, %q, %s, %s", b, c.cause, c.kind, c.link, c.zone,
						c.by)
				}
				if !strings.Contains(r.Summary, c.link) {
					t.Errorf("the summary does not name the link: %s", r.Summary)
				}
				aboveIsSecure(t, r, c.zone)
			})
		})
	}
}

// aboveIsSecure checks that the chain goes from the root down to the zone at fault, and that
// everything above it is secure: the break is where it is said to be, and nowhere else.
func aboveIsSecure(t *testing.T, r *explain.Report, zone string) {
	t.Helper()
	found := zone == ""
	for _, z := range r.Zones {
		if found = found || z.Name == zone; z.Name != zone && z.Status != "secure" &&
			strings.HasSuffix(zone, "."+z.Name) {
			t.Errorf("%s is %s", z.Name, z.Status)
		}
	}
	if len(r.Zones) == 0 || r.Zones[0].Name != "." || !found {
		t.Errorf("the chain does not lead to %s: %+v", zone, r.Zones)
	}
}

// What is not secure for a reason has the reason, and the zone in which the chain of trust ends.
func TestExplainTellsWhereTheChainEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		zone   string
		reason cause.Cause
	}{
		{"www.unsigned.example.", "unsigned.example.", cause.None},
		{"www.nods.example.", "nods.example.", cause.None},
		{"www.plain.", "plain.", cause.None},
		{"www.unsigned.optout.", "unsigned.optout.", cause.None},
		{"www.plain.secure.example.", "plain.secure.example.", cause.None},
		{"www.algorithm.faulty.", "algorithm.faulty.", cause.AlgorithmUnsupported},
		{"www.digest.faulty.", "digest.faulty.", cause.DigestUnsupported},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := explained(t, lab.Internet(time.Now()), c.name, wire.TypeA)
			last := r.Zones[len(r.Zones)-1]
			if r.Status != "insecure" || last.Name != c.zone || last.Status == "secure" ||
				last.Status == "bogus" || r.Broken != nil {
				t.Errorf("%s: %s; the chain ends at %s, which is %s", c.name, r.Summary, last.Name,
					last.Status)
			}
			got := ""
			if r.Reason != nil {
				got = r.Reason.Cause
			}
			if want := c.reason.Label(); got != want && c.reason != cause.None {
				t.Errorf("%s: the reason is %q, want %q", c.name, got, want)
			}
			for _, s := range last.DSSignatures {
				if !s.Verified {
					t.Errorf("%s: the proof did not verify: %+v", c.name, s)
				}
			}
			if c.reason == cause.None && len(last.NoDS) == 0 {
				t.Errorf("%s: no proof that there is no DS", c.name)
			}
		})
	}
}

// A secure name has each zone with its DS, its keys and roles, and the signatures that verified,
// with the time that they have left.
func TestExplainShowsTheWholeChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := explained(t, lab.Internet(time.Now()), "away.nsec3.example.", wire.TypeA)
		var names []string
		for _, z := range r.Zones {
			names = append(names, z.Name)
			if z.Status != "secure" || len(z.Keys) != 1 || z.Keys[0].Role != "CSK" ||
				z.Keys[0].Bits != 256 || !z.Keys[0].Named || !z.Keys[0].Signs ||
				len(z.KeySignatures) != 1 || !z.KeySignatures[0].Verified ||
				z.KeySignatures[0].Remaining != 30*86400 {
				t.Errorf("%+v", z)
			}
			if z.Name != "." && (len(z.DS) != 1 || !z.DS[0].Matches || len(z.DSSignatures) != 1 ||
				!z.DSSignatures[0].Verified || z.DSSignatures[0].Signer != z.Parent) {
				t.Errorf("the DS of %s: %+v", z.Name, z)
			}
		}
		if got := strings.Join(names, " "); got != ". example. nsec3.example. secure.example." {
			t.Errorf("zones %s", got)
		}
		if len(r.Steps) != 2 || r.Steps[0].Target != "www.secure.example." ||
			r.Steps[1].Zone != "secure.example." || len(r.Exchanges) < 8 {
			t.Errorf("steps %+v, %d exchanges", r.Steps, len(r.Exchanges))
		}
	})
}

// Proofs are told in words: what exists, what does not, and which record says so.
func TestExplainTellsDenialsInWords(t *testing.T) {
	for _, c := range []struct {
		name  string
		qtype wire.Type
		words []string
	}{
		{"www.secure.example.", wire.TypeTXT,
			[]string{"www.secure.example. exists with A, AAAA, RRSIG, NSEC, and without TXT"}},
		{"no.secure.example.", wire.TypeA, []string{", so there is no no.secure.example.",
			", so there is no wildcard *.secure.example."}},
		{"b.ent.secure.example.", wire.TypeA,
			[]string{", so b.ent.secure.example. has names below it and no data"}},
		{"x.wild.secure.example.", wire.TypeA, []string{"so there is no x.wild.secure.example."}},
		{"x.wild.secure.example.", wire.TypeTXT,
			[]string{"the wildcard *.wild.secure.example. exists with A, RRSIG, NSEC, and with"}},
		{"no.compact.example.", wire.TypeA, []string{"no.compact.example. does not exist (a c"}},
		{"no.nsec3.example.", wire.TypeA, []string{"nsec3.example. exists with NS, SOA",
			"the hash of no.nsec3.example. is between", "the hash of *.nsec3.example. is between"}},
		{"www.nsec3.example.", wire.TypeTXT, []string{"www.nsec3.example. exists with A, AAAA"}},
		{"b.ent.nsec3.example.", wire.TypeA,
			[]string{"b.ent.nsec3.example. has names below it and no data"}},
		{"no.optout.", wire.TypeA, []string{"(opt-out)"}},
		{"unsigned.optout.", wire.TypeDS, []string{"optout. exists with NS, SOA", "; the hash of " +
			"unsigned.optout. is between it and the next, so there is no such name; unsigned d"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := explained(t, lab.Internet(time.Now()), c.name, c.qtype)
			told := strings.Join(r.Steps[len(r.Steps)-1].Denial, "\n")
			for _, w := range c.words {
				if !strings.Contains(told, w) {
					t.Errorf("%s %s: %q is not in\n%s", c.name, c.qtype, w, told)
				}
			}
		})
	}
}

// Servers whose data did not verify, and that others made up for, are named: one of a zone's
// servers being broken is the fault that is hardest to find from one answer.
func TestExplainNamesServersThatOthersMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "example.", Records: "www A 192.0.2.1",
			Servers: []lab.ServerFaults{{lab.Stripping}, {lab.Stripping}, nil}})
		for range 20 { // the order of servers is chance
			r := explained(t, w, "www.example.", wire.TypeA)
			if r.Status != "secure" {
				t.Fatalf("%s", r.Summary)
			}
			for _, s := range r.Seen {
				if s.Cause == "signature_missing" && s.Zone == "example." && s.Server != "" {
					return
				}
			}
		}
		t.Error("no server is named")
	})
}

// The exception that holds is told, also when the data are in the cache already.
func TestExplainTellsExceptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront(t, lab.Internet(time.Now()), func(s *trustanchor.Set) {
			s.Except(wire.MustParseName("expired.faulty."), trustanchor.Negative)
		})
		for range 2 {
			r := f.explain("www.expired.faulty.", wire.TypeA)
			if r.Status != "insecure" || len(r.Exceptions) != 1 ||
				r.Exceptions[0].Zone != "expired.faulty." ||
				r.Exceptions[0].Cause != "negative_trust_anchor" {
				t.Errorf("%s: %+v", r.Summary, r.Exceptions)
			}
		}
	})
}

// After the fact the failure is known with its first time, and is found again by a resolver without
// the memory; or it is found to be over.
func TestExplainAfterTheFact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		f := newFront(t, w, nil)
		f.explain("www.expired.faulty.", wire.TypeA)
		began := time.Now()
		time.Sleep(20 * time.Second)
		known := f.explain("www.expired.faulty.", wire.TypeA)
		if !known.FromMemory() || len(known.Remembered) == 0 ||
			known.Remembered[0].Cause != "signature_expired" || !known.Remembered[0].Active ||
			!known.Remembered[0].First.Equal(began.UTC().Truncate(time.Second)) {
			t.Fatalf("%s: %+v", known.Summary, known.Remembered)
		}
		again := explained(t, w, "www.expired.faulty.", wire.TypeA).After(known)
		if again.Broken == nil || !strings.Contains(again.Notes[len(again.Notes)-1],
			"for the same cause") || !slices.Equal(again.Remembered, known.Remembered) {
			t.Errorf("asked anew: %+v", again.Notes)
		}
		f.explain("a.aliases.faulty.", wire.TypeA)
		if loop := f.explain("a.aliases.faulty.", wire.TypeA); loop.FromMemory() ||
			loop.Broken == nil || loop.Packets != 0 || len(loop.Steps) != 3 {
			t.Errorf("a loop that the cache has: %+v", loop)
		}
		w.Mend()
		over := explained(t, w, "www.expired.faulty.", wire.TypeA).After(known)
		if over.Status != "secure" || !strings.Contains(over.Notes[len(over.Notes)-1],
			"it resolves now") {
			t.Errorf("mended: %s %+v", over.Summary, over.Notes)
		}
	})
}

// What clients get by policy comes first, in every form: with its cause, whose it is, and what the
// name itself would be. Local data that nothing is told of have no cause.
func TestExplainTellsWhatClientsGetByPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const zones = "the policy of this resolver: zones"
		for _, c := range []struct{ outcome, from, label, client, link, by, meaning, told string }{
			{"nxdomain", "zones", "blocked", "", zones, "this resolver",
				"the name is blocked here", "NXDOMAIN"},
			{"data", "zones", "", "192.0.2.7", zones, "this resolver",
				"this server has an answer of its own", "data"},
			{"formerr", "", "request_type", "", "the question", "client",
				"the type of the question is none that data can have", "FORMERR"},
			{"refused", "", "client_refused", "192.0.2.7", "the policy of this resolver",
				"this resolver", "this client may not ask", "REFUSED"},
			{"refuse", "hooks own", "", "", "the policy of this resolver: hooks own",
				"this resolver", "this server has an answer of its own", "REFUSED"},
			{"dropped", "zones", "", "", zones, "this resolver",
				"this server has an answer of its own", "no reply"},
			{"drop", "zones", "", "", zones, "this resolver",
				"this server has an answer of its own", "no reply"},
		} {
			r := explained(t, lab.Internet(time.Now()), "www.expired.faulty.", wire.TypeA)
			r.Police(c.outcome, c.from, c.label, c.client)
			if r.Instead == nil || r.Instead.Link != c.link || r.Instead.By != c.by ||
				r.Instead.Meaning != c.meaning || (r.Instead.EDE != nil) != (c.label != "") {
				t.Errorf("%s: %+v", c.outcome, r.Instead)
			}
			if see := strings.TrimSpace("see it by bailiwick ctl policy test " +
				"www.expired.faulty. A " + c.client); c.label == "" && r.Instead.Remedy != see {
				t.Errorf("%s: %q", c.outcome, r.Instead.Remedy)
			}
			why := c.meaning
			if c.label != "" {
				why = c.label + ": " + why
			}
			first := "www.expired.faulty. A: clients get " + c.told +
				" in place of what follows: " + c.meaning
			own := "www.expired.faulty. A is bogus: broken is the signature"
			var text, page, drawing strings.Builder
			if r.Text(&text, false) != nil || r.HTML(&page) != nil || r.SVG(&drawing) != nil {
				t.Fatal("no form")
			}
			if !strings.HasPrefix(text.String(), first+"\n  link:    "+c.link+
				"\n  cause:   "+why) ||
				!strings.Contains(text.String(), "\n\n"+own) {
				t.Errorf("text: %.400s", text.String())
			}
			for _, form := range []string{page.String(), drawing.String()} {
				if !strings.Contains(html.UnescapeString(form), first) {
					t.Errorf("the form lacks it: %.600s", form)
				}
			}
			if !strings.Contains(page.String(), "What clients get instead") ||
				!strings.Contains(page.String(), own) {
				t.Errorf("page: %.900s", page.String())
			}
		}
	})
}

// What the resolver has in its cache is as good as what it has just fetched: the second explanation
// has the same chain without a packet.
func TestExplainFromTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront(t, lab.Internet(time.Now()), nil)
		first := f.explain("www.secure.example.", wire.TypeA)
		second := f.explain("www.secure.example.", wire.TypeA)
		if second.Packets != 0 || second.Status != "secure" ||
			len(second.Zones) != len(first.Zones) || second.Steps[0].From != "the cache" ||
			!second.Zones[2].KeySignatures[0].Verified || !second.Zones[2].DS[0].Matches {
			t.Errorf("%d packets, %s, %+v", second.Packets, second.Summary, second.Exchanges)
		}
	})
}
