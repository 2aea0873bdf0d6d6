// Entries are refreshed shortly before they end.

package server_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/resolver"
)

// In the last tenth of its time a prepared answer is not used: the client gets an answer from the
// cache at once, and the next ones get what was fetched meanwhile. Before that nothing is fetched.
func TestPrefetchOfAPreparedAnswerInItsLastTenth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, up := newCounted(t, func(c *resolver.Config) { c.Prefetch = true })
		ask := func() (ttl uint32, hit bool) {
			hits := f.seen.hits
			m := f.ask("www.secure.example.", dns.TypeA, nil)
			if m.Rcode != dns.RcodeSuccess || len(m.Answer) != 1 {
				t.Fatalf("got\n%v", m)
			}
			synctest.Wait()
			return m.Answer[0].Header().Ttl, f.seen.hits > hits
		}
		ask()
		whole, _ := ask()
		early := time.Duration(whole) * time.Second * 89 / 100
		late := time.Duration(whole) * time.Second * 91 / 100
		sent := up.n.Load()
		f.clock.Advance(early)
		if ttl, hit := ask(); !hit || ttl >= whole || up.n.Load() != sent {
			t.Errorf("before: TTL %d, prepared %v, %d questions", ttl, hit, up.n.Load()-sent)
		}
		f.clock.Advance(late - early)
		if ttl, hit := ask(); hit || ttl > whole/10 || ttl == 0 || up.n.Load() == sent {
			t.Errorf("in the last tenth: TTL %d, prepared %v, %d questions", ttl, hit,
				up.n.Load()-sent)
		}
		if ttl, _ := ask(); ttl != whole {
			t.Errorf("afterwards: TTL %d", ttl)
		}
		f.close()
	})
}
