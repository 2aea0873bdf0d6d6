// Whether anybody's answers depend on what others do: a world is played with the hostile
// authorities and the client that serves them, and without.

package simulate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// Differences returns where the answers of two stories differ, as text. The second is that of the
// same world without the hostile zones, see [World.WithoutHostile]. The order of records and TTLs
// may differ. So may what depends on the fate of single packets: one may fail where the other
// does not.
func Differences(with, without *Story) string {
	a, b := with.others(), without.others()
	if len(a) != len(b) {
		return fmt.Sprintf("%d questions, and %d", len(a), len(b))
	}
	var text strings.Builder
	for i := range a {
		if a[i].comparable(b[i]) && a[i].heard() != b[i].heard() {
			fmt.Fprintf(&text, "with hostile authorities:\n%swithout:\n%s", a[i].text(),
				b[i].text())
		}
	}
	return text.String()
}

// others returns the tales of clients other than the hostile one, in order.
func (s *Story) others() []*tale {
	return slices.DeleteFunc(s.ordered(), func(t *tale) bool {
		return t.query.Client == hostileClient
	})
}

// comparable reports whether the answers of two tales have to be the same.
func (t *tale) comparable(o *tale) bool {
	for _, x := range []*tale{t, o} {
		e := &x.expected
		// A name of the hostile zone does not exist without it.
		if e.class == classFree || e.loop || len(e.steps) != len(t.expected.steps) ||
			e.last().outcome != t.expected.last().outcome {
			return false
		}
		if (e.class == classMay || e.class == classMust) && x.failed() {
			return false
		}
	}
	return true
}

// failed reports whether the client has no answer in the end.
func (t *tale) failed() bool {
	m := t.tries[len(t.tries)-1].reply
	return m == nil || m.Rcode == dns.RcodeServerFailure
}

// heard returns what a client heard in the end, without what may differ.
func (t *tale) heard() string {
	m := t.tries[len(t.tries)-1].reply
	if m == nil {
		return "nothing"
	}
	s := dns.RcodeToString[m.Rcode]
	if t.expected.restored(m.Rcode) { // with the proof, or from a server that has stripped it
		s = dns.RcodeToString[dns.RcodeNameError]
	}
	if m.AuthenticatedData && t.expected.ad != proofMaybe {
		s += " AD"
	}
	for _, a := range grouped(m.Answer) {
		if s += "; " + a.owner + " " + dns.TypeToString[a.rtype]; !keyed(a.rtype) {
			s += fmt.Sprint(" ", a.records)
		}
	}
	return s
}

// keyed reports whether records of a type contain keys, which each run makes anew.
func keyed(t uint16) bool { return t == dns.TypeDNSKEY || t == dns.TypeDS }
