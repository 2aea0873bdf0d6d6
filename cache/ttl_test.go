// Lifetimes of entries: by TTL, by the operator's bounds, and by signature; and which entry answers
// which question.

package cache

import (
	"encoding/binary"
	"testing"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/memcache"
	"bailiwick/wire"
)

const day = 86400

// TTLs are bounded by default (RFC 8767, section 4; RFC 2308, section 5).
func TestMaxTTL(t *testing.T) {
	s := ofSize(MinMemory)
	if got := s.ClampTTL(1<<31-1, 0, now); got != uint32(MaxTTL/time.Second) {
		t.Errorf("a TTL of 68 years becomes %d s", got)
	}
}

func TestMaxNegativeTTL(t *testing.T) {
	s := ofSize(MinMemory)
	if got := s.ClampNegativeTTL(1<<31-1, 0, now); got != uint32(maxNegativeTTL/time.Second) {
		t.Errorf("a negative TTL of 68 years becomes %d s", got)
	}
}

// soaWith returns a SOA set with a TTL and a minimum.
func soaWith(ttl, minimum uint32) *wire.RRset {
	rdata := append([]byte{0, 0}, make([]byte, 16)...) // no names; serial to expire
	s := denial("example", wire.TypeSOA, binary.BigEndian.AppendUint32(rdata, minimum))
	s.TTL = ttl
	return s
}

// RFC 2308, section 5: a denial is kept for the least of its SOA's TTL and minimum. Without a SOA
// it should not be kept; it is kept for a few seconds, to spare a broken server.
func TestRFC2308NegativeTTL(t *testing.T) {
	for _, c := range []struct{ ttl, minimum, want uint32 }{
		{300, 900, 300}, {900, 300, 300}, {300, 300, 300}, {900, 0, 0}, {0, 900, 0},
	} {
		if got := NegativeTTL([]*wire.RRset{soaWith(c.ttl, c.minimum)}); got != c.want {
			t.Errorf("SOA with TTL %d and minimum %d: %d s, want %d", c.ttl, c.minimum, got, c.want)
		}
	}
	if got := NegativeTTL(nil); got != uint32(noSOATTL/time.Second) {
		t.Errorf("without SOA: %d s", got)
	}
}

// RFC 9077, section 3: a denial is kept no longer than its NSEC and NSEC3 records.
func TestRFC9077NegativeTTL(t *testing.T) {
	proof := nsec("example", "z.example")
	for _, ttl := range []uint32{10, 900} {
		proof.TTL = ttl
		want := min(ttl, 300)
		if got := NegativeTTL([]*wire.RRset{soaWith(300, 600), proof}); got != want {
			t.Errorf("an NSEC record of %d s and a SOA of 300: %d s, want %d", ttl, got, want)
		}
	}
}

// RFC 4035, section 4.5: data from a wildcard and the denials that they need are one entry, which
// ends when any of its records does. Other data have their own TTL each.
func TestRFC4035DataAndTheirProofsHaveOneTTL(t *testing.T) {
	s := New(Config{MinMemory, TTLLimits{Max: time.Hour, MaxNegative: time.Hour}, DefaultMaxStale})
	for _, c := range []struct{ a, b, proof, soa, want uint32 }{
		{300, 200, 100, 50, 100}, {300, 200, 250, 50, 200}, {7200, 7200, 7200, 50, 3600},
	} {
		a, b := set(name(1), c.a, 1), set(name(2), c.b, 1)
		proof, apex := nsec("example", "z.example"), soaWith(c.soa, c.soa)
		proof.TTL = c.proof
		s.ClampTTLs([]*wire.RRset{a, b}, []*wire.RRset{apex, proof}, now)
		if a.TTL != c.want || b.TTL != c.want || proof.TTL != c.want || apex.TTL != c.soa {
			t.Errorf("%+v: data have %d and %d s, the proof %d, the SOA %d", c, a.TTL, b.TTL,
				proof.TTL, apex.TTL)
		}
		a, b = set(name(1), c.a, 1), set(name(2), c.b, 1)
		s.ClampTTLs([]*wire.RRset{a, b}, nil, now)
		if a.TTL != min(c.a, 3600) || b.TTL != min(c.b, 3600) {
			t.Errorf("%+v: data without a proof have %d and %d s", c, a.TTL, b.TTL)
		}
	}
}

