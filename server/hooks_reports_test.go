// What went wrong elsewhere with steps that operators write: public reports, with where they are
// told.

package server_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/hook"
	"bailiwick/internal/rpz"
	"bailiwick/transport"
	"bailiwick/wire"
)

// asHeard is what a client hears of a question, three times: resolved, from the cache, prepared.
func (f *front) asHeard(t *testing.T, name string, qt uint16, want string) {
	t.Helper()
	for range 3 {
		got := heardOf(f.askFrom("10.0.0.1:4711", transport.UDP, name, qt, withEDNS))
		if got = strings.ReplaceAll(got, " AD", ""); got != want {
			t.Errorf("%s %s: %s, want %s", name, dns.TypeToString[qt], got, want)
		}
	}
}

// PowerDNS/pdns 12774: a script replaced the records of an answer by its own, and the aliases that
// had led to them stayed.
func TestHookReportOwnRecordsReplaceAliases(t *testing.T) {
	f := newFront(t, nil)
	f.hooks(&step{name: "one", answer: func(q hook.Question, a hook.Answer) (v hook.Verdict) {
		if len(a.Sets) > 0 && a.Sets[0].Type == wire.TypeCNAME {
			return hook.Addresses(q, 30, netip.MustParseAddr("203.0.113.9"))
		}
		return v
	}})
	f.asHeard(t, "alias.unsigned.example.", dns.TypeA, "NOERROR alias.unsigned.example. A EDE 4")
}

// PowerDNS/pdns 4186: a script that is called with the answer saw no error for a name that does not
// exist.
func TestHookReportStepsSeeTheRCode(t *testing.T) {
	f := newFront(t, nil)
	seen := map[string]wire.RCode{}
	f.hooks(&step{name: "one", answer: func(q hook.Question, a hook.Answer) (v hook.Verdict) {
		seen[q.Name.String()] = a.RCode
		return v
	}})
	for _, name := range []string{"no.unsigned.example.", "www.unsigned.example."} {
		f.askFrom("10.0.0.1:4711", transport.UDP, name, dns.TypeA, withEDNS)
	}
	if seen["no.unsigned.example."] != wire.RCodeNXDomain ||
		seen["www.unsigned.example."] != wire.RCodeNoError || len(seen) != 2 {
		t.Errorf("the steps saw %v", seen)
	}
}

// NLnetLabs/unbound 1456: of several modules that had registered for the same, only the first one
// was called.
func TestHookReportEachStepIsAsked(t *testing.T) {
	f := newFront(t, nil)
	first, second := &step{name: "first"}, &step{name: "second",
		question: about("www.unsigned.example.", hook.Verdict{Action: hook.Refuse})}
	third := &step{name: "third", question: about("www.secure.example.",
		hook.Verdict{Action: hook.NXDomain})}
	f.hooks(first, second, third)
	f.asHeard(t, "www.unsigned.example.", dns.TypeA, "REFUSED EDE 15")
	f.asHeard(t, "www.secure.example.", dns.TypeA, "NXDOMAIN SOA www.secure.example. EDE 15")
	if first.questions.Load() != 6 || second.questions.Load() != 6 || third.questions.Load() != 3 {
		t.Errorf("asked %d, %d and %d times", first.questions.Load(), second.questions.Load(),
			third.questions.Load())
	}
}

// PowerDNS/pdns 5478: a name that a script had blocked was not, once another type of it had been
// asked for: the denial was in the cache.
func TestHookReportVerdictsHoldBesideWhatIsCached(t *testing.T) {
	f := newFront(t, nil)
	f.hooks(&step{name: "one", question: func(q hook.Question) (v hook.Verdict) {
		if q.Name.String() == "no.secure.example." && q.Type == wire.TypeA {
			v.Action = hook.Refuse
		}
		return v
	}})
	for range 2 {
		f.asHeard(t, "no.secure.example.", dns.TypeA, "REFUSED EDE 15")
		m := f.askFrom("10.0.0.1:4711", transport.UDP, "no.secure.example.", dns.TypeMX, withEDNS)
		if m.Rcode != dns.RcodeNameError {
			t.Errorf("the type that it passes: %v", m)
		}
	}
}

