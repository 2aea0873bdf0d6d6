// RFC 4035, section 4.3: what cannot be decided for want of keys is not bogus.

package resolver_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// A zone's servers fail for the keys, and recover. The data are asked for again as soon as the keys
// are; data that the keys disprove are not fetched again for a minute.
func TestRFC4035MissingKeysAreRememberedLikeTheFailureToFetchThem(t *testing.T) {
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
		in := newWorld(t, w, nil)
		for _, x := range []struct {
			name string
			why  cause.Cause
			kept bool
		}{
			{"www.secure.example.", cause.KeyMissing, false},
			{"www.no-keys.faulty.", cause.KeyMissing, true}, // they are denied
			{"www.expired.faulty.", cause.SignatureExpired, true},
		} {
			a := in.resolve(x.name, wire.TypeA)
			if a.RCode != servFail || a.Failure.Cause != x.why {
				t.Errorf("%s: %s (%v)", x.name, a.RCode, a.Failure)
			}
			broken = false
			time.Sleep(20 * time.Second)
			w.Transcript()
			in.resolve(x.name, wire.TypeA)
			if asked := len(w.Transcript()) > 0; asked == x.kept {
				t.Errorf("%s: asked again after 20 s: %v", x.name, asked)
			}
		}
		if a := in.resolve("www.secure.example.", wire.TypeA); a.Status != wire.Secure {
			t.Errorf("with keys: %s %s (%v)", a.RCode, a.Status, a.Failure)
		}
	})
}
