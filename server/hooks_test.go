// Policy steps that are compiled in.

package server_test

import (
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/guard"
	"bailiwick/internal/hook"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/transport"
	"bailiwick/wire"
)

// step is one that says what a test wants.
type step struct {
	name             string
	perClient        bool
	question         func(hook.Question) hook.Verdict
	answer           func(hook.Question, hook.Answer) hook.Verdict
	questions, found atomic.Int64
	changed          func()
}

func (s *step) Name() string           { return s.name }
func (s *step) PerClient() bool        { return s.perClient }
func (s *step) Changes(changed func()) { s.changed = changed }

func (s *step) Question(q hook.Question) (v hook.Verdict) {
	s.questions.Add(1)
	if s.question != nil {
		v = s.question(q)
	}
	return v
}

func (s *step) Answer(q hook.Question, a hook.Answer) (v hook.Verdict) {
	s.found.Add(1)
	if s.answer != nil {
		v = s.answer(q, a)
	}
	return v
}

var _ hook.Changing = (*step)(nil)

// hooks gives the front policy steps.
func (f *front) hooks(steps ...hook.Step) *hook.Chain {
	f.t.Helper()
	c, err := hook.NewChain(steps)
	if err != nil {
		f.t.Fatal(err)
	}
	f.server.SetHooks(c)
	return c
}

// about decides on a name.
func about(name string, v hook.Verdict) func(hook.Question) hook.Verdict {
	return func(q hook.Question) hook.Verdict {
		if q.Name.String() == name {
			return v
		}
		return hook.Verdict{}
	}
}

// Each verdict has its answer, with its cause; what is passed is answered as ever.
func TestHookVerdicts(t *testing.T) {
	addr := netip.MustParseAddr("203.0.113.9")
	for v, want := range map[hook.Action]string{
		hook.Pass:     "NOERROR www.secure.example. A RRSIG",
		hook.Refuse:   "REFUSED EDE 15",
		hook.Drop:     "nothing",
		hook.NXDomain: "NXDOMAIN SOA www.secure.example. EDE 15",
		hook.NoData:   "NOERROR SOA www.secure.example. EDE 15",
		hook.Own:      "NOERROR www.secure.example. A EDE 4",
	} {
		f := newFront(t, nil)
		s := &step{name: "one", question: func(q hook.Question) hook.Verdict {
			if q.Name.String() != "www.secure.example." || v != hook.Own {
				return about("www.secure.example.", hook.Verdict{Action: v})(q)
			}
			return hook.Addresses(q, 30, addr)
		}}
		c := f.hooks(&step{name: "zero"}, s)
		for range 3 {
			m := f.askFrom("10.0.0.1:4711", transport.UDP, "www.secure.example.", dns.TypeA,
				withEDNS)
			got := strings.ReplaceAll(heardOf(m), " AD", "")
			if v == hook.Pass {
				got = strings.TrimSuffix(got, " www.secure.example. RRSIG") + " RRSIG"
			}
			if got != want {
				t.Errorf("%s: %s; want %s", v, got, want)
			}
		}
		f.says("10.0.0.1:4711", transport.UDP, "www.unsigned.example. A",
			"NOERROR www.unsigned.example. A")
		if n := c.Status()[1].Verdicts[v]; n == 0 || c.Status()[0].Verdicts[hook.Pass] < n {
			t.Errorf("%s: %+v", v, c.Status())
		}
	}
}

// A step is not asked again about an answer that is kept, and is when it has changed.
func TestHookIsAskedOncePerAnswer(t *testing.T) {
	f := newFront(t, nil)
	view := &policy.View{Class: 1}
	f.Handler = f.server.Handler(private(), view)
	blocked := false
	s := &step{name: "one", answer: func(hook.Question, hook.Answer) (v hook.Verdict) {
		if blocked {
			v.Action = hook.NXDomain
		}
		return v
	}}
	f.hooks(s)
	f.server.BeginHooks(func() {
		f.Handler = f.server.Handler(private(), &policy.View{Class: 1, Generation: 1})
	})
	ask := func() string {
		return heardOf(f.askFrom("10.0.0.1:4711", transport.UDP, "www.unsigned.example.", dns.TypeA,
			withEDNS))
	}
	for range 6 {
		if got := ask(); got != "NOERROR www.unsigned.example. A" {
			t.Error(got)
		}
	}
	if n := s.found.Load(); n != 2 { // as it was resolved, and as it was prepared
		t.Errorf("asked %d times", n)
	}
	blocked = true
	s.changed()
	for range 3 {
		if got := ask(); !strings.HasPrefix(got, "NXDOMAIN") {
			t.Error(got)
		}
	}
}

// A denial that is prepared for all names of a span is not served before a step has seen the name.
func TestHookSeesNamesOfAPreparedSpan(t *testing.T) {
	f := newFront(t, nil)
	f.hooks(&step{name: "one", question: about("nine.secure.example.",
		hook.Verdict{Action: hook.Refuse})})
	for _, name := range []string{"none.secure.example.", "no.secure.example.",
		"none.secure.example."} {
		f.askFrom("10.0.0.1:4711", transport.UDP, name, dns.TypeA, withEDNS)
	}
	f.says("10.0.0.1:4711", transport.UDP, "nine.secure.example. A", "REFUSED EDE 15")
}

