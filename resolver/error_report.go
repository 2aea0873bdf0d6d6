// Error reporting (RFC 9567): the agent that a zone's servers name is told which of the zone's
// names do not validate or resolve.

package resolver

import (
	"strconv"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"bailiwick/cache"
	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/limit"
	"bailiwick/trustanchor"
	"bailiwick/wire"
)

// ReportResult is what became of the report of a failure.
type ReportResult uint8

// The results.
const (
	ReportSent    ReportResult = iota // the agent's servers have answered it
	ReportFailed                      // they have not
	ReportKnown                       // the agent was told before, and its answer is cached
	ReportLimited                     // too many reports
	ReportUnfit                       // the agent's domain cannot be used, or the name is too long
)

// Label returns the result as a metric's label.
func (r ReportResult) Label() string {
	return [...]string{"sent", "failed", "known", "limited", "unfit"}[r]
}

// ReportResults returns all results.
func ReportResults() []ReportResult {
	return []ReportResult{ReportSent, ReportFailed, ReportKnown, ReportLimited, ReportUnfit}
}

// reporting is what reports depend on: the agents of zones, and the limits.
type reporting struct {
	mu     sync.Mutex
	agents *lru.Cache[wire.Name, agent]  // by zone; guarded by mu
	zones  *lru.Cache[wire.Name, period] // the reports about each zone; guarded by mu
	all    period                        // all reports; guarded by mu
}

// agent is the domain that a zone's servers want reports in. The name may be of no use.
type agent struct {
	domain wire.Name
	until  time.Time
}

func newReporting() *reporting {
	agents, _ := lru.New[wire.Name, agent](maxAgents) // these fail for a size of 0 only
	zones, _ := lru.New[wire.Name, period](maxAgents)
	return &reporting{agents: agents, zones: zones}
}

// period counts what happened in a time from its first event on.
type period struct {
	began time.Time
	n     int
}

// full reports whether as much as is allowed has happened in the time before now.
func (p period) full(now time.Time, span time.Duration, most int) bool {
	return p.n >= most && now.Sub(p.began) < span
}

// plus returns the period with one event more.
func (p period) plus(now time.Time, span time.Duration) period {
	if p.n == 0 || now.Sub(p.began) >= span {
		return period{now, 1}
	}
	return period{p.began, p.n + 1}
}

// take reports whether one more report about a zone may be sent, and counts it.
func (s *reporting) take(zone wire.Name, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	of, _ := s.zones.Get(zone)
	if of.full(now, reportPeriod, maxZoneReports) || s.all.full(now, reportPeriod, maxReports) {
		return false
	}
	s.zones.Add(zone, of.plus(now, reportPeriod))
	s.all = s.all.plus(now, reportPeriod)
	return true
}

// hear takes what a reply of a zone's server says of the agent.
func (s *reporting) hear(zone wire.Name, o wire.Options, now time.Time) {
	v, ok := o.Get(wire.OptionReportChannel)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok {
		s.agents.Remove(zone)
		return
	}
	domain, err := wire.NameFromWire(v)
	if err != nil {
		domain = wire.Root // which is of no use
	}
	s.agents.Add(zone, agent{domain, now.Add(agentTime)})
}

// agentOf returns the agent's domain of a zone, false if its servers name none.
func (s *reporting) agentOf(zone wire.Name, now time.Time) (wire.Name, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.agents.Peek(zone)
	return a.domain, ok && now.Before(a.until)
}

