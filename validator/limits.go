// Limits: amounts that peers or clients can influence, each with its reason. docs/limits.md lists
// them all, with the symptoms of each. Constants that only tune the speed, such as the size of a
// reused buffer, are declared where they are used.

package validator

import (
	"time"

	"bailiwick/wire"
)

// Limits of the cost of validation. docs/limits.md compares them with those of other resolvers.
const (
	// maxSignatureChecks is how many signatures a client query and everything it causes may have
	// verified. A costly one counts for more (see weight in algorithm.go); cached results are free.
	// 128, not 32: ANY for a name with 40 signed sets, with three zones whose keys are not cached,
	// takes 50. They are about 10 ms of CPU; the attack consists of failures, and those have a
	// lower limit.
	maxSignatureChecks = 128

	// maxSignatureFailures is how many of them may fail (KeyTrap, CVE-2023-50387: the attack
	// consists of failures).
	maxSignatureFailures = 4

	// maxDigestMismatches is how many DS digests a client query and everything it causes may
	// compute without a match (KeyTrap's HashTrap).
	maxDigestMismatches = 4

	// maxHashBlocks is how many SHA-1 blocks NSEC3 may cost a client query and everything it
	// causes, with salt and iterations (CVE-2023-50868). It follows from what is accepted, so that
	// no response is refused that RFC 9276, section 3.2 lets a validator validate: a hash for each
	// label below the zone, and one for the wildcard, of as many iterations as a policy may accept,
	// with the longest salt. That is about 8 ms; with the default of 50 iterations and the once
	// usual salt of 8 octets, it is 1,900 hashes.
	maxHashBlocks = (wire.MaxLabels + 1) * (highestNSEC3Iterations + 2) * (1 + (20+255+8)/64)

	// MaxSignaturesPerSet is how many signatures of one RRset are tried.
	MaxSignaturesPerSet = 8

	// maxKeysPerTag is how many keys of one tag and algorithm are tried for a signature (KeyTrap's
	// KeySigTrap).
	maxKeysPerTag = 2

	// maxTagsTold is how many key tags of a DS set, and of a DNSKEY set, the text of a failure has,
	// and how many algorithms or digest types of a DS set that cannot be used: more do not fit into
	// an EXTRA-TEXT, and few zones have more.
	maxTagsTold = 4

	// maxNSEC3Records is how many NSEC3 records of one response are examined. A proof takes at most
	// four, and an alias chain through wildcards one more for each alias.
	maxNSEC3Records = 32

	// maxNSEC3Iterations is the default of the iterations that are computed; with more a zone is
	// insecure (RFC 9276, section 3.2).
	maxNSEC3Iterations = 50

	// highestNSEC3Iterations is the most that a policy may accept: the number that Unbound computes
	// by default.
	highestNSEC3Iterations = 150

	// minRSABits and maxRSABits bound a usable modulus (RFC 3110, section 2; RFC 5702, section 2).
	minRSABits = 512
	maxRSABits = 4096

	// maxRSAExponentBits bounds the public exponent: with an exponent of 4096 bits a check costs as
	// much as a private operation. 35 bits, as BIND, not 32: a top level zone had 2^32+1.
	maxRSAExponentBits = 35

	// maxKeyTables is how many frequently used keys have a table, process-wide, at 16 KiB each:
	// more than there are such keys among the top level zones of most clients.
	maxKeyTables = 128

	// maxKnownHashes is how many NSEC3 hashes are cached, process-wide, for zones that iterate;
	// about 200 bytes each. They do not count in maxHashBlocks.
	maxKnownHashes = 4096

	// defaultSignatureCache is how many verification results are cached, process-wide; 33 bytes
	// each.
	defaultSignatureCache = 65536

	// defaultSkew is by how much this machine's clock may be off: more than a clock that is set
	// over the network is, and short against the lifetime of signatures.
	defaultSkew = time.Minute
)

// maxSigners is how many different signer names of one set are examined, per set: a set has one
// zone; a second name allows for a mistake.
const maxSigners = 2

// tableAfter is how many signatures a key verifies before it gets a table.
const tableAfter = 8
