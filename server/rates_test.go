// Limits of how fast clients may ask, and how often they are told the same.

package server_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/server"
	"bailiwick/transport"
	"bailiwick/wire"
)

// tally counts what became of clients.
type tally map[string]int

func (t tally) ClientRefused(c cause.Cause, how policy.Refusal) {
	t[c.Label()+" "+how.Label()]++
}

// newLimited is a front with limits; private networks may ask.
func newLimited(t testing.TB, change func(*policy.Limits)) (*front, tally) {
	t.Helper()
	f := newFront(t, nil)
	return f, f.limit(change)
}

// limit sets limits.
func (f *front) limit(change func(*policy.Limits)) tally {
	l, counts := policy.DefaultLimits(), tally{}
	change(&l)
	cfg := server.Default()
	cfg.Rotate, cfg.Special = false, false
	f.Handler.Replace(server.Rules{Config: &cfg, Access: private(), Tally: counts,
		Listener: "listen.udp[0]", View: &policy.View{Rates: policy.NewRates(l)}})
	return counts
}

const limitedName = "www.secure.example."

// outcome is what a client gets for a question: "answer", "truncated", "refused", or "nothing".
func (f *front) outcome(from string, p transport.Protocol, change func(*dns.Msg)) string {
	m := f.askFrom(from, p, limitedName, dns.TypeA, change)
	switch {
	case m == nil:
		return "nothing"
	case m.Truncated && len(m.Answer)+len(m.Ns) == 0:
		return "truncated"
	case m.Rcode == dns.RcodeRefused:
		return "refused"
	case m.Rcode == dns.RcodeSuccess && len(m.Answer) > 0:
		return "answer"
	}
	return m.String()
}

// outcomes are those of so many questions, one after the other.
func (f *front) outcomes(n int, from string, p transport.Protocol) string {
	var all []string
	for range n {
		all = append(all, f.outcome(from, p, nil))
	}
	return strings.Join(all, " ")
}

// An address may ask so often a second and save that up for a second. Of what is more, every second
// query gets a truncated response, the others none; other addresses are not affected.
func TestRateOfAnAddress(t *testing.T) {
	f, counts := newLimited(t, func(l *policy.Limits) { l.PerAddress = 3 })
	const want = "answer answer answer nothing truncated nothing truncated"
	if got := f.outcomes(7, "10.0.0.1:1000", transport.UDP); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := f.outcomes(1, "10.0.0.2:1000", transport.UDP); got != "answer" {
		t.Errorf("its neighbour: %s", got)
	}
	f.clock.Advance(time.Second / 3)
	if got := f.outcomes(2, "10.0.0.1:1000", transport.UDP); got != "answer nothing" {
		t.Errorf("after a third of a second: %s", got)
	}
	f.clock.Advance(time.Hour)
	if got := f.outcomes(4, "10.0.0.1:1000", transport.UDP); got !=
		"answer answer answer nothing" {
		t.Errorf("after an hour: %s", got)
	}
	if counts["rate_queries dropped"] != 4 || counts["rate_queries truncated"] != 2 {
		t.Errorf("counted: %v", counts)
	}
}

// All addresses of a prefix share its rate: whoever has a /56 of IPv6 and takes another /64, or
// another address, for each query, is one client.
func TestRateOfAPrefixHoldsForAllItsAddresses(t *testing.T) {
	f, _ := newLimited(t, func(l *policy.Limits) { l.PerAddress, l.PerPrefix, l.Slip = 5, 10, 0 })
	answered := 0
	for i := range 1000 {
		from := fmt.Sprintf("[fd00:1:2:3%02x::%x]:1000", i%256, i)
		if f.outcome(from, transport.UDP, nil) == "answer" {
			answered++
		}
	}
	if answered != 10 {
		t.Errorf("%d of 1000 queries of a /56 are answered", answered)
	}
	if got := f.outcomes(1, "[fd00:1:2:400::1]:1000", transport.UDP); got != "answer" {
		t.Errorf("the next /56: %s", got)
	}
	for i := range 20 {
		f.outcome(fmt.Sprintf("10.0.0.%d:1000", i), transport.UDP, nil)
	}
	if got := f.outcomes(1, "10.0.0.200:1000", transport.UDP) + " " +
		f.outcomes(1, "10.0.1.200:1000", transport.UDP); got != "nothing answer" {
		t.Errorf("a /24 and the next: %s", got)
	}
}

