// RFC 9567: a zone's monitoring agent is told of failures.

package resolver_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"bailiwick/cache"
	"bailiwick/internal/lab"
	"bailiwick/resolver"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// reports counts the results of reports.
type reports struct {
	resolver.NopObserver
	results chan string
}

func (r *reports) Reported(result resolver.ReportResult) { r.results <- result.Label() }

// since returns the results since the last call, when all reports have ended.
func (r *reports) since() string {
	time.Sleep(resolver.MaxTime)
	synctest.Wait()
	var list []string
	for len(r.results) > 0 {
		list = append(list, <-r.results)
	}
	return strings.Join(list, " ")
}

// channel adds a Report-Channel option with an agent's domain, in wire form.
func channel(m *dns.Msg, domain []byte) *dns.Msg {
	if m.IsEdns0() == nil {
		m.SetEdns0(1232, true)
	}
	opt := m.IsEdns0()
	opt.Option = append(opt.Option, &dns.EDNS0_LOCAL{Code: uint16(wire.OptionReportChannel),
		Data: domain})
	return m
}

// agency is the internet with an agent for reports, agent.example.; all servers of names below
// faulty. name what agents has for their zone, in wire form.
func agency(now time.Time, agents map[string]string) *lab.World {
	w := lab.Internet(now)
	w.Add(lab.Zone{Name: "agent.example.", Minimum: 300,
		Records: `* TXT "Report received"`})
	w.Script = func(in lab.Incoming) (lab.Reply, bool) {
		name := strings.ToLower(in.Question().Name)
		for zone, domain := range agents {
			if dns.IsSubDomain(zone, name) && in.Question().Qtype != dns.TypeDS {
				return lab.Messages(channel(in.Honest(), []byte(domain))), true
			}
		}
		return lab.Reply{}, false
	}
	return w
}

// newAgency returns the world with a resolver that reports, and what it counts.
func newAgency(t *testing.T, w *lab.World, change func(*resolver.Config, *internet)) (*internet,
	*reports) {
	in := newWorld(t, w, func(c *resolver.Config) { c.ErrorReporting = true })
	counts := &reports{results: make(chan string, 1000)}
	in.parts.Observer = counts
	if change != nil {
		change(&in.cfg, in)
	}
	return in.withMemory(cache.DefaultMemory), counts
}

// sent are the reports in a transcript.
func sent(asked string) (lines []string) {
	for line := range strings.Lines(asked) {
		if fields := strings.Fields(line); strings.HasPrefix(fields[1], "_er.1.") ||
			strings.HasPrefix(fields[1], "_er.48.") {
			lines = append(lines, strings.Join(fields[1:], " "))
		}
	}
	return lines
}

const agentExample = "\x05agent\x07example\x00"

// The only name of a zone with expired signatures fails. Its client is answered, and the zone's
// agent is told over TCP (section 6.1). Its answer is cached, so that it is told once in the TTL of
// that, whoever asks, and however often the name fails (section 6.1.1).
func TestRFC9567FailureIsReportedOnceInTheTTLOfTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, counts := newAgency(t, agency(time.Now(), map[string]string{
			"expired.faulty.": agentExample}), nil)
		for i, want := range []string{"sent", "", "known", "known", "known", "known", "sent"} {
			if i > 1 {
				time.Sleep(61 * time.Second)
			}
			a := in.resolve("www.expired.faulty.", wire.TypeA)
			if got := counts.since(); a.RCode != servFail || got != want {
				t.Errorf("%d: %s, report %q, want %q", i, a.RCode, got, want)
			}
			asked := in.transcript()
			const report = "_er.1.www.expired.faulty.7._er.agent.example. TXT TCP"
			if got := strings.Join(sent(asked), "\n"); (got == report) != (want == "sent") {
				t.Errorf("%d: reports: %s\nin\n%s", i, got, asked)
			}
		}
		a := in.resolve("_er.1.www.expired.faulty.7._er.agent.example.", wire.TypeTXT)
		if a.Status != wire.Secure { // section 6.1: the agent's answer is validated as any other
			t.Errorf("the agent's answer: %s %s %v", a.RCode, a.Status, a.Failure)
		}
	})
}

