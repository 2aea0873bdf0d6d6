// Queries to a zone's servers until one gives a usable reply.

package resolver

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"sync"

	"bailiwick/internal/cause"
	"bailiwick/internal/event"
	"bailiwick/internal/limit"
	"bailiwick/transport"
	"bailiwick/wire"
)

// zoneQuery is one question to the servers of one zone.
type zoneQuery struct {
	x     *resolution
	zone  wire.Name // the servers' zone
	q     wire.Question
	conf  *Zone // not nil if the operator named the servers
	final bool  // q is the full question, so the answer is validated

	list   *serverList
	weak   *accepted      // an answer without AA, kept in case nothing better comes
	bogus  *cause.Failure // why the first bogus answer did not verify
	told   *cause.Failure // the same, for clients whose time ends meanwhile
	bogies int
	// confirmed reports whether a server was asked over TCP because all answers were bogus.
	confirmed bool
	// replies is the number of replies from any server before the first try, or before the last try
	// that ended as unreachable.
	replies uint64
	ended   *cause.Failure // what ends the search, though other servers are left
	worst   *cause.Failure // the network failure of the highest rank
	noTCP   bool           // a server was silent over TCP, which its truncated reply had led to

	tries
}

// zoneQueries are zone queries whose memory is used again.
var zoneQueries = sync.Pool{New: func() any { return new(zoneQuery) }}

// reuse gives the memory of a zone query back, unless it has had tries in goroutines of their own:
// these may still hold it.
func (a *zoneQuery) reuse() {
	if a.done == nil {
		*a = zoneQuery{}
		zoneQueries.Put(a)
	}
}

// accepted is a reply that may be used, with its validated result if the question was final.
type accepted struct {
	reply
	result *result
	from   netip.AddrPort
	// damaged reports whether a set of the answer had records that do not fit their type. The set
	// is validated without them.
	damaged bool
	// copied reports whether it is of a zone's copy here.
	copied bool
	// whole reports whether it answers the whole question of its fetch.
	whole bool
	tailoring
}

// recordFailure keeps a network failure if its cause ranks above those before it.
func (a *zoneQuery) recordFailure(f *cause.Failure) {
	if f != nil && (a.worst == nil || f.Cause.Rank() > a.worst.Cause.Rank()) {
		a.worst = f
	}
}

// run asks servers until one gives a usable reply: one after the other while they reply in time,
// and the next in parallel to those that do not. After a bogus answer, or any other fault, the next
// server is asked.
func (a *zoneQuery) run() (*accepted, *cause.Failure) {
	a.replies = a.x.r.connectivity.replies.Load()
	a.schedule.address = a.isAddressLookup()
	// RFC 9567, section 6.1: the agent wants to know that the sender's address is not forged.
	a.schedule.distrust = a.x.report && a.final
	if a.conf != nil {
		a.schedule.forward, a.schedule.only = a.conf.Forward, !a.conf.First
	}
	defer func() {
		a.closeAll()
		a.x.budget.settled(a.told)
	}()
	for {
		t, f := a.next()
		if t == nil {
			if f == nil && a.confirm() {
				continue
			}
			return a.giveUp(f)
		}
		got, f := a.take(t)
		a.schedule.useless(t)
		switch {
		case f != nil:
			return a.giveUp(f)
		case got != nil:
			return got, nil
		case a.ended != nil:
			return a.giveUp(a.ended)
		case a.bogies >= MaxBogusTries:
			limit.BogusAnswers.Met()
			return a.giveUp(nil)
		case a.bogies >= bogusBeforeConfirm:
			a.confirm()
		}
	}
}

// giveUp ends the search with the weak answer, or with the most precise failure. If a limit or the
// local network ended it, the failure is held against the query or the network alone, since the
// servers that were not asked might have answered.
func (a *zoneQuery) giveUp(ended *cause.Failure) (*accepted, *cause.Failure) {
	f := ended
	switch {
	case a.x.plain && ended == askedForAll:
		return nil, ended
	case a.weak != nil:
		// Servers that were not asked might have a better answer. So the weak one is not cached if
		// a budget that other questions spent has ended the search.
		if a.x.own() || ended == nil && a.list.why.HeldAgainst() == cause.ScopeName {
			a.x.keepReply(a, a.weak)
		}
		return a.weak, nil
	case ended != nil && ended.Cause.Kind() == cause.KindInternal:
		return nil, ended // other failures may be its consequences
	case a.bogus != nil:
		f = a.bogus
		if a.unproven() {
			g := *f
			g.Unconfirmed, f = true, &g
		}
	case a.worst != nil && !(a.wasSilence(a.worst.Cause) && a.slow(ended)):
		f = a.worst
	case ended == nil:
		return nil, a.list.emptyCause(a.zone)
	}
	switch {
	case ended != nil:
		f = f.Within(ended.HeldAgainst())
	case a.list.why.HeldAgainst() == cause.ScopeQuery: // not all servers were found
		f = f.Within(cause.ScopeQuery)
	case silent(f.Cause) && a.x.r.connectivity.replies.Load() == a.replies:
		f = f.Within(cause.ScopeLink)
	}
	return nil, f
}

