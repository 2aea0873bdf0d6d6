package secondary

import (
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/rpz"
	"bailiwick/internal/state"
	"bailiwick/wire"
)

// What users of other software have reported of zone transfers, rebuilt. Each names the tracker's
// entry.

// refusing answers a type of question with an RCODE.
func refusing(qtype uint16, rcode int) func(uint16, []*dns.Msg) []*dns.Msg {
	return func(t uint16, reply []*dns.Msg) []*dns.Msg {
		if t == qtype {
			reply = reply[:1]
			reply[0].Rcode, reply[0].Answer = rcode, nil
		}
		return reply
	}
}

// A primary may answer for changes with the whole zone, or with an error, or not at all; it may
// send a record in each message. In the end the new zone is in use (NLnetLabs/unbound 216,
// NLnetLabs/nsd 479, TechnitiumSoftware/DnsServer 1318, 1885 and 2053, NLnetLabs/cascade 594).
func TestReportsOfChangesThatDoNotCome(t *testing.T) {
	for what, change := range map[string]func(*primary){
		"the whole zone": func(p *primary) {
			p.change = changed(dns.TypeIXFR, func([]dns.RR) []dns.RR {
				last := p.versions[len(p.versions)-1]
				return append(slices.Clone(last), last[0])
			})
		},
		"SERVFAIL": func(p *primary) { p.change = refusing(dns.TypeIXFR, dns.RcodeServerFailure) },
		"REFUSED":  func(p *primary) { p.change = refusing(dns.TypeIXFR, dns.RcodeRefused) },
		"the end of the connection": func(p *primary) {
			p.change = func(qtype uint16, reply []*dns.Msg) []*dns.Msg {
				if qtype == dns.TypeIXFR {
					return nil
				}
				return reply
			}
			p.hangUp = true
		},
		"a record in each message": func(p *primary) { p.per = 1 },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := keep(t, nil)
				k.primary.add(t, nil, []string{"more.held.test. 300 IN A 192.0.2.82"})
				k.primary.alter(change)
				time.Sleep(640 * time.Second)
				synctest.Wait()
				if k.serial() != 2 || k.address("more.held.test.") != "192.0.2.82" {
					t.Errorf("serial %d: %s", k.serial(), k.logged())
				}
			})
		})
	}
}

// A primary that gives the zone away and answers no question for its SOA record: the zone is
// transferred to see whether there is a newer one (NLnetLabs/unbound 321).
func TestReportOfSOAQuestionsThatAreNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, nil)
		k.primary.alter(func(p *primary) { p.change = refusing(dns.TypeSOA, dns.RcodeRefused) })
		k.want("at the start", 1, "AXFR")
		time.Sleep(601 * time.Second)
		k.want("after the refresh time", 1, "SOA", "AXFR")
		if s := k.Status()[0]; s.Failed > 0 || s.Current != 1 {
			t.Errorf("%+v", s)
		}
		k.primary.add(t, nil, []string{"more.held.test. 300 IN A 192.0.2.82"})
		time.Sleep(601 * time.Second)
		k.want("with a newer one", 2, "SOA", "AXFR")
	})
}

// The operator of the primary has set the serial back. The copy is used until it expires; then the
// zone is transferred as it is, without anybody's help (NLnetLabs/nsd 213).
func TestReportOfASerialThatWentBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, func(k *kept, _ *Parts) { k.primary.versions[0][0].(*dns.SOA).Serial = 100 })
		k.primary.alter(func(p *primary) {
			p.versions = [][]dns.RR{records(t, first...)} // serial 1
		})
		time.Sleep(3590 * time.Second)
		if k.serial() != 100 || !strings.Contains(k.Status()[0].Problem, "older") {
			t.Errorf("before it expires: serial %d, %s", k.serial(), k.Status()[0].Problem)
		}
		time.Sleep(3 * time.Minute)
		if k.serial() != 1 {
			t.Errorf("after it has expired: serial %d", k.serial())
		}
	})
}

// An expired zone is checked at the operator's command like any other (NLnetLabs/unbound 233).
func TestReportOfAnExpiredZoneThatIsNotRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, nil)
		k.primary.alter(func(p *primary) { p.change = refusing(dns.TypeSOA, dns.RcodeRefused) })
		k.primary.alter(func(p *primary) {
			p.change = func(qtype uint16, reply []*dns.Msg) []*dns.Msg {
				return refusing(qtype, dns.RcodeRefused)(qtype, reply)
			}
		})
		time.Sleep(3601 * time.Second)
		if k.serial() != 0 {
			t.Error("it has not expired")
		}
		k.primary.alter(func(p *primary) { p.change = nil })
		k.Refresh(k.spec.Name)
		synctest.Wait()
		if k.serial() != 1 {
			t.Errorf("after the command: %+v", k.Status()[0])
		}
	})
}

