// This machine's time of day, when it is wrong.

package resolver_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/clock"
	"bailiwick/internal/lab"
	"bailiwick/internal/lab/labtest"
	"bailiwick/resolver"
	"bailiwick/wire"
)

const year = 365 * 24 * time.Hour

// wrongly is the internet with a resolver whose time of day is off.
func wrongly(t *testing.T, off time.Duration, change func(*resolver.Config)) (*internet,
	*clock.Fake) {
	t.Helper()
	w := lab.New(time.Now())
	w.Add(lab.Zone{Name: "time.", Records: "ntp A 192.0.2.123;;alias CNAME ntp.other.;;" +
		"www A 192.0.2.1"})
	w.Add(lab.Zone{Name: "other.", Records: "ntp A 192.0.2.124"})
	w.Add(lab.Zone{Name: "broken.", Faults: lab.Faults{lab.Expired}, Records: "ntp A 192.0.2.125"})
	clk := clock.NewFake(time.Now())
	clk.Step(off)
	cfg, anchors := labtest.Resolver(w)
	if change != nil {
		change(&cfg)
	}
	in := &internet{t: t, world: w, cfg: cfg, parts: resolver.Parts{Anchors: anchors,
		Exchanger: w, Clock: clk}}
	return in.withMemory(cache.DefaultMemory), clk
}

// The root's signatures are compared with the clock: if none is valid, the cause is the clock and
// not the zone, and no server is blamed. When the clock is set everything resolves at once.
func TestClockIsComparedWithTheRootsSignatures(t *testing.T) {
	for off, want := range map[time.Duration]struct {
		state resolver.ClockState
		why   cause.Cause
	}{2 * year: {resolver.ClockAhead, cause.ClockAhead},
		-2 * year: {resolver.ClockBehind, cause.ClockBehind}} {
		synctest.Test(t, func(t *testing.T) {
			in, clk := wrongly(t, off, nil)
			if got := in.r.ClockState(); got != resolver.ClockUnknown {
				t.Errorf("before anything is known: %s", got)
			}
			for _, n := range []string{"www.time.", "no.time.", "ntp.other.", "none."} {
				in.wants(n, wire.TypeA, servFail, wire.Bogus, want.why)
			}
			if got := in.r.ClockState(); got != want.state {
				t.Errorf("off by %v: %s", off, got)
			}
			clk.Step(-off)
			in.r.ClockSet()
			in.transcript()
			in.wants("www.time.", wire.TypeA, noError, wire.Secure, cause.None)
			in.wants("none.", wire.TypeA, nxDomain, wire.Secure, cause.None)
			in.wants("ntp.broken.", wire.TypeA, servFail, wire.Bogus, cause.SignatureExpired)
			if got := in.r.ClockState(); got != resolver.ClockRight {
				t.Errorf("set: %s", got)
			}
		})
	}
}

// A machine that starts without a clock judges signatures at the time from which the program is.
// If that is within their time all names validate; a clock that shows a later time is believed.
func TestClockUnsetJudgesAtTheEarliestTime(t *testing.T) {
	for off, want := range map[time.Duration]wire.Security{-20 * year: wire.Secure, 0: wire.Secure,
		2 * year: wire.Bogus} {
		synctest.Test(t, func(t *testing.T) {
			built := time.Now()
			in, _ := wrongly(t, off, func(c *resolver.Config) { c.Earliest = built })
			a := in.resolve("www.time.", wire.TypeA)
			if a.Status != want {
				t.Errorf("off by %v: %s %v", off, a.Status, a.Failure)
			}
			if unset := in.r.ClockState() == resolver.ClockUnset; unset != (off < 0) {
				t.Errorf("off by %v: the clock is %s", off, in.r.ClockState())
			}
			in.wants("ntp.broken.", wire.TypeA, servFail, wire.Bogus,
				map[bool]cause.Cause{true: cause.SignatureExpired,
					false: cause.ClockAhead}[want == wire.Secure])
		})
	}
}

