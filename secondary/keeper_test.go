package secondary

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/logtest"
	"bailiwick/internal/state"
	"bailiwick/wire"
	"bailiwick/zone"
)

// first is a small zone.
var first = []string{
	"held.test. 3600 IN SOA ns.held.test. host.held.test. 1 600 120 3600 60",
	"held.test. 3600 IN NS ns.held.test.", "ns.held.test. 3600 IN A 192.0.2.1",
	"www.held.test. 300 IN A 192.0.2.80", "*.wild.held.test. 300 IN TXT \"any\"",
}

// kept is a keeper of one zone and its primary.
type kept struct {
	*Keeper
	t       testing.TB
	primary *primary
	log     logtest.Log
	spec    Zone
}

// keep starts a keeper of the zone; change may alter what it is to do.
func keep(t testing.TB, change func(*kept, *Parts)) *kept {
	t.Helper()
	k := &kept{t: t, primary: &primary{versions: [][]dns.RR{records(t, first...)}},
		spec: Zone{Name: wire.MustParseName("held.test."),
			Primaries: []Primary{{Addr: netip.MustParseAddr("192.0.2.1")}}}}
	p := Parts{Clock: clock.Real{}, Log: slog.New(slog.NewTextHandler(&k.log, nil)),
		Dial: k.primary.dial,
		Judge: func(context.Context, *zone.Zone, wire.Type) (wire.Security, *cause.Failure) {
			return wire.Insecure, nil
		}}
	if change != nil {
		change(k, &p)
	}
	k.Keeper = New(p)
	k.Replace(Config{Zones: []Zone{k.spec}, Octets: defaultOctets})
	k.Start()
	t.Cleanup(k.Close)
	synctest.Wait()
	return k
}

// serial returns the serial of the copy in use, 0 if there is none.
func (k *kept) serial() uint32 {
	if c := k.Closest(wire.MustParseName("www.held.test.")); c != nil {
		return c.SOA().Serial
	}
	return 0
}

// logged returns the log, when nothing goes on any more.
func (k *kept) logged() string {
	synctest.Wait()
	return k.log.String()
}

// want compares the serial in use and the questions that the primary was asked.
func (k *kept) want(when string, serial uint32, asked ...string) {
	k.t.Helper()
	synctest.Wait()
	if got := k.serial(); got != serial {
		k.t.Errorf("%s: serial %d is in use, want %d", when, got, serial)
	}
	if got := k.primary.questions(); !slices.Equal(got, asked) {
		k.t.Errorf("%s: the primary was asked %v, want %v", when, got, asked)
	}
}

// address returns the first address of a name in the copy.
func (k *kept) address(name string) string {
	q := wire.Question{Name: wire.MustParseName(name), Type: wire.TypeA, Class: wire.ClassIN}
	c := k.Closest(q.Name)
	if c == nil {
		return ""
	}
	s := wire.Find(c.Answer(q).Answer, q.Name, q.Type)
	if s == nil {
		return "none"
	}
	a, _ := netip.AddrFromSlice(s.Data.First())
	return a.String()
}

// A zone is transferred at the start, asked for at its refresh, and what changed is transferred.
func TestRFC1995ChangesAreTransferred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, nil)
		k.want("at the start", 1, "AXFR")
		time.Sleep(601 * time.Second)
		k.want("after the refresh time", 1, "SOA")
		k.primary.add(t, []string{k.primary.versions[0][3].String()},
			[]string{"www.held.test. 300 IN A 192.0.2.81"})
		k.primary.add(t, nil, []string{"more.held.test. 300 IN A 192.0.2.82"})
		time.Sleep(601 * time.Second)
		k.want("two versions later", 3, "SOA", "IXFR")
		if a, b := k.address("www.held.test."), k.address("more.held.test."); a != "192.0.2.81" ||
			b != "192.0.2.82" {
			t.Errorf("www is %s, more is %s", a, b)
		}
	})
}

