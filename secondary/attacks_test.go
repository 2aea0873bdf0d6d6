package secondary

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/wire"
)

// turned turns one bit of a message, behind its header.
func turned(_ int, b []byte) []byte {
	b[40] ^= 1
	return b
}

// Transfers of a policy zone that stall, shrink, or come with a wrong TSIG leave the rules that are
// in force as they are, and the log says why; when the primary is itself again, the next check
// brings the new ones.
func TestAttackTransfersOfAPolicyZone(t *testing.T) {
	wrong := *transferKey
	wrong.Secret = []byte("another secret")
	for what, spoil := range map[string]func(*primary){
		"stalls":                    func(p *primary) { p.stall = 10 * time.Minute },
		"comes by a record in 25 s": func(p *primary) { p.per, p.stall = 1, 25*time.Second },
		"wrong TSIG":                func(p *primary) { p.key = &wrong },
		"no TSIG":                   func(p *primary) { p.key = nil },
		"one octet turned":          func(p *primary) { p.tamper = turned },
		"shrinks to a SOA record": func(p *primary) {
			p.change = changed(dns.TypeAXFR, func(rrs []dns.RR) []dns.RR { return rrs[:1] })
		},
		"shrinks, and breaks off": func(p *primary) {
			p.per, p.hangUp = 1, true
			p.change = func(qtype uint16, reply []*dns.Msg) []*dns.Msg {
				if qtype == dns.TypeAXFR {
					return reply[:2]
				}
				return reply
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := keep(t, func(k *kept, _ *Parts) {
					k.spec.Policy, k.spec.Key, k.primary.key = true, transferKey, transferKey
				})
				before := k.Latest(k.spec.Name)
				if before == nil {
					t.Fatal(k.logged())
				}
				k.primary.add(t, nil, []string{"more.held.test. 300 IN A 192.0.2.82"})
				k.primary.alter(func(p *primary) { p.noIXFR = true; spoil(p) })
				time.Sleep(time.Hour)
				if k.Latest(k.spec.Name) != before || k.Status()[0].Failed == 0 {
					t.Errorf("%+v", k.Status()[0])
				}
				if len(k.logged()) == 0 || len(k.logged()) > 64<<10 {
					t.Errorf("%d octets of log", len(k.logged()))
				}
				k.primary.alter(func(p *primary) {
					p.key, p.stall, p.per, p.hangUp, p.tamper, p.change = transferKey, 0, 0, false,
						nil, nil
				})
				time.Sleep(20 * time.Minute)
				if z := k.Latest(k.spec.Name); z.SOA().Serial != 2 ||
					!z.Exists(wire.MustParseName("more.held.test.")) {
					t.Errorf("%+v: %s", k.Status()[0], k.logged())
				}
			})
		})
	}
}
