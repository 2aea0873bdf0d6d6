package secondary

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// soaOf returns a reply's records with another SOA record at the end.
func soaOf(rrs []dns.RR, change func(*dns.SOA)) []dns.RR {
	last := dns.Copy(rrs[len(rrs)-1]).(*dns.SOA)
	change(last)
	return append(rrs[:len(rrs)-1:len(rrs)-1], last)
}

// A primary that lies of what it sends leaves the copy as it is: a zone whose serial is none that
// comes after the copy's, whatever the primary said of it before (RFC 1982, section 3.2; RFC 5936,
// section 2.2), an end that is that of another zone, and changes that do not lead where they say
// (RFC 1995, section 4). Some such replies come from several servers behind one address, of which
// one is behind. When it is itself again the next check brings the new zone.
func TestRFC5936TransfersThatLie(t *testing.T) {
	serial := func(n uint32) func([]dns.RR) []dns.RR {
		return func(rrs []dns.RR) []dns.RR {
			for i, rr := range rrs {
				if soa, ok := rr.(*dns.SOA); ok {
					c := dns.Copy(soa).(*dns.SOA)
					c.Serial, rrs[i] = n, c
				}
			}
			return rrs
		}
	}
	whole := func(rrs []dns.RR) []dns.RR { // an old version in place of changes
		old := serial(0)([]dns.RR{rrs[0]})
		return append(old, append(records(t, "www.held.test. 300 IN A 192.0.2.99"), old...)...)
	}
	for what, c := range map[string]struct {
		qtypes []uint16
		change func([]dns.RR) []dns.RR
	}{
		"the whole zone has an older serial than was told": {[]uint16{dns.TypeAXFR}, serial(0)},
		"so has that in place of changes":                  {[]uint16{dns.TypeIXFR}, whole},
		"the serial is half of all further": {[]uint16{dns.TypeSOA, dns.TypeAXFR},
			serial(1 + 1<<31)},
		"and more than that": {[]uint16{dns.TypeSOA, dns.TypeAXFR}, serial(1 + 1<<31 + 7)},
		"the SOA record at the end has another server": {[]uint16{dns.TypeAXFR, dns.TypeIXFR},
			func(rrs []dns.RR) []dns.RR {
				return soaOf(rrs, func(s *dns.SOA) { s.Ns = "ns.other.test." })
			}},
		"and another expiry": {[]uint16{dns.TypeAXFR, dns.TypeIXFR},
			func(rrs []dns.RR) []dns.RR {
				return soaOf(rrs, func(s *dns.SOA) { s.Expire++ })
			}},
		"no SOA record at the end": {[]uint16{dns.TypeAXFR, dns.TypeIXFR},
			func(rrs []dns.RR) []dns.RR { return rrs[:len(rrs)-1] }},
		"records follow the end": {[]uint16{dns.TypeAXFR, dns.TypeIXFR},
			func(rrs []dns.RR) []dns.RR {
				return append(rrs, records(t, "late.held.test. 60 IN A 192.0.2.3")...)
			}},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := keep(t, nil)
				k.primary.add(t, nil, []string{"more.held.test. 300 IN A 192.0.2.82"})
				k.primary.alter(func(p *primary) {
					p.noIXFR = c.qtypes[0] != dns.TypeIXFR && len(c.qtypes) == 1
					p.change = func(qtype uint16, reply []*dns.Msg) []*dns.Msg {
						for _, q := range c.qtypes {
							reply = changed(q, c.change)(qtype, reply)
						}
						return reply
					}
				})
				time.Sleep(20 * time.Minute)
				if k.serial() != 1 || k.address("www.held.test.") != "192.0.2.80" ||
					k.Status()[0].Failed == 0 {
					t.Errorf("serial %d, %+v", k.serial(), k.Status()[0])
				}
				if log := k.logged(); !strings.Contains(log, "held.test.") {
					t.Errorf("log %q", log)
				}
				k.primary.alter(func(p *primary) { p.change, p.noIXFR = nil, false })
				time.Sleep(20 * time.Minute)
				if k.serial() != 2 {
					t.Errorf("serial %d after the primary was mended: %s", k.serial(), k.logged())
				}
			})
		})
	}
}

// Changes that take away what is not there, or bring what is, have the whole zone transferred (RFC
// 1995, section 4): none of them is applied in part.
func TestRFC1995ChangesThatDoNotFit(t *testing.T) {
	for what, extra := range map[string]string{
		"gone that was not there":       "none.held.test. 300 IN A 192.0.2.9",
		"gone that is another's record": "www.held.test. 300 IN A 192.0.2.81",
		"the wildcard's name below it":  "a.wild.held.test. 300 IN TXT \"any\"",
	} {
		synctest.Test(t, func(t *testing.T) {
			k := keep(t, nil)
			k.primary.add(t, nil, []string{"more.held.test. 300 IN A 192.0.2.82"})
			k.primary.alter(func(p *primary) {
				p.change = changed(dns.TypeIXFR, func(rrs []dns.RR) []dns.RR {
					return append(rrs[:2:2], append(records(t, extra), rrs[2:]...)...)
				})
			})
			time.Sleep(11 * time.Minute)
			if asked := k.primary.questions(); k.serial() != 2 || asked[len(asked)-1] != "AXFR" ||
				k.address("www.held.test.") != "192.0.2.80" ||
				k.address("more.held.test.") != "192.0.2.82" {
				t.Errorf("%s: serial %d, asked %v", what, k.serial(), asked)
			}
		})
	}
}