// Machines without a clock cannot resolve the names of time servers, and so have no clock
// (systemd/systemd 5873, 9634, 20235 and 25733; openwrt/packages 10409; DNSCrypt/dnscrypt-proxy
// 1081). These names resolve unvalidated while the clock is wrong, over aliases too, and nothing
// else does: neither others of their zones, nor a question that begins elsewhere. They are not
// kept for anybody else, and are validated as soon as the clock is right.
func TestTimeServersResolveWhileTheClockIsWrong(t *testing.T) {
	for _, off := range []time.Duration{-30 * year, -2 * year, 2 * year} {
		synctest.Test(t, func(t *testing.T) {
			in, clk := wrongly(t, off, func(c *resolver.Config) {
				c.Earliest = time.Now().Add(-year) // no signature is as old
				c.TimeServers = []wire.Name{wire.MustParseName("ntp.time."),
					wire.MustParseName("alias.time."), wire.MustParseName("ntp.broken.")}
			})
			for range 3 {
				for _, n := range []string{"ntp.time.", "x.ntp.time.", "alias.time.",
					"ntp.broken."} {
					a := in.resolve(n, wire.TypeA)
					if a.RCode == servFail || a.Status == wire.Secure || !a.NoCache ||
						a.Failure == nil || a.Failure.Cause != cause.TimeServer {
						t.Errorf("off by %v: %s: %s %s %v, kept %v", off, n, a.RCode, a.Status,
							a.Failure, !a.NoCache)
					}
				}
				for _, n := range []string{"www.time.", "time.", "ntp.other.", "other."} {
					if a := in.resolve(n, wire.TypeA); a.RCode != servFail {
						t.Errorf("off by %v: %s: %s %s", off, n, a.RCode, a.Status)
					}
				}
			}
			for _, n := range []string{"ntp.time.", "ntp.other.", "ntp.broken."} {
				k := cache.Key{Name: wire.MustParseName(n), Type: wire.TypeA}
				if e, ok := in.cache.RRsets.Get(k); ok {
					t.Errorf("off by %v: %v is kept as checked", off, e.Set)
				}
			}
			clk.Step(-off)
			in.r.ClockSet()
			in.wants("ntp.time.", wire.TypeA, noError, wire.Secure, cause.None)
			in.wants("alias.time.", wire.TypeA, noError, wire.Secure, cause.None)
			in.wants("ntp.broken.", wire.TypeA, servFail, wire.Bogus, cause.SignatureExpired)
		})
	}
}

// Signatures of the root's data are younger than those of its keys, so they show sooner that a
// clock is behind. A signature whose time alone is forged shows nothing: the clock that is right
// stays right, and so time servers are validated.
func TestClockIsNotComparedWithForgedSignatures(t *testing.T) {
	for _, c := range []struct {
		name   string
		forged bool
		state  resolver.ClockState
		why    cause.Cause
	}{
		{"the root's data are younger than the clock", false, resolver.ClockBehind,
			cause.ClockBehind},
		{"somebody changes the time of a signature", true, resolver.ClockRight,
			cause.SignatureNotYetValid},
	} {
		synctest.Test(t, func(t *testing.T) {
			in, clk := wrongly(t, 0, func(c *resolver.Config) {
				c.TimeServers = []wire.Name{wire.MustParseName("ntp.time.")}
			})
			if !c.forged {
				in.resolve(".", wire.TypeDNSKEY)
				in.cache.Flush(wire.Root, true)
				in.world.SignLater(".", time.Now().Add(48*time.Hour))
			} else {
				in.world.Script = func(i lab.Incoming) (lab.Reply, bool) {
					m := i.Honest()
					for _, rr := range slices.Concat(m.Answer, m.Ns) {
						if s, ok := rr.(*dns.RRSIG); ok && s.SignerName == "." &&
							s.TypeCovered != dns.TypeDNSKEY {
							s.Inception += 48 * 3600
						}
					}
					return lab.Messages(m), true
				}
			}
			in.wants("www.time.", wire.TypeA, servFail, wire.Bogus, c.why)
			if got := in.r.ClockState(); got != c.state {
				t.Errorf("%s: the clock is %s", c.name, got)
			}
			if a := in.resolve("ntp.time.", wire.TypeA); (a.RCode == servFail) != c.forged {
				t.Errorf("%s: %s %v", c.name, a.RCode, a.Failure)
			}
			if !c.forged {
				clk.Step(50 * time.Hour)
				in.r.ClockSet()
				in.wants("ntp.time.", wire.TypeA, noError, wire.Secure, cause.None)
			}
		})
	}
}
