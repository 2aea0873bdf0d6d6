// The validator: its configuration, its caches, and what it knows of zones.

package validator

import (
	"sync/atomic"
	"time"

	"bailiwick/internal/cause"
	"bailiwick/validator/p256"
	"bailiwick/wire"
)

// Config is what an operator decides about validation.
type Config struct {
	// SHA1 makes RSA/SHA-1 (algorithms 5 and 7) a supported algorithm. RFC 9905, section 2 demands
	// that it is implemented and that operators treat it as not supported.
	SHA1 bool
	Skew time.Duration // how far our clock may be off, for inception and expiration
	// IgnoreTimes accepts signatures at any time; it is for tests with canned signatures.
	IgnoreTimes bool
	// MaxIterations is how many NSEC3 iterations are computed. With 0 only zones without iterations
	// are secure.
	MaxIterations      int
	SignatureCache     int     // number of cached results, at least two for each part of the cache
	DisabledAlgorithms []uint8 // treated as if they were not implemented
	StandardP256       bool    // P-256 is verified by the standard library, never by p256
	// AllAlgorithms demands a valid signature by each supported algorithm that the DS set or the
	// anchor of a zone names. RFC 6840, section 5.11 accepts any one of them, which is too weak for
	// an operator who does not trust the weakest.
	AllAlgorithms bool
	// MissingKeysInsecure makes a zone insecure if its keys cannot be fetched. Otherwise it is
	// bogus (RFC 4035, section 5.2): an attacker who can keep the keys from us could turn
	// validation off.
	MissingKeysInsecure bool
}

// Default returns the configuration of an operator who has decided nothing.
func Default() Config {
	return Config{Skew: defaultSkew, MaxIterations: maxNSEC3Iterations,
		SignatureCache: defaultSignatureCache}
}

// Validator validates responses. It is safe for concurrent use.
type Validator struct {
	cfg      Config
	disabled map[uint8]bool
	results  *results
	tables   tables
	hashes   *hashes
	ownP256  bool

	hits, misses atomic.Uint64
}

// New returns a validator with this configuration.
func New(c Config) *Validator {
	c.MaxIterations = min(c.MaxIterations, highestNSEC3Iterations)
	v := &Validator{cfg: c, disabled: map[uint8]bool{}, results: newResults(c.SignatureCache),
		tables: newTables(), hashes: newHashes()}
	v.ownP256 = !c.StandardP256 && p256.Fast && p256.SelfTest() == nil
	for _, a := range c.DisabledAlgorithms {
		v.disabled[a] = true
	}
	return v
}

// OwnP256 reports whether P-256 signatures are verified by p256: the processor supports it, its
// known-answer tests pass, and the configuration allows it.
func (v *Validator) OwnP256() bool { return v.ownP256 }

// CacheStats returns how many signature checks were answered from the cache, and how many were
// computed.
func (v *Validator) CacheStats() (hits, misses uint64) { return v.hits.Load(), v.misses.Load() }

// SupportsAlgorithm reports whether signatures of this algorithm are verified, as configured.
func (v *Validator) SupportsAlgorithm(alg uint8) bool {
	a, ok := algorithms[alg]
	return ok && !v.disabled[alg] && (v.cfg.SHA1 || !a.sha1)
}

// Trust is the result of validating a zone's keys.
type Trust struct {
	Zone    wire.Name      // the zone; if the name that was looked up is not a zone, an ancestor
	Status  wire.Security  // Secure, Insecure, Indeterminate or Bogus
	Keys    *KeySet        // the zone's keys, if Secure
	Failure *cause.Failure // why it is Bogus, or Insecure for a reason that clients get to know
	Expires time.Time      // when this has to be looked up again
	// Until is the second of the time of day at which the first of its signatures ends; 0 if it
	// rests on none.
	Until uint32
}

// Chain has the known parts of the chain of trust.
type Chain interface {
	// Zone returns the trust in the zone with this apex; false if that is not known yet.
	Zone(apex wire.Name) (Trust, bool)
	// Enclosing returns the trust in the zone that holds the data of a name, as far down as zone
	// cuts can be; false if not known yet.
	Enclosing(name wire.Name) (Trust, bool)
	// Excepted returns the trust that holds for the data of a name whatever signatures they have;
	// false if they are to be validated.
	Excepted(name wire.Name) (Trust, bool)
}

// Need is what has to be known before a response can be judged.
type Need struct {
	Name      wire.Name // zero: nothing
	Enclosing bool      // the zone that encloses the name; else the zone with that apex
}

// IsZero reports whether nothing is needed.
func (n Need) IsZero() bool { return n.Name.IsZero() }
