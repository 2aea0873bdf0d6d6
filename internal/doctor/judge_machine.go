// Findings about the machine itself: the path of look-ups, the port, the clock, certificates.

package doctor

import (
	"slices"
	"strings"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/transport"
	"bailiwick/validator"
	"bailiwick/wire"
)

// machine judges the files that say whom programs ask.
func (j *judge) machine() {
	c := &j.ResolvConf
	given := len(j.Resolvers) > 0
	switch {
	case given:
	case c.Missing && c.Link != "":
		j.add("resolv-conf-missing", nil, "it is a link to %s, which is not there", c.Link)
	case c.Missing:
		j.add("resolv-conf-missing", nil, "it is not there")
	case len(c.Servers) == 0:
		j.add("resolv-conf-empty", nil, "it has no line nameserver with an address")
	}
	if len(c.Wrong) > 0 {
		j.add("resolv-conf-wrong", nil, "%s", strings.Join(c.Wrong, "; "))
	}
	if !given && len(c.Servers) > maxLibraryServers {
		j.add("resolv-conf-many", nil, "%d servers; not asked: %s", len(c.Servers),
			addresses(c.Servers[maxLibraryServers:]))
	}
	sources := j.sources()
	if !slices.ContainsFunc(sources, func(s string) bool { return s == "dns" || s == "resolve" }) {
		j.add("nsswitch-without-dns", nil, "hosts: %s", strings.Join(j.Hosts, " "))
	}
	j.own()
}

// own judges whether programs get to the server of the configuration.
func (j *judge) own() {
	up, used, others := false, false, []string{}
	for _, s := range j.servers {
		switch {
		case s.is(roleOwn):
			up = up || s.answers()
			// The stub of systemd-resolved leads on to what that asks.
			used = used || s.is(rolePath) || s.is(roleUplink)
		case s.is(rolePath) && s.addr.Addr() != stub, s.is(roleUplink):
			others = append(others, s.addr.String())
		}
	}
	switch {
	case len(j.Wanted) == 0, j.has("port-taken"): // who answers there is another
	case !up:
		for _, s := range j.of(roleOwn) {
			j.add("server-silent", s, "%s", s.silence())
		}
	case !used:
		j.add("server-bypassed", nil, "programs ask %s", strings.Join(others, ", "))
	case len(others) > 0:
		j.add("server-mixed", nil, "besides this server they ask %s", strings.Join(others, ", "))
	}
}

// port judges who holds the addresses that the server is to listen at. The server itself may.
func (j *judge) port() {
	for _, h := range j.Holders {
		if h.Program != ownProgram {
			j.add("port-taken", nil, "%s", h)
		}
	}
}

// ownProgram is the name of this program as the system sees it.
const ownProgram = "bailiwick"

// clock compares this machine's clock with the times of the root's signatures. Only signatures
// that verify but for their times count: others could be anybody's.
func (j *judge) clock() {
	if j.Now.Before(j.Earliest) {
		j.add("clock-unset", nil, "it is %s here; this program was built at %s", stamp(j.Now),
			stamp(j.Earliest))
		return
	}
	state, sig, by := clockUnknown, wire.SignatureTimes{}, (*server)(nil)
	for _, s := range j.servers {
		is, times := j.compare(s)
		switch {
		case is == clockRight:
			return // signatures cannot be made before their time, and old ones can be replayed
		case is != clockUnknown:
			state, sig, by = is, times, s
		}
	}
	switch state {
	case clockUnknown:
		if j.Anchors != nil {
			j.add("clock-unknown", nil, "it is %s here", stamp(j.Now))
		}
	case clockBehind:
		j.add("clock-behind", by, "it is %s here; the root's keys are signed from %s on: the "+
			"clock is behind by %s or more", stamp(j.Now), stamp(sig.Inception),
			sig.Inception.Sub(j.Now).Round(time.Minute))
	case clockAhead:
		j.add("clock-ahead", by, "it is %s here; the root's keys are signed until %s: the clock "+
			"is ahead by %s or more", stamp(j.Now), stamp(sig.Expires),
			j.Now.Sub(sig.Expires).Round(time.Minute))
	}
}

// certificates judges those of the configuration by this machine's clock.
func (j *judge) certificates() {
	for i := range j.Certificates {
		c := &j.Certificates[i]
		id := "certificate-ends"
		switch {
		case !j.Now.Before(c.Leaf.NotAfter):
			id = "certificate-ended"
		case !transport.EndsSoon(c.Leaf, j.Now, certificateSoon):
			continue
		}
		j.add(id, nil, "%s (%s): %s", c.Key, c.Name(), stamp(c.Leaf.NotAfter))
	}
}

// clockState is what a signature says of the clock.
type clockState uint8

const (
	clockUnknown clockState = iota
	clockRight
	clockBehind
	clockAhead
)

// compare verifies the root's keys as a server has them, with regard to times and without.
func (j *judge) compare(s *server) (is clockState, times wire.SignatureTimes) {
	status, why := j.keys(s, false)
	if status == wire.Secure {
		return clockRight, times
	}
	if timeless, _ := j.keys(s, true); timeless != wire.Secure {
		return clockUnknown, times
	}
	switch why.Cause {
	case cause.SignatureNotYetValid:
		is = clockBehind
	case cause.SignatureExpired:
		is = clockAhead
	default:
		return clockUnknown, times
	}
	set := wire.Find(s.any(rootKeys).Answer, wire.Root, wire.TypeDNSKEY)
	times, _ = wire.SignatureTimesOf(set.Sigs.First(), j.Now)
	return is, times
}

// keys verifies the root's keys as a server has them by the trust anchors. The status is
// wire.Unchecked if it has sent none, or there are no anchors.
func (j *judge) keys(s *server, timeless bool) (wire.Security, *cause.Failure) {
	m := s.any(rootKeys)
	if m == nil || j.Anchors == nil {
		return wire.Unchecked, nil
	}
	set := wire.Find(m.Answer, wire.Root, wire.TypeDNSKEY)
	if set == nil {
		return wire.Unchecked, nil
	}
	cfg := validator.Default()
	cfg.Skew, cfg.IgnoreTimes = j.Skew, timeless
	v := validator.New(cfg)
	ds, why := v.UsableDS(j.Anchors)
	if ds == nil {
		return wire.Bogus, cause.New(why, wire.Root, "%s", v.Unsupported(j.Anchors, why))
	}
	_, r := v.MatchDS(ds, set, validator.InstantOf(j.Now), validator.NewBudget())
	return r.Status, r.Failure
}

// stamp prints a time.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
