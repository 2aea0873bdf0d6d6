package resolver_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// A zone with a DS whose keys cannot be fetched is bogus (RFC 4035, section 5.2), unless the
// operator has allowed it to be insecure: then the client is told why. Keys that do not match the
// DS stay bogus, and so do data that the keys did not sign.
func TestMissingKeysMakeAZoneBogusOrInsecure(t *testing.T) {
	const denied, failing = "www.no-keys.faulty.", "www.secure.example."
	for _, insecure := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := lab.Internet(time.Now())
			broken := true
			w.Script = func(q lab.Incoming) (lab.Reply, bool) {
				if !broken || q.Question().Qtype != dns.TypeDNSKEY ||
					!strings.EqualFold(q.Question().Name, "secure.example.") {
					return lab.Reply{}, false
				}
				return lab.Messages(new(dns.Msg).SetRcode(q.Query, dns.RcodeServerFailure)), true
			}
			in := newWorld(t, w, func(c *resolver.Config) {
				c.Validation.MissingKeysInsecure = insecure
			})
			for _, name := range []string{denied, failing} {
				a := in.resolve(name, wire.TypeA)
				good := a.RCode == noError && a.Status == wire.Insecure
				if good != insecure || !good && a.RCode != servFail || a.Failure == nil ||
					a.Failure.Cause != cause.KeyMissing {
					t.Errorf("insecure %v: %s: %s %s (%v)", insecure, name, a.RCode, a.Status,
						a.Failure)
				}
			}
			for _, name := range []string{"www.ds-mismatch.faulty.", "www.forging.faulty.",
				"www.missing-signatures.faulty."} {
				if a := in.resolve(name, wire.TypeA); a.RCode != servFail ||
					a.Status != wire.Bogus {
					t.Errorf("insecure %v: %s: %s %s", insecure, name, a.RCode, a.Status)
				}
			}
			broken = false // the next data are validated again
			time.Sleep(10 * time.Minute)
			if a := in.resolve(failing, wire.TypeA); a.Status != wire.Secure {
				t.Errorf("insecure %v: later: %s %s (%v)", insecure, a.RCode, a.Status, a.Failure)
			}
		})
	}
}
