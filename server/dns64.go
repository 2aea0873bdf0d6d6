// DNS64: AAAA records that are made of A records (RFC 6147).

package server

import (
	"context"
	"slices"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/policy"
	"bailiwick/resolver"
	"bailiwick/wire"
)

// translates reports whether DNS64 may change the answer to a question for this client. Who sets
// both CD and DO validates, and gets what is signed (RFC 6147, section 5.5). Who sets CD alone
// cannot validate, and needs the addresses.
func (r *request) translates(q wire.Question) bool {
	return r.view.DNS64 != nil && (q.Type == wire.TypeAAAA || q.Type == wire.TypePTR) &&
		!(r.q.Has(wire.FlagCD) && r.q.EDNS.DO)
}

// wantsA reports whether an answer to a question for AAAA records has none that a client behind a
// translator can use, so that its A records are needed. Not even a denial of AAAA records is needed
// for that: servers that fail for the type alone are why (RFC 6147, sections 5.1.2 and 5.1.3). But
// what is bogus stays so, or whoever forges a packet could have clients led elsewhere (section
// 5.5), and a name that does not exist has no A records either (section 5.1.2).
func (r *request) wantsA(a *resolver.Answer) bool {
	if !r.mayWantA() {
		return false
	}
	switch {
	case a.RCode == wire.RCodeServFail:
		return a.Failure.Cause.Kind() == cause.KindNetwork || a.Failure.Cause == cause.LimitTime
	case a.RCode != wire.RCodeNoError:
		return false
	}
	s := lastOf(a.Sets, wire.TypeAAAA)
	return s == nil || r.view.DNS64.Real(s) == nil
}

// mayWantA reports whether there are answers to the question that A records are needed for.
func (r *request) mayWantA() bool {
	return r.want.Type == wire.TypeAAAA && r.standIn == nil && r.translates(r.want) &&
		!r.view.DNS64.Excluded(r.want.Name)
}

// early is the question for A records that is put while that for AAAA records has no answer yet
// (RFC 6147, section 5.1.8): servers that are silent for AAAA, or for everything, would use up the
// time of both. The zero value is for a question that A records are of no use to.
type early struct {
	begin func() *resolver.Answer // puts it
	timer *time.Timer             // puts it after a pause
	end   context.CancelFunc
	got   chan *resolver.Answer
}

// early returns the question for A records in place of the AAAA records that are asked for.
func (r *request) early(o resolver.Options) early {
	if !r.mayWantA() {
		return early{}
	}
	ctx, end := context.WithCancel(r.within())
	e := early{end: end, got: make(chan *resolver.Answer, 1)}
	res, q := r.resolver(), r.questionA()
	e.begin = func() *resolver.Answer { return res.Resolve(ctx, q, o) }
	e.timer = time.AfterFunc(earlyPause, func() { e.got <- e.begin() })
	return e
}

// answer waits for the answer, and puts the question if that has not been done. If the answer is
// not wanted, the question ends, and nil is returned.
func (e early) answer(wanted bool) *resolver.Answer {
	if e.timer == nil {
		return nil
	}
	defer e.end()
	switch waits := e.timer.Stop(); {
	case !wanted:
		if e.end(); !waits {
			<-e.got
		}
		return nil
	case waits:
		return e.begin()
	}
	return <-e.got
}

// questionA is the question for the A records in place of AAAA records.
func (r *request) questionA() wire.Question {
	return wire.Question{Name: r.want.Name, Type: wire.TypeA, Class: r.want.Class}
}

// lastOf returns the set at the end of an alias chain, nil if it is not of the type.
func lastOf(sets []*wire.RRset, t wire.Type) *wire.RRset {
	if n := len(sets); n > 0 && sets[n-1].Type == t {
		return sets[n-1]
	}
	return nil
}

// judged returns the answer that policy zones have a say in: that with the A records, if there are
// some, as addresses of the translator are in nobody's rules.
func judged(a, v4 *resolver.Answer) *resolver.Answer {
	if v4 != nil && lastOf(v4.Sets, wire.TypeA) != nil {
		return v4
	}
	return a
}

