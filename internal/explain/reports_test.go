// What people missed in other tools, and reported in public, rebuilt in the lab.

package explain_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/explain"
	"bailiwick/internal/lab"
	"bailiwick/wire"
)

// A signed name is an alias of an unsigned one: the result is not secure, and people took their own
// zone for broken, as the tool did not say which of the two is unsigned. The alias is told as
// secure, the target as insecure, with the delegation at which the chain ends
// (internetstandards/Internet.nl 188; internetstandards/Internet.nl 1370).
func TestReportedAliasOfAnUnsignedName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		w.Add(lab.Zone{Name: "store.example.", Records: "www CNAME www.unsigned.example."})
		r := explained(t, w, "www.store.example.", wire.TypeA)
		last := r.Zones[len(r.Zones)-1]
		if r.Status != "insecure" || len(r.Steps) != 2 || r.Steps[0].Status != "secure" ||
			r.Steps[0].Zone != "store.example." || r.Steps[1].Status != "insecure" ||
			r.Broken != nil || last.Name != "unsigned.example." || len(last.NoDS) == 0 {
			t.Errorf("%s: %+v", r.Summary, r.Steps)
		}
	})
}

// Once the keys of a zone have failed, later names of the zone fail for "a previous failure", and
// the log does not say which any more (NLnetLabs/unbound 1130). Here each name has the first cause,
// with the tags, and the zone's own entry has since when.
func TestReportedLaterNamesHaveTheFirstCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFront(t, lab.Internet(time.Now()), nil)
		f.explain("www.ds-mismatch.faulty.", wire.TypeA)
		time.Sleep(30 * time.Second)
		r := f.explain("txt.ds-mismatch.faulty.", wire.TypeTXT)
		if r.Broken == nil || r.Broken.Cause != "ds_mismatch" ||
			!strings.Contains(r.Broken.Detail, ", DNSKEY ") || r.Broken.By != "registrar" {
			t.Fatalf("%+v", r.Broken)
		}
		for _, k := range r.Remembered {
			if k.Name == "ds-mismatch.faulty." && k.Type == "DNSKEY" {
				if age := time.Since(k.First); age < 30*time.Second || age > 31*time.Second {
					t.Errorf("since %s", age)
				}
				return
			}
		}
		t.Errorf("remembered: %+v", r.Remembered)
	})
}

// A delegation without a DS whose proof is a CNAME at the zone cut: resolvers call it bogus, and a
// tool drew it as insecure (dnsviz/dnsviz 30). What is told is what resolvers do, and that the
// question for the DS brought an alias.
func TestReportedCNAMEInPlaceOfTheProofOfNoDS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.New(time.Now())
		w.Add(lab.Zone{Name: "museum.", Records: "other A 192.0.2.1"})
		w.Add(lab.Zone{Name: "www.museum.", On: "museum.", Algorithm: lab.Unsigned,
			Records: "@ A 192.0.2.2"})
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			m := in.Honest()
			q := in.Question()
			if in.Server != w.AddressOf("museum.") || strings.ToLower(q.Name) != "www.museum." ||
				q.Qtype != dns.TypeDS {
				return lab.Reply{}, false
			}
			c := &dns.CNAME{Hdr: dns.RR_Header{Name: "www.museum.", Rrtype: dns.TypeCNAME,
				Class: dns.ClassINET, Ttl: 300}, Target: "other.museum."}
			m.Ns, m.Rcode = nil, dns.RcodeSuccess
			m.Answer = append([]dns.RR{c}, w.Sign("museum.", c)...)
			return lab.Messages(m), true
		}
		r := explained(t, w, "www.museum.", wire.TypeA)
		if r.Status != "bogus" || r.Broken.Cause != "signature_missing" ||
			r.Broken.Zone != "museum." || r.Broken.Link !=
			"the signature of museum. over www.museum./A" {
			t.Errorf("%s: %+v", r.Summary, r.Broken)
		}
		if !slices.ContainsFunc(r.Exchanges, func(x explain.Exchange) bool {
			return x.Type == "DS" && x.Outcome == "alias to other.museum."
		}) {
			t.Errorf("%+v", r.Exchanges)
		}
	})
}

// A name below a DNAME does not exist by itself, and is answered by way of the DNAME: a tool took
// the proof of the one for a contradiction of the other (dnsviz/dnsviz 152). Here it is an alias,
// with the DNAME's signature, and no denial.
func TestReportedNameBelowADNAME(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := explained(t, lab.Internet(time.Now()), "leaf.tree.secure.example.", wire.TypeA)
		s := r.Steps[0]
		if r.Status != "secure" || s.Kind != "alias" || s.Target != "leaf.deep.secure.example." ||
			len(s.Denial) > 0 || len(s.Signatures) == 0 ||
			s.Signatures[0].Covers != "tree.secure.example./DNAME" {
			t.Errorf("%s: %+v", r.Summary, s)
		}
	})
}

// The time that a signature has left is in the report of names that are well, so that a script can
// warn (zonemaster/zonemaster-cli 6); one that has expired says for how long, where a tool left the
// time out (hardaker/dnssec-tools 1).
func TestReportedTimeLeftOfSignatures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := lab.Internet(time.Now())
		good := explained(t, w, "www.secure.example.", wire.TypeA)
		if s := good.Steps[0].Signatures[0]; s.Remaining != 30*86400 || s.State != "in time" {
			t.Errorf("%+v", s)
		}
		bad := explained(t, w, "www.expired.faulty.", wire.TypeA)
		if s := bad.Steps[0].Signatures[0]; s.Remaining != -10*86400 || s.State != "expired" ||
			s.Verified {
			t.Errorf("%+v", s)
		}
	})
}

// A DS that no key matches is told with the keys that there are: "no DNSKEYs" was taken for a zone
// without keys (zonemaster/zonemaster 362).
func TestReportedDanglingDS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := explained(t, lab.Internet(time.Now()), "www.ds-mismatch.faulty.", wire.TypeA)
		z := r.Zones[len(r.Zones)-1]
		if len(z.DS) != 1 || z.DS[0].Matches || len(z.Keys) != 1 || z.Keys[0].Named ||
			z.Status != "bogus" || z.Fault == nil {
			t.Errorf("%+v", z)
		}
	})
}

// A tool crashed on replies that make no sense (dnsviz/dnsviz 99). Every type that can be asked for
// has a report, in each zone of the lab, whatever its servers send.
func TestReportedOddRepliesHaveAReport(t *testing.T) {
	types := []wire.Type{wire.TypeA, wire.TypeDS, wire.TypeDNSKEY, wire.TypeNS, wire.TypeANY,
		wire.TypeCNAME, wire.TypeRRSIG, wire.TypeNSEC, wire.TypeSOA}
	w := lab.Internet(time.Now())
	for i, zone := range w.Zones() {
		synctest.Test(t, func(t *testing.T) {
			r := explained(t, lab.Internet(time.Now()), zone, types[i%len(types)])
			if r.Summary == "" || len(r.Steps) == 0 ||
				(r.Broken == nil) == (r.RCode == "SERVFAIL") {
				t.Errorf("%s %s: %s, %s, %+v", zone, types[i%len(types)], r.RCode, r.Summary,
					r.Broken)
			}
		})
	}
}
