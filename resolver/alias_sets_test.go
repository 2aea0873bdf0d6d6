// The sets of an answer that is made of several results.

package resolver_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// A chain may come through one DNAME twice, and its results may share an SOA and denials: the
// answer has each set once (RFC 2181, section 5), from the servers and from the cache.
func TestRFC2181AChainShowsASetOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "twice.example.", Records: "old DNAME new;;a.a.new CNAME a.old;;" +
			"a.new TXT x;;b.b.new CNAME a.new;;*.w CNAME y;;zz A 192.0.2.1"})
		in := newWorld(t, w, func(c *resolver.Config) { c.MaxAliases = 12 })
		for _, name := range []string{"a.a.old", "a.a.old", "b.b.old", "x.w"} {
			name += ".twice.example."
			a := in.resolve(name, wire.TypeA)
			if name[0] == 'a' && (a.Status != wire.Secure || len(a.Sets) != 4) {
				t.Fatalf("%s: %s %s, %d sets, %v", name, a.RCode, a.Status, len(a.Sets), a.Failure)
			}
			for _, section := range [][]*wire.RRset{a.Sets, a.Authority} {
				for i, s := range section {
					if wire.Find(section[:i], s.Name, s.Type) != nil {
						t.Errorf("%s: %s/%s twice", name, s.Name, s.Type)
					}
				}
			}
		}
	})
}

// YXDOMAIN means that a DNAME makes a name too long (RFC 6672, section 2.2). Without a DNAME the
// message is not an answer, whatever else it holds: here a record that would be believed in another
// message.
func TestRFC6672YXDOMAINWithoutDNAMEIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Script = func(i lab.Incoming) (lab.Reply, bool) {
			if i.Question().Name != "www.unsigned.example." {
				return lab.Reply{}, false
			}
			m := i.Honest()
			m.Rcode = dns.RcodeYXDomain
			return lab.Messages(m), true
		}
		in := newWorld(t, w, func(c *resolver.Config) { c.CaseRandomisation = false })
		a := in.resolve("www.unsigned.example.", wire.TypeA)
		if a.RCode != servFail || a.Failure.Cause != cause.ServerUnexpected {
			t.Errorf("got %s %v", a.RCode, a.Failure)
		}
	})
}

// The meaning of a DNAME at a wildcard is undefined (RFC 4592, section 4.4): a DNAME that is
// expanded from one is not believed, though its signature and the wildcard's proof verify.
func TestRFC4592DNAMEMadeFromAWildcardIsBogus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "wild.example.",
			Records: "*.tree DNAME deep;;*.tree TXT good;;a.deep A 192.0.2.1"})
		in := newWorld(t, w, nil)
		a := in.resolve("x.tree.wild.example.", wire.TypeTXT)
		if a.Status != wire.Secure || len(a.Sets) != 1 {
			t.Errorf("TXT: %s %s %v", a.RCode, a.Status, a.Failure)
		}
		a = in.resolve("x.tree.wild.example.", wire.TypeDNAME)
		if a.Status != wire.Bogus || a.Failure.Cause != cause.SignatureLabels {
			t.Errorf("DNAME: %s %s %v", a.RCode, a.Status, a.Failure)
		}
	})
}
