package main

import (
	"net"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestEveryZoneHasALivingServerAtAnyTime plays an hour: each server dies again and again, in each
// way, and never two of a zone at once. So a query that is lost is the resolver's fault.
func TestEveryZoneHasALivingServerAtAnyTime(t *testing.T) {
	const zones = 12
	deaths := map[place]map[ailment]bool{}
	for at := time.Duration(0); at < time.Hour; at += time.Second {
		for zone := range zones {
			living := 0
			for server := range siblings {
				p := place{zone, server}
				if deaths[p] == nil {
					deaths[p] = map[ailment]bool{}
				}
				a := ailing(p, at)
				deaths[p][a] = true
				if a == well {
					living++
				}
			}
			if living == 0 {
				t.Fatalf("after %v zone %d has no living server", at, zone)
			}
		}
	}
	for p, ways := range deaths {
		if len(ways) != 4 {
			t.Errorf("%v: %d of well, silent, failing, refusing", p, len(ways))
		}
	}
}

// TestTrendTellsGrowthFromNoise has a server that leaks ten goroutines a minute, one that is as it
// was but for a saw of collected garbage, and one whose cache fills at the beginning.
func TestTrendTellsGrowthFromNoise(t *testing.T) {
	for _, c := range []struct {
		name  string
		of    func(minute float64) float64
		grows bool
	}{
		{"leak", func(m float64) float64 { return 100 + 10*m }, true},
		{"saw", func(m float64) float64 { return 100 + float64(int(m)%5) }, false},
		{"fills", func(m float64) float64 { return 100 + 50*min(m/5, 1) }, false},
	} {
		var all []sample
		for m := 0.0; m < 60; m += 0.25 {
			all = append(all, sample{at: time.Duration(m * float64(time.Minute)),
				goroutines: c.of(m)})
		}
		got := trendOf(all, func(s sample) float64 { return s.goroutines })
		if got.grows(20) != c.grows {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

// TestTruthIsExact has answers that differ from the right one in one thing.
func TestTruthIsExact(t *testing.T) {
	right := truth{data: "192.0.2.1", secure: true}
	answer := func(change func(m *dns.Msg)) *dns.Msg {
		m := new(dns.Msg).SetQuestion("www.z0.soak.", dns.TypeA)
		m.AuthenticatedData = true
		a, err := dns.NewRR("www.z0.soak. 30 IN A 192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		m.Answer = []dns.RR{a}
		change(m)
		return m
	}
	for want, change := range map[string]func(m *dns.Msg){
		"":                  func(*dns.Msg) {},
		"RCODE SERVFAIL":    func(m *dns.Msg) { m.Rcode = dns.RcodeServerFailure },
		"AD is false":       func(m *dns.Msg) { m.AuthenticatedData = false },
		"no data":           func(m *dns.Msg) { m.Answer = nil },
		"truncated":         func(m *dns.Msg) { m.Truncated = true },
		"address 192.0.2.9": func(m *dns.Msg) { m.Answer[0].(*dns.A).A = net.IPv4(192, 0, 2, 9) },
	} {
		if got := right.holds(answer(change)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