// slow reports whether the search ended for lack of time although servers replied.
func (a *zoneQuery) slow(ended *cause.Failure) bool {
	return ended != nil && ended.Cause == cause.LimitTime && a.x.budget.heard.Load() != 0
}

// wasSilence reports whether a cause of failure of this search comes from servers that did not
// reply.
func (a *zoneQuery) wasSilence(c cause.Cause) bool {
	return silent(c) || c == cause.Truncated && a.noTCP
}

// handleReply evaluates a reply. It returns nil if another server has to be asked.
func (a *zoneQuery) handleReply(t *try, o observation) *accepted {
	c, m := t.c, t.m
	now := a.x.r.clock.Now()
	if !t.weighed { // the second time, sets out of bailiwick are gone
		t.noNS = wire.FindType(m.Authority, wire.TypeNS) == nil
	}
	damaged, outside := scrub(m, a.zone, a.speaks(), a.x.r.cfg.HardenGlue)
	if outside > 0 && a.x.sink != nil {
		e := a.event(event.Scrub, c)
		e.Count = outside
		a.x.tell(e)
	}
	forwarder := a.conf != nil && a.conf.Forward
	r := classify(m, a.q, a.zone, forwarder, a.x.r.cfg.HardenGlue)
	switch own := wire.Find(m.Authority, a.zone, wire.TypeNS); {
	case r.fault == cause.Lame && t.noNS:
		// A reply without a relevant answer, SOA and NS set is not a referral, but NODATA of type 3
		// (RFC 2308, section 2.2). Load balancers send it for types that they do not know. It is
		// used if no other server has more.
		r = reply{kind: wire.KindNoData, weak: true, hollow: true}
	case r.kind != wire.KindNoData || len(r.authority) > 0 || forwarder || t.noNS:
	case own != nil:
		r.own = own
	case a.q.Type == wire.TypeDS && wire.Find(m.Authority, a.q.Name, wire.TypeNS) != nil:
		// A server that does not know DS sends a referral: the zone has no DS if it is unsigned.
		r.hollow = true
	default: // AA, but the NS set is of another zone (RFC 2308, section 2.2)
		r = reply{fault: cause.Lame}
	}
	got := &accepted{reply: r, from: c.addr, damaged: damaged, whole: a.final,
		tailoring: t.tailoring}
	if a.x.sink != nil {
		a.replied(c, &got.reply)
	}
	if o.what, o.worth = sawContent, worthOf(&got.reply); a.step(t, o) {
		return nil
	}
	if got.kind == wire.KindNone {
		if o.what = sawFault; a.step(t, o) {
			return nil
		}
		e := eventBad
		if got.fault == cause.Lame {
			e = eventLame
		}
		f := cause.New(got.fault, a.zone, "%s", a.q).At(c.addr)
		if m.QDCount > 0 || t.how.reliable() {
			a.x.r.blame(c.addr.Addr(), a.zone, e, f, 0)
		}
		a.recordFailure(f)
		c.spent = true
		return nil
	}
	if a.final && got.kind != wire.KindReferral {
		a.x.asked = a.zone
		l, f := a.x.finish(a, got)
		if f.HeldAgainst() != cause.ScopeName { // not the server's fault, and no other helps
			a.ended = f
			return nil
		}
		if a.x.distrusts(a.zone, f) { // neither is this, and all others would be judged alike
			a.bogus, a.ended = f, f
			return nil
		}
		if f != nil {
			a.notVerified(t, f, o)
			return nil
		}
		got.result, o.what = l, sawVerified
		a.step(t, o)
	}
	if ns := wire.Find(m.Authority, a.zone, wire.TypeNS); ns != nil && ns.Sigs.Len() > 0 &&
		a.x.r.cfg.Referrals && !a.x.fallback {
		a.x.r.memory.putServers(ns, now)
	}
	if got.weak {
		if a.weak == nil {
			a.weak = got
		}
		c.spent = true
		return nil
	}
	a.x.primed(got, m.Additional)
	a.learnServers(m)
	a.x.keepReply(a, got)
	return got
}

// notVerified takes a reply whose data do not verify.
func (a *zoneQuery) notVerified(t *try, f *cause.Failure, o observation) {
	c, e := t.c, eventBogus
	if o.proven && !t.lettered(&o) {
		e = eventBogusProven
	}
	a.x.r.blame(c.addr.Addr(), a.zone, e, f, 0)
	if a.bogus == nil {
		a.bogus = f.At(c.addr)
		if a.x.r.cfg.inside(a.zone, a.conf) {
			a.bogus = a.bogus.Inside()
		}
		a.told = a.x.r.forOperator(a.q.Name, a.bogus)
		a.x.budget.unverified(a.told)
	}
	a.bogies++
	o.what = sawBogus
	c.spent = !a.step(t, o)
}