// Nothing is reported by default.
func TestRFC9567IsOffByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, counts := newAgency(t, agency(time.Now(), map[string]string{
			"expired.faulty.": agentExample}),
			func(c *resolver.Config, _ *internet) {
				c.ErrorReporting = resolver.Default().ErrorReporting
			})
		in.resolve("www.expired.faulty.", wire.TypeA)
		if got := counts.since(); got != "" || sent(in.transcript()) != nil {
			t.Errorf("reported: %s", got)
		}
	})
}

// What is reported, by cause: what the zone's servers say, and no more. A reply over UDP that any
// off-path attacker could have sent names no agent and shows no failure; servers with cookies are
// believed over UDP.
func TestRFC9567OnlyFailuresThatTheServersShowAreReported(t *testing.T) {
	for _, c := range []struct {
		name    string
		cookies bool
		want    string // the report up to the name, "" for none
	}{
		{"www.expired.faulty.", false, "7"},
		{"www.future.faulty.", false, "8"},
		{"www.missing-signatures.faulty.", false, "10"},
		{"www.corrupt-signatures.faulty.", false, "6"},
		{"www.ds-mismatch.faulty.", false, "9"},
		{"nothing.no-denial.faulty.", false, "12"},
		{"www.refusing.faulty.", false, ""}, // over UDP
		{"www.refusing.faulty.", true, "22"},
		{"www.failing.faulty.", true, "23"},
		{"www.lame.faulty.", true, "22"},
		{"www.dead.faulty.", true, ""},
		{"c0.aliases.faulty.", true, ""}, // a limit of ours
		{"www.iterations.faulty.", true, ""},
		{"www.one-good.faulty.", true, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := agency(time.Now(), nil)
			w.Script = func(in lab.Incoming) (lab.Reply, bool) {
				name := strings.ToLower(in.Question().Name)
				if !dns.IsSubDomain("faulty.", name) || strings.Contains(name, "dead") {
					return lab.Reply{}, false
				}
				m := channel(in.Honest(), []byte(agentExample))
				if cookie := cookieOf(in.Query); c.cookies && cookie != "" {
					withCookie(m, cookie[:16]+serverCookie)
				}
				return lab.Messages(m), true
			}
			in, counts := newAgency(t, w, nil)
			a := in.resolve(c.name, wire.TypeA)
			counts.since()
			want := ""
			if c.want != "" {
				want = "_er.1." + c.name + c.want + "._er.agent.example. TXT TCP"
			}
			if got := strings.Join(onlyOf("_er.1.", sent(in.transcript())), " "); got != want {
				t.Errorf("%s, %v: reports %q, want %q", c.name, a.Failure, got, want)
			}
		})
	}
}

// onlyOf returns the lines that begin so.
func onlyOf(start string, lines []string) (kept []string) {
	for _, l := range lines {
		if strings.HasPrefix(l, start) {
			kept = append(kept, l)
		}
	}
	return kept
}

// Bogus data that may be forged, as their server has no TCP any more, are not reported though the
// agent is known: the report would be the attacker's.
func TestRFC9567ForgeableDataAreNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var silent atomic.Bool
		w := agency(time.Now(), nil)
		w.Script = func(in lab.Incoming) (lab.Reply, bool) {
			if !dns.IsSubDomain("expired.faulty.", strings.ToLower(in.Question().Name)) {
				return lab.Reply{}, false
			}
			if in.TCP && silent.Load() {
				return lab.Reply{Delay: time.Hour}, true
			}
			return lab.Messages(channel(in.Honest(), []byte(agentExample))), true
		}
		in, counts := newAgency(t, w, nil)
		in.resolve("www.expired.faulty.", wire.TypeA)
		if got := counts.since(); got != "sent" {
			t.Errorf("while there is TCP: %q", got)
		}
		time.Sleep(10 * time.Minute) // what is known of the server has ended, and of the agent not
		silent.Store(true)
		a := in.resolve("txt.expired.faulty.", wire.TypeTXT)
		if got := counts.since(); got != "" || !a.Failure.Doubtful() {
			t.Errorf("%v: %s", a.Failure, got)
		}
	})
}

