package server_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/rest"
	"bailiwick/resolver"
	"bailiwick/transport"
)

// TestRestEndsWithAQuestion: what has stopped while nobody asked goes on when a question comes that
// has no answer in memory; one that has needs nothing of it, and costs nothing.
func TestRestEndsWithAQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rest.New(time.Second)
		f := newFrontAll(t, nil, func(*resolver.Config) {}, &quiet{},
			func(p *resolver.Parts) { p.Rest = s })
		defer f.close()
		var rounds atomic.Int32
		go func() {
			for s.Wait(t.Context(), time.Second, nil) {
				rounds.Add(1)
			}
		}()
		ask := func(want int32) {
			t.Helper()
			time.Sleep(time.Hour)
			synctest.Wait()
			before := rounds.Load()
			q, err := new(dns.Msg).SetQuestion("www.secure.example.", dns.TypeA).Pack()
			if err != nil {
				t.Fatal(err)
			}
			if f.exchange(q, "127.0.0.1:1234", transport.UDP) == nil {
				t.Fatal("no answer")
			}
			synctest.Wait()
			if got := rounds.Load() - before; got != want {
				t.Errorf("%d rounds after the question, want %d", got, want)
			}
		}
		ask(1)
		ask(0)
	})
}