// A truncated response has nothing but the question and is no longer than the query. Its client
// asks again over TCP, where the rate does not hold; or with the cookie that came with it.
func TestTruncatedResponsesBringRealClientsBack(t *testing.T) {
	f, _ := newLimited(t, func(l *policy.Limits) { l.PerAddress, l.Slip = 1, 1 })
	const from = "10.0.0.1:1000"
	f.outcome(from, transport.UDP, nil)
	for what, change := range map[string]func(*dns.Msg){"plain": nil, "with EDNS": edns(true)} {
		q := new(dns.Msg).SetQuestion(limitedName, dns.TypeA)
		if change != nil {
			change(q)
		}
		m := f.askFrom(from, transport.UDP, limitedName, dns.TypeA, change)
		if m == nil || !m.Truncated || m.Rcode != dns.RcodeSuccess || len(m.Answer) > 0 ||
			m.Question[0].Name != limitedName || m.Len() > q.Len() {
			t.Errorf("%s: got\n%v", what, m)
		}
	}
	if got := f.outcomes(3, from, transport.TCP); got != "answer answer answer" {
		t.Errorf("over TCP: %s", got)
	}
	cookie := &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0102030405060708"}
	m := f.askFrom(from, transport.UDP, limitedName, dns.TypeA, edns(false, cookie))
	if m == nil || !m.Truncated {
		t.Fatalf("with a client cookie: %v", m)
	}
	got, ok := m.IsEdns0().Option[0].(*dns.EDNS0_COOKIE)
	if !ok || len(got.Cookie) != 48 {
		t.Fatalf("no cookie in\n%v", m)
	}
	for range 3 {
		if o := f.outcome(from, transport.UDP, edns(false, got)); o != "answer" {
			t.Errorf("with a cookie of ours: %s", o)
		}
		if o := f.outcome("10.0.0.1:2000", transport.UDP, nil); o != "truncated" {
			t.Errorf("without one: %s", o)
		}
	}
	got.Cookie = got.Cookie[:46] + "00" // forged
	if o := f.outcome(from, transport.UDP, edns(false, got)); o != "truncated" {
		t.Errorf("with a forged cookie: %s", o)
	}
}

// Who has proven its address is limited by a rate of its own, if there is one, and is told why.
func TestRateOfProvenAddresses(t *testing.T) {
	f, counts := newLimited(t, func(l *policy.Limits) { l.Proven = 2 })
	const from = "10.0.0.1:1000"
	if got := f.outcomes(4, from, transport.TCP); got != "answer answer refused refused" {
		t.Errorf("over TCP: %s", got)
	}
	m := f.askFrom(from, transport.TCP, limitedName, dns.TypeA, edns(false))
	if codes, _ := ede(m); len(codes) != 1 || codes[0] != 31 {
		t.Errorf("Rate Limited is missing in\n%v", m)
	}
	if got := f.outcomes(4, from, transport.UDP); got != "answer answer answer answer" {
		t.Errorf("over UDP there is no rate: %s", got)
	}
	if counts["rate_queries refused"] != 3 {
		t.Errorf("counted: %v", counts)
	}
}

// Networks that are exempt are never limited, nor is this machine, which asks itself whether it
// answers. With log_only nobody is: what would be is counted and logged.
func TestWhoIsNeverLimited(t *testing.T) {
	for what, change := range map[string]func(*policy.Limits){
		"exempt": func(l *policy.Limits) {
			l.Exempt = append(l.Exempt, netip.MustParsePrefix("10.0.0.0/16"))
		},
		"log only": func(l *policy.Limits) { l.LogOnly = true },
	} {
		f, counts := newLimited(t, func(l *policy.Limits) {
			l.PerAddress, l.Responses = 1, 1
			change(l)
		})
		const want = "answer answer answer"
		if got := f.outcomes(3, "10.0.0.1:1000", transport.UDP); got != want {
			t.Errorf("%s: %s", what, got)
		}
		served := map[string]int{"log only": 2}[what]
		if counts["rate_queries served"] != served || counts["rate_responses served"] != served {
			t.Errorf("%s: counted %v", what, counts)
		}
	}
	f, _ := newLimited(t, func(l *policy.Limits) { l.PerAddress, l.Responses = 1, 1 })
	if got := f.outcomes(3, "127.0.0.1:1000", transport.UDP); got != "answer answer answer" {
		t.Errorf("this machine: %s", got)
	}
}