// PowerDNS/pdns 4618: a script that is called with the answer was not called for what does not
// validate. Here it is, and sees that there is none: nothing bogus is shown to it.
func TestHookReportStepsSeeFailures(t *testing.T) {
	f := newFront(t, nil)
	s := &step{name: "one", answer: func(q hook.Question, a hook.Answer) (v hook.Verdict) {
		if a.RCode != wire.RCodeServFail || a.Secure || len(a.Sets) > 0 {
			t.Errorf("%s: %+v", q.Name, a)
		}
		if q.Name.String() == "www.expired.faulty." {
			v.Action = hook.NXDomain
		}
		return v
	}}
	f.hooks(s)
	f.asHeard(t, "www.expired.faulty.", dns.TypeA, "NXDOMAIN SOA www.expired.faulty. EDE 15")
	m := f.askFrom("10.0.0.1:4711", transport.UDP, "www.wrong-keys.faulty.", dns.TypeA, withEDNS)
	if m.Rcode != dns.RcodeServerFailure || s.found.Load() == 0 {
		t.Errorf("asked %d times: %v", s.found.Load(), m)
	}
}

// PowerDNS/pdns 7563: what a script refused had an RCODE that does not exist if the query had EDNS,
// whose bits of it nobody had set.
func TestHookReportRCodesWithAndWithoutEDNS(t *testing.T) {
	for action, want := range map[hook.Action]int{hook.Refuse: dns.RcodeRefused,
		hook.NXDomain: dns.RcodeNameError, hook.NoData: dns.RcodeSuccess} {
		f := newFront(t, nil)
		f.hooks(&step{name: "one", question: about("www.unsigned.example.",
			hook.Verdict{Action: action})})
		for what, change := range map[string]func(*dns.Msg){"without": nil, "with": withEDNS} {
			m := f.askFrom("10.0.0.1:4711", transport.UDP, "www.unsigned.example.", dns.TypeA,
				change)
			opt := m.IsEdns0()
			if m.Rcode != want || (opt != nil) != (change != nil) ||
				opt != nil && opt.ExtendedRcode() > 15 {
				t.Errorf("%s %s EDNS: %v", action, what, m)
			}
		}
	}
}

// coredns/coredns 2673: what a plug-in was given, and gave, was part of the cache, and came to
// clients as another had changed it. A step may give the same records to all.
func TestHookReportRecordsMayBeShared(t *testing.T) {
	f := newFront(t, nil)
	q := hook.Question{Name: wire.MustParseName("x."), Type: wire.TypeA}
	shared := hook.Addresses(q, 30, netip.MustParseAddr("203.0.113.9"),
		netip.MustParseAddr("203.0.113.10"), netip.MustParseAddr("203.0.113.11"))
	f.hooks(&step{name: "one", question: func(q hook.Question) (v hook.Verdict) {
		if q.Name.Within(wire.MustParseName("unsigned.example.")) && q.Type == wire.TypeA {
			return shared
		}
		return v
	}})
	before := string(shared.Data)
	for i := range 40 {
		name := string(rune('a'+i%26)) + ".unsigned.example."
		m := f.askFrom("10.0.0.1:4711", transport.UDP, name, dns.TypeA, withEDNS)
		seen := map[string]bool{}
		for _, rr := range m.Answer {
			seen[rr.Header().Name+rr.(*dns.A).A.String()] = true
		}
		if len(seen) != 3 || !seen[name+"203.0.113.9"] || !seen[name+"203.0.113.11"] {
			t.Fatalf("%s: %v", name, m)
		}
	}
	if string(shared.Data) != before {
		t.Error("the step's own records are changed")
	}
}

// PowerDNS/pdns 9370: a script that is called with the answer was not called where a policy zone
// had decided, and whoever logged by it saw nothing of these names. Here steps are not asked
// either, as their documentation has it; the use of the rule is counted and can be logged, and the
// names that no rule is about are the steps'.
func TestHookReportStepsComeBehindPolicyZones(t *testing.T) {
	f := newFront(t, nil)
	z := f.polices(1, "www.unsigned.example CNAME .")
	seen := map[string]int{}
	s := &step{name: "one", question: about("www.unsigned.example.",
		hook.Verdict{Action: hook.Refuse}),
		answer: func(q hook.Question, _ hook.Answer) (v hook.Verdict) {
			seen[q.Name.String()]++
			return v
		}}
	f.hooks(s)
	f.asHeard(t, "www.unsigned.example.", dns.TypeA, "NXDOMAIN EDE 15")
	if seen["www.unsigned.example."] != 0 || s.questions.Load() != 0 {
		t.Errorf("the step was asked %d times, and saw %v", s.questions.Load(), seen)
	}
	if n := z.Uses[rpz.QName][rpz.NXDomain].Load(); n != 3 {
		t.Errorf("%d uses of the rule", n)
	}
	f.asHeard(t, "alias.unsigned.example.", dns.TypeA,
		"NXDOMAIN alias.unsigned.example. CNAME EDE 15")
}
