// What metrics count of responses: each is counted once, by transport, RCODE, result of validation
// and source.

package server_test

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	dto "github.com/prometheus/client_model/go"

	"bailiwick/internal/lab"
	"bailiwick/internal/observe"
	"bailiwick/resolver"
	"bailiwick/transport"
)

// total returns the sum of the values of a metric's series that have the labels, "a=b,c=d"; of a
// histogram the number of observations.
func total(t *testing.T, m *observe.Metrics, name, labels string) (n float64) {
	t.Helper()
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, s := range f.GetMetric() {
			if f.GetName() == name && labelled(s, labels) {
				n += s.GetCounter().GetValue() + s.GetGauge().GetValue() +
					float64(s.GetHistogram().GetSampleCount())
			}
		}
	}
	return n
}

// labelled reports whether a series has labels.
func labelled(s *dto.Metric, labels string) bool {
	have := map[string]bool{"": true}
	for _, l := range s.GetLabel() {
		have[l.GetName()+"="+l.GetValue()] = true
	}
	for want := range strings.SplitSeq(labels, ",") {
		if !have[want] {
			return false
		}
	}
	return true
}

// TestResponsesAreCountedByValidation: answers that servers were asked for, those from memory and
// prepared ones are counted under what was validated of them.
func TestResponsesAreCountedByValidation(t *testing.T) {
	m := observe.New()
	f := newFrontAll(t, nil, withSubnets, m, func(p *resolver.Parts) {
		p.Observer = observe.NewUpstreams(m, slog.New(slog.DiscardHandler), time.Now, nil)
	})
	cd := func(q *dns.Msg) { q.CheckingDisabled = true }
	for _, q := range []struct {
		name   string
		change func(*dns.Msg)
		labels string
		cached string // the result of answers
	}{
		{"www.secure.example.", nil, "rcode=NOERROR,validation=secure", "secure"},
		{"no.secure.example.", nil, "rcode=NXDOMAIN,validation=secure", "secure"},
		{"www.unsigned.example.", nil, "rcode=NOERROR,validation=insecure", "insecure"},
		{"www.expired.faulty.", nil, "rcode=SERVFAIL,validation=bogus", "bogus"},
		{"www.dead.faulty.", nil, "rcode=SERVFAIL,validation=none", ""},
		{"txt.secure.example.", cd, "rcode=NOERROR,validation=unchecked", "unchecked"},
	} {
		before := total(t, m, "bailiwick_responses_total", q.labels+",transport=udp")
		all := total(t, m, "bailiwick_responses_total", "")
		fast := total(t, m, "bailiwick_fast_answers_total", "")
		cached := total(t, m, "bailiwick_answer_validations_total",
			"source=cache,result="+q.cached)
		for range 5 {
			f.askAs(transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000"),
				Protocol: transport.UDP}, q.name, dns.TypeA, q.change)
		}
		if n := total(t, m, "bailiwick_responses_total", q.labels+",transport=udp"); n != before+5 {
			t.Errorf("%s: %v responses with %s", q.name, n-before, q.labels)
		}
		if n := total(t, m, "bailiwick_responses_total", ""); n != all+5 {
			t.Errorf("%s: %v responses of 5", q.name, n-all)
		}
		if n := total(t, m, "bailiwick_fast_answers_total", ""); n <= fast && q.cached != "" {
			t.Errorf("%s: none is prepared", q.name)
		}
		if n := total(t, m, "bailiwick_answer_validations_total",
			"source=cache,result="+q.cached); q.cached != "" && n != cached+4 {
			t.Errorf("%s: %v of 4 answers from the cache are %s", q.name, n-cached, q.cached)
		}
	}
	// what is refused has nothing that could be validated
	f.askAs(transport.Client{Addr: netip.MustParseAddrPort("127.0.0.1:1000"),
		Protocol: transport.TCP}, "example.", dns.TypeAXFR, nil)
	if n := total(t, m, "bailiwick_responses_total",
		"transport=tcp,rcode=REFUSED,validation=none"); n != 1 {
		t.Errorf("%v refusals", n)
	}
	if n := total(t, m, "bailiwick_validated_rrsets_total", "result=secure"); n < 10 {
		t.Errorf("%v sets were judged secure", n)
	}
}

// TestTimesOfPreparedAnswersAreSampled: a look at the clock is taken for the query that comes in a
// nanosecond of the 256th part, and it counts for the others.
func TestTimesOfPreparedAnswersAreSampled(t *testing.T) {
	m := observe.New()
	f := newFrontAll(t, nil, withSubnets, m)
	const name = "www.secure.example."
	times := func(answer string) float64 {
		return total(t, m, "bailiwick_response_seconds", "transport=udp,answer="+answer)
	}
	for range 4 {
		f.ask(name, dns.TypeA, edns(true))
	}
	if n := times("miss"); n != 1 {
		t.Errorf("%v misses", n)
	}
	f.clock.Advance(time.Second - time.Duration(f.clock.Now().Nanosecond())) // a whole second
	before := times("hit")
	f.ask(name, dns.TypeA, edns(true))
	if n := times("hit"); n != before+256 {
		t.Errorf("%v instead of 256", n-before)
	}
	f.clock.Advance(1)
	f.ask(name, dns.TypeA, edns(true))
	if n := times("hit"); n != before+256 {
		t.Errorf("%v instead of 256", n-before)
	}
}

// TestPacketsThatAreNotTheReplyAreCounted: a guess that comes before the reply is not believed, and
// is counted; the exchange is counted under the family of the server.
func TestPacketsThatAreNotTheReplyAreCounted(t *testing.T) {
	m := observe.New()
	f := newFrontAll(t, nil, withSubnets, m, func(p *resolver.Parts) {
		p.Observer = observe.NewUpstreams(m, slog.New(slog.DiscardHandler), time.Now, nil)
		w := p.Exchanger.(*lab.World)
		at := w.AddressOf("plain.")
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			reply := in.Honest()
			if in.Server != at || reply == nil || in.Question().Qtype != dns.TypeA {
				return lab.Reply{}, false
			}
			guess := reply.Copy()
			guess.Id++
			return lab.Messages(guess, reply), true
		}
	})
	if a := f.ask("www.plain.", dns.TypeA, edns(true)); a.Rcode != dns.RcodeSuccess {
		t.Fatalf("got\n%v", a)
	}
	if n := total(t, m, "bailiwick_upstream_mismatched_replies_total",
		"difference=question"); n == 0 {
		t.Error("the guess is not counted")
	}
	for family, want := range map[string]bool{"ipv4": true, "ipv6": false} {
		n := total(t, m, "bailiwick_upstream_queries_total", "outcome=reply,family="+family)
		if n > 0 != want {
			t.Errorf("%v exchanges over %s", n, family)
		}
	}
}