// A prefix gets so many equal answers a second over UDP; another question is another answer. What
// comes over TCP or with a cookie of ours is not limited.
func TestResponseRateOfEqualAnswers(t *testing.T) {
	f, counts := newLimited(t, func(l *policy.Limits) { l.Responses = 2 })
	const want = "answer answer nothing truncated nothing"
	if got := f.outcomes(5, "10.0.0.1:1000", transport.UDP); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := f.outcomes(1, "10.0.0.9:1000", transport.UDP); got != "truncated" {
		t.Errorf("another address of the prefix: %s", got)
	}
	if got := f.outcomes(2, "10.0.0.1:1000", transport.TCP); got != "answer answer" {
		t.Errorf("over TCP: %s", got)
	}
	if got := f.outcome("10.0.0.1:1000", transport.UDP, cookieOf(f, "10.0.0.1:1000")); got !=
		"answer" {
		t.Errorf("with a cookie: %s", got)
	}
	if m := f.askFrom("10.0.0.1:1000", transport.UDP, "txt.secure.example.", dns.TypeTXT,
		nil); m == nil || len(m.Answer) == 0 {
		t.Errorf("another question: %v", m)
	}
	if counts["rate_responses dropped"] != 2 || counts["rate_responses truncated"] != 2 {
		t.Errorf("counted: %v", counts)
	}
}

// An answer that had to wait for the servers counts as one from the cache does.
func TestResponseRateOfAnswersThatHadToWait(t *testing.T) {
	f, _ := newLimited(t, func(l *policy.Limits) { l.Responses, l.Slip = 1, 0 })
	const from = "10.0.0.1:1000"
	if got := f.outcomes(1, from, transport.UDP); got != "answer" {
		t.Fatal(got)
	}
	f.resolver.Flush(wire.MustParseName("."), true)
	if got := f.outcomes(1, from, transport.UDP); got != "nothing" {
		t.Errorf("resolved again: %s", got)
	}
}

// Denials count by zone, whatever names were asked for: an attack with random names gets as few as
// one with the same name. Errors count together, and every so many leave as they are.
func TestResponseRateOfDenialsAndErrors(t *testing.T) {
	f, counts := newLimited(t, func(l *policy.Limits) { l.Denials, l.Errors = 3, 3 })
	rcodes := func(n int, zone string, change func(*dns.Msg)) (got int) {
		for i := range n {
			if m := f.askFrom("10.0.0.1:1000", transport.UDP, fmt.Sprintf("zz%d.%s", i, zone),
				dns.TypeA, change); m != nil && !m.Truncated {
				got++
			}
		}
		return got
	}
	if n := rcodes(20, "secure.example.", edns(true)); n != 3 {
		t.Errorf("%d denials of a zone, proven and prepared ones among them", n)
	}
	if n := rcodes(20, "unsigned.example.", nil); n != 3 {
		t.Errorf("%d denials of another zone", n)
	}
	hesiod := func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassHESIOD }
	if n := rcodes(9, "secure.example.", hesiod); n != 6 {
		t.Errorf("%d of 9 errors, want 3 and half of the others", n)
	}
	if counts["rate_responses served"] != 3 {
		t.Errorf("counted: %v", counts)
	}
	if got := f.outcomes(5, "10.0.0.1:1000", transport.UDP); strings.Contains(got, "nothing") {
		t.Errorf("answers are not limited: %s", got)
	}
}

// A flood of equal responses is limited until a window after its end, however long it was; queries
// that are held back for their own rate cost nothing.
func TestResponseRateHoldsForAWindowAfterAFlood(t *testing.T) {
	f, _ := newLimited(t, func(l *policy.Limits) {
		l.Responses, l.Window, l.Slip = 10, 5*time.Second, 0
	})
	for range 1000 {
		f.outcome("10.0.0.1:1000", transport.UDP, nil)
	}
	f.clock.Advance(4 * time.Second)
	if got := f.outcomes(1, "10.0.0.1:1000", transport.UDP); got != "nothing" {
		t.Errorf("within the window: %s", got)
	}
	f.clock.Advance(6 * time.Second)
	if got := f.outcomes(1, "10.0.0.1:1000", transport.UDP); got != "answer" {
		t.Errorf("after it: %s", got)
	}
}