// reportable returns the info code under which a failure is reported; false if it is not. Reported
// is what the servers' own replies show. Silence names no agent, a reply that may be forged proves
// nothing, and what is due to this resolver - its limits, its link, its trust anchors - concerns
// nobody else (RFC 9567, section 9).
func reportable(f *cause.Failure) (code uint16, ok bool) {
	if f.HeldAgainst() != cause.ScopeName || f.Doubtful() || f.Cause == cause.AnchorMismatch {
		return 0, false
	}
	switch f.Cause {
	case cause.ServerRefused, cause.ServerFailed, cause.ServerFormErr, cause.ServerNotImp,
		cause.ServerUnexpected, cause.Lame, cause.Malformed:
	default:
		if f.Cause.Kind() != cause.KindDNSSEC {
			return 0, false
		}
	}
	code, ok = f.Cause.EDE()
	return code, ok && code != 0 // "Other Error" tells the agent nothing
}

// reportName returns the name of a report query (RFC 9567, section 6.1.1); false if it is too long.
func reportName(q wire.Question, code uint16, domain wire.Name) (wire.Name, bool) {
	b := appendLabel(nil, reportLabel)
	b = appendLabel(b, strconv.Itoa(int(q.Type)))
	b = append(b, q.Name.Wire()[:q.Name.Len()-1]...)
	b = appendLabel(b, strconv.Itoa(int(code)))
	b = appendLabel(b, reportLabel)
	name, err := wire.NameFromWire(append(b, domain.Wire()...))
	return name, err == nil
}

// reportLabel is the first label of a report, so that shortened names are told from it, and the
// last one before the agent's domain.
const reportLabel = "_er"

func appendLabel(b []byte, label string) []byte {
	return append(append(b, byte(len(label))), label...)
}

// tellAgent reports why the question of a client has failed, if the servers of the zone at fault
// want that. The name has to be in that zone: nobody else is told of it. Names of configured zones,
// whose servers are the operator's, stay with the operator.
func (x *resolution) tellAgent(f *cause.Failure) {
	r := x.r
	code, ok := reportable(f)
	if !ok || x.depth > 0 || x.report || r.cfg.configured(x.q.Name) != nil ||
		r.ClockState().Wrong() {
		return
	}
	zone, err := wire.ParseName(f.Zone)
	if err != nil || f.Zone == "" || !x.q.Name.Within(zone) {
		return
	}
	if _, e := r.anchors.Exception(x.q.Name); e != trustanchor.None {
		return // the operator knows
	}
	domain, ok := r.reporting.agentOf(zone, r.clock.Now())
	if !ok && zone.Below(x.asked) { // servers of both zones do not refer to themselves
		domain, ok = r.reporting.agentOf(x.asked, r.clock.Now())
	}
	if !ok {
		return
	}
	name, fits := reportName(x.q, code, domain)
	// Section 6.3: the agent is not in the zone, whose fault would keep the report from it.
	if domain.Within(zone) || domain.IsRoot() || r.cfg.configured(domain) != nil || !fits {
		r.observe.Reported(ReportUnfit)
		return
	}
	k := cache.Key{Name: name, Type: wire.TypeTXT}
	if l, failed, _ := r.remembered(k, x.budget.validation, 1, false); l != nil || failed != nil {
		r.observe.Reported(ReportKnown)
		return
	}
	if !r.reporting.take(zone, r.clock.Now()) {
		limit.Reports.Met()
		r.observe.Reported(ReportLimited)
		return
	}
	if x.sink != nil {
		e := x.event(event.Reported)
		e.Zone, e.Target, e.Failure = zone, name, f
		x.tell(e)
	}
	r.sendReport(k)
}

// sendReport asks the question that is a report. Nobody waits for the answer. It is resolved as any
// other, with fewer packets, and its failure is not reported (RFC 9567, section 6.1).
func (r *Resolver) sendReport(k cache.Key) {
	r, k = r.home(k)
	full := r.fetches.background(fetchKey{Key: k}, func(f *fetch) {
		f.queries.Store(maxReportPackets)
		x := r.runOf(f, 0, trail{sink: r.events})
		x.report = true
		if _, failed := x.lead(); failed != nil {
			r.observe.Reported(ReportFailed)
			return
		}
		r.observe.Reported(ReportSent)
	})
	if full {
		r.observe.Reported(ReportLimited)
	}
}
