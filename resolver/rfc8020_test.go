// The denial of a shortened name, and the names below it.

package resolver_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// A shortened name that a signed zone denies ends the resolution (RFC 8020, section 2; RFC 9156,
// section 4): no server learns the rest of the name. Without a proof the servers may deny empty
// non-terminals, and are asked for the full name.
func TestRFC8020DenialOfAShortenedNameEndsTheWalk(t *testing.T) {
	for _, c := range []struct {
		name     string
		full     bool
		harden   bool
		security wire.Security
	}{
		{"secret.below.secure.example.", false, true, wire.Secure},
		{"secret.below.nsec3.example.", false, true, wire.Secure},
		{"secret.below.unsigned.example.", true, true, wire.Insecure},
		{"secret.below.secure.example.", true, false, wire.Secure},
	} {
		synctest.Test(t, func(t *testing.T) {
			in := newWorld(t, lab.Internet(time.Now()), func(cfg *resolver.Config) {
				cfg.AggressiveNSEC, cfg.HardenBelowNXDomain = false, c.harden
			})
			a := in.resolve(c.name, wire.TypeTXT)
			if a.RCode != nxDomain || a.Status != c.security {
				t.Errorf("%s: %s %s %v", c.name, a.RCode, a.Status, a.Failure)
			}
			if asked := in.transcript(); strings.Contains(asked, "secret") != c.full {
				t.Errorf("%s: asked\n%s", c.name, asked)
			}
			if c.full {
				return
			}
			if wire.FindType(a.Authority, wire.TypeSOA) == nil || len(a.Authority) < 2 {
				t.Errorf("%s: the client has no proof: %d sets", c.name, len(a.Authority))
			}
			zone := strings.SplitN(c.name, ".", 3)[2]
			if b := in.resolve("another.below."+zone, wire.TypeA); b.RCode != nxDomain {
				t.Errorf("another name: %s", b.RCode)
			}
			if asked := in.transcript(); asked != "" {
				t.Errorf("another name below: asked\n%s", asked)
			}
		})
	}
}