// Referrals count by the zone that they lead to.
func TestResponseRateOfReferrals(t *testing.T) {
	f := newFrontWith(t, nil, func(c *resolver.Config) { c.Referrals = true })
	f.ask(limitedName, dns.TypeA, nil) // so that the delegations are known
	f.store.RRsets.RemoveFunc(func(cache.Key) bool { return true })
	l := policy.DefaultLimits()
	l.Referrals, l.Slip = 2, 0
	cfg := server.Default()
	f.Handler.Replace(server.Rules{Config: &cfg, View: &policy.View{Rates: policy.NewRates(l)},
		Access: policy.NewACL([]policy.Rule{{Net: netip.MustParsePrefix("10.0.0.0/8"),
			Action: policy.Snoop}})})
	got := 0
	for i := range 6 {
		m := f.askFrom("10.0.0.1:1000", transport.UDP, fmt.Sprintf("no%d.secure.example.", i),
			dns.TypeA, func(m *dns.Msg) { m.RecursionDesired = false })
		if m != nil {
			got++
			if len(m.Ns) == 0 || m.Ns[0].Header().Rrtype != dns.TypeNS {
				t.Fatalf("no referral:\n%v", m)
			}
		}
	}
	if got != 2 {
		t.Errorf("%d referrals to one zone", got)
	}
}

// The operator gets one line for a network that begins to be limited, with the listener, and not
// one for each query.
func TestLimitedNetworksAreLoggedOnce(t *testing.T) {
	var log bytes.Buffer
	f := newFrontLogged(t, slog.New(slog.NewTextHandler(&log, nil)), nil,
		func(*resolver.Config) {}, &quiet{})
	f.limit(func(l *policy.Limits) { l.PerPrefix = 2 })
	for i := range 20 {
		f.outcome(fmt.Sprintf("10.0.0.%d:1000", i), transport.UDP, nil)
		f.outcome(fmt.Sprintf("[fd00:1:2:3%02x::1]:1000", i), transport.UDP, nil)
	}
	for _, want := range []string{"network=10.0.0.0/24", "network=fd00:1:2:300::/56"} {
		if n := strings.Count(log.String(), want); n != 1 {
			t.Errorf("%s is logged %d times", want, n)
		}
	}
	if !strings.Contains(log.String(), "listener=listen.udp[0] cause=rate_queries") {
		t.Errorf("the log:\n%s", log.String())
	}
}

// A packet that is not a question is limited too: its FORMERR could go to somebody else.
func TestMalformedPacketsAreLimitedToo(t *testing.T) {
	f, _ := newLimited(t, func(l *policy.Limits) { l.PerAddress, l.Slip = 2, 1 })
	answered := 0
	for range 10 {
		if f.exchange([]byte("no query at all, but long enough"), "10.0.0.1:1000",
			transport.UDP) != nil {
			answered++
		}
	}
	if answered != 2 {
		t.Errorf("%d packets are answered", answered)
	}
}

// Answers from the cache are compared with the rates and nothing is allocated for it, whether they
// leave, are truncated or are held back.
func TestRatesAllocateNothingForAHit(t *testing.T) {
	f, _ := newLimited(t, func(l *policy.Limits) {
		l.PerAddress, l.PerPrefix, l.Responses, l.Denials = 1_000_000, 1_000_000, 1_000_000, 1000
	})
	packet := packed(t, limitedName)
	client := transport.Client{Addr: netip.MustParseAddrPort("10.0.0.1:1000")}
	for range 3 {
		f.exchange(packet, "10.0.0.1:1000", transport.UDP)
	}
	if !f.Prepared(packet, client) {
		t.Fatal("nothing is prepared")
	}
	buf := make([]byte, 0, 4096)
	if n := testing.AllocsPerRun(100, func() { f.Handle(packet, client, buf) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
