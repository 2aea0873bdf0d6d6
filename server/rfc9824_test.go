// RFC 9824: what clients get of a compact denial.

package server_test

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/miekg/dns"

	"bailiwick/resolver"
)

// A name that does not exist by a compact denial: NXDOMAIN for clients without DO, and for those
// that set CO and so can tell it from the proof; NOERROR for other clients with DO, whose
// validators do not know it (sections 3.1 and 5.1). This holds for the first answer, for those from
// the cache, for those that are prepared, and at the end of an alias. CO comes back.
func TestRFC9824RCodeByClient(t *testing.T) {
	co := func(m *dns.Msg) { edns(true)(m); m.IsEdns0().SetCo() }
	for name, c := range map[string]struct {
		change func(*dns.Msg)
		rcode  int
	}{
		"no EDNS":    {nil, dns.RcodeNameError},
		"without DO": {edns(false), dns.RcodeNameError},
		"AD":         {func(m *dns.Msg) { m.AuthenticatedData = true }, dns.RcodeNameError},
		"DO":         {edns(true), dns.RcodeSuccess},
		"DO and CO":  {co, dns.RcodeNameError},
		"DO and CD": {func(m *dns.Msg) { edns(true)(m); m.CheckingDisabled = true },
			dns.RcodeSuccess},
		"DO, CO and CD": {func(m *dns.Msg) { co(m); m.CheckingDisabled = true },
			dns.RcodeNameError},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFrontWith(t, nil, func(c *resolver.Config) { c.AggressiveNSEC = true })
				for range 4 {
					m := f.ask("no.compact.example.", dns.TypeA, c.change)
					if m.Rcode != c.rcode || len(m.Answer) > 0 {
						t.Errorf("got\n%v", m)
					}
					if o := m.IsEdns0(); o != nil && o.Co() != (c.rcode == dns.RcodeNameError &&
						o.Do()) {
						t.Errorf("CO of the response: %v", o.Co())
					}
					if m := f.ask("www.compact.example.", dns.TypeTXT, c.change); m.Rcode !=
						dns.RcodeSuccess {
						t.Errorf("a name that exists: got\n%v", m)
					}
				}
				if f.seen.hits == 0 {
					t.Error("nothing was prepared")
				}
				f.close()
			})
		})
	}
	// Clients of all kinds one after the other share what is prepared.
	synctest.Test(t, func(t *testing.T) {
		f := newFront(t, nil)
		for i := range 12 {
			change, rcode := edns(true), dns.RcodeSuccess
			if i%2 == 0 {
				change, rcode = co, dns.RcodeNameError
			}
			if m := f.ask("no.compact.example.", dns.TypeA, change); m.Rcode != rcode {
				t.Errorf("client %d: got\n%v", i, m)
			}
		}
		if f.seen.hits < 8 {
			t.Errorf("%d prepared answers", f.seen.hits)
		}
		f.close()
	})
}

// Section 3.5: NXNAME cannot be asked for. No server is asked, and the client learns why.
func TestRFC9824QuestionForNXNAME(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, up := newCounted(t, func(*resolver.Config) {})
		m := f.ask("no.compact.example.", 128, edns(true))
		codes, _ := ede(m)
		if m.Rcode != dns.RcodeFormatError || !slices.Equal(codes, []uint16{30}) ||
			up.n.Load() != 0 {
			t.Errorf("%d questions, got\n%v", up.n.Load(), m)
		}
		f.close()
	})
}