// An agent's domain that cannot be used: empty or the root (section 6.1), in the zone that has the
// fault (section 6.3), no name at all, or so long that the report's name would be (section 6.1.1).
// One in a zone whose servers the operator named is a way into the operator's network.
func TestRFC9567UnfitAgentsGetNoReport(t *testing.T) {
	long := strings.Repeat("\x3f"+strings.Repeat("a", 63), 3) + "\x1f" + strings.Repeat("a", 31) +
		"\x00" // 225 octets, and 31 before it
	for what, domain := range map[string]string{"empty": "", "the root": "\x00",
		"no name": "\x05age", "more than a name": agentExample + "x",
		"the zone": "\x07expired\x06faulty\x00", "in it": "\x01a\x07expired\x06faulty\x00",
		"too long": long, "the operator's": "\x01a\x04corp\x00"} {
		synctest.Test(t, func(t *testing.T) {
			in, counts := newAgency(t, agency(time.Now(),
				map[string]string{"expired.faulty.": domain}),
				func(c *resolver.Config, _ *internet) {
					c.Zones = append(c.Zones, resolver.Zone{Name: wire.MustParseName("corp.")})
				})
			a := in.resolve("www.expired.faulty.", wire.TypeA)
			if got := counts.since(); got != "unfit" || a.RCode != servFail {
				t.Errorf("%s: %s, %v", what, got, a.Failure)
			}
			if asked := in.transcript(); strings.Contains(asked, "_er.") {
				t.Errorf("%s:\n%s", what, asked)
			}
		})
	}
}

// What the operator knows or has made so stays here: a zone under a negative trust anchor, one
// whose servers the operator named, and the operator's own anchor that does not match (section 9).
func TestRFC9567WhatTheOperatorHasMadeIsNotReported(t *testing.T) {
	const zone = "refusing.faulty."
	for what, change := range map[string]func(*resolver.Config, *internet){
		"nothing is": func(*resolver.Config, *internet) {},
		"a negative anchor": func(_ *resolver.Config, in *internet) {
			in.except(trustanchor.Negative, zone)
		},
		"a permissive zone": func(_ *resolver.Config, in *internet) {
			in.except(trustanchor.Permissive, zone)
		},
		"a stub zone": func(c *resolver.Config, in *internet) {
			z := resolver.Zone{Name: wire.MustParseName(zone)}
			for _, a := range in.world.Servers() {
				z.Addrs = append(z.Addrs, netip.AddrPortFrom(a, 53))
			}
			c.Zones = append(c.Zones, z)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := agency(time.Now(), nil)
			w.Script = func(in lab.Incoming) (lab.Reply, bool) {
				if !dns.IsSubDomain(zone, strings.ToLower(in.Question().Name)) {
					return lab.Reply{}, false
				}
				m := channel(in.Honest(), []byte(agentExample))
				if cookie := cookieOf(in.Query); cookie != "" {
					withCookie(m, cookie[:16]+serverCookie)
				}
				return lab.Messages(m), true
			}
			in, counts := newAgency(t, w, change)
			a := in.resolve("www.refusing.faulty.", wire.TypeA)
			want := ""
			if what == "nothing is" {
				want = "sent"
			}
			if got := counts.since(); a.RCode != servFail || got != want {
				t.Errorf("%s: %s %v, report %q", what, a.RCode, a.Failure, got)
			}
		})
	}
}

// A zone's servers name an agent and refer to a zone below, whose servers fail without one. What
// the zone above says is of no concern then: its agent is told nothing, whether it was asked for a
// shortened name or for the whole.
func TestRFC9567AgentOfTheZoneAboveIsNotTold(t *testing.T) {
	for _, name := range []string{"garbage.faulty.", "www.garbage.faulty.", "lame.faulty.",
		"refusing.faulty.", "expired.faulty.", "www.expired.faulty.", "dead.faulty."} {
		synctest.Test(t, func(t *testing.T) {
			w := agency(time.Now(), nil)
			w.Script = func(in lab.Incoming) (lab.Reply, bool) {
				if in.Server != w.AddressOf("faulty.") {
					return lab.Reply{}, false
				}
				m := channel(in.Honest(), []byte(agentExample))
				if cookie := cookieOf(in.Query); cookie != "" {
					withCookie(m, cookie[:16]+serverCookie)
				}
				return lab.Messages(m), true
			}
			in, counts := newAgency(t, w, nil)
			a := in.resolve(name, wire.TypeA)
			if got := counts.since(); got != "" || a.RCode != servFail {
				t.Errorf("%s: %s %v, report %q", name, a.RCode, a.Failure, got)
			}
		})
	}
}