// RFC 4035, section 4.5: all sets of a denial have the TTL that the denial is kept for.
func TestRFC4035ADenialHasOneTTL(t *testing.T) {
	s := New(Config{MinMemory, TTLLimits{Max: MaxTTL, MinNegative: time.Minute,
		MaxNegative: time.Hour}, DefaultMaxStale})
	for _, c := range []struct{ soa, proof, want uint32 }{{300, 200, 200}, {300, 10, 60}} {
		apex, proof := soaWith(c.soa, c.soa), nsec("example", "z.example")
		proof.TTL = c.proof
		got := s.ClampDenial([]*wire.RRset{apex, proof}, 0, now)
		if got != c.want || apex.TTL != c.want || proof.TTL != c.want {
			t.Errorf("%+v: %d s, the SOA has %d, the NSEC record %d", c, got, apex.TTL, proof.TTL)
		}
	}
}

// Trust in a zone ends with the first of the sets that it rests on (RFC 4035, section 5.3.3). It
// lasts at least a second, as the present question needs it, and at most a day.
func TestRFC4035TrustEndsBetweenMinTrustTTLAndMaxTrustTTL(t *testing.T) {
	for _, c := range []struct {
		ttls []uint32
		want time.Duration
	}{
		{[]uint32{300}, 300 * time.Second},
		{[]uint32{300, 200}, 200 * time.Second},
		{[]uint32{200, 300}, 200 * time.Second},
		{[]uint32{300, 0}, minTrustTTL},
		{[]uint32{1<<31 - 1, 7 * day}, maxTrustTTL},
	} {
		var end time.Time
		for _, ttl := range c.ttls {
			end = TrustEnd(end, ttl, now)
		}
		if got := end.Sub(now); got != c.want {
			t.Errorf("TTLs %v: trusted for %v, want %v", c.ttls, got, c.want)
		}
	}
}

// A delegation has its parent's TTL, and ends within a day (maxDelegationTTL) and with the
// delegation above it (CVE-2012-1033). The zone's own NS set ends it no sooner than MinDelegation.
func TestDelegationTTLs(t *testing.T) {
	above := &Delegation{Expires: now.Unix() + 600}
	for _, c := range []struct {
		ttl   time.Duration
		above *Delegation
		want  int64
	}{
		{300 * time.Second, nil, 300}, {300 * time.Second, above, 300},
		{900 * time.Second, above, 600}, {48 * time.Hour, nil, day},
	} {
		if got := DelegationEnd(c.ttl, c.above, now) - now.Unix(); got != c.want {
			t.Errorf("%v below %v: %d s, want %d", c.ttl, c.above, got, c.want)
		}
	}
	for ttl, want := range map[time.Duration]time.Duration{0: MinDelegation,
		time.Hour: time.Hour} {
		if got := OwnServersEnd(ttl, now) - now.Unix(); got != int64(want/time.Second) {
			t.Errorf("an NS set of %v ends a delegation after %d s, want %v", ttl, got, want)
		}
	}
}

// RFC 4035, section 5.3.3: no minimum that the operator sets makes data outlive their signature.
func TestRFC4035NoMinimumOutlivesTheSignature(t *testing.T) {
	c := Default()
	c.Min, c.MinNegative = time.Hour, time.Hour
	s := New(c)
	s.FollowDay(func() time.Duration { return 0 })
	ends := uint32(now.Unix()) + 3
	if got := s.ClampTTL(1, ends, now); got != 3 {
		t.Errorf("data are kept for %d s, their signature is good for 3", got)
	}
	if got := s.ClampNegativeTTL(1, ends, now); got != 3 {
		t.Errorf("a denial is kept for %d s, its signature is good for 3", got)
	}
	if got := s.ClampTTL(1, uint32(now.Unix())-1, now); got != 0 {
		t.Errorf("data are kept for %d s, their signature has ended", got)
	}
}