// Whatever is wrong with changes, the whole zone is transferred from the same primary.
func TestRFC1995WholeZoneWhereChangesAreOfNoUse(t *testing.T) {
	for what, spoil := range map[string]func(*primary){
		"not implemented": func(p *primary) { p.noIXFR = true },
		"a record goes that is not there": func(p *primary) {
			p.change = changed(dns.TypeIXFR, func(rrs []dns.RR) []dns.RR {
				return slices.Insert(rrs, 2, records(t, "no.held.test. 300 IN A 192.0.2.9")...)
			})
		},
		"a record comes that is there": func(p *primary) {
			p.change = changed(dns.TypeIXFR, func(rrs []dns.RR) []dns.RR {
				return slices.Insert(rrs, len(rrs)-1, records(t, first[2])...)
			})
		},
		"of another serial": func(p *primary) {
			p.change = changed(dns.TypeIXFR, func(rrs []dns.RR) []dns.RR {
				c := dns.Copy(rrs[1]).(*dns.SOA)
				c.Serial = 99
				rrs[1] = c
				return rrs
			})
		},
		"a gap between changes": func(p *primary) {
			p.change = changed(dns.TypeIXFR, func(rrs []dns.RR) []dns.RR {
				c := dns.Copy(rrs[2]).(*dns.SOA)
				c.Serial = 5
				rrs[2] = c
				return rrs
			})
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := keep(t, nil)
				k.want("at the start", 1, "AXFR")
				k.primary.add(t, nil, []string{"more.held.test. 300 IN A 192.0.2.82"})
				k.primary.alter(spoil)
				time.Sleep(601 * time.Second)
				k.want("then", 2, "SOA", "IXFR", "AXFR")
				if a := k.address("more.held.test."); a != "192.0.2.82" {
					t.Errorf("more is %s", a)
				}
			})
		})
	}
}

// changed alters the records of one-message replies.
func changed(qtype uint16, f func([]dns.RR) []dns.RR) func(uint16, []*dns.Msg) []*dns.Msg {
	return func(t uint16, reply []*dns.Msg) []*dns.Msg {
		if t == qtype {
			reply[0].Answer = f(slices.Clone(reply[0].Answer))
		}
		return reply
	}
}

// The root's own data end with expire: nothing is answered from a copy that no source confirms any
// more, and everything again once one does.
func TestRFC8806NothingIsAnsweredAfterExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, nil)
		k.want("at the start", 1, "AXFR")
		refuse := func(_ uint16, reply []*dns.Msg) []*dns.Msg {
			reply[0].Rcode, reply[0].Answer = dns.RcodeRefused, nil
			return reply[:1]
		}
		k.primary.alter(func(p *primary) { p.change = refuse })
		time.Sleep(3590 * time.Second)
		if k.serial() != 1 {
			t.Error("the copy is given up before it expires")
		}
		if n := len(k.primary.questions()); n < 40 || n > 60 { // two in two minutes
			t.Errorf("the primary was asked %d times", n)
		}
		time.Sleep(11 * time.Second)
		if k.serial() != 0 {
			t.Error("the copy is used after it has expired")
		}
		if s := k.Status()[0]; s.Usable || s.Problem == "" || s.Failed == 0 {
			t.Errorf("its state is %+v", s)
		}
		k.primary.alter(func(p *primary) { p.change = nil })
		time.Sleep(121 * time.Second)
		if k.serial() != 1 {
			t.Error("the copy is not used again")
		}
		if !strings.Contains(k.logged(), "has expired") {
			t.Errorf("the log is %s", k.logged())
		}
	})
}

