// How long things are kept: the rules about TTLs, in the order in which they apply.
//
//  1. A TTL above 2^31-1 is 0 (RFC 2181, section 8). The records of a set have one TTL, the
//     smallest of theirs (RFC 2181, section 5.2), and their signatures have it too (RFC 4034,
//     section 3). wire.Parse applies this to what it reads.
//  2. A secure set has no higher TTL than its RRSIG's original TTL, and it ends when that RRSIG
//     does (RFC 4035, section 5.3.3). The validator returns both with its verdict.
//  3. A denial has the least of its SOA's TTL, the SOA's minimum, and its proofs' TTLs (RFC 2308,
//     section 5; RFC 9077, section 3): [NegativeTTL].
//  4. The operator's bounds hold for data and denials, and none makes them outlive their
//     signatures (RFC 8767, section 4; RFC 2308, section 5): [Store.ClampTTL],
//     [Store.ClampNegativeTTL].
//  5. What is one entry ends when any of its records does (RFC 4035, section 4.5). Data and the
//     proofs that they need have one TTL: [Store.ClampTTLs]. The SOA of a denial has its TTL, and
//     the proofs with it have TTLs of their own: [Store.ClampDenial].
//  6. The first client gets the TTL that the entry is kept for, as the next one does (RFC 2181,
//     section 5.2): both functions write it into the sets. Then it counts down: [RRset.TTL].
//  7. An entry with TTL 0 is not kept (RFC 1035, section 3.2.1). One that has ended is stale, and
//     is used if nothing better can be fetched (RFC 8767). One that ends soon is refreshed:
//     [State].
//  8. If the time of day is set forward, an entry still ends with its signature (daytime.go).
//  9. A delegation has the TTL that its parent gives it, and ends with the delegation above it. The
//     zone's own NS set may end it earlier, and never later (RFC 2181, section 5.4.1;
//     CVE-2012-1033, ghost domains): [DelegationEnd], [OwnServersEnd].
//  10. Trust in a zone's keys has the least TTL of what it rests on, DS and DNSKEY: [TrustEnd].
//  11. A failure is remembered for longer the more often it recurs (RFC 9520, section 3.2), bogus
//     data as long as RFC 4035, section 4.7 allows: [Backoff].

package cache

import (
	"time"

	"bailiwick/wire"
)

// TTLLimits are the operator's bounds of TTLs. What may live for no time is not kept.
type TTLLimits struct {
	Min, Max, MinNegative, MaxNegative time.Duration
}

// NegativeTTL returns how long a denial may be kept, in seconds: the least of the SOA's TTL, its
// minimum, and the proofs' TTLs (RFC 2308, section 5; RFC 9077, section 3). One without SOA and
// proofs is not to be kept (RFC 2308, section 5); it gets noSOATTL.
func NegativeTTL(proofs []*wire.RRset) uint32 {
	if len(proofs) == 0 {
		return uint32(noSOATTL / time.Second)
	}
	ttl := MinTTL(proofs)
	for _, p := range proofs {
		if p.Type != wire.TypeSOA {
			continue
		}
		if soa, err := wire.ParseSOA(p.Data.First()); err == nil {
			ttl = min(ttl, soa.Minimum)
		}
	}
	return ttl
}

// MinTTL returns the smallest TTL of some sets, MaxTTL for none.
func MinTTL(sets []*wire.RRset) uint32 {
	if len(sets) == 0 {
		return uint32(MaxTTL / time.Second)
	}
	ttl := sets[0].TTL
	for _, s := range sets[1:] {
		ttl = min(ttl, s.TTL)
	}
	return ttl
}

// ClampTTL applies the operator's limits to the TTL of data that rest on a signature that ends at
// until: no limit makes them outlive it (RFC 4035, section 5.3.3).
func (s *Store) ClampTTL(ttl, until uint32, now time.Time) uint32 {
	l := s.limits.Load()
	return clamp(ttl, l.Min, l.Max, s.day.left(until, now.Unix()))
}

// ClampNegativeTTL is ClampTTL for negative answers.
func (s *Store) ClampNegativeTTL(ttl, until uint32, now time.Time) uint32 {
	l := s.limits.Load()
	return clamp(ttl, l.MinNegative, l.MaxNegative, s.day.left(until, now.Unix()))
}

// clamp bounds a TTL from below and above, and by the seconds that a signature is still valid for.
func clamp(ttl uint32, least, most time.Duration, left int64) uint32 {
	t := min(max(int64(ttl), int64(least/time.Second)), int64(most/time.Second))
	return uint32(max(0, min(t, left)))
}

