package server_test

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"

	"bailiwick/internal/policy"
	"bailiwick/transport"
)

// What went wrong elsewhere with limits of clients, by public reports. That tables of clients grew
// without end (g0lab/g0efilter #108, 0xERR0R/blocky #2063) is TestBucketsOfAMillionPrefixes, and
// that nobody could see who was limited (AdguardTeam/AdGuardHome #7105, #5488) is
// TestLimitedNetworksAreLoggedOnce.
func TestRatesReports(t *testing.T) {
	for _, c := range []struct {
		situation, reference string
		limits               func(*policy.Limits)
		// ask sends queries, and returns how many are answered in full.
		ask  func(f *front) int
		want int
	}{
		{situation: "a client with a /64 took another address for each query",
			reference: "sozu-proxy/sozu #1270, actix-ratelimit #22",
			limits:    func(l *policy.Limits) { l.PerPrefix = 4 },
			ask: func(f *front) int {
				return answered(30, func(i int) string {
					return f.outcome(fmt.Sprintf("[fd00::%x]:1000", i), transport.UDP, nil)
				})
			}, want: 4},
		{situation: "a /24 that floods, each address by a few queries",
			reference: "AdguardTeam/AdGuardHome #6368",
			limits:    func(l *policy.Limits) { l.PerAddress, l.PerPrefix = 4, 20 },
			ask: func(f *front) int {
				return answered(250, func(i int) string {
					return f.outcome(fmt.Sprintf("10.0.0.%d:1000", i), transport.UDP, nil)
				})
			}, want: 20},
		{situation: "a client that the limit holds back has no way to be answered",
			reference: "coredns/rrl #32",
			limits:    func(l *policy.Limits) { l.Responses = 1 },
			ask: func(f *front) int {
				return answered(12, func(int) string {
					o := f.outcome("10.0.0.1:1000", transport.UDP, nil)
					if o == "truncated" {
						o = f.outcome("10.0.0.1:1000", transport.TCP, nil)
					}
					return o
				})
			}, want: 6}, // one of the rate, and 5 of the 11 others come back
		{situation: "random names of a wildcard are different answers for a limit of responses",
			reference: "coredns/rrl #24",
			limits:    func(l *policy.Limits) { l.Responses, l.PerPrefix = 5, 8 },
			ask: func(f *front) int {
				return answered(30, func(i int) string {
					m := f.askFrom("10.0.0.1:1000", transport.UDP,
						fmt.Sprintf("r%d.wild.secure.example.", i), dns.TypeA, nil)
					if m == nil || m.Truncated {
						return ""
					}
					return "answer"
				})
			}, want: 8},
		{situation: "a cookie of the server's own was limited as a forged address is",
			reference: "NLnetLabs/unbound #1010",
			limits:    func(l *policy.Limits) { l.PerAddress, l.Responses = 2, 2 },
			ask: func(f *front) int {
				cookie := cookieOf(f, "10.0.0.1:1000")
				return answered(20, func(int) string {
					return f.outcome("10.0.0.1:1000", transport.UDP, cookie)
				})
			}, want: 20},
	} {
		f, _ := newLimited(t, c.limits)
		if got := c.ask(f); got != c.want {
			t.Errorf("%s (%s): %d answers, want %d", c.situation, c.reference, got, c.want)
		}
	}
}

// answered asks so many times, and returns how many answers there were.
func answered(n int, ask func(i int) string) (answers int) {
	for i := range n {
		if ask(i) == "answer" {
			answers++
		}
	}
	return answers
}