// RFC 4035, section 5.3.3, with the time of day set forward after data came: entries of every kind
// end with their signature.
func TestRFC4035EntriesEndWithTheirSignature(t *testing.T) {
	var ahead time.Duration
	s := ofSize(MinMemory)
	s.FollowDay(func() time.Duration { return ahead })
	ends := uint32(now.Unix()) + 2*day
	k := Key{Name: name(1), Type: wire.TypeTXT}
	signed := set(k.Name, 300, 1)
	signed.Until = ends
	proof, proven := *signed, Key{Name: name(2), Type: wire.TypeTXT}
	s.PutRRset(k, RRset{Set: signed}, now)
	s.PutRRset(proven, RRset{Set: set(proven.Name, 300, 1),
		Beside: &Beside{Proofs: []*wire.RRset{&proof}}}, now)
	s.PutNegative(k, &Negative{Until: ends}, 300, now)
	apex, span := soa(), nsec("example", "z.example")
	span.Until = ends
	s.Denials.Put(ZoneKey{Name: zone}, []*wire.RRset{apex, span}, now)
	a := NewAnswer(make([]byte, 30), k.Name, nil, now.Unix(), now.Unix()+300)
	a.Until = ends
	ready := AnswerKey{Name: k.Name, Type: k.Type}
	s.Answers.Put(ready, a)
	for _, c := range []struct {
		ahead time.Duration
		want  bool
	}{{0, true}, {2*day*time.Second - 301*time.Second, true}, {2 * day * time.Second, false}} {
		ahead = c.ahead
		_, rrset := s.LookupRRset(k, now)
		_, beside := s.LookupRRset(proven, now)
		_, negative := s.LookupNegative(k, now)
		_, answer := s.LookupAnswer(ready, now.Unix())
		denials := len(owners(s.Denials, "c.example", now)) > 0
		for what, got := range map[string]bool{"a set": rrset.Good(),
			"a set beside a proof": beside.Good(),
			"a negative answer":    negative.Good(), "a denial": denials,
			"a prepared answer":     answer.Good(),
			"what is asked of Past": !s.Past(ends, now)} {
			if got != c.want {
				t.Errorf("%v ahead: %s is used: %v, want %v", c.ahead, what, got, c.want)
			}
		}
	}
}

// RFC 1035, section 3.2.1: an entry is used until its TTL has passed. With TTL 0 it is used only
// for the question that it came for.
func TestRFC1035EntriesEndWithTheirTTL(t *testing.T) {
	s := ofSize(1 << 20)
	k := Key{Name: name(1), Type: wire.TypeTXT}
	s.PutRRset(k, RRset{Set: set(k.Name, 10, 1)}, now)
	s.PutNegative(k, &Negative{}, 10, now)
	s.Delegations.Put(ZoneKey{Name: k.Name}, &Delegation{Zone: k.Name, Expires: now.Unix() + 10})
	for after, want := range map[int64]bool{0: true, 9: true, 10: false, 11: false} {
		at := time.Unix(now.Unix()+after, 0)
		r, rrset := s.LookupRRset(k, at)
		_, negative := s.LookupNegative(k, at)
		_, delegation := s.Closest(nil, k.Name, at)
		if rrset.Good() != want || negative.Good() != want || delegation != want {
			t.Errorf("after %d s: a set %v, a negative answer %v, a delegation %v, want %v", after,
				rrset, negative, delegation, want)
		}
		if want && r.TTL(at.Unix()) != uint32(10-after) {
			t.Errorf("after %d s: TTL %d", after, r.TTL(at.Unix()))
		}
	}
	s.PutRRset(k, RRset{Set: set(k.Name, 0, 1)}, now)
	s.PutNegative(Key{Name: name(2), Type: wire.TypeA}, &Negative{}, 0, now)
	if _, state := s.LookupRRset(k, now); state.Good() {
		t.Error("a set with TTL 0 is kept, or one before it")
	}
	if _, state := s.LookupNegative(Key{Name: name(2), Type: wire.TypeA}, now); state.Good() {
		t.Error("a negative answer with TTL 0 is kept")
	}
}

// RFC 2308, section 5: NXDOMAIN holds for a name and all its types, NODATA for one type. This
// includes type 0, which any client may ask for: its denial is kept where the denials of names are.
func TestRFC2308NoDataIsOfOneType(t *testing.T) {
	s := ofSize(1 << 20)
	s.PutNegative(Key{Name: name(1), Type: wire.TypeNone}, &Negative{NXDomain: true}, 10, now)
	n, state := s.LookupNegative(Key{Name: name(1), Type: wire.TypeMX}, now)
	if !state.Good() || !n.NXDomain {
		t.Error("a denied name has types")
	}
	for _, typ := range []wire.Type{wire.TypeA, wire.TypeNone} {
		k := Key{Name: name(2), Type: typ}
		s.PutNegative(k, &Negative{}, 10, now)
		if _, state := s.LookupNegative(k, now); !state.Good() {
			t.Errorf("NODATA of type %d is not found", typ)
		}
		if _, state := s.LookupNegative(Key{Name: name(2), Type: wire.TypeMX}, now); state.Good() {
			t.Errorf("NODATA of type %d denies another", typ)
		}
	}
}