// Only a step that says so sees the client; then no answer is another client's.
func TestHookPerClient(t *testing.T) {
	f := newFront(t, nil)
	var seen atomic.Pointer[hook.Question]
	f.hooks(&step{name: "blind", question: func(q hook.Question) (v hook.Verdict) {
		seen.Store(&q)
		return v
	}}, &step{name: "sees", perClient: true, question: func(q hook.Question) (v hook.Verdict) {
		if q.Client == netip.MustParseAddr("10.0.0.2") {
			v.Action = hook.Refuse
		}
		return v
	}})
	for range 3 {
		f.says("10.0.0.1:4711", transport.UDP, "www.unsigned.example. A",
			"NOERROR www.unsigned.example. A")
		f.says("10.0.0.2:4711", transport.UDP, "www.unsigned.example. A", "REFUSED EDE 15")
	}
	if q := seen.Load(); q.Client.IsValid() || q.Transport != "" {
		t.Errorf("it sees %+v", q)
	}
}

// Over UDP an answer is truncated, and over TCP it is there.
func TestHookTruncates(t *testing.T) {
	f := newFront(t, nil)
	f.hooks(&step{name: "one", question: about("www.unsigned.example.",
		hook.Verdict{Action: hook.Truncate})})
	for range 3 {
		m := f.askFrom("10.0.0.1:4711", transport.UDP, "www.unsigned.example.", dns.TypeA, withEDNS)
		if m == nil || !m.Truncated || len(m.Answer) > 0 {
			t.Errorf("UDP: %v", m)
		}
		f.says("10.0.0.1:4711", transport.TCP, "www.unsigned.example. A",
			"NOERROR www.unsigned.example. A")
	}
}

// Local data and policy zones come first, and what they have decided is shown to no step.
func TestHookComesAfterOtherPolicy(t *testing.T) {
	f := newFront(t, nil)
	f.polices(1, "www.secure.example CNAME .", "www.nsec3.example CNAME rpz-passthru.")
	s := &step{name: "one", question: func(hook.Question) hook.Verdict {
		return hook.Verdict{Action: hook.Refuse}
	}}
	f.hooks(s)
	f.says("10.0.0.1:4711", transport.UDP, "www.secure.example. A",
		"NXDOMAIN EDE 15 + SOA rpz.")
	if n := s.questions.Load(); n != 0 {
		t.Errorf("asked %d times", n)
	}
	f.says("10.0.0.1:4711", transport.UDP, "www.nsec3.example. A",
		"NOERROR AD www.nsec3.example. A")
	f.says("10.0.0.1:4711", transport.UDP, "www.unsigned.example. A", "REFUSED EDE 15")
}

// A step that panics fails its query alone, at once or when the answer is there.
func TestHookThatPanics(t *testing.T) {
	for what, s := range map[string]*step{
		"question": {name: "one", question: func(q hook.Question) hook.Verdict {
			if q.Name.String() == "www.secure.example." {
				panic("at fault")
			}
			return hook.Verdict{}
		}},
		"answer": {name: "one", answer: func(q hook.Question, _ hook.Answer) hook.Verdict {
			if q.Name.String() == "www.secure.example." {
				panic("at fault")
			}
			return hook.Verdict{}
		}},
	} {
		g := guard.New(slog.New(slog.DiscardHandler), func(guard.Place) {}, func() {})
		f := newFrontLogged(t, slog.New(slog.DiscardHandler), nil, func(*resolver.Config) {},
			&quiet{}, func(p *resolver.Parts) { p.Guard = g })
		f.hooks(s)
		m := f.askFrom("10.0.0.1:4711", transport.UDP, "www.secure.example.", dns.TypeA, withEDNS)
		if m == nil || m.Rcode != dns.RcodeServerFailure {
			t.Errorf("%s: %v", what, m)
		}
		f.says("10.0.0.1:4711", transport.UDP, "www.unsigned.example. A",
			"NOERROR www.unsigned.example. A")
	}
}

// Steps need names that metrics can have, and no more of them may be than can be asked.
func TestHookNames(t *testing.T) {
	var many []hook.Step
	for i := range hook.MaxSteps + 1 {
		many = append(many, &step{name: "s" + string(rune('a'+i))})
	}
	for want, steps := range map[string][]hook.Step{
		"not a name of a policy step": {&step{name: "My Step"}},
		"not a name":                  {&step{}},
		"two policy steps":            {&step{name: "a"}, &step{name: "a"}},
		"there may be":                many,
	} {
		if _, err := hook.NewChain(steps); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
	if c, err := hook.NewChain(nil); c != nil || err != nil || c.Any() || c.PerClient() {
		t.Error("there is a chain without steps")
	}
	if v := hook.Addresses(hook.Question{Type: wire.TypeAAAA}, 1,
		netip.MustParseAddr("192.0.2.1")); v.Action != hook.Own || len(v.Data) > 0 {
		t.Errorf("%+v", v)
	}
}

// A hit costs no allocation and no call without a policy step, and none with one that passes the
// answer for all clients.
func TestHooksCostHitsNothing(t *testing.T) {
	for _, steps := range [][]hook.Step{nil, {&step{name: "passing"}}} {
		f := newFront(t, nil)
		f.hooks(steps...)
		q, err := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA).Pack()
		if err != nil {
			t.Fatal(err)
		}
		client := transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000")}
		for range 4 {
			f.exchange(q, "127.0.0.1:1000", transport.UDP)
		}
		if !f.Prepared(q, client) {
			t.Fatal("the answer is not prepared")
		}
		before := int64(0)
		if len(steps) > 0 {
			before = steps[0].(*step).questions.Load()
		}
		buf := make([]byte, 0, 4096)
		if n := testing.AllocsPerRun(100, func() { f.Handle(q, client, buf) }); n != 0 {
			t.Errorf("%d steps: %v allocations", len(steps), n)
		}
		if len(steps) > 0 && steps[0].(*step).questions.Load() != before {
			t.Error("the step is asked for each hit")
		}
	}
}