// Two broken zones are each other's agents. The failure of a report is not reported (section 6.1),
// so that the two do not make a loop; and while it is remembered, it is not sent again.
func TestRFC9567FailureOfAReportIsNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, counts := newAgency(t, agency(time.Now(), map[string]string{
			"expired.faulty.": "\x06future\x06faulty\x00",
			"future.faulty.":  "\x07expired\x06faulty\x00"}), nil)
		in.resolve("www.expired.faulty.", wire.TypeA)
		if got := counts.since(); got != "failed" {
			t.Errorf("the report: %q", got)
		}
		asked := in.transcript()
		if n := len(sent(asked)); n == 0 || strings.Contains(asked, "8._er.expired") {
			t.Errorf("%d reports\n%s", n, asked)
		}
	})
}

// A zone that is broken as a whole, and clients that ask for ever new names of it: ten reports a
// minute about the zone, and then ten more.
func TestRFC9567ReportsAboutAZoneAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, counts := newAgency(t, agency(time.Now(), map[string]string{
			"expired.faulty.": agentExample}), nil)
		for minute := range 2 {
			for i := range 15 {
				in.resolve(fmt.Sprintf("n%d-%d.wild.expired.faulty.", minute, i), wire.TypeA)
			}
			got := counts.since()
			if n := strings.Count(got, "sent"); n != 10 || strings.Count(got, "limited") != 5 {
				t.Errorf("minute %d: %d sent: %s", minute, n, got)
			}
			time.Sleep(time.Minute)
		}
	})
}

// Many broken zones whose agent is one victim: 120 reports a minute in all, however many zones.
func TestRFC9567ReportsAreLimitedInAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := agency(time.Now(), map[string]string{"bad.": agentExample})
		w.Add(lab.Zone{Name: "bad."})
		for i := range 13 {
			w.Add(lab.Zone{Name: fmt.Sprintf("z%d.bad.", i), Faults: lab.Faults{lab.Expired},
				On: "bad.", Records: "* A 192.0.2.1"})
		}
		in, counts := newAgency(t, w, nil)
		for i := range 130 {
			in.resolve(fmt.Sprintf("n%d.z%d.bad.", i, i%13), wire.TypeA)
		}
		got := counts.since()
		if n := strings.Count(got, "sent"); n != 120 || strings.Count(got, "limited") != 10 {
			t.Errorf("%d sent, %d limited", n, strings.Count(got, "limited"))
		}
	})
}

// The agent's servers take the way of any other question, with fewer packets: a report whose agent
// is at the end of a long chain of dead servers costs no more than 16.
func TestRFC9567ReportCostsFewPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := agency(time.Now(), map[string]string{"expired.faulty.": "\x04dead\x04many\x00"})
		w.Add(lab.Zone{Name: "many."})
		dead := lab.ServerFaults{lab.Dead}
		w.Add(lab.Zone{Name: "dead.many.", Servers: []lab.ServerFaults{dead, dead, dead, dead, dead,
			dead, dead, dead, dead, dead}})
		in, counts := newAgency(t, w, nil)
		in.resolve("www.expired.faulty.", wire.TypeA)
		time.Sleep(10 * time.Second)
		if got := counts.since(); got != "failed" {
			t.Errorf("the report: %q", got)
		}
		asked := in.transcript()
		if n := strings.Count(asked, "many."); n < 5 || n > 16 {
			t.Errorf("%d packets\n%s", n, asked)
		}
	})
}

// What is due to this resolver concerns nobody else (section 9): a trust anchor that does not
// match, and a clock that is wrong.
func TestRFC9567WhatIsDueToThisResolverIsNotReported(t *testing.T) {
	for what, change := range map[string]func(*resolver.Config, *internet){
		"its anchor": func(_ *resolver.Config, in *internet) {
			ds := "expired.faulty. DS 1 13 2 " + strings.Repeat("00", 32)
			if err := in.parts.Anchors.Add(ds); err != nil {
				t.Error(err)
			}
		},
		"its clock": func(c *resolver.Config, _ *internet) {
			c.Earliest = time.Now().Add(24 * time.Hour)
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			in, counts := newAgency(t, agency(time.Now(), map[string]string{
				"expired.faulty.": agentExample}), change)
			a := in.resolve("www.expired.faulty.", wire.TypeA)
			if got := counts.since(); got != "" || a.RCode != servFail {
				t.Errorf("%s: %s %v, report %q", what, a.RCode, a.Failure, got)
			}
		})
	}
}