// What is sent is used whole or not at all; the copy stays in use meanwhile.
func TestBrokenTransferLeavesTheCopyInUse(t *testing.T) {
	for what, spoil := range map[string]func(*primary){
		"ends early": func(p *primary) {
			p.change = changed(dns.TypeAXFR, func(rrs []dns.RR) []dns.RR { return rrs[:3] })
		},
		"stalls": func(p *primary) { p.stall = 45 * time.Second },
		"another zone": func(p *primary) {
			p.change = changed(dns.TypeAXFR, func(rrs []dns.RR) []dns.RR {
				for i := range rrs {
					rrs[i] = dns.Copy(rrs[i])
					rrs[i].Header().Name = strings.Replace(rrs[i].Header().Name, "held", "other", 1)
				}
				return rrs
			})
		},
		"no SOA record first": func(p *primary) {
			p.change = changed(dns.TypeAXFR, func(rrs []dns.RR) []dns.RR { return rrs[1:] })
		},
		"ends with another serial": func(p *primary) {
			p.change = changed(dns.TypeAXFR, func(rrs []dns.RR) []dns.RR {
				c := dns.Copy(rrs[0]).(*dns.SOA)
				c.Serial++
				return append(rrs[:len(rrs)-1], c)
			})
		},
		"an older zone": func(p *primary) {
			p.change = changed(dns.TypeSOA, func(rrs []dns.RR) []dns.RR {
				c := dns.Copy(rrs[0]).(*dns.SOA)
				c.Serial = 0
				return []dns.RR{c}
			})
		},
		"another question": func(p *primary) {
			p.change = func(_ uint16, reply []*dns.Msg) []*dns.Msg {
				reply[0].Id++
				return reply
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := keep(t, nil)
				k.primary.add(t, nil, []string{"more.held.test. 300 IN A 192.0.2.82"})
				k.primary.alter(func(p *primary) { p.noIXFR = true; spoil(p) })
				time.Sleep(601 * time.Second)
				time.Sleep(40 * time.Second)
				if k.serial() != 1 || k.Status()[0].Failed == 0 {
					t.Errorf("serial %d, %+v", k.serial(), k.Status()[0])
				}
				k.primary.alter(func(p *primary) { p.change, p.stall = nil, 0 })
				time.Sleep(200 * time.Second)
				if k.serial() != 2 {
					t.Errorf("serial %d after the primary was mended: %s", k.serial(),
						k.logged())
				}
			})
		})
	}
}

// The sources are tried in their order; one that fails costs nothing but its time.
func TestNextSourceAfterOneThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "zone")
		if err := os.WriteFile(file, []byte(strings.Join(first, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		k := keep(t, func(k *kept, _ *Parts) {
			k.primary.change = func(_ uint16, reply []*dns.Msg) []*dns.Msg {
				reply[0].Rcode = dns.RcodeServerFailure
				return reply[:1]
			}
			k.spec.File = file
		})
		time.Sleep(15 * time.Second)
		k.want("with a primary that fails", 1, "SOA", "AXFR")
		if s := k.Status()[0]; s.Source != file || s.Current != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// A NOTIFY from a primary brings the check forward; from others, or with the serial that is known,
// it does not.
func TestRFC1996NotifyBringsTheCheckForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := keep(t, func(k *kept, _ *Parts) {
			k.spec.NotifyFrom = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
		})
		k.want("at the start", 1, "AXFR")
		k.primary.add(t, nil, []string{"more.held.test. 300 IN A 192.0.2.82"})
		time.Sleep(time.Minute)
		if rcode := k.notify("203.0.113.9", 2); rcode != -1 {
			t.Errorf("a stranger hears %s", dns.RcodeToString[rcode])
		}
		if rcode := k.notify("192.0.2.1", 1); rcode != dns.RcodeSuccess {
			t.Errorf("the primary hears %s", dns.RcodeToString[rcode])
		}
		k.want("after a NOTIFY of a stranger, and one without news", 1)
		k.notify("192.0.2.1", 2)
		k.want("after the primary's", 2, "SOA", "IXFR")
		k.primary.add(t, nil, []string{"most.held.test. 300 IN A 192.0.2.83"})
		k.notify("198.51.100.7", 3)
		k.want("after another, too soon", 2)
		time.Sleep(6 * time.Second)
		k.want("five seconds later", 3, "SOA", "IXFR")
	})
}

// notify sends a NOTIFY, and returns the RCODE of the response; -1 if it goes the way of
// all queries.
func (k *kept) notify(from string, serial uint32) int {
	m := new(dns.Msg).SetNotify("held.test.")
	soa := dns.Copy(records(k.t, first[0])[0]).(*dns.SOA)
	soa.Serial = serial
	m.Answer = []dns.RR{soa}
	b, err := m.Pack()
	if err != nil {
		k.t.Fatal(err)
	}
	answer, mine := k.Notify(netip.MustParseAddr(from), b)
	if !mine {
		return -1
	}
	if err := m.Unpack(answer); err != nil {
		k.t.Fatal(err)
	}
	return m.Rcode
}