// confirm asks a server once more, in lower case, if all servers have failed, or two answers were
// bogus, and its answer was bogus: over TCP if it may have been forged, as one forged packet that
// fits must not make a name fail for as long as bogus data are remembered. A server whose data were
// proven to be bogus lately is not asked, so that a bogus zone costs one question more for each
// server in [lameTime]. Unbound 1.17 asks the same server again up to twelve times over UDP, where
// the forger may be lucky again; BIND 9.18 fails at once.
//
// TCP is not left to the end: what may be forged is not learnt, so that each name of a zone with
// many servers, whose signer signs the letters and which return no cookie, would have all of them
// asked, up to [MaxBogusTries], and as many answers validated. Where two servers of a zone are
// bogus and drop TCP, a good third one waits for the patience with TCP, once for each in [badTime].
func (a *zoneQuery) confirm() bool {
	for _, c := range a.list.known {
		if !a.confirmed && (c.tcp == 0 || c.ladder.lettered) && c.ladder.confirm() {
			a.confirmed, c.spent = true, false
			a.schedule.again = append(a.schedule.again, c)
			form := event.FormLowerCase
			if c.ladder.forgeable {
				form = event.FormTCP
			}
			a.fellBack(c, form)
		}
	}
	return len(a.schedule.again) > 0
}

// unproven reports whether a bogus answer may have been forged, and its server does not reply over
// TCP.
func (a *zoneQuery) unproven() bool {
	return slices.ContainsFunc(a.list.known, func(c *candidate) bool { return c.ladder.unproven })
}

// speaks returns the zone that the servers' proofs have to be in. It is the root for a forwarder,
// whose question may be denied by a zone above the forwarded one.
func (a *zoneQuery) speaks() wire.Name {
	if a.conf != nil && a.conf.Forward {
		return wire.Root
	}
	return a.zone
}

// errMalformed is the error of an exchange whose reply cannot be read.
var errMalformed = errors.New("malformed reply")

// causeOfExchange returns the cause of a failed exchange. Errors of package transport are
// translated here alone.
func causeOfExchange(err error) cause.Cause {
	switch {
	case errors.Is(err, errMalformed):
		return cause.Malformed
	case errors.Is(err, transport.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return cause.Timeout
	case errors.Is(err, transport.ErrSpoofed), errors.Is(err, transport.ErrCase):
		return cause.Spoofed
	case errors.Is(err, transport.ErrIdentity):
		return cause.ServerIdentity
	case errors.Is(err, transport.ErrNoNetwork):
		return cause.UplinkDown
	case errors.Is(err, transport.ErrLocal):
		return cause.LocalResources
	}
	return cause.Unreachable
}

// query encodes the question, with an unpredictable ID, random letter case, DO, a cookie, and a
// client's network if it is valid. mixed reports whether it has capital letters.
func (a *zoneQuery) query(how form, p *profile, network netip.Prefix) (q []byte,
	mixed bool, err error) {
	var random [2 + 32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return nil, false, err
	}
	qname := []byte(a.q.Name.Wire())
	if how.randomCase && !how.via.Encrypted() {
		for i, b := range qname { // a length octet is below 'a'
			if 'a' <= b && b <= 'z' && random[2+i/8]>>(i&7)&1 == 1 {
				qname[i] = b - 'a' + 'A'
				mixed = true
			}
		}
		first := slices.IndexFunc(qname, func(b byte) bool { return 'a' <= b && b <= 'z' })
		if !mixed && !p.caseKept && first >= 0 {
			qname[first] -= 'a' - 'A' // so that each reply shows what an unknown server does
			mixed = true
		}
	}
	var flags uint16
	if a.conf != nil && a.conf.Forward {
		flags = wire.FlagRD
		// RFC 6840, section 5.9: we validate ourselves; without DO nobody can, and only who has set
		// CD is to get what the forwarder does not vouch for (RFC 4035, section 3.2.2).
		if how.edns || a.x.cd && !a.isAddressLookup() {
			flags |= wire.FlagCD
		}
	}
	var opts wire.Options
	size := uint16(0)
	if how.edns {
		size = a.x.r.cfg.UDPSize
		if network.IsValid() {
			opts = opts.Append(wire.OptionECS, wire.Subnet{Network: network}.AppendTo(nil))
		}
		if how.cookie && !how.via.Encrypted() {
			opts = opts.Append(wire.OptionCookie, p.client[:], p.cookie)
			// RFC 7828, section 3.2.1: the server may say how long the connection is to stay. A
			// server that has not shown EDNS yet is not burdened with a second option.
			if how.reliable() && p.edns {
				opts = opts.Append(wire.OptionKeepalive)
			}
		}
	}
	q = wire.AppendQuery(nil, binary.BigEndian.Uint16(random[:]), flags, qname, a.q.Type, size,
		how.edns, opts)
	if how.edns && how.cookie { // not where it has to be plain
		// Our clients get the RCODE that is right for them (RFC 9824, section 5.1).
		wire.SetCO(q, wire.HeaderLen+len(qname)+4)
	}
	if how.edns && how.via.Encrypted() {
		q = wire.PadOPT(q, wire.HeaderLen+len(qname)+4, queryBlock)
	}
	return q, mixed, nil
}
