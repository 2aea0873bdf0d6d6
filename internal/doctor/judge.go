// Findings: what is wrong with the machine and its network, by what was seen.

package doctor

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Finding is one thing that is wrong, or worth knowing.
type Finding struct {
	Rule
	Seen    string   // the facts: addresses, programs, times
	Servers []string // those where it was seen; empty if it is not about servers
}

// judge collects findings.
type judge struct {
	*Observations
	found []Finding
}

// Judge returns what is wrong, the gravest first.
func Judge(o *Observations) []Finding {
	j := &judge{Observations: o}
	j.port()
	j.machine()
	j.clock()
	j.certificates()
	j.network()
	j.names()
	areas := Areas()
	slices.SortStableFunc(j.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity),
			cmp.Compare(slices.Index(areas, a.Area), slices.Index(areas, b.Area)))
	})
	return j.found
}

// add records a finding. One of the same rule with the same facts is extended by the server.
func (j *judge) add(id string, at *server, format string, args ...any) {
	seen := fmt.Sprintf(format, args...)
	i := slices.IndexFunc(j.found, func(f Finding) bool { return f.ID == id && f.Seen == seen })
	if i < 0 {
		i = len(j.found)
		j.found = append(j.found, Finding{Rule: ruleOf(id), Seen: seen})
	}
	if at != nil {
		j.found[i].Servers = append(j.found[i].Servers, at.addr.String())
	}
}

// has reports whether a finding is there.
func (j *judge) has(id string) bool {
	return slices.ContainsFunc(j.found, func(f Finding) bool { return f.ID == id })
}

// of returns the servers of a role.
func (o *Observations) of(r role) (all []*server) {
	for _, s := range o.servers {
		if s.is(r) {
			all = append(all, s)
		}
	}
	return all
}

// Works reports whether a program gets an answer: the first server on the path that says anything
// knows a name, and has its right address if that is known.
func Works(o *Observations) bool {
	for _, s := range o.of(rolePath) {
		if s.answers() {
			return knows(o, s)
		}
	}
	return false
}

// knows reports whether a server answers for the root, and has the right addresses of the hosts.
func knows(o *Observations, s *server) bool {
	m := s.any(rootSOA)
	if m == nil || m.FullRCode() != 0 {
		return false
	}
	for _, h := range o.Known {
		if wrong, _ := otherAddresses(s, h); wrong {
			return false
		}
	}
	return true
}

// Path says in plain words which way a look-up takes.
func Path(o *Observations) []string {
	lines := []string{"programs ask the C library, which looks in " +
		strings.Join(o.sources(), ", then ") + " (nsswitch.conf)"}
	if slices.Contains(o.sources(), "resolve") {
		state := "is not running"
		if o.Resolved {
			state = "asks " + addresses(o.Uplinks)
		}
		lines = append(lines, "resolve is systemd-resolved, which "+state)
	}
	c := &o.ResolvConf
	line := "/etc/resolv.conf"
	if c.Writer != "" {
		line += " (written by " + c.Writer + ")"
	}
	if c.Link != "" {
		line += ", a link to " + c.Link + ","
	}
	lines = append(lines, line+" names "+addresses(c.Servers))
	for _, s := range o.of(rolePath) {
		state := "does not answer"
		if s.answers() {
			state = "answers"
		}
		lines = append(lines, fmt.Sprintf("%s is %s, and %s", s.addr, o.identity(s), state))
	}
	for _, f := range o.Forwarders {
		lines = append(lines, fmt.Sprintf("the configuration forwards to %s over %s", f.Addr,
			strings.ToUpper(f.Via.String())))
	}
	return lines
}

// identity says who a server on the path is.
func (o *Observations) identity(s *server) string {
	if s.addr.Addr() == stub && o.Resolved {
		return "systemd-resolved, which asks " + addresses(o.Uplinks)
	}
	for _, h := range o.serving {
		if h.Wanted.Addr == s.addr && h.PID != 0 {
			return fmt.Sprintf("%s (pid %d)", h.Program, h.PID)
		}
	}
	switch {
	case s.is(roleOwn):
		return "the server of the configuration"
	case s.addr.Addr().IsLoopback():
		return "a program on this machine"
	}
	return "another machine"
}

// stub is where systemd-resolved answers other programs.
var stub = netip.AddrFrom4([4]byte{127, 0, 0, 53})

// addresses lists addresses; those at the usual port without it.
func addresses(all []netip.AddrPort) string {
	if len(all) == 0 {
		return "no server"
	}
	var words []string
	for _, a := range all {
		if a.Port() == usualPort {
			words = append(words, a.Addr().String())
		} else {
			words = append(words, a.String())
		}
	}
	return strings.Join(words, ", ")
}
