// The store: all caches, by the data that they keep.

package cache

import (
	"net/netip"
	"sync/atomic"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/internal/memcache"
	"bailiwick/wire"
)

// Store has all caches.
type Store struct {
	Answers     *memcache.Cache[AnswerKey, *Answer]
	RRsets      *memcache.Packed[Key, RRset]
	Negatives   *memcache.Packed[Key, *Negative]
	Failures    *memcache.Cache[Key, *Failure]
	Delegations *memcache.Packed[ZoneKey, *Delegation]
	Denials     *Denials

	flushes  atomic.Uint64
	memory   atomic.Int64
	limits   atomic.Pointer[TTLLimits]
	maxStale atomic.Int64 // in seconds
	day      *daytime
}

// Config is what the operator decides about the caches.
type Config struct {
	Memory int // memory of all caches, in bytes
	TTLLimits
	// MaxStale is how long after its end an entry is stale, and not gone (RFC 8767).
	MaxStale time.Duration
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config {
	return Config{Memory: DefaultMemory, TTLLimits: TTLLimits{Max: MaxTTL,
		MaxNegative: maxNegativeTTL}, MaxStale: DefaultMaxStale}
}

// Shares of the memory, in hundredths; the resolver's caches of zones and servers take the rest.
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

// share returns a part of the memory, in bytes.
func share(memory, hundredths int) int { return memory / 100 * hundredths }

// Share returns a part of the memory of all caches, in bytes.
func (s *Store) Share(hundredths int) int { return share(int(s.memory.Load()), hundredths) }

// Resize gives the caches another size, while they are used.
func (s *Store) Resize(memory int) {
	s.memory.Store(int64(memory))
	s.Answers.Resize(share(memory, shareAnswers))
	s.RRsets.Resize(share(memory, shareRRsets))
	s.Negatives.Resize(share(memory, shareNegatives))
	s.Failures.Resize(share(memory, shareFailures))
	s.Delegations.Resize(share(memory, shareDelegations))
	s.Denials.zones.Resize(share(memory, shareDenials))
}

// OffHeap returns the part of the memory that is outside of the heap, in bytes: the encoded
// entries, without the decoded copies of those used most.
func OffHeap(memory int) int {
	packed := share(memory, shareRRsets+shareNegatives+shareDelegations+ShareTrust)
	return memcache.OffHeap(packed)
}

// New returns a store, with its memory divided among the caches.
func New(c Config) *Store {
	s := &Store{
		Answers: memcache.New(share(c.Memory, shareAnswers), AnswerKey.hash,
			func(k AnswerKey, a *Answer) int { return k.Name.Len() + 16 + a.size() }),
		RRsets: memcache.NewPacked(share(c.Memory, shareRRsets), Key.hash, rrsetSize,
			rrsetCodec),
		Negatives: memcache.NewPacked(share(c.Memory, shareNegatives), Key.hash, negativeSize,
			negativeCodec),
		Failures: memcache.New(share(c.Memory, shareFailures), Key.hash, failureSize),
		Delegations: memcache.NewPacked(share(c.Memory, shareDelegations), ZoneKey.Hash,
			delegationSize,
			delegationCodec),
		Denials: newDenials(share(c.Memory, shareDenials)),
	}
	s.memory.Store(int64(c.Memory))
	s.day = s.Denials.day
	s.SetLimits(c.TTLLimits)
	s.SetMaxStale(c.MaxStale)
	return s
}

// SetLimits changes the bounds of TTLs. If they differ from those before, it forgets everything:
// entries have been given their ends already.
func (s *Store) SetLimits(limits TTLLimits) {
	if old := s.limits.Swap(&limits); old != nil && *old != limits {
		s.Flush(wire.Root, true)
	}
}

// Limits returns the bounds of TTLs.
func (s *Store) Limits() TTLLimits { return *s.limits.Load() }

// SetMaxStale changes for how long after its end an entry is stale.
func (s *Store) SetMaxStale(d time.Duration) { s.maxStale.Store(int64(d / time.Second)) }

// Key is the key of data: a name and a type. Data that were fetched with CD=1 and not validated are
// Unchecked, and kept apart.
type Key struct {
	Name      wire.Name
	Type      wire.Type
	Unchecked bool
	// Realm is the number of the [Realm] that the name is in, 0 for what is shared.
	Realm uint16
}

func (k Key) hash() uint64 { return hashName(k.Name, k.Type) ^ realmHash(k.Realm) }

// RRset is a set that answers questions. It is immutable.
type RRset struct {
	Set     *wire.RRset
	Expires int64 // second at which it ends
	Stored  int64
	Beside  *Beside // nil for most
}

// Beside has the fields that few sets need. It is immutable.
type Beside struct {
	Failure *cause.Failure // reported to clients with an insecure set, or nil
	// Proofs are needed by a client, besides the set, to verify it: the denial of names closer than
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

// Negative is a negative answer (RFC 2308). It is immutable.
type Negative struct {
	NXDomain bool
	Status   wire.Security
	Failure  *cause.Failure // reported to clients with an insecure answer, or nil
	Zone     wire.Name
	SOA      *wire.RRset   // nil if there was none
	Proofs   []*wire.RRset // NSEC and NSEC3
	Stored   int64
	Expires  int64
	// Until is the second of the time of day at which the first of its signatures ends; 0 if it has
	// none.
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
	First   int64 // second at which it failed for this cause for the first time in a row
	At      int64 // second at which it failed the last time
	Expires int64 // second until which it is not tried again
	Count   int   // failures in a row
}

func failureSize(k Key, f *Failure) int { return 56 + k.Name.Len() + f.Failure.Size() }

// GetFailure returns a failure that may not be tried again yet.
func (s *Store) GetFailure(k Key, now time.Time) (*cause.Failure, bool) {
	f, ok := s.Failures.Get(k)
	if !ok || now.Unix() >= f.Expires {
		return nil, false
	}
	return f.Failure, true
}

// LastFailure returns the last failure of a question, whether it may be tried again or not.
func (s *Store) LastFailure(k Key) (*Failure, bool) { return s.Failures.Get(k) }

// PutFailure remembers a failure. With the zero Backoff it does not keep the question from being
// tried again, but tells for stale data that it has just been tried.
func (s *Store) PutFailure(k Key, f *cause.Failure, b Backoff, now time.Time) {
	e := &Failure{Failure: f, First: now.Unix(), At: now.Unix(), Expires: now.Unix()}
	if old, ok := s.Failures.Get(k); ok &&
		now.Unix() < old.Expires+int64(FailureMaxTTL/time.Second) {
		e.Count = old.Count
		if old.Failure.Cause == f.Cause {
			e.First = old.First
		}
	}
	if b != (Backoff{}) {
		e.Count++
		e.Expires = now.Add(b.after(e.Count)).Unix()
	}
	s.Failures.Put(k, e)
}

// ForgetFailures forgets the failures that a condition holds for.
func (s *Store) ForgetFailures(hit func(*cause.Failure) bool) {
	s.Failures.RemoveFunc(func(_ Key, f *Failure) bool { return hit(f.Failure) })
}

// FlushFailures forgets all failures, prepared ones as well, and returns the number of entries.
func (s *Store) FlushFailures() int {
	return s.Failures.RemoveFunc(func(Key, *Failure) bool { return true }) +
		s.flushAnswers(func(_ AnswerKey, a *Answer) bool {
			return wire.RCode(a.Msg()[3]&15) == wire.RCodeServFail
		})
}

// Delegation is a zone cut as the parent gives it (RFC 1034, section 4.2.1). It is immutable.
type Delegation struct {
	Zone    wire.Name
	Servers []NameServer
	// Own are further servers that the zone itself names. They are asked if those of the parent
	// have failed.
	Own []wire.Name
	// Expires is not after the end of the parent's delegation: ghost and phoenix domains
	// (CVE-2026-40622).
	Expires int64
	Stored  int64
}

// NameServer is a server of a delegation with the addresses that its glue gives.
type NameServer struct {
	Name  wire.Name
	Addrs []netip.Addr
	By    NamedBy
}

func delegationSize(_ ZoneKey, d *Delegation) int {
	size := 80 + d.Zone.Len()
	for _, ns := range d.Servers {
		size += 56 + ns.Name.Len() + 24*len(ns.Addrs)
	}
	for _, name := range d.Own {
		size += 16 + name.Len()
	}
	return size
}

// NamedBy is who names a server of a zone.
type NamedBy uint8

// The choices. It is NamedByParent where the zone was not asked for its own NS set.
const (
	NamedByParent      NamedBy = iota // the parent, and the zone if it was asked
	NamedByZone                       // the zone alone
	NamedByParentAlone                // the parent alone: it is asked if the others have failed
)

// Closest returns the deepest delegation known at or above a name, in a realm where that is its
// own.
func (s *Store) Closest(in *Realm, name wire.Name, now time.Time) (*Delegation, bool) {
	for n := name; ; n = n.Parent() {
		if d, ok := s.Delegations.Get(in.Zone(n)); ok && now.Unix() < d.Expires {
			return d, true
		}
		if n.IsRoot() {
			return nil, false
		}
	}
}

// Flushes rises with each flush. Whoever stores what it has read, or asked for, before a flush
// would undo the flush: it compares the count after storing, and removes it if the count differs.
func (s *Store) Flushes() uint64 { return s.flushes.Load() }

// flushAnswers forgets prepared answers, when what they are made of has been forgotten. Whoever has
// read that since the flush began has read it before another one: its answer either is here by now
// or is removed by its maker.
func (s *Store) flushAnswers(hit func(AnswerKey, *Answer) bool) int {
	s.flushes.Add(1)
	return s.Answers.RemoveFunc(hit)
}

// Flush forgets a name, or with subtree all names at and below it, in all realms. It returns the
// number of entries.
func (s *Store) Flush(name wire.Name, subtree bool) (n int) {
	s.flushes.Add(1)
	hit := func(x wire.Name) bool { return x == name || subtree && x.Within(name) }
	n += s.RRsets.RemoveFunc(func(k Key) bool { return hit(k.Name) })
	n += s.Negatives.RemoveFunc(func(k Key) bool { return hit(k.Name) })
	n += s.Failures.RemoveFunc(func(k Key, _ *Failure) bool { return hit(k.Name) })
	n += s.Delegations.RemoveFunc(func(k ZoneKey) bool { return hit(k.Name) && !k.Name.IsRoot() })
	// A zone's denials may cover the name: all of them are forgotten.
	n += s.Denials.zones.RemoveFunc(func(k ZoneKey, _ *zoneDenials) bool {
		return hit(k.Name) || name.Within(k.Name)
	})
	return n + s.flushAnswers(func(k AnswerKey, _ *Answer) bool { return hit(k.Name) })
}

// ZoneOf returns the deepest zone at or above a name that has an entry, in a realm where that is
// its own; the root if there is none.
func (s *Store) ZoneOf(in *Realm, name wire.Name) wire.Name {
	for ; !name.IsRoot(); name = name.Parent() {
		if _, ok := s.Delegations.Get(in.Zone(name)); ok {
			break
		}
		if _, ok := s.RRsets.Get(in.Key(Key{Name: name, Type: wire.TypeDNSKEY})); ok {
			break
		}
	}
	return name
}

// FlushZone forgets, in all realms, what is needed to resolve and validate a zone: its delegation,
// its DS and its keys, and failures to fetch them.
func (s *Store) FlushZone(zone wire.Name) (n int) {
	s.flushes.Add(1)
	hit := func(name wire.Name, t wire.Type) bool {
		return name == zone && (t == wire.TypeDS || t == wire.TypeDNSKEY)
	}
	n += s.RRsets.RemoveFunc(func(k Key) bool { return hit(k.Name, k.Type) })
	n += s.Negatives.RemoveFunc(func(k Key) bool { return hit(k.Name, k.Type) })
	n += s.Failures.RemoveFunc(func(k Key, _ *Failure) bool { return hit(k.Name, k.Type) })
	n += s.Delegations.RemoveFunc(func(k ZoneKey) bool { return k.Name == zone })
	return n + s.flushAnswers(func(k AnswerKey, _ *Answer) bool { return hit(k.Name, k.Type) })
}