// notifySigned sends a NOTIFY of the primary that is signed with a secret, and returns the RCODE of
// the response. It fails the test if that is success and not signed.
func (k *kept) notifySigned(secret string) int {
	m := new(dns.Msg).SetNotify("held.test.")
	m.SetTsig(transferKey.Name, transferKey.Algorithm, fudge, time.Now().Unix())
	encoded := base64.StdEncoding.EncodeToString([]byte(secret))
	b, mac, err := dns.TsigGenerate(m, encoded, "", false)
	if err != nil {
		k.t.Fatal(err)
	}
	answer, _ := k.Notify(netip.MustParseAddr("192.0.2.1"), b)
	if err := m.Unpack(answer); err != nil {
		k.t.Fatal(err)
	}
	if m.Rcode == dns.RcodeSuccess {
		if err := dns.TsigVerify(answer, encoded, mac, false); err != nil {
			k.t.Errorf("the response: %v", err)
		}
	}
	return m.Rcode
}

// A restart goes on with the copy on the disk, at once, and for as long as it would have been used.
func TestCopyOutlivesARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := state.Open(filepath.Join(t.TempDir(), "state"), slog.New(slog.DiscardHandler))
		k := keep(t, func(_ *kept, p *Parts) { p.State = dir })
		time.Sleep(5 * time.Minute)
		k.Close()
		dead := func(_ *kept, p *Parts) {
			p.State = dir
			p.Dial = func(context.Context, string, string) (net.Conn, error) {
				return nil, os.ErrClosed
			}
		}
		again := keep(t, dead)
		if again.serial() != 1 || again.Status()[0].Source != savedSource {
			t.Errorf("after a restart: %+v", again.Status())
		}
		time.Sleep(3250 * time.Second)
		if again.serial() != 1 {
			t.Error("it is given up before it expires")
		}
		time.Sleep(100 * time.Second)
		if again.serial() != 0 {
			t.Error("it is used longer than it would have been without the restart")
		}
	})
}

// A policy zone is no place that iteration asks, and is told of from its first version on. It holds
// on after its end, as no answer would be right without it; that is logged once.
func TestPolicyZoneOutlivesItsExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		k := keep(t, func(k *kept, p *Parts) {
			k.spec.Policy = true
			p.Changed = func(zone wire.Name) { told = append(told, zone.String()) }
		})
		synctest.Wait()
		z := k.Latest(k.spec.Name)
		if z == nil || z.SOA().Serial != 1 || len(told) != 1 {
			t.Fatalf("%v %q", z, told)
		}
		if k.Closest(k.spec.Name) != nil {
			t.Error("iteration asks a policy zone")
		}
		k.primary.alter(func(p *primary) {
			p.change = func(_ uint16, reply []*dns.Msg) []*dns.Msg {
				reply[0].Rcode, reply[0].Answer = dns.RcodeRefused, nil
				return reply[:1]
			}
		})
		time.Sleep(48 * time.Hour)
		if k.Latest(k.spec.Name) != z {
			t.Error("its rules are gone")
		}
		if n := strings.Count(k.logged(), "its rules hold"); n != 1 {
			t.Errorf("%d lines", n)
		}
	})
}

// A file of rules without a SOA record has the time of its last change as serial: a change is seen
// when the configuration is read again.
func TestPolicyFileWithoutSOA(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "rules")
		write := func(text string, at int64) {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(file, time.Unix(at, 0), time.Unix(at, 0)); err != nil {
				t.Fatal(err)
			}
		}
		write("a.test CNAME .\n", 1000)
		c := Config{Octets: defaultOctets, Zones: []Zone{{Name: wire.MustParseName("rpz."),
			File: file, Policy: true, Digest: DigestOff}}}
		k := New(Parts{Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler)})
		defer k.Close()
		k.Replace(c)
		k.Start()
		if z := k.Latest(c.Zones[0].Name); z == nil || z.SOA().Serial != 1000 {
			t.Fatal(z)
		}
		write("a.test CNAME .\nb.test CNAME .\n", 2000)
		k.Replace(c)
		time.Sleep(2 * tick)
		synctest.Wait()
		if z := k.Latest(c.Zones[0].Name); z.SOA().Serial != 2000 || z.Records() != 3 {
			t.Errorf("serial %d, %d records", z.SOA().Serial, z.Records())
		}
		c.Zones[0].Policy = false
		if _, err := CheckFile(&c.Zones[0]); !errors.Is(err, zone.ErrNoSOA) {
			t.Errorf("another zone: %v", err)
		}
	})
}