// A transfer that breaks off at a record that cannot be read leaves nothing behind of what came
// before it (NLnetLabs/unbound 1448).
func TestReportOfATransferThatBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, nil)
		k.primary.add(t, []string{k.primary.versions[0][3].String()},
			[]string{"www.held.test. 300 IN A 192.0.2.81", "more.held.test. 300 IN A 192.0.2.82"})
		k.primary.alter(func(p *primary) {
			p.noIXFR, p.per = true, 2
			p.tamper = func(i int, b []byte) []byte {
				if i == 2 {
					b = b[:len(b)-3]
				}
				return b
			}
		})
		time.Sleep(601 * time.Second)
		if k.serial() != 1 || k.address("www.held.test.") != "192.0.2.80" ||
			k.address("more.held.test.") != "none" || k.Status()[0].Failed != 1 {
			t.Errorf("serial %d: %s", k.serial(), k.logged())
		}
	})
}

// A check that NOTIFY has caused and that fails is made again after the retry time, and not after
// the refresh time (coredns/coredns 5089).
func TestReportOfAFailedCheckAfterNotify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, nil)
		k.primary.add(t, nil, []string{"more.held.test. 300 IN A 192.0.2.82"})
		k.primary.alter(func(p *primary) {
			p.change = func(qtype uint16, reply []*dns.Msg) []*dns.Msg {
				return refusing(qtype, dns.RcodeServerFailure)(qtype, reply)
			}
		})
		time.Sleep(30 * time.Second)
		k.notify("192.0.2.1", 2)
		synctest.Wait()
		k.primary.alter(func(p *primary) { p.change = nil })
		time.Sleep(121 * time.Second)
		if k.serial() != 2 {
			t.Errorf("after the retry time: %+v", k.Status()[0])
		}
	})
}

// A zone whose digest has to be right is transferred for the first time: there is nothing to check
// before (NLnetLabs/unbound 557). See also TestRFC8976WhatIsUsed.
func TestReportOfADigestDemandedBeforeTheFirstTransfer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, func(k *kept, _ *Parts) { k.spec.Digest = DigestRequired })
		k.want("at the start", 0, "AXFR")
		if p := k.Status()[0].Problem; !strings.Contains(p, "no ZONEMD") {
			t.Error(p)
		}
	})
}

// What changes have brought is kept, with its serial: a restart goes on from there, and not from
// the first version again (PowerDNS/pdns 14857).
func TestReportOfASerialThatWasNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := state.Open(filepath.Join(t.TempDir(), "state"), slog.New(slog.DiscardHandler))
		kept := func(k *kept, p *Parts) { p.State, k.spec.Policy = dir, true }
		k := keep(t, kept)
		k.primary.add(t, nil, []string{"more.held.test. 300 IN A 192.0.2.82"})
		time.Sleep(640 * time.Second)
		if z := k.Latest(k.spec.Name); z == nil || z.SOA().Serial != 2 {
			t.Fatalf("%+v", k.Status()[0])
		}
		k.Close()
		again := keep(t, kept)
		if z := again.Latest(again.spec.Name); z.SOA().Serial != 2 ||
			!z.Exists(wire.MustParseName("more.held.test.")) {
			t.Errorf("after a restart: %+v", again.Status()[0])
		}
	})
}

// The records of the policy zone's own name, which come with its changes too, are no rules, and
// what is said in place of its actions holds for the rules that changes have brought (PowerDNS/pdns
// 4388 and 4402). The rules are those of the copy, so there is one way to read both.
func TestReportOfChangesOfAPolicyZone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, func(k *kept, _ *Parts) { k.spec.Policy = true })
		k.primary.add(t, nil, []string{"held.test. 300 IN NS ns2.other.test.",
			"bad.test.held.test. 300 IN CNAME ."})
		time.Sleep(640 * time.Second)
		if !slices.Contains(k.primary.questions(), "IXFR") {
			t.Error("no changes were asked for")
		}
		s := rpz.Set{Zones: []rpz.Zone{{Name: k.spec.Name, Overrides: true,
			Override: rpz.NoData, Rules: rpz.New(k.Latest(k.spec.Name))}}}
		for name, want := range map[string]bool{"bad.test.": true, ".": false} {
			m, v := s.Find(&rpz.Facts{Name: wire.MustParseName(name)}, nil)
			if found := v == rpz.Found; found != want || found && m.Action != rpz.NoData {
				t.Errorf("%s: %v %v", name, v, m.Action)
			}
		}
	})
}
