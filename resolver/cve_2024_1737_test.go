package resolver_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// largeWorld has a signed zone and an unsigned one with large sets: SRV of a large directory, TXT
// of a vendor's block lists.
func largeWorld() *lab.World {
	var b strings.Builder
	for i := range 600 {
		fmt.Fprintf(&b, "_ldap._tcp SRV 0 0 389 dc%d;;list TXT \"sha256=%060d\";;dc%d A "+
			"192.0.2.%d;;",
			i, i, i, i%250)
	}
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "example."})
	w.Add(lab.Zone{Name: "signed.example.", Records: b.String()})
	w.Add(lab.Zone{Name: "unsigned.example.", Algorithm: lab.Unsigned, Records: b.String()})
	return w
}

// A set may be as large as a message. It is answered in full, signed or not, from its server and
// from the cache, and counts as no fault: the server is asked the next question too.
func TestCVE20241737LargeSetIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newWorld(t, largeWorld(), nil)
		for _, zone := range []string{"signed.example.", "unsigned.example."} {
			for owner, typ := range map[string]wire.Type{"_ldap._tcp.": wire.TypeSRV,
				"list.": wire.TypeTXT} {
				for range 2 {
					a := in.resolve(owner+zone, typ)
					if a.RCode != noError || len(a.Sets) != 1 || a.Sets[0].Len() != 600 {
						t.Fatalf("%s%s: %s %v", owner, zone, a.RCode, a.Failure)
					}
					if (a.Status == wire.Secure) != (zone == "signed.example.") {
						t.Errorf("%s%s: %s", owner, zone, a.Status)
					}
				}
			}
			in.transcript()
			in.resolve("dc1."+zone, wire.TypeA)
			if asked := strings.Count(in.transcript(), "\n"); asked != 1 {
				t.Errorf("%s: the next question takes %d packets", zone, asked)
			}
		}
	})
}

// An address set for each target of the SRV set in the additional section makes no difference.
func TestCVE20241737ManySetsBesideAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := largeWorld()
		w.Script = func(q lab.Incoming) (lab.Reply, bool) {
			if q.Question().Qtype != dns.TypeSRV || !q.TCP {
				return lab.Reply{}, false
			}
			m := q.Honest()
			for i := range 600 {
				header := dns.RR_Header{Name: fmt.Sprintf("dc%d.unsigned.example.", i),
					Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 300}
				m.Extra = append(m.Extra, &dns.A{Hdr: header, A: []byte{192, 0, 2, byte(i % 250)}})
			}
			return lab.Messages(m), true
		}
		a := newWorld(t, w, nil).resolve("_ldap._tcp.unsigned.example.", wire.TypeSRV)
		if a.RCode != noError || len(a.Sets) != 1 || a.Sets[0].Len() != 600 {
			t.Fatalf("%s %v", a.RCode, a.Failure)
		}
	})
}
