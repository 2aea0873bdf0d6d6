// The caches by what they hold.

package cache

import (
	"net/netip"
	"sync/atomic"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/memcache"
	"bailiwick/wire"
)

// Store is everything that is kept.
type Store struct {
	Answers     *memcache.Cache[AnswerKey, *Answer]
	RRsets      *memcache.Packed[Key, RRset]
	Negatives   *memcache.Packed[Key, *Negative]
	Failures    *memcache.Cache[Key, *Failure]
	Delegations *memcache.Packed[wire.Name, *Delegation]
	Denials     *Denials

	memory int
	limits atomic.Pointer[TTLLimits]
	day    *daytime
}

// Config is what the operator decides about the caches.
type Config struct {
	Memory int // of all caches together, in bytes
	TTLLimits
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config {
	return Config{Memory: DefaultMemory, TTLLimits: TTLLimits{Max: MaxTTL,
		MaxNegative: maxNegativeTTL}}
}

// Shares of the memory, in hundredths; the resolver's zones and servers take the rest.
const (
	shareAnswers     = 40
	shareRRsets      = 25
	shareNegatives   = 8
	shareDenials     = 8
	shareDelegations = 9
	shareFailures    = 2
	ShareTrust       = 5
	ShareServers     = 3
)

// share is a part of the memory, in bytes.
func share(memory, hundredths int) int { return memory / 100 * hundredths }

// Share is a part of the memory of all caches, in bytes.
func (s *Store) Share(hundredths int) int { return share(s.memory, hundredths) }

// OffHeap returns the part of the memory that is outside of the heap, in bytes: the packed entries,
// without the unpacked copies of those used most.
func OffHeap(memory int) int {
	packed := share(memory, shareRRsets+shareNegatives+shareDelegations+ShareTrust)
	return memcache.OffHeap(packed)
}

// New divides the memory among the caches.
func New(c Config) *Store {
	s := &Store{
		memory: c.Memory,
		Answers: memcache.New(share(c.Memory, shareAnswers), AnswerKey.hash,
			func(k AnswerKey, a *Answer) int { return k.Name.Len() + 16 + a.size() }),
		RRsets: memcache.NewPacked(share(c.Memory, shareRRsets), Key.hash, rrsetSize,
			rrsetCodec),
		Negatives: memcache.NewPacked(share(c.Memory, shareNegatives), Key.hash, negativeSize,
			negativeCodec),
		Failures: memcache.New(share(c.Memory, shareFailures), Key.hash, failureSize),
		Delegations: memcache.NewPacked(share(c.Memory, shareDelegations), HashName, delegationSize,
			delegationCodec),
		Denials: newDenials(share(c.Memory, shareDenials)),
	}
	s.day = s.Denials.day
	s.SetLimits(c.TTLLimits)
	return s
}

// SetLimits changes the bounds of TTLs, and forgets everything if they are others than before: what
// is kept has its end already.
func (s *Store) SetLimits(limits TTLLimits) {
	if old := s.limits.Swap(&limits); old != nil && *old != limits {
		s.Flush(wire.Root, true)
	}
}

// Key is the key of data: a name and a type. Data that were got with CD=1 and not judged are
// Unchecked, and apart.
type Key struct {
	Name      wire.Name
	Type      wire.Type
	Unchecked bool
}

func (k Key) hash() uint64 { return hashName(k.Name, k.Type) }

// RRset is a set that answers questions. It is immutable.
type RRset struct {
	Set     *wire.RRset
	Expires int64 // second at which it ends
	Stored  int64
	Beside  *Beside // nil for most
}

// Beside is what few sets have. It is immutable.
type Beside struct {
	Failure *cause.Failure // what clients are told about an insecure set, or nil
	// Proofs are what a client needs besides the set to verify it: the denial of closer names than
	// the wildcard.
	Proofs []*wire.RRset
}

func rrsetSize(_ Key, r RRset) int {
	n := r.Set.Size()
	if r.Beside != nil {
		n += 32 + r.Beside.Failure.Size()
		for _, p := range r.Beside.Proofs {
			n += p.Size() + 8
		}
	}
	return n
}

// PutRRset keeps a set for its TTL. A set with TTL 0 is not kept (RFC 1035, section 3.2.1).
func (s *Store) PutRRset(k Key, r RRset, now time.Time) {
	if r.Set.TTL == 0 {
		s.RRsets.Remove(k)
		return
	}
	r.Stored, r.Expires = now.Unix(), now.Unix()+int64(r.Set.TTL)
	s.RRsets.Put(k, r)
}

// Negative is an answer that says no (RFC 2308). It is immutable.
type Negative struct {
	NXDomain bool
	Status   wire.Security
	Failure  *cause.Failure // what clients are told about an insecure answer, or nil
	Zone     wire.Name
	SOA      *wire.RRset   // nil if there was none
	Proofs   []*wire.RRset // NSEC and NSEC3
	Stored   int64
	Expires  int64
	// Until is the second of the time of day at which the first of its signatures ends; 0 if it
	// rests on none.
	Until uint32
	// UnsignedCut: for type DS, the name is an unsigned delegation or may be one.
	UnsignedCut bool
	// Bare: it came without SOA, in a referral.
	Bare bool
}

func negativeSize(k Key, n *Negative) int {
	size := 120 + k.Name.Len() + n.Zone.Len() + n.Failure.Size()
	if n.SOA != nil {
		size += n.SOA.Size()
	}
	for _, p := range n.Proofs {
		size += p.Size() + 8
	}
	return size
}

// PutNegative keeps a negative answer for ttl seconds. One that denies the name under TypeNone is
// found for every type.
func (s *Store) PutNegative(k Key, n *Negative, ttl uint32, now time.Time) {
	if ttl == 0 {
		return
	}
	n.Stored, n.Expires = now.Unix(), now.Unix()+int64(ttl)
	s.Negatives.Put(k, n)
}

// Failure is a resolution that failed (RFC 9520). It is immutable.
type Failure struct {
	Failure *cause.Failure
	Expires int64
	Count   int // failures in a row
}

func failureSize(k Key, f *Failure) int { return 48 + k.Name.Len() + f.Failure.Size() }

// GetFailure returns a failure that is not to be tried again yet.
func (s *Store) GetFailure(k Key, now time.Time) (*cause.Failure, bool) {
	f, ok := s.Failures.Get(k)
	if !ok || now.Unix() >= f.Expires {
		return nil, false
	}
	return f.Failure, true
}

// PutFailure remembers a failure.
func (s *Store) PutFailure(k Key, f *cause.Failure, b Backoff, now time.Time) {
	e := &Failure{Failure: f, Count: 1}
	if old, ok := s.Failures.Get(k); ok &&
		now.Unix() < old.Expires+int64(FailureMaxTTL/time.Second) {
		e.Count = old.Count + 1
	}
	e.Expires = now.Add(b.after(e.Count)).Unix()
	s.Failures.Put(k, e)
}

// ForgetFailures forgets the failures that are held against no more than a scope.
func (s *Store) ForgetFailures(scope cause.Scope) {
	s.Failures.RemoveFunc(func(_ Key, f *Failure) bool { return f.Failure.HeldAgainst() == scope })
}

// Delegation is a zone cut as its parent tells it (RFC 1034, section 4.2.1). It is immutable.
type Delegation struct {
	Zone    wire.Name
	Servers []NameServer
	// Own are further servers, which the zone itself names, for when those of its parent have
	// failed.
	Own []wire.Name
	// not after the parent's delegation ends: ghost and phoenix domains (CVE-2026-40622)
	Expires int64
	Stored  int64
}

// NameServer is a server of a delegation with the addresses that its glue gives.
type NameServer struct {
	Name  wire.Name
	Addrs []netip.Addr
}

func delegationSize(_ wire.Name, d *Delegation) int {
	size := 80 + d.Zone.Len()
	for _, ns := range d.Servers {
		size += 56 + ns.Name.Len() + 24*len(ns.Addrs)
	}
	for _, name := range d.Own {
		size += 16 + name.Len()
	}
	return size
}

// Closest returns the deepest delegation known at or above a name.
func (s *Store) Closest(name wire.Name, now time.Time) (*Delegation, bool) {
	for n := name; ; n = n.Parent() {
		if d, ok := s.Delegations.Get(n); ok && now.Unix() < d.Expires {
			return d, true
		}
		if n.IsRoot() {
			return nil, false
		}
	}
}

// Flush forgets a name, or with subtree everything at and below it, and counts what was forgotten.
func (s *Store) Flush(name wire.Name, subtree bool) (n int) {
	hit := func(x wire.Name) bool { return x == name || subtree && x.Within(name) }
	n += s.Answers.RemoveFunc(func(k AnswerKey, _ *Answer) bool { return hit(k.Name) })
	n += s.RRsets.RemoveFunc(func(k Key) bool { return hit(k.Name) })
	n += s.Negatives.RemoveFunc(func(k Key) bool { return hit(k.Name) })
	n += s.Failures.RemoveFunc(func(k Key, _ *Failure) bool { return hit(k.Name) })
	n += s.Delegations.RemoveFunc(func(k wire.Name) bool { return hit(k) && !k.IsRoot() })
	// A zone's denials may speak for the name: they go as a whole.
	n += s.Denials.zones.RemoveFunc(func(k wire.Name, _ *zoneDenials) bool {
		return hit(k) ||
			name.Within(k)
	})
	return n
}

// ZoneOf is the deepest zone at or above a name that something is known of; the root, which always
// is known, if there is none.
func (s *Store) ZoneOf(name wire.Name) wire.Name {
	for ; !name.IsRoot(); name = name.Parent() {
		if _, ok := s.Delegations.Get(name); ok {
			break
		}
		if _, ok := s.RRsets.Get(Key{Name: name, Type: wire.TypeDNSKEY}); ok {
			break
		}
	}
	return name
}

// FlushZone forgets what a zone is found and judged by: its delegation, its DS and its keys, and
// that they could not be had.
func (s *Store) FlushZone(zone wire.Name) (n int) {
	hit := func(name wire.Name, t wire.Type) bool {
		return name == zone && (t == wire.TypeDS || t == wire.TypeDNSKEY)
	}
	n += s.Answers.RemoveFunc(func(k AnswerKey, _ *Answer) bool { return hit(k.Name, k.Type) })
	n += s.RRsets.RemoveFunc(func(k Key) bool { return hit(k.Name, k.Type) })
	n += s.Negatives.RemoveFunc(func(k Key) bool { return hit(k.Name, k.Type) })
	n += s.Failures.RemoveFunc(func(k Key, _ *Failure) bool { return hit(k.Name, k.Type) })
	n += s.Delegations.RemoveFunc(func(k wire.Name) bool { return k == zone })
	return n
}