// translated returns the answer to a question for AAAA records that is made of its A records, v4;
// a is the answer without them. The alias chain is that of the A records (RFC 6147, section 5.1.5).
// If there are none either, the answer is a; so it is if that has failed, where the RFC would have
// the client believe that there is no AAAA record (section 5.1.6). The A records are under the
// policy for private addresses, and what is made of them is not: the operator chose the prefix.
func (r *request) translated(a, v4 *resolver.Answer) *resolver.Answer {
	if v4.RCode == wire.RCodeServFail {
		if a.RCode != wire.RCodeServFail {
			a = v4
		}
		return r.answered(a)
	}
	v4 = r.private(v4)
	s := lastOf(v4.Sets, wire.TypeA)
	if s == nil {
		if v4.Failure != nil && v4.Failure.Cause == cause.PrivateAddress {
			a = v4
		}
		return r.answered(r.usable(a))
	}
	made := r.view.DNS64.Translate(s, a.Authority)
	if made == nil {
		return r.answered(r.usable(a))
	}
	c := *v4
	c.Sets = append(slices.Clone(v4.Sets[:len(v4.Sets)-1]), made)
	c.Synthesised = true
	r.cut, r.made = true, true
	r.server.observe.Local(policy.FromDNS64, policy.OutcomeData)
	r.decided(event.DecisionDNS64, cause.Synthesised, made.Len())
	if a.RCode == wire.RCodeServFail {
		c.Status, c.NoCache = min(c.Status, wire.Insecure), true
		return r.answered(&c)
	}
	// AD tells that the denial and the A records are secure (RFC 6147, section 5.5, 2). Records
	// that count as none have not been denied.
	if c.Status = min(c.Status, a.Status); lastOf(a.Sets, wire.TypeAAAA) != nil {
		c.Status = min(c.Status, wire.Insecure)
	}
	c.NoCache = c.NoCache || a.NoCache
	if c.Refresh == 0 || a.Refresh > 0 && a.Refresh < c.Refresh {
		c.Refresh = a.Refresh
	}
	if a.Stale != resolver.StaleNone {
		c.NoCache = true
		if c.Stale == resolver.StaleNone {
			c.Stale, c.Failure = a.Stale, a.Failure
		}
	}
	return r.answered(&c)
}

// answered returns an answer as one to the question for AAAA records.
func (r *request) answered(a *resolver.Answer) *resolver.Answer {
	if a.Question == r.want {
		return a
	}
	c := *a
	c.Question, c.WholeSpan = r.want, false
	return &c
}

// usable leaves out of an answer the AAAA records that count as none for this client (RFC 6147,
// section 5.1.4).
func (r *request) usable(a *resolver.Answer) *resolver.Answer {
	s := lastOf(a.Sets, wire.TypeAAAA)
	if r.made || s == nil || r.want.Type != wire.TypeAAAA || !r.translates(r.want) ||
		r.view.DNS64.Excluded(r.want.Name) {
		return a
	}
	real := r.view.DNS64.Real(s)
	if real == s {
		return a
	}
	r.cut = true
	c := *a
	c.Sets, c.Status = slices.Clone(a.Sets[:len(a.Sets)-1]), min(a.Status, wire.Insecure)
	if c.Authority = nil; real != nil {
		c.Sets = append(c.Sets, real)
	}
	return &c
}

// localAAAA returns a local answer with the AAAA records that are made of the local A records of
// the same name, if it has none of its own. ipv4only.arpa gets its addresses by this (RFC 8880,
// section 7.1).
func (r *request) localAAAA(l *policy.Local) *policy.Local {
	if r.want.Type != wire.TypeAAAA || l.Action != policy.LocalAnswer || l.NXDomain ||
		len(l.Answer) > 0 || l.From == policy.FromRPZ || !r.translates(r.want) ||
		r.view.DNS64.Excluded(r.want.Name) {
		return l
	}
	v4 := r.ours(r.questionA())
	if v4 == nil || v4.Action != policy.LocalAnswer || !v4.Target.IsZero() {
		return l
	}
	s := lastOf(v4.Answer, wire.TypeA)
	if s == nil {
		return l
	}
	var denial []*wire.RRset
	if l.SOA != nil {
		denial = []*wire.RRset{l.SOA}
	}
	made := r.view.DNS64.Translate(s, denial)
	if made == nil {
		return l
	}
	c := *v4
	c.Answer = append(slices.Clone(v4.Answer[:len(v4.Answer)-1]), made)
	return &c
}
