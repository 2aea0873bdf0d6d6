// CVE-2025-40780 (BIND), CVE-2026-50252 (Unbound): who sees some questions can tell the next ones,
// if their numbers come from a generator whose state follows from what it has given.

package resolver_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/clock"
	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// The numbers and the letter case of questions are those of the system's generator for
// cryptography: with its output repeated they repeat, and with another they are others.
func TestCVE202540780NumbersAreOfTheSystemsGenerator(t *testing.T) {
	asked := func(seed uint64) (list []string) {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			w := lab.New(time.Now())
			w.Script = func(in lab.Incoming) (lab.Reply, bool) { // nothing is signed meanwhile
				mu.Lock()
				defer mu.Unlock()
				name := in.Question().Name
				list = append(list, fmt.Sprint(in.Query.Id, " ", name))
				m := new(dns.Msg).SetReply(in.Query)
				m.Authoritative = true
				m.Answer = []dns.RR{refreshRR(t, name+" 300 A 192.0.2.1")}
				return lab.Messages(m), true
			}
			cfg, _ := labtest.Resolver(w)
			cfg.Prime = false
			cryptotest.SetGlobalRandom(t, seed)
			// Without an anchor nothing is asked for at the same time as something else.
			r := resolver.New(cfg, resolver.Parts{Cache: cache.New(cache.Default()),
				Anchors: &trustanchor.Set{}, Exchanger: w, Clock: clock.Real{}})
			defer r.Close()
			for i := range 4 {
				name := wire.MustParseName(fmt.Sprintf("somelongername%d.", i))
				r.Resolve(t.Context(), wire.Question{Name: name, Type: wire.TypeA,
					Class: wire.ClassIN}, resolver.Options{})
			}
		})
		return list
	}
	first, again, other := asked(1), asked(1), asked(2)
	if len(first) < 4 || !slices.Equal(first, again) {
		t.Errorf("another generator has a part: %q and %q", first, again)
	}
	if slices.Equal(first, other) {
		t.Errorf("the system's generator has no part: %q", first)
	}
}
