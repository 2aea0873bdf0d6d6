package server_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/resolver"
)

// The servers of a zone are out of reach for minutes, while others reply. The failure is remembered
// for longer and longer (RFC 9520, section 3.2), and clients get it as a prepared answer. When the
// network is back, no client gets it for more than two seconds.
func TestRFC9520PreparedFailuresEndWithTheirReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, net := newSevered(t, func(*resolver.Config) {})
		f.ask("www.secure.example.", dns.TypeA, edns(true))
		net.only = "secure.example."
		net.down.Store(true)
		others := 0
		lost := func() int {
			var other sync.WaitGroup
			defer other.Wait()
			others++
			name := fmt.Sprintf("n%d.unsigned.example.", others)
			other.Go(func() { f.ask(name, dns.TypeA, edns(true)) })
			return f.ask("lost.secure.example.", dns.TypeA, edns(true)).Rcode
		}
		prepared := false
		for range 60 {
			hits := f.seen.hits
			if rcode := lost(); rcode != dns.RcodeServerFailure {
				t.Fatal(dns.RcodeToString[rcode])
			}
			prepared = prepared || f.seen.hits > hits
			f.clock.Advance(time.Second)
		}
		if !prepared {
			t.Error("the failure is never prepared")
		}
		net.down.Store(false)
		f.resolver.NetworkChanged()
		f.clock.Advance(2 * time.Second)
		if rcode := lost(); rcode != dns.RcodeNameError {
			t.Errorf("two seconds later: %s", dns.RcodeToString[rcode])
		}
		f.close()
	})
}