// ClampTTLs gives data the TTLs that they are kept for. Data that were made from a wildcard and the
// NSEC and NSEC3 records that they need are one entry, and get one TTL: it ends when any of its
// records does (RFC 4035, section 4.5).
func (s *Store) ClampTTLs(data, proofs []*wire.RRset, now time.Time) {
	for _, d := range data {
		d.TTL = s.ClampTTL(d.TTL, d.Until, now)
	}
	if len(proofs) == 0 {
		return
	}
	ttl := MinTTL(data)
	for _, p := range proofs {
		p.TTL = s.ClampTTL(p.TTL, p.Until, now)
		if p.Type == wire.TypeNSEC || p.Type == wire.TypeNSEC3 {
			ttl = min(ttl, p.TTL)
		}
	}
	for _, sets := range [2][]*wire.RRset{data, proofs} {
		for _, d := range sets {
			d.TTL = min(d.TTL, ttl)
		}
	}
}

// ClampDenial returns the TTL that a denial is kept for, and gives it to the SOA: clients keep the
// denial for as long (RFC 2308, section 5). The proofs are kept no longer, and are sent with TTLs
// of their own: RFC 9077, section 3.4 limits how long they are used here, and clients get the SOA
// with them to apply the same limit.
func (s *Store) ClampDenial(proofs []*wire.RRset, until uint32, now time.Time) uint32 {
	ttl := s.ClampNegativeTTL(NegativeTTL(proofs), until, now)
	for _, p := range proofs {
		if p.TTL = s.ClampNegativeTTL(p.TTL, p.Until, now); p.Type == wire.TypeSOA {
			p.TTL = ttl
		}
	}
	return ttl
}

// Left returns how many seconds a set that was stored at some second has left, by its TTL and by
// its signature.
func (s *Store) Left(set *wire.RRset, stored int64, now time.Time) uint32 {
	end := s.day.bound(stored+int64(set.TTL), set.Until, now.Unix())
	return uint32(max(0, end-now.Unix()))
}

// TTL returns the seconds that are left at the second now.
func (r *RRset) TTL(now int64) uint32 { return uint32(max(0, r.Expires-now)) }

// State is how far an entry is in its life.
type State uint8

// The states, from the worst to the best.
const (
	// None: nothing is kept, or it may not be used.
	None State = iota
	// Stale: it ended at most Config.MaxStale ago. It is kept as long as its memory is not needed
	// for others. The resolver decides whether it is served (RFC 8767).
	Stale
	// Ending: at most a tenth of its time is left. It answers questions, and should be refreshed
	// before it ends.
	Ending
	// Fresh: it answers questions.
	Fresh
)

// Good reports whether an entry answers questions.
func (s State) Good() bool { return s >= Ending }

// stateOf returns the state at the second now of an entry that should be refreshed from the second
// refresh on, and ends at expires.
func (s *Store) stateOf(now, refresh, expires int64) State {
	switch {
	case now < refresh && now < expires:
		return Fresh
	case now < expires:
		return Ending
	case now < expires+s.maxStale.Load():
		return Stale
	}
	return None
}

// refreshAt returns the second from which at most a tenth of the time from stored to expires is
// left.
func refreshAt(stored, expires int64) int64 { return expires - (expires-stored)/10 }

// Refresh returns the second from which a set should be refreshed.
func (r *RRset) Refresh() int64 { return refreshAt(r.Stored, r.Expires) }

// Refresh returns the second from which a denial should be refreshed.
func (n *Negative) Refresh() int64 { return refreshAt(n.Stored, n.Expires) }

// DelegationEnd returns the second at which a delegation ends to which the parent gives a TTL. The
// TTL is bounded by maxDelegationTTL. The delegation does not outlive the one above it, from which
// it was learnt (ghost domains, CVE-2012-1033). Above is nil for the root.
func DelegationEnd(ttl time.Duration, above *Delegation, now time.Time) int64 {
	end := now.Add(min(ttl, maxDelegationTTL)).Unix()
	if above != nil {
		end = min(end, above.Expires)
	}
	return end
}

// OwnServersEnd returns the second at which a delegation ends by the TTL that the zone gives its
// own NS set. It never prolongs a delegation: the caller takes the earlier end.
func OwnServersEnd(ttl time.Duration, now time.Time) int64 {
	return now.Add(max(ttl, MinDelegation)).Unix()
}

// TrustEnd returns when the trust in a zone ends if it also rests on a set with this TTL, in
// seconds. Without that set it would end at end; zero means never.
func TrustEnd(end time.Time, ttl uint32, now time.Time) time.Time {
	t := now.Add(min(max(time.Duration(ttl)*time.Second, minTrustTTL), maxTrustTTL))
	if end.IsZero() || t.Before(end) {
		return t
	}
	return end
}

// Backoff is how long a failure is remembered: First at first, then twice as long for each failure
// in a row, up to Max (RFC 9520, section 3.2).
type Backoff struct{ First, Max time.Duration }

// after returns how long the last of a number of failures in a row is remembered.
func (b Backoff) after(failures int) time.Duration {
	return min(b.First<<min(failures-1, 8), b.Max)
}