// RFC 4035, section 3.2.2: data that were fetched for a client with CD were not validated, and
// other clients never get them.
func TestRFC4035UncheckedIsApart(t *testing.T) {
	s := ofSize(1 << 20)
	checked, unchecked := Key{Name: name(1), Type: wire.TypeTXT}, Key{Name: name(1),
		Type: wire.TypeTXT, Unchecked: true}
	s.PutRRset(unchecked, RRset{Set: set(name(1), 10, 1)}, now)
	s.PutNegative(unchecked, &Negative{NXDomain: true}, 10, now)
	if _, state := s.LookupRRset(checked, now); state.Good() {
		t.Error("an unchecked set under a checked key")
	}
	if _, state := s.LookupNegative(checked, now); state.Good() {
		t.Error("an unchecked denial under a checked key")
	}
	if _, state := s.LookupRRset(unchecked, now); !state.Good() {
		t.Error("it is not found under its own")
	}
}

// RFC 9520, section 3.2: a failure is remembered for longer the more often it recurs, and no longer
// than five minutes.
func TestRFC9520FailureBackOff(t *testing.T) {
	s := ofSize(1 << 20)
	k := Key{Name: name(1), Type: wire.TypeA}
	at := now
	var last time.Duration
	for i := range 12 {
		s.PutFailure(k, &cause.Failure{Cause: cause.Timeout}, Backoff{FailureTTL, FailureMaxTTL},
			at)
		f, _ := s.Failures.Get(k)
		ttl := time.Duration(f.Expires-at.Unix()) * time.Second
		want := min(2*last, FailureMaxTTL)
		if i == 0 {
			want = FailureTTL
		}
		if ttl != want {
			t.Errorf("failure %d is kept for %v, the one before for %v", i, ttl, last)
		}
		if _, ok := s.GetFailure(k, at.Add(ttl)); ok {
			t.Error("kept for too long")
		}
		last, at = ttl, at.Add(ttl)
	}
	// Long after the last failure the next one is the first of a row again.
	at = at.Add(FailureMaxTTL + time.Second)
	s.PutFailure(k, &cause.Failure{Cause: cause.Timeout}, Backoff{FailureTTL, FailureMaxTTL}, at)
	if f, _ := s.Failures.Get(k); f.Expires != at.Add(FailureTTL).Unix() {
		t.Errorf("a new failure is kept for %d s", f.Expires-at.Unix())
	}
}

// A chain of causes is stored up to a limit, so that an attacker's chain of delegations adds only
// that much, and the stored part can be read.
func TestMaxUnder(t *testing.T) {
	f := &cause.Failure{Cause: cause.Timeout}
	for range 3 * maxUnder {
		f = &cause.Failure{Cause: cause.Lame, Under: f}
	}
	u := NewUnpacker(AppendFailure(nil, f))
	n := 0
	for got := u.Failure(); got != nil; got = got.Under {
		n++
	}
	if u.Bad || n != maxUnder {
		t.Errorf("%d causes are kept, want %d", n, maxUnder)
	}
}

// Names with equal hashes, which an attacker may look for, are distinguished by comparing them.
func TestHashCollisionIsNoHit(t *testing.T) {
	same := func(Key) uint64 { return 7 }
	c := memcache.New(1<<20, same, rrsetSize)
	codec := rrsetCodec
	codec.HashKey = func([]byte) uint64 { return 7 }
	p := memcache.NewPacked(1<<20, same, rrsetSize, codec)
	for i := range 3 {
		k := Key{Name: name(i), Type: wire.TypeTXT}
		c.Put(k, RRset{Set: set(k.Name, 10, 1)})
		p.Put(k, RRset{Set: set(k.Name, 10, 1+i)})
	}
	for i := range 3 {
		k := Key{Name: name(i), Type: wire.TypeTXT}
		if r, ok := c.Get(k); !ok || r.Set.Name != k.Name {
			t.Errorf("%v: another's set", k.Name)
		}
		if r, ok := p.Get(k); !ok || len(r.Set.Data.First()) != 1+i {
			t.Errorf("%v: another's set, packed", k.Name)
		}
	}
	if _, ok := c.Get(Key{Name: name(9), Type: wire.TypeTXT}); ok {
		t.Error("a name that was never put in is found")
	}
	if _, ok := p.Get(Key{Name: name(9), Type: wire.TypeTXT}); ok {
		t.Error("a name that was never put in is found, packed")
	}
}
